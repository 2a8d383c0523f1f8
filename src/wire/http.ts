/**
 * HTTP/1.1 as bytes: where the head of a request ends, what it says, how its body is told apart from what follows, and how
 * the head of an answer is written. What a server does about it is host/http-connection.ts's affair.
 *
 * What is taken and what is refused, and in which words, follows Go's net/http as Consul 1.8.7 is built with it, for its
 * clients know that: any method that is a token, any byte above ASCII in paths and values, lines that end in a bare LF.
 * Stricter where leniency lets two readers of one stream disagree: chunks end in CR LF alone (RFC 9112 section 7.1), and a
 * request with both a length and chunks is the last of its connection (section 6.1).
 * Read RFC 9112; golden answers of the real server are in http.test.ts.
 */

/** Request line and headers together, as in Go: keys of the key/value store travel in the request line. */
export const HEAD_BYTES_MAX = (1 << 20) + 4096
/** Of a chunk's length with its extensions, and of all trailers together. */
const CHUNK_LINE_BYTES_MAX = 4096
const TRAILER_BYTES_MAX = 64 << 10
/** 2^52 and more cannot be added up exactly. */
const CHUNK_DIGITS_MAX = 12
const LENGTH_DIGITS_MAX = 15

const LF = 10
const CR = 13

export interface RequestHead extends RequestLine {
  /** Names as they came, and values, in turn. */
  headers: string[]
  /** Bytes of the body; -1: it comes in chunks. */
  length: number
  /** Whether another request may follow. */
  persistent: boolean
  /** Of the `Expect` header: `continue` waits for leave before the body is sent. */
  expect: 'nothing' | 'continue' | 'other'
}

/** A head that is refused: the status line from the code on, and the body in plain text. */
export class HeadFault {
  readonly status: string
  readonly text: string

  constructor(status: string, text = status) {
    this.status = status
    this.text = text
  }
}

const MALFORMED = new HeadFault('400 Bad Request')
export const TOO_LARGE = new HeadFault('431 Request Header Fields Too Large')
export const TOO_LATE = new HeadFault('408 Request Timeout')
const UNKNOWN_CODING = new HeadFault('501 Not Implemented', 'Unsupported transfer encoding')

/**
 * Where the head ends: behind its empty line; -1 when that has not come.
 * @param from no head ends before it; may be two bytes before the end of what was looked at
 */
export function headEnd(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const next = bytes[at + 1]
    if (next === LF) return at + 2
    if (next === CR && bytes[at + 2] === LF) return at + 3
  }
  return -1
}

