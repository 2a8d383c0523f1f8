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
  answerHead,
  ChunkedReader,
  dateHeader,
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
import type { Address, BodyChunks, HttpHandler, HttpRequest, HttpResponse } from './host.ts'

/** What all connections of a listener have in common. */
export interface Site {
  readonly handle: HttpHandler
  readonly bodyBytesMax: (method: string, url: string) => number
  readonly connections: Set<HttpConnection>
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
/** Longer bodies go out beside their head, shorter ones in one piece with it. */
const JOINED_BYTES_MAX = 16 << 10

const NOTHING = Buffer.alloc(0)
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** Headers are looked up in the flat list as it came: a handful of names is asked for, once each. */
class Request implements HttpRequest {
  readonly method: string
  readonly url: string
  body: Uint8Array = NOTHING
  tooLarge = false
  chunks: BodyStream | undefined
  /** What to run when the asker goes. */
  gone: (() => void)[] | undefined
  readonly minor: 0 | 1
  readonly #headers: readonly string[]
  readonly #socket: Socket

  constructor({ method, url, minor, headers }: RequestHead, socket: Socket) {
    this.method = method
    this.url = url
    this.minor = minor
    this.#headers = headers
    this.#socket = socket
  }

  get remote(): Address {
    return { host: this.#socket.remoteAddress ?? '', port: this.#socket.remotePort ?? 0 }
  }

  header(name: string): string | undefined {
    const headers = this.#headers
    for (let i = 0; i < headers.length; i += 2) {
      const given = headers[i]!
      if (given.length === name.length && (given === name || given.toLowerCase() === name)) return headers[i + 1]
    }
    return undefined
  }

  onGone(run: () => void): void {
    if (this.gone === undefined) this.gone = [run]
    else this.gone.push(run)
  }
}

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
  /** What has come and nobody has looked at. */
  #unread: Buffer = NOTHING
  /** What `#unread` is a part of, when it was put together here; there may be room behind it. */
  #store: Buffer | undefined
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

  #take(chunk: Buffer): void {
    if (this.#ending) return this.#discard(chunk.length)
    if (this.#since === 0) this.#since = this.#site.sweeps
    this.#append(chunk)
    this.#advance()
  }

  /** Pieces are put together in room that doubles, so that a head which comes byte by byte costs no more than its length. */
  #append(chunk: Buffer): void {
    const unread = this.#unread
    if (unread.length === 0) {
      this.#store = undefined
      this.#unread = chunk
      return
    }
    const length = unread.length + chunk.length
    const start = this.#store === undefined ? 0 : unread.byteOffset - this.#store.byteOffset
    if (this.#store === undefined || this.#store.length < start + length) {
      const store = Buffer.allocUnsafeSlow(length * 2)
      store.set(unread)
      store.set(chunk, unread.length)
      this.#store = store
      this.#unread = store.subarray(0, length)
    } else {
      this.#store.set(chunk, start + unread.length)
      this.#unread = this.#store.subarray(start, start + length)
    }
  }

  /** Goes as far as what has come allows. */
  #advance(): void {
    if (this.#advancing) return
    this.#advancing = true
    let corked = false
    while (!this.#ending && !this.#socket.destroyed) {
      if (this.#incoming !== undefined) {
        if (!this.#readBody(this.#incoming)) break
      } else if (this.#answering || this.#choked || !this.#readHead()) break
      else if (!corked && this.#unread.length > 0) {
        // Several requests at once: their answers leave together.
        corked = true
        this.#socket.cork()
      }
    }
    if (corked) this.#socket.uncork()
    this.#advancing = false
    this.#flow()
  }

  #flow(): void {
    const full = this.#incoming === undefined ? this.#unread.length > UNREAD_BYTES_MAX : this.#streamIsFull()
    const hold = full && (this.#answering || this.#choked) && !this.#ending
    if (hold === this.#paused) return
    this.#paused = hold
    if (hold) this.#socket.pause()
    else this.#socket.resume()
  }

  #streamIsFull(): boolean {
    return this.#incoming?.purpose === 'stream' && this.#request?.chunks?.full === true
  }

  /** @returns false when more must come first */
  #readHead(): boolean {
    const unread = this.#unread
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
    this.#unread = end === unread.length ? NOTHING : unread.subarray(end)
    this.#scanned = 0
    if (head instanceof HeadFault) this.#refuse(head)
    else this.#begin(head)
    return true
  }

  /** Who speaks another protocol is told so, and not waited for. */
  #checkFirstLine(): void {
    const lf = this.#unread.indexOf(10)
    if (lf < 0) return
    const line = parseRequestLine(this.#unread.toString('latin1', 0, lf + 1))
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
    request.tooLarge = true
    this.#answer(request)
  }

  /** @returns whether all of it has come */
  #readBody(incoming: Incoming): boolean {
    const unread = this.#unread
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
    this.#unread = end === unread.length ? NOTHING : unread.subarray(end)
    if (chunked === undefined ? incoming.left > 0 : !chunked.done) return false
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
    else incoming.parts.push(data)
  }

  /** Chunks that are none: what follows cannot be told apart from them. */
  #breakBody({ purpose }: Incoming): void {
    this.#incoming = undefined
    this.#persistent = false
    this.#unread = NOTHING
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
    if (typeof body === 'object' && !(body instanceof Uint8Array)) {
      void this.#sendChunks(request, response, body)
      return
    }
    this.#send(request, response, body)
    this.#finish()
  }

