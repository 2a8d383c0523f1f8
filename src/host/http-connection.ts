/**
 * One client's connection to an HTTP listener: requests come in one after another, each is given to the handler when it
 * is whole, and its answer goes out before the next is looked at. Decides how much may wait unread or unsent, what becomes
 * of bodies that nobody wants, and when a connection is over. The bytes themselves are read and written by wire/http.ts.
 *
 * The hot path is a request without a body whose handler answers at once: no promise, no event, no timer, and the answer
 * is one write.
 */
import type { Socket } from 'node:net'
import {
  ChunkedReader,
  HEAD_BYTES_MAX,
  HeadFault,
  headEnd,
  parseHead,
  parseRequestLine,
  type RequestHead,
  TOO_LARGE,
  TOO_LATE,
} from '../wire/http.ts'
import { BodyStream } from './body-stream.ts'
import type { HeldBodies } from './held-bodies.ts'
import type { BodyChunks, HttpHandler, HttpResponse } from './host.ts'
import { knowsChunks, type Manner, sendChunks, sendHeadOfChunks, sendWhole } from './http-answer.ts'
import { Request } from './http-request.ts'
import { Unread } from './unread.ts'

/** What all connections of a listener have in common. */
export interface Site {
  readonly handle: HttpHandler
  readonly bodyBytesMax: (method: string, url: string) => number
  readonly connections: Set<HttpConnection>
  readonly held: HeldBodies
  /** How often late requests have been looked for, from 1 on: the time as connections know it, asked for nothing. */
  sweeps: number
  /** Each answer is the last of its connection. */
  closing: boolean
}

/** Of requests that wait for those before them; more are left with the system, and so with the client. */
const UNREAD_BYTES_MAX = 64 << 10
/** How much of an unwanted body is read and thrown away so that the answer arrives, before the connection is cut. */
const DISCARD_BYTES_MAX = 16 << 20
/** A client that has said its last word may wait this long for the answer; after that it is taken for gone. */
const HALF_CLOSED_MS = 500
/** A client has this long to take the end of the last answer, before the connection is cut on it. */
const LINGER_MS = 500
/** So many requests are answered before others have their turn. */
const IN_A_ROW_MAX = 50
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** Of the body that is being read: what becomes of it, and what of it is still to come. */
interface Incoming {
  purpose: 'collect' | 'stream' | 'discard'
  /** -1 for one in chunks. */
  left: number
  chunked: ChunkedReader | undefined
  parts: Buffer[]
  bytes: number
  bytesMax: number
}

export class HttpConnection {
  readonly #site: Site
  readonly #socket: Socket
  readonly #unread = new Unread()
  /** So much of it is known to hold no end of a head. */
  #scanned = 0
  /** The sweep before the first byte of the request under way came; 0 between requests. */
  #since = 0
  #request: Request | undefined
  #incoming: Incoming | undefined
  /** The handler has the request, and its answer is not out yet. */
  #answering = false
  /** Of an answer in chunks a part is out, and whoever reads it shows by that that he is there. */
  #sending = false
  #advancing = false
  /** Others have their turn. */
  #yielding = false
  /** Whether a request may follow the one under way. */
  #persistent = true
  /** The client takes no more for now. */
  #choked = false
  #paused = false
  /** The client will say no more. */
  #halfClosed = false
  /** We shall say no more. */
  #ending = false
  #discarded = 0
  /** Of the request under way more may come than is read, so that the end of the connection must wait for it. */
  #lingers = false
  #timer: NodeJS.Timeout | undefined
  readonly #settle = (response: HttpResponse) => this.#reply(response)
  readonly #reject = () => this.#reply(failed())