/** A method's, and a header's name (RFC 9110 section 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const VERSION = /^HTTP\/(\d{1,4})\.(\d{1,4})$/
const ABOVE_ASCII = /[\x80-\xff]/
const ABOVE_ASCII_ALL = /[\x80-\xff]/g
const CONTROLS = /[\0-\x08\x0a-\x1f\x7f]/
/** Of RFC 3986, as Go checks it: what a host and port may be written with. */
const HOST = /^[A-Za-z0-9\-._~!$&'()*+,;=:[\]%]*$/

export interface RequestLine {
  method: string
  /** ASCII: what is not travels percent-encoded from here on. */
  url: string
  /** 0 or 1: of HTTP/1.x. */
  minor: 0 | 1
}

/** @param text Latin-1, at least the first line with its LF */
export function parseRequestLine(text: string): RequestLine | HeadFault {
  const lf = text.indexOf('\n')
  const line = text.slice(0, text.charCodeAt(lf - 1) === CR ? lf - 1 : lf)
  const methodEnd = line.indexOf(' ')
  const urlEnd = line.indexOf(' ', methodEnd + 1)
  if (methodEnd < 0 || urlEnd < 0) return MALFORMED
  const minor = minorOf(line, urlEnd + 1)
  if (typeof minor === 'object') return minor
  const method = line.slice(0, methodEnd)
  const url = line.slice(methodEnd + 1, urlEnd)
  if (url === '' || CONTROLS.test(url) || !TOKEN.test(method)) return MALFORMED
  return { method, url: ABOVE_ASCII.test(url) ? url.replace(ABOVE_ASCII_ALL, percentEncoded) : url, minor }
}

/** @param text the head as Latin-1, with its empty line */
export function parseHead(text: string): RequestHead | HeadFault {
  const line = parseRequestLine(text)
  if (line instanceof HeadFault) return line
  const { method, url, minor } = line
  const headers: string[] = []
  const head: RequestHead = { method, url, minor, headers, length: 0, persistent: minor === 1, expect: 'nothing' }
  return readHeaders(text, text.indexOf('\n') + 1, headers) ?? applyHeaders(head) ?? head
}

function minorOf(line: string, at: number): 0 | 1 | HeadFault {
  if (line.length === at + 8 && line.startsWith('HTTP/1.1', at)) return 1
  const version = VERSION.exec(line.slice(at))
  if (version === null) return MALFORMED
  if (Number(version[1]) !== 1) return refused('unsupported protocol version')
  return Number(version[2]) === 0 ? 0 : 1
}

function refused(why: string): HeadFault {
  return new HeadFault(`400 Bad Request: ${why}`)
}

function percentEncoded(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`
}

/** Puts names and values into `into`. A line that begins with a blank goes on with the value before. */
function readHeaders(text: string, start: number, into: string[]): HeadFault | undefined {
  for (let at = start; ; ) {
    const lf = text.indexOf('\n', at)
    const end = text.charCodeAt(lf - 1) === CR && lf > at ? lf - 1 : lf
    if (end === at) return undefined
    const initial = text.charCodeAt(at)
    if (initial === 0x20 || initial === 0x09) {
      if (into.length === 0) return MALFORMED
      const more = trimmed(text, at, end)
      into[into.length - 1] += ` ${more}`
    } else {
      const colon = text.indexOf(':', at)
      if (colon < 0 || colon > end) return MALFORMED
      // Go drops a header without a name.
      if (colon > at) into.push(text.slice(at, colon), trimmed(text, colon + 1, end))
    }
    at = lf + 1
  }
}

/** Without blanks around it. */
function trimmed(text: string, start: number, end: number): string {
  let [from, to] = [start, end]
  while (from < to && isBlank(text.charCodeAt(from))) from += 1
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Those that say how the connection goes on. Which they are shows by their length, before a letter is looked at. */
function applyHeaders(head: RequestHead): HeadFault | undefined {
  const { headers, minor } = head
  let hosts = 0
  let length: string | undefined
  let coding: string | undefined
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const value = headers[i + 1]!
    if (!TOKEN.test(name)) return refused('invalid header name')
    if (CONTROLS.test(value)) return refused('invalid header value')
    switch (name.length) {
      case 4:
        if (!isNamed(name, 'host')) break
        hosts += 1
        if (hosts > 1) return refused('too many Host headers')
        if (!HOST.test(value)) return refused('malformed Host header')
        break
      case 6:
        if (isNamed(name, 'expect') && minor === 1) {
          head.expect = value.toLowerCase() === '100-continue' ? 'continue' : value === '' ? 'nothing' : 'other'
        }
        break
      case 10:
        if (isNamed(name, 'connection')) applyConnection(head, value)
        break
      case 14:
        if (!isNamed(name, 'content-length')) break
        if (length !== undefined && length !== value) return MALFORMED
        length = value
        break
      case 17:
        if (!isNamed(name, 'transfer-encoding')) break
        if (coding !== undefined) return UNKNOWN_CODING
        coding = value
    }
  }
  if (hosts === 0 && minor === 1) return refused('missing required Host header')
  // HTTP/1.0 knows no codings. Whoever speaks it and sends one nevertheless is read as it seems to mean it, and no further.
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') return UNKNOWN_CODING
    if (length !== undefined || minor === 0) head.persistent = false
    head.length = -1
  } else if (length !== undefined && length !== '') {
    if (length.length > LENGTH_DIGITS_MAX || !DIGITS.test(length)) return MALFORMED
    head.length = Number(length)
  }
  return undefined
}

const DIGITS = /^\d+$/

function isNamed(name: string, lowerCase: string): boolean {
  return name.toLowerCase() === lowerCase
}

function applyConnection(head: RequestHead, value: string): void {
  for (const option of value.toLowerCase().split(',')) {
    const wish = option.trim()
    if (wish === 'close') {
      head.persistent = false
      return
    }
    if (wish === 'keep-alive') head.persistent = true
  }
}

/** Reads a body that comes in chunks (RFC 9112 section 7.1), however it is cut. Extensions and trailers are passed over. */
export class ChunkedReader {
  /** All of it has been read, trailers too. */
  done = false
  #part: 'size' | 'data' | 'data end' | 'trailers' = 'size'
  /** Of the data of a chunk, what is still to come. */
  #left = 0
  /** What has come of a line, as Latin-1. */
  #line = ''
  #trailerBytes = 0

  /**
   * @param take is given data, in order, as views of `bytes`
   * @returns where it stopped: the length of `bytes`, unless done; undefined when the bytes are no chunks
   */
  read(bytes: Buffer, take: (data: Buffer) => void): number | undefined {
    let at = 0
    while (at < bytes.length && !this.done) {
      if (this.#part === 'data') {
        const end = Math.min(bytes.length, at + this.#left)
        take(bytes.subarray(at, end))
        this.#left -= end - at
        at = end
        if (this.#left === 0) this.#part = 'data end'
        continue
      }
      const lf = bytes.indexOf(LF, at)
      const end = lf < 0 ? bytes.length : lf + 1
      if (this.#line.length + end - at > CHUNK_LINE_BYTES_MAX) return undefined
      this.#line += bytes.toString('latin1', at, end)
      at = end
      if (lf >= 0 && !this.#endLine()) return undefined
    }
    return at
  }

  #endLine(): boolean {
    const line = this.#line
    this.#line = ''
    if (!line.endsWith('\r\n')) return false
    if (this.#part === 'data end') {
      this.#part = 'size'
      return line.length === 2
    }
    if (this.#part === 'trailers') {
      this.#trailerBytes += line.length
      this.done = line.length === 2
      return this.#trailerBytes <= TRAILER_BYTES_MAX
    }
    const size = /^([0-9a-fA-F]+)[ \t]*(;[^\r]*)?\r\n$/.exec(line)?.[1]
    if (size === undefined || size.length > CHUNK_DIGITS_MAX) return false
    this.#left = Number.parseInt(size, 16)
    this.#part = this.#left === 0 ? 'trailers' : 'data'
    return true
  }
}

/** RFC 9110 section 15, with the words that Go's server says. */
const REASONS: Record<number, string> = {
  200: 'OK',
  204: 'No Content',
  301: 'Moved Permanently',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Request Entity Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

const STATUS_LINES = new Map<number, string>()

function statusLine(status: number, minor: 0 | 1): string {
  const key = status * 2 + minor
  const known = STATUS_LINES.get(key)
  if (known !== undefined) return known
  const line = `HTTP/1.${minor} ${status} ${REASONS[status] ?? `status code ${status}`}\r\n`
  STATUS_LINES.set(key, line)
  return line
}

const PLAIN = /^[\t\x20-\x7e]*$/

/**
 * The head of an answer up to its empty line, which the caller adds. Line breaks within a value would be headers of their
 * own: control characters become blanks, and what is not ASCII is written as UTF-8, byte for byte.
 * @param headers names and values in turn
 */
export function answerHead(status: number, minor: 0 | 1, headers: readonly string[]): string {
  let head = statusLine(status, minor)
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1]!
    head += `${headers[i]}: ${PLAIN.test(value) ? value : harmless(value)}\r\n`
  }
  return head
}

function harmless(value: string): string {
  return Buffer.from(value).toString('latin1').replace(CONTROLS_ALL, ' ')
}

const CONTROLS_ALL = new RegExp(CONTROLS, 'g')

let dateAt = -1
let dateLine = ''

/** The `Date` header with its line's end, made once a second. */
export function dateHeader(nowMs: number): string {
  const second = Math.floor(nowMs / 1000)
  if (second !== dateAt) {
    dateAt = second
    dateLine = `Date: ${new Date(second * 1000).toUTCString()}\r\n`
  }
  return dateLine
}
