/**
 * HTTP/1.1 on Node's server, as `Host.http` promises it. It decides when a request is whole, how long a body may be, and
 * what becomes of connections that are slow, broken, too many or to be closed. It knows no path and no Consul.
 *
 * The hot path is a request without a body whose handler answers at once: no promise, no stream event, no timer; the
 * header names and values stay the flat array that Node parsed, and the answer is one write. Behaviour towards clients
 * follows Go's net/http, which Consul's clients know (https://pkg.go.dev/net/http#Server).
 */
import { chmod, chown, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf } from '../base/message-of.ts'
import type { Address, BodyChunks, HttpHandler, HttpLimits, HttpRequest, HttpResponse, Listener } from './host.ts'

// Importing `node:http` by name evaluates all its exports, and among them Node's whole fetch: 14 MB and 25 ms that an
// agent has no use for. Asking for the module itself does not.
const { createServer } = process.getBuiltinModule('node:http')

/** Request line and headers together, as in Go: keys of the key/value store travel in the request line. */
const HEADER_BYTES_MAX = 1 << 20
/** A client must have sent its headers, and its whole request, within these. */
const HEADERS_TIMEOUT_MS = 60_000
const REQUEST_TIMEOUT_MS = 300_000
/** How much of an unwanted body is read and thrown away so that the answer arrives, before the connection is cut. */
const DISCARD_BYTES_MAX = 16 << 20
/** Dead peers are found by TCP itself: idle connections may stay, as clients' pools expect. */
const TCP_KEEPALIVE_DELAY_MS = 15_000
/** What is in flight when the listener closes may finish within this. */
const CLOSE_GRACE_MS = 1_000

const NO_BODY = new Uint8Array(0)

/** One request. Headers are looked up in the flat array as it came: a handful of names is asked for, once each. */
class Request implements HttpRequest {
  body: Uint8Array = NO_BODY
  tooLarge = false
  chunks: AsyncIterable<Uint8Array> | undefined
  readonly #message: IncomingMessage
  readonly #response: ServerResponse

  constructor(message: IncomingMessage, response: ServerResponse) {
    this.#message = message
    this.#response = response
  }

  get method(): string {
    return this.#message.method!
  }

  get url(): string {
    return this.#message.url!
  }

  get remote(): Address {
    const { socket } = this.#message
    return { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
  }

  header(name: string): string | undefined {
    const raw = this.#message.rawHeaders
    for (let i = 0; i < raw.length; i += 2) {
      const given = raw[i]!
      if (given.length === name.length && (given === name || given.toLowerCase() === name)) return raw[i + 1]
    }
    return undefined
  }

  onGone(run: () => void): void {
    const response = this.#response
    response.once('close', () => {
      if (!response.writableFinished) run()
    })
  }
}

/**
 * @param bodyBytesMax asked with method and URL when a request announces a body; infinite: it is handed over as it comes
 * @param handle must not throw and must not reject; when it does, the answer is a bare 500
 */
export async function listenHttp(
  bind: Address,
  bodyBytesMax: (method: string, url: string) => number,
  handle: HttpHandler,
  limits: HttpLimits = {},
): Promise<Listener> {
  let closing = false
  const refused = new WeakSet<Socket>()
  const server = createServer({
    optimizeEmptyRequests: true,
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: Math.min(HEADERS_TIMEOUT_MS, limits.requestTimeoutMs ?? REQUEST_TIMEOUT_MS),
    requestTimeout: limits.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    // Late requests are looked for this often, so a short limit needs a short interval.
    connectionsCheckingInterval: Math.min(30_000, limits.requestTimeoutMs ?? REQUEST_TIMEOUT_MS),
    keepAliveTimeout: 0,
    keepAlive: true,
    keepAliveInitialDelay: TCP_KEEPALIVE_DELAY_MS,
    noDelay: true,
  })
  // Their bytes are bounded above, so their number need not be: Go counts none either.
  server.maxHeadersCount = 0

  const answer = (request: Request, message: IncomingMessage, response: ServerResponse): void => {
    let result: HttpResponse | Promise<HttpResponse>
    try {
      result = handle(request)
    } catch {
      result = failed()
    }
    if (result instanceof Promise) {
      result.then(
        (settled) => reply(message, response, settled),
        () => reply(message, response, failed()),
      )
    } else reply(message, response, result)
  }

  const reply = (message: IncomingMessage, response: ServerResponse, answered: HttpResponse): void => {
    if (closing) response.shouldKeepAlive = false
    send(message, response, answered)
  }

  const receive = (message: IncomingMessage, response: ServerResponse): void => {
    if (refused.has(message.socket)) return
    const request = new Request(message, response)
    if (message.readableEnded) answer(request, message, response)
    else {
      const bytesMax = bodyBytesMax(message.method!, message.url!)
      if (bytesMax === Number.POSITIVE_INFINITY) {
        request.chunks = message
        answer(request, message, response)
      } else collect(message, request, bytesMax, () => answer(request, message, response))
    }
  }

  server.on('request', receive)
  // A client that waits for leave before it sends a body is spared the sending of one that is refused anyway.
  server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) => {
    if (announcedLength(message) <= bodyBytesMax(message.method!, message.url!)) response.writeContinue()
    // Whether such a body still comes is the client's choice, so nothing can follow on this connection.
    else response.shouldKeepAlive = false
    receive(message, response)
  })
  server.on('checkExpectation', (message: IncomingMessage, response: ServerResponse) => {
    discard(message)
    response.shouldKeepAlive = false
    send(message, response, { status: 417, headers: [] })
  })
  server.on('clientError', refuseBroken)
  limitConnections(server, limits, refused)

  const path = bind.host.startsWith(UNIX) ? bind.host.slice(UNIX.length) : undefined
  // What an agent before has left there is in the way.
  if (path !== undefined) await rm(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path === undefined ? { host: bind.host, port: bind.port } : { path }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  if (path !== undefined) await giveSocket(path, limits.socket, server)
  // An accept that fails (too many open files) is no reason to stop serving those who are connected.
  server.on('error', () => {})
  const own = server.address() as AddressInfo | string
  return {
    address: typeof own === 'string' ? { host: bind.host, port: 0 } : { host: own.address, port: own.port },
    close() {
      closing = true
      return close(server, limits.closeGraceMs ?? CLOSE_GRACE_MS)
    },
  }
}

