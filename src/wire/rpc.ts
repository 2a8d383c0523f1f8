/**
 * Go's net/rpc over Consul's msgpack dialect (protocol/rpc.md section 3): a call is two values, header and body, and so
 * is its answer. Here are both ends as bytes; whose methods they are is methods.ts's affair, and streams are their
 * owner's. Calls of one stream are answered one after the other, in order.
 */
import { Buffer } from 'node:buffer'
import { encodeWith, MsgpackError, Reader, Writer } from './msgpack.ts'
import { ValueScanner } from './msgpack-stream.ts'
import { int, struct, text } from './schema.ts'

/** Headers hold a number and the name of a method. */
const HEADER_BYTES_MAX = 4096
/**
 * The largest are registrations of many checks: with the names of all fields, given or not, they take three or four times
 * the bytes that their JSON had, and of that HTTP takes 32 MiB. As long may a command of the log be (wire/command.ts).
 */
const CALL_BYTES_MAX = 128 << 20
/** Answers can list a whole state; they come from servers, whom we asked. */
const ANSWER_BYTES_MAX = 1 << 30

export interface CallHeader {
  Seq: number
  ServiceMethod: string
}

export interface AnswerHeader extends CallHeader {
  /** "" for success. */
  Error: string
}

const callHeader = struct<CallHeader>({ Seq: int, ServiceMethod: text })
const answerHeader = struct<AnswerHeader>({ Error: text, Seq: int, ServiceMethod: text })

const callWriter = new Writer(4096, 'plain', CALL_BYTES_MAX)

/** Throws `MsgpackError` (too-large) for what no server would take. */
export function encodeCall(seq: number, method: string, body: (w: Writer) => void): Uint8Array {
  return encodeWith((w) => {
    callHeader.write(w, { Seq: seq, ServiceMethod: method })
    body(w)
  }, callWriter)
}

export function encodeAnswer(seq: number, method: string, body: (w: Writer) => void): Uint8Array {
  return encodeWith((w) => {
    answerHeader.write(w, { Error: '', Seq: seq, ServiceMethod: method })
    body(w)
  })
}

/** An error has a body too: an empty map. */
export function encodeErrorAnswer(seq: number, method: string, error: string): Uint8Array {
  return encodeWith((w) => {
    answerHeader.write(w, { Error: error, Seq: seq, ServiceMethod: method })
    w.mapHeader(0)
  })
}

/** A value of a stream, whole: `body` reads it once. */
export interface Received<Header> {
  header: Header
  body: Reader
}

/** Cuts a stream into headers and bodies, whatever the pieces it comes in. */
class PairReader<Header> {
  readonly #readHeader: (r: Reader) => Header
  readonly #headerScanner = new ValueScanner(HEADER_BYTES_MAX)
  readonly #bodyScanner: ValueScanner
  #header: Header | undefined
  #parts: Uint8Array[] = []

  constructor(readHeader: (r: Reader) => Header, bodyBytesMax: number) {
    this.#readHeader = readHeader
    this.#bodyScanner = new ValueScanner(bodyBytesMax)
  }

  /** Whether a pair is begun and not yet whole. */
  get between(): boolean {
    return this.#header === undefined && this.#parts.length === 0
  }

  /**
   * @param chunk given away
   * @throws MsgpackError, after which the stream makes no sense any more
   */
  push(chunk: Uint8Array): Received<Header>[] {
    const pairs: Received<Header>[] = []
    let at = 0
    while (at < chunk.length) {
      const scanner = this.#header === undefined ? this.#headerScanner : this.#bodyScanner
      const end = scanner.push(chunk, at)
      const part = chunk.subarray(at, end < 0 ? chunk.length : end)
      if (end < 0) {
        this.#parts.push(part)
        return pairs
      }
      const whole = this.#parts.length === 0 ? part : Buffer.concat([...this.#parts, part])
      this.#parts = []
      at = end
      if (this.#header === undefined) this.#header = this.#readHeader(new Reader(whole))
      else {
        pairs.push({ header: this.#header, body: new Reader(whole) })
        this.#header = undefined
      }
    }
    return pairs
  }
}

export class CallReader extends PairReader<CallHeader> {
  constructor() {
    super((r) => callHeader.read(r), CALL_BYTES_MAX)
  }
}

export class AnswerReader extends PairReader<AnswerHeader> {
  constructor() {
    super((r) => answerHeader.read(r), ANSWER_BYTES_MAX)
  }
}

/**
 * What net/rpc answers to the name of a method that is not there.
 * @param isService whether any method of that service is known
 */
export function unknownMethod(name: string, isService: (service: string) => boolean): string {
  const dot = name.lastIndexOf('.')
  if (dot < 0) return `rpc: service/method request ill-formed: ${name}`
  return isService(name.slice(0, dot)) ? `rpc: can't find method ${name}` : `rpc: can't find service ${name}`
}

export { MsgpackError }
