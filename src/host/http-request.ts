/** A request as its handler sees it. Headers are looked up in the flat list as it came: few are asked for, once each. */
import type { Socket } from 'node:net'
import type { RequestHead } from '../wire/http.ts'
import type { BodyStream } from './body-stream.ts'
import type { Address, HttpRequest } from './host.ts'

const NO_BODY = new Uint8Array(0)

export class Request implements HttpRequest {
  readonly method: string
  readonly url: string
  /** Of HTTP/1.x. */
  readonly minor: 0 | 1
  body: Uint8Array = NO_BODY
  tooLarge = false
  chunks: BodyStream | undefined
  readonly #headers: readonly string[]
  readonly #socket: Socket
  #gone: (() => void)[] | undefined

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
    if (this.#gone === undefined) this.#gone = [run]
    else this.#gone.push(run)
  }

  /** Tells the handler that nobody waits for it any more. */
  leave(): void {
    const gone = this.#gone
    this.#gone = undefined
    for (const run of gone ?? []) run()
  }
}