  constructor(site: Site, socket: Socket) {
    this.#site = site
    this.#socket = socket
    site.connections.add(this)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('end', () => this.#halfClose())
    socket.on('drain', () => this.#drained())
    // What it was that failed is of no interest: `close` follows.
    socket.on('error', () => {})
    socket.on('close', () => this.#gone())
  }

  /** Ends it if nothing is under way; otherwise the answer is the last. */
  closeWhenIdle(): void {
    if (this.#since === 0 || (this.#ending && this.#socket.writableFinished)) this.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /**
   * Refuses a request that has not come in time.
   * @param head how many sweeps it may take until the head is here
   * @param whole the same for all of it
   */
  expire(head: number, whole: number): void {
    if (this.#since === 0 || this.#ending) return
    if (this.#request !== undefined && this.#incoming === undefined) return
    if (this.#site.sweeps - this.#since <= (this.#request === undefined ? head : whole)) return
    if (this.#answering) this.destroy()
    else this.#refuse(TOO_LATE)
  }

  /** Turns the client away before anything that it sends is looked at. */
  turnAway(answer: string): void {
    this.#socket.write(answer, 'latin1')
    this.#end()
  }

  roomier(): void {
    this.#flow()
  }

  #take(chunk: Buffer): void {
    if (this.#ending) return this.#discard(chunk.length)
    if (this.#since === 0) this.#since = this.#site.sweeps
    this.#unread.append(chunk)
    this.#advance()
  }

  /** Goes as far as what has come allows. */
  #advance(): void {
    if (this.#advancing || this.#yielding) return
    this.#advancing = true
    let corked = false
    let row = 0
    while (!this.#ending && !this.#socket.destroyed) {
      if (this.#incoming !== undefined) {
        if (!this.#readBody(this.#incoming)) break
      } else if (this.#answering || this.#choked || !this.#readHead()) break
      else if (!corked && this.#unread.bytes.length > 0) {
        // Several requests at once: their answers leave together.
        corked = true
        this.#socket.cork()
      } else if (++row === IN_A_ROW_MAX) {
        this.#yield()
        break
      }
    }
    if (corked) this.#socket.uncork()
    this.#advancing = false
    this.#flow()
  }

  #yield(): void {
    this.#yielding = true
    setImmediate(() => {
      this.#yielding = false
      this.#advance()
    })
  }

  #flow(): void {
    const full = this.#incoming === undefined ? this.#unread.bytes.length > UNREAD_BYTES_MAX : this.#streamIsFull()
    const busy = this.#answering || this.#choked || this.#yielding
    const hold = ((full && busy) || this.#bodyMustWait()) && !this.#ending
    if (hold === this.#paused) return
    this.#paused = hold
    if (hold) this.#socket.pause()
    else this.#socket.resume()
  }

  #streamIsFull(): boolean {
    return this.#incoming?.purpose === 'stream' && this.#request?.chunks?.full === true
  }

  #bodyMustWait(): boolean {
    return this.#incoming?.purpose === 'collect' && !this.#site.held.mayGrow(this)
  }

  /** @returns false when more must come first */
  #readHead(): boolean {
    const unread = this.#unread.bytes
    if (unread.length === 0 && !this.#halfClosed) return false
    const end = headEnd(unread, this.#scanned)
    if (end < 0 || end > HEAD_BYTES_MAX) {
      this.#scanned = Math.max(0, unread.length - 2)
      if (unread.length > HEAD_BYTES_MAX) this.#refuse(TOO_LARGE)
      else if (this.#halfClosed) this.#close()
      else if (unread.length > 0) this.#checkFirstLine()
      return false
    }
    const head = parseHead(unread.toString('latin1', 0, end))
    this.#unread.take(end)
    this.#scanned = 0
    if (head instanceof HeadFault) this.#refuse(head)
    else this.#begin(head)
    return true
  }

  /** Who speaks another protocol is told so, and not waited for. */
  #checkFirstLine(): void {
    const unread = this.#unread.bytes
    const lf = unread.indexOf(10)
    if (lf < 0) return
    const line = parseRequestLine(unread.toString('latin1', 0, lf + 1))
    if (line instanceof HeadFault) this.#refuse(line)
  }

  #begin(head: RequestHead): void {
    const request = new Request(head, this.#socket)
    this.#request = request
    this.#persistent = head.persistent
    this.#discarded = 0
    this.#lingers = false
    if (head.length === 0 && head.expect !== 'other') return this.#answer(request)

    const bytesMax = this.#site.bodyBytesMax(head.method, head.url)
    if (head.expect === 'other' || (head.expect === 'continue' && head.length > bytesMax)) {
      // Whether the body still comes is the client's choice, so nothing can follow on this connection.
      this.#persistent = false
      this.#lingers = true
      request.tooLarge = head.length > bytesMax
      if (head.expect === 'continue') return this.#answer(request)
      this.#answering = true
      return this.#reply({ status: 417, headers: [] })
    }
    if (head.expect === 'continue') this.#socket.write(CONTINUE, 'latin1')
    const chunked = head.length < 0 ? new ChunkedReader() : undefined
    const incoming: Incoming = { purpose: 'collect', left: head.length, chunked, parts: [], bytes: 0, bytesMax }
    this.#incoming = incoming
    if (bytesMax === Number.POSITIVE_INFINITY) {
      incoming.purpose = 'stream'
      request.chunks = new BodyStream(() => this.#flow())
      this.#answer(request)
    } else if (head.length > bytesMax) this.#refuseBody(request, incoming)
  }

  /** The answer comes at once, and the rest is thrown away unread. */
  #refuseBody(request: Request, incoming: Incoming): void {
    incoming.purpose = 'discard'
    incoming.parts = []
    this.#site.held.release(this)
    request.tooLarge = true
    this.#answer(request)
  }

  /** @returns whether all of it has come */
  #readBody(incoming: Incoming): boolean {
    const unread = this.#unread.bytes
    const { chunked } = incoming
    let end: number | undefined
    if (chunked === undefined) {
      end = Math.min(incoming.left, unread.length)
      incoming.left -= end
      if (end > 0) this.#takeBody(incoming, end === unread.length ? unread : unread.subarray(0, end))
    } else end = chunked.read(unread, (data) => this.#takeBody(incoming, data))
    if (end === undefined) {
      this.#breakBody(incoming)
      return true
    }
    this.#unread.take(end)
    if (chunked === undefined ? incoming.left > 0 : !chunked.done) {
      if (this.#halfClosed) this.#cutOff(incoming)
      return false
    }
    this.#incoming = undefined
    const request = this.#request
    if (request === undefined) this.#rest()
    else if (incoming.purpose === 'stream') request.chunks!.end()
    else if (incoming.purpose === 'collect') {
      const { parts, bytes } = incoming
      request.body = parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes)
      this.#answer(request)
    }
    return true
  }

  #takeBody(incoming: Incoming, data: Buffer): void {
    if (incoming.purpose === 'stream') return this.#request!.chunks!.push(data)
    if (incoming.purpose === 'discard') {
      this.#lingers = true
      return this.#discard(data.length)
    }
    incoming.bytes += data.length
    if (incoming.bytes > incoming.bytesMax) this.#refuseBody(this.#request!, incoming)
    else {
      incoming.parts.push(data)
      this.#site.held.hold(this, incoming.bytes)
    }
  }

  /** Chunks that are none: what follows cannot be told apart from them. */
  #breakBody({ purpose }: Incoming): void {
    this.#incoming = undefined
    this.#site.held.release(this)
    this.#persistent = false
    this.#unread.clear()
    if (purpose === 'stream') this.#request!.chunks!.fail(new Error('malformed chunked encoding'))
    if (this.#answering) return
    if (purpose === 'discard') return this.#end()
    this.#answering = true
    const headers = ['Content-Type', 'text/plain; charset=utf-8']
    this.#reply({ status: 500, headers, body: 'malformed chunked encoding' })
  }

  #discard(bytes: number): void {
    this.#discarded += bytes
    if (this.#discarded > DISCARD_BYTES_MAX) this.destroy()
  }

  #answer(request: Request): void {
    this.#answering = true
    let result: HttpResponse | Promise<HttpResponse>
    try {
      result = this.#site.handle(request)
    } catch {
      result = failed()
    }
    if (result instanceof Promise) {
      if (this.#halfClosed) this.#awaitAnswer()
      result.then(this.#settle, this.#reject)
    } else this.#reply(result)
  }

  #reply(response: HttpResponse): void {
    const request = this.#request
    if (request === undefined || this.#socket.destroyed) return
    if (response.close || this.#site.closing) this.#persistent = false
    const { body } = response
    if (typeof body === 'object' && !(body instanceof Uint8Array)) this.#replyInChunks(request, response, body)
    else {
      sendWhole(this.#socket, this.#manner(request), response, body)
      this.#finish()
    }
  }

  #manner({ method, minor }: Request): Manner {
    return { method, minor, persistent: this.#persistent }
  }

  /** Whoever makes the chunks can no longer refuse: if that fails the connection is cut, so that none takes half for all. */
  #replyInChunks(request: Request, response: HttpResponse, chunks: BodyChunks): void {
    if (!knowsChunks(request)) this.#persistent = false
    const manner = this.#manner(request)
    if (request.method === 'HEAD') {
      sendHeadOfChunks(this.#socket, manner, response)
      request.leave()
      return this.#finish()
    }
    if (!response.live) {
      this.#sending = true
      clearTimeout(this.#timer)
    }
    sendChunks(this.#socket, manner, response, chunks).then(
      () => this.#finish(),
      () => this.destroy(),
    )
  }

  #drained(): void {
    if (!this.#choked) return
    this.#choked = false
    this.#advance()
  }

  /** The answer is out. */
  #finish(): void {
    if (this.#socket.destroyed) return
    this.#answering = false
    this.#sending = false
    this.#request = undefined
    this.#site.held.release(this)
    if (this.#halfClosed) clearTimeout(this.#timer)
    if (this.#incoming === undefined) this.#rest()
    else if (this.#halfClosed) this.#end()
    else this.#incoming.purpose = 'discard'
    if (this.#socket.writableNeedDrain) this.#choked = true
    this.#advance()
  }

  /** Between two requests, or behind the last. */
  #rest(): void {
    const over = !this.#persistent || (this.#halfClosed && this.#unread.bytes.length === 0)
    if (over) return this.#lingers || this.#unread.bytes.length > 0 ? this.#end() : this.#close()
    if (this.#unread.bytes.length > 0) this.#since = this.#site.sweeps
    else this.#since = 0
  }

  #refuse({ status, text }: HeadFault): void {
    const headers = 'Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n'
    this.#socket.write(`HTTP/1.1 ${status}\r\n${headers}${text}`, 'latin1')
    this.#end()
  }

  /**
   * No more from us. Of what the client may still be sending the rest is thrown away, until it has closed its side too or
   * was given time to: closed before, the system would reset the connection, and the client might lose the answer with it
   * (RFC 9112 section 9.6).
   */
  #end(): void {
    this.#stop()
    this.#socket.end(() => {
      if (!this.#socket.destroyed) this.#timer = setTimeout(() => this.destroy(), LINGER_MS)
    })
  }

  /** The last answer is out, and the client has nothing under way that we know of. */
  #close(): void {
    this.#stop()
    this.#socket.destroySoon()
  }

  #stop(): void {
    this.#ending = true
    this.#unread.clear()
    this.#incoming = undefined
    this.#site.held.release(this)
    this.#flow()
  }

  #halfClose(): void {
    this.#halfClosed = true
    if (this.#incoming !== undefined) this.#cutOff(this.#incoming)
    if (!this.#answering) this.#advance()
    else if (!this.#sending) this.#awaitAnswer()
  }

  /** The rest of a body will not come: its request needs no answer, unless it has one already. */
  #cutOff({ purpose }: Incoming): void {
    if (purpose !== 'discard' || !this.#answering) this.destroy()
  }

  #awaitAnswer(): void {
    this.#timer = setTimeout(() => this.destroy(), HALF_CLOSED_MS)
  }

  #gone(): void {
    clearTimeout(this.#timer)
    this.#site.connections.delete(this)
    this.#unread.clear()
    this.#incoming = undefined
    this.#site.held.release(this)
    const request = this.#request
    if (request === undefined) return
    request.chunks?.fail(new Error('the connection was closed within the body'))
    request.leave()
    this.#request = undefined
  }
}

/** A list of its own for each, since it may be added to. */
function failed(): HttpResponse {
  return { status: 500, headers: [] }
}
