/**
 * HTTP/1.1 over a bare socket: nothing is escaped, followed, retried or added on the way, and an answer is told with
 * every header as the server spelt it. One connection is kept for as long as the server keeps it, so that a server that
 * miscounts a body, or closes where another would not, is found out by the requests that follow.
 */
import { connect, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'

export interface RawRequest {
  method: string
  url: string
  body?: string | Uint8Array
  headers?: Record<string, string>
}

export interface RawAnswer {
  /** 0 when the server hung up instead of answering, as Go's does when a handler panics. */
  status: number
  /** What follows the status number on the first line. */
  reason: string
  /** `Name: value`, in the server's order. */
  headers: string[]
  /** Without chunks and, when it was compressed, without that. */
  body: Buffer
}

/** No answer may take longer: blocking queries of the tables wait for milliseconds. */
const ANSWER_TIMEOUT_MS = 60_000

export class RawHttp {
  readonly #port: number
  #socket: Socket | undefined
  /** What came and is not yet taken. */
  #bytes: Buffer = Buffer.alloc(0)
  #ended = false
  #news: () => void = () => {}

  constructor(port: number) {
    this.#port = port
  }

  /** @throws Error when there is no whole answer, or not in time; it names the request. */
  async ask(request: RawRequest): Promise<RawAnswer> {
    try {
      return await this.#ask(request)
    } catch (cause) {
      throw new Error(`${request.method} ${request.url}`, { cause })
    }
  }

  async #ask(request: RawRequest): Promise<RawAnswer> {
    if (this.#socket === undefined || this.#ended) await this.#connect()
    this.#socket!.write(requestBytes(request))
    if (!(await this.#some())) return { status: 0, reason: 'hung up', headers: [], body: Buffer.alloc(0) }
    const answer = await this.#answer(request.method)
    if (answer.headers.includes('Connection: close')) this.close()
    return answer
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #connect(): Promise<void> {
    this.close()
    this.#bytes = Buffer.alloc(0)
    this.#ended = false
    const socket = connect(this.#port, '127.0.0.1')
    this.#socket = socket
    socket.setNoDelay(true)
    const over = () => {
      if (this.#socket !== socket) return
      this.#ended = true
      this.#news()
    }
    socket.on('data', (chunk: Buffer) => {
      if (this.#socket !== socket) return
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#news()
    })
    socket.on('close', over)
    return new Promise((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
      socket.on('error', over)
    })
  }

  /** Whether anything comes before the connection ends. */
  async #some(): Promise<boolean> {
    while (this.#bytes.length === 0) if (!(await this.#more())) return false
    return true
  }

  /** False when the connection has ended. */
  #more(): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false)
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_TIMEOUT_MS)
      this.#news = () => {
        clearTimeout(timer)
        this.#news = () => {}
        resolve(!this.#ended || this.#bytes.length > 0)
      }
    })
  }

  async #line(): Promise<string> {
    while (true) {
      const end = this.#bytes.indexOf('\r\n')
      if (end >= 0)
        return this.#take(end + 2)
          .toString('latin1')
          .slice(0, -2)
      if (this.#ended) throw new Error(`the connection ended within a line: ${this.#bytes.toString('latin1')}`)
      await this.#more()
    }
  }

  async #exactly(length: number): Promise<Buffer> {
    while (this.#bytes.length < length) {
      if (this.#ended) throw new Error(`the connection ended ${length - this.#bytes.length} bytes before the body did`)
      await this.#more()
    }
    return this.#take(length)
  }

  #take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  async #answer(method: string): Promise<RawAnswer> {
    const first = await this.#line()
    const found = /^HTTP\/1\.1 (\d{3}) (.*)$/.exec(first)
    if (found === null) throw new Error(`no status line of HTTP/1.1: ${first}`)
    const status = Number(found[1])
    const headers: string[] = []
    for (let line = await this.#line(); line !== ''; line = await this.#line()) headers.push(line)
    const body = method === 'HEAD' || status === 204 || status === 304 ? Buffer.alloc(0) : await this.#body(headers)
    const pressed = body.length > 0 && headers.includes('Content-Encoding: gzip')
    return { status, reason: found[2]!, headers, body: pressed ? gunzipSync(body) : body }
  }

  async #body(headers: string[]): Promise<Buffer> {
    if (headers.includes('Transfer-Encoding: chunked')) {
      const chunks: Buffer[] = []
      while (true) {
        const size = Number.parseInt(await this.#line(), 16)
        if (size > 0) chunks.push(await this.#exactly(size))
        if ((await this.#line()) !== '') throw new Error('a chunk is longer than it says')
        if (size === 0) return Buffer.concat(chunks)
      }
    }
    const length = headers.find((header) => header.startsWith('Content-Length: '))
    if (length !== undefined) return this.#exactly(Number(length.slice('Content-Length: '.length)))
    while (!this.#ended) await this.#more()
    return this.#take(this.#bytes.length)
  }
}

function requestBytes({ method, url, body, headers = {} }: RawRequest): Buffer {
  const lines = [`${method} ${url} HTTP/1.1`, 'Host: consul']
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body)
  if (body !== undefined) lines.push(`Content-Length: ${bytes.length}`)
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes])
}