  #send({ method, minor }: Request, { status, headers }: HttpResponse, body: string | Uint8Array = ''): void {
    const bodiless = status === 204 || status === 304
    const length = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
    let head = answerHead(status, minor, headers)
    if (!bodiless) head += `Content-Length: ${length}\r\n`
    head += this.#lastHeaders(minor)
    const socket = this.#socket
    if (bodiless || method === 'HEAD' || length === 0) socket.write(head, 'latin1')
    // ASCII, as nearly all is: one string, and the cheapest way into the system.
    else if (typeof body === 'string' && length === body.length) socket.write(head + body, 'latin1')
    else if (length <= JOINED_BYTES_MAX) {
      const joined = Buffer.allocUnsafe(head.length + length)
      joined.write(head, 'latin1')
      if (typeof body === 'string') joined.write(body, head.length)
      else joined.set(body, head.length)
      socket.write(joined)
    } else {
      socket.cork()
      socket.write(head, 'latin1')
      socket.write(body)
      socket.uncork()
    }
  }

  /** HTTP/1.1 connections persist unless someone says otherwise, and those before it the other way round. */
  #lastHeaders(minor: 0 | 1): string {
    const date = dateHeader(Date.now())
    if (this.#persistent) return minor === 1 ? `${date}\r\n` : `${date}Connection: keep-alive\r\n\r\n`
    return minor === 1 ? `${date}Connection: close\r\n\r\n` : `${date}\r\n`
  }

  /** Whoever makes the chunks can no longer refuse: if that fails the connection is cut, so that none takes half for all. */
  async #sendChunks(request: Request, { status, headers, live }: HttpResponse, chunks: BodyChunks): Promise<void> {
    const { method, minor } = request
    // Who does not know chunks takes the end of the connection for the end of the body.
    const framed = minor === 1
    if (!framed) this.#persistent = false
    const socket = this.#socket
    let head = answerHead(status, minor, headers)
    if (framed) head += 'Transfer-Encoding: chunked\r\n'
    head += this.#lastHeaders(minor)
    if (method === 'HEAD') {
      socket.write(head, 'latin1')
      this.#leave(request)
      return this.#finish()
    }
    if (live) {
      socket.write(head, 'latin1')
      head = ''
    } else {
      this.#sending = true
      clearTimeout(this.#timer)
    }
    try {
      for await (const chunk of chunks) {
        if (socket.destroyed) return
        const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
        // An empty one would end the body.
        if (bytes.length === 0) continue
        socket.cork()
        if (framed) head += `${bytes.length.toString(16)}\r\n`
        if (head !== '') socket.write(head, 'latin1')
        const room = socket.write(bytes) && !socket.writableNeedDrain
        if (framed) socket.write('\r\n', 'latin1')
        socket.uncork()
        head = ''
        if (!room) await this.#room()
        // Room is there at once when the system takes all, so a turn does not come by itself.
        await new Promise<void>((turned) => setImmediate(turned))
        if (socket.destroyed) return
      }
    } catch {
      this.destroy()
      return
    }
    if (framed) head += '0\r\n\r\n'
    if (head !== '') socket.write(head, 'latin1')
    this.#finish()
  }

  #roomCome: (() => void) | undefined

  /** Resolves when more can be written, or when nobody is left to write to. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed || !this.#socket.writableNeedDrain) resolve()
      else this.#roomCome = resolve
    })
  }

  #drained(): void {
    this.#roomCome?.()
    this.#roomCome = undefined
    if (!this.#choked) return
    this.#choked = false
    this.#advance()
  }

  /** The answer is out. */
  #finish(): void {
    this.#answering = false
    this.#sending = false
    this.#request = undefined
    if (this.#halfClosed) clearTimeout(this.#timer)
    if (this.#incoming !== undefined) this.#incoming.purpose = 'discard'
    else this.#rest()
    if (this.#socket.writableNeedDrain) this.#choked = true
    this.#advance()
  }

  /** Between two requests, or behind the last. */
  #rest(): void {
    const over = !this.#persistent || (this.#halfClosed && this.#unread.length === 0)
    if (over) return this.#lingers || this.#unread.length > 0 ? this.#end() : this.#close()
    if (this.#unread.length > 0) this.#since = this.#site.sweeps
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
    this.#unread = NOTHING
    this.#store = undefined
    this.#incoming = undefined
    this.#flow()
  }

  #halfClose(): void {
    this.#halfClosed = true
    const incoming = this.#incoming
    // A request that was cut off needs no answer.
    if (incoming !== undefined && (incoming.purpose !== 'discard' || !this.#answering)) return this.destroy()
    if (!this.#answering) this.#advance()
    else if (!this.#sending) this.#awaitAnswer()
  }

  #awaitAnswer(): void {
    this.#timer = setTimeout(() => this.destroy(), HALF_CLOSED_MS)
  }

  #gone(): void {
    clearTimeout(this.#timer)
    this.#site.connections.delete(this)
    this.#roomCome?.()
    this.#unread = NOTHING
    this.#incoming = undefined
    const request = this.#request
    if (request === undefined) return
    request.chunks?.fail(new Error('the connection was closed within the body'))
    this.#leave(request)
    this.#request = undefined
  }

  /** Tells the handler that nobody waits for it any more. */
  #leave(request: Request): void {
    const { gone } = request
    request.gone = undefined
    for (const run of gone ?? []) run()
  }
}

/** A list of its own for each, since it may be added to. */
function failed(): HttpResponse {
  return { status: 500, headers: [] }
}