const UNIX = 'unix://'

/** Gives a socket to whom it is meant for. */
async function giveSocket(path: string, wish: HttpLimits['socket'], server: Server): Promise<void> {
  if (wish === undefined) return
  try {
    const user = wish.user === '' ? process.getuid!() : await userId(wish.user)
    const group = wish.group === '' ? process.getgid!() : whole(wish.group, 'invalid group specified')
    await chown(path, user, group)
    if (wish.mode !== '') {
      if (!/^[0-7]+$/.test(wish.mode)) throw new Error(`invalid mode specified: ${wish.mode}`)
      await chmod(path, Number.parseInt(wish.mode, 8))
    }
  } catch (error) {
    server.close()
    throw new Error(`Failed setting up socket: ${messageOf(error)}`, { cause: error })
  }
}

/** By number, or by name as the system's own list has it. */
async function userId(user: string): Promise<number> {
  if (/^\d+$/.test(user)) return Number(user)
  const list = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const line = list.split('\n').find((each) => each.startsWith(`${user}:`))
  if (line === undefined) throw new Error(`failed to look up user ${user}: user: unknown user ${user}`)
  return Number(line.split(':')[2])
}

function whole(text: string, fault: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${fault}: ${text}`)
  return Number(text)
}

/** The host adds to the headers of an answer, so each needs a list of its own. */
function failed(): HttpResponse {
  return { status: 500, headers: [] }
}

function send(message: IncomingMessage, response: ServerResponse, answered: HttpResponse): void {
  const { status, headers, body } = answered
  if (response.destroyed) return
  // HTTP/1.1 connections persist unless someone says otherwise, so nothing need be said.
  if (response.shouldKeepAlive && message.httpVersionMinor === 1) response.removeHeader('Connection')
  if (status === 204 || status === 304) {
    response.writeHead(status, headers)
    response.end()
    return
  }
  if (typeof body === 'object' && !(body instanceof Uint8Array)) {
    response.writeHead(status, headers)
    if (answered.live) response.flushHeaders()
    void sendChunks(response, body)
    return
  }
  const length = body === undefined ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  headers.push('Content-Length', String(length))
  if (status === 413) return refuseBody(message, response, headers, body)
  response.writeHead(status, headers)
  response.end(body)
}

/**
 * The answer goes out at once, but a connection that is to close stays until the unwanted body has been read: closed
 * before, the system would reset it, and the client might lose the answer with it (RFC 9112 section 9.6).
 */
function refuseBody(
  message: IncomingMessage,
  response: ServerResponse,
  headers: string[],
  body: string | Uint8Array | undefined,
): void {
  response.statusMessage = 'Request Entity Too Large'
  response.writeHead(413, headers)
  if (message.complete) {
    response.end(body)
    return
  }
  response.write(body ?? '')
  message.once('close', () => response.end())
  message.once('end', () => response.end())
}

/** Whoever makes the chunks can no longer refuse: if that fails the connection is cut, so that none takes half for all. */
async function sendChunks(response: ServerResponse, chunks: BodyChunks): Promise<void> {
  try {
    for await (const chunk of chunks) {
      if (!response.write(chunk)) await roomIn(response)
      // Room is there at once when the system takes all, so a turn does not come by itself.
      await new Promise<void>((turned) => setImmediate(turned))
      if (response.destroyed) return
    }
    response.end()
  } catch {
    response.destroy()
  }
}

/** Resolves when more can be written, or when nobody is left to write to. */
function roomIn(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) return resolve()
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}

/** Gathers the body, or notices that it is too long: then `done` comes at once and the rest is thrown away unread. */
function collect(message: IncomingMessage, request: Request, bytesMax: number, done: () => void): void {
  if (announcedLength(message) > bytesMax) {
    request.tooLarge = true
    discard(message)
    done()
    return
  }
  let first: Uint8Array | undefined
  let more: Uint8Array[] | undefined
  let length = 0
  const take = (chunk: Uint8Array): void => {
    length += chunk.byteLength
    if (length > bytesMax) {
      message.off('data', take)
      message.off('end', end)
      first = undefined
      more = undefined
      request.tooLarge = true
      discard(message)
      done()
    } else if (first === undefined) first = chunk
    else if (more === undefined) more = [first, chunk]
    else more.push(chunk)
  }
  const end = (): void => {
    if (more !== undefined) request.body = Buffer.concat(more, length)
    else if (first !== undefined) request.body = first
    done()
  }
  message.on('data', take)
  message.on('end', end)
  // A connection that breaks in the middle of a body needs no answer; without a listener the error would be thrown.
  message.on('error', ignore)
}

function discard(message: IncomingMessage): void {
  let discarded = 0
  message.on('error', ignore)
  message.on('data', (chunk: Uint8Array) => {
    discarded += chunk.byteLength
    if (discarded > DISCARD_BYTES_MAX) message.socket.destroy()
  })
}

function ignore(): void {}

/** What `Content-Length` says; 0 for chunked bodies, whose length shows only as they come. */
function announcedLength(message: IncomingMessage): number {
  return Number(message.headers['content-length'] ?? 0)
}

const BROKEN: Record<string, string> = {
  // Node's parser takes only ASCII in the request line, where Go's takes any bytes.
  HPE_INVALID_URL: '400 Bad Request: the path or query has characters that must be percent-encoded',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** What was not HTTP, or came too slowly, is told so in Go's words and cut off. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = BROKEN[error.code ?? ''] ?? '400 Bad Request'
  socket.on('error', ignore)
  socket.end(
    `HTTP/1.1 ${status.split(':')[0]}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`,
    () => socket.destroy(),
  )
}

const TOO_MANY = 'Your IP is issuing too many concurrent connections, please rate limit your calls\n'

/** Sockets beyond the limit go to `refused`: what still comes from them is not looked at. */
function limitConnections(server: Server, limits: HttpLimits, refused: WeakSet<Socket>): void {
  const open = new Map<string, number>()
  server.prependListener('connection', (socket: Socket) => {
    const client = socket.remoteAddress ?? ''
    const count = (open.get(client) ?? 0) + 1
    open.set(client, count)
    socket.once('close', () => {
      const left = open.get(client)! - 1
      if (left === 0) open.delete(client)
      else open.set(client, left)
    })
    const max = limits.connsPerClientMax ?? 0
    if (max > 0 && count > max) {
      refused.add(socket)
      socket.on('error', ignore)
      socket.end(
        `HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: ${TOO_MANY.length}\r\nConnection: close\r\n\r\n${TOO_MANY}`,
        () => socket.destroy(),
      )
    }
  })
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
  })
}
