/**
 * The API's transport over `node:http`, for the command line: Unix sockets, client certificates, and errors in the words
 * that Go's HTTP client has for them, because scripts look for those.
 */
import type { ClientRequest, RequestOptions } from 'node:http'
import type { ApiRequest, ApiResponse, Transport } from '../api/client.ts'
import { quoteGo } from '../base/go-flags.ts'
import { joinHostPort } from '../base/host-port.ts'
import { certificateWords, systemWords } from '../base/system-words.ts'

export interface TlsOptions {
  /** PEM. Undefined: those that the machine trusts. */
  ca?: string[]
  cert?: string
  key?: string
  serverName?: string
  verify: boolean
}

/** The request got no answer. */
export class TransportError extends Error {
  override name = 'TransportError'
}

/** @param options.tls given for https addresses */
export function nodeTransport(options: { socket?: string; tls?: TlsOptions }): Transport {
  return async (first) => {
    let asked = first
    for (let redirects = 0; ; redirects++) {
      const answer = await askOnce(asked, options)
      const next = redirected(asked, answer)
      if (next === undefined) return answer
      asked = next
      if (redirects + 1 === REDIRECTS_MAX) throw failure(asked, `stopped after ${REDIRECTS_MAX} redirects`)
    }
  }
}

/** As many as Go's client follows. */
const REDIRECTS_MAX = 10

async function askOnce(asked: ApiRequest, options: { socket?: string; tls?: TlsOptions }): Promise<ApiResponse> {
  const target = takeApart(asked.url)
  try {
    checkPort(target.port)
    const settings: RequestOptions = {
      method: asked.method,
      path: target.path,
      headers: { 'Accept-Encoding': 'identity', ...asked.headers },
      signal: asked.signal,
      // One command, one request: a connection kept open would only keep the process alive.
      agent: false,
      ...(options.socket === undefined
        ? { host: target.host, port: target.port === '' ? undefined : Number(target.port) }
        : { socketPath: options.socket, headers: { Host: '127.0.0.1', ...asked.headers } }),
    }
    const tls = asked.url.startsWith('https:') ? (options.tls ?? { verify: true }) : undefined
    return await exchange(await open(settings, tls), asked)
  } catch (error) {
    throw failure(asked, goReason(error, target.host, options.socket), error)
  }
}

function failure({ method, url }: ApiRequest, why: string, cause?: unknown): TransportError {
  return new TransportError(`${method[0]}${method.slice(1).toLowerCase()} ${quoteGo(url)}: ${why}`, { cause })
}

const TO_A_READ = new Set([301, 302, 303])
const AS_IT_WAS = new Set([307, 308])

/**
 * The request that an answer sends its asker to: a server in front of agents may serve them elsewhere, and agents send on
 * who writes a path with two slashes. What was a write becomes a read, as Go's client has it, and so never happens in a
 * place that nobody named. Another host is told no secrets.
 */
function redirected(asked: ApiRequest, { status, header }: ApiResponse): ApiRequest | undefined {
  const location = header('Location')
  if (location === null || location === '') return undefined
  const toARead = TO_A_READ.has(status)
  // Of a body that was streamed nothing is left to send.
  const again = typeof asked.body === 'string' || asked.body instanceof Uint8Array || asked.body === undefined
  if (!toARead && !(AS_IT_WAS.has(status) && again)) return undefined
  const url = elsewhere(asked.url, location)
  const { headers, method, body, ...others } = asked
  const sameHost = takeApart(url).host === takeApart(asked.url).host
  const kept = Object.entries(headers).filter(([name]) => sameHost || !/^(authorization|x-consul-token)$/i.test(name))
  return {
    ...others,
    url,
    method: toARead ? 'GET' : method,
    headers: Object.fromEntries(kept),
    ...(toARead ? {} : { body }),
  }
}

function elsewhere(url: string, location: string): string {
  if (/^https?:\/\//.test(location)) return location.replace(/^(https?:\/\/[^/]*)$/, '$1/')
  const [scheme = ''] = url.split('://')
  if (location.startsWith('//')) return `${scheme}:${location}`
  const path = url.indexOf('/', scheme.length + 3)
  if (location.startsWith('/')) return url.slice(0, path) + location
  const [folder = ''] = url.split('?')
  return folder.slice(0, folder.lastIndexOf('/') + 1) + location
}

/**
 * An `import` of node:http makes all that it exports, `fetch`'s whole machinery among it: 60 ms and 16 MB on Node 26. Taken
 * as a builtin module it costs 5 ms.
 */
async function open(settings: RequestOptions, tls: TlsOptions | undefined): Promise<ClientRequest> {
  if (tls === undefined) return process.getBuiltinModule('node:http').request(settings)
  const ca = tls.ca ?? (tls.verify ? await trustedHere() : undefined)
  return process.getBuiltinModule('node:https').request({
    ...settings,
    ca,
    cert: tls.cert,
    key: tls.key,
    servername: tls.serverName,
    rejectUnauthorized: tls.verify,
  })
}

/** Undefined, which stands for Node's own list, when this machine has none. */
async function trustedHere(): Promise<string[] | undefined> {
  const { systemCertificates } = await import('../host/system-certificates.ts')
  const found = await systemCertificates()
  return found.length === 0 ? undefined : found
}

function exchange(sent: ClientRequest, asked: ApiRequest): Promise<ApiResponse> {
  return new Promise((resolve, reject) => {
    sent.on('error', reject)
    sent.on('response', (response) => {
      if (asked.streamed && response.statusCode === 200) {
        const header = (name: string) => {
          const value = response.headers[name.toLowerCase()]
          return value === undefined ? null : String(value)
        }
        resolve({ status: 200, header, body: new Uint8Array(0), chunks: response })
        return
      }
      const chunks: Uint8Array[] = []
      response.on('data', (chunk: Uint8Array) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          header(name) {
            const value = response.headers[name.toLowerCase()]
            return value === undefined ? null : String(value)
          },
          body: Buffer.concat(chunks),
        }),
      )
    })
    if (asked.body === undefined) sent.end()
    else if (typeof asked.body !== 'string' && !(asked.body instanceof Uint8Array)) {
      sendChunks(sent, asked.body).catch((error: Error) => sent.destroy(error))
    } else {
      const body = typeof asked.body === 'string' ? Buffer.from(asked.body) : asked.body
      sent.setHeader('Content-Length', body.length)
      sent.end(body)
    }
  })
}

async function sendChunks(sent: ClientRequest, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let goOn = () => {}
  sent.on('drain', () => goOn()).on('close', () => goOn())
  for await (const chunk of chunks) {
    if (sent.destroyed) return
    if (sent.write(chunk)) continue
    await new Promise<void>((done) => {
      goOn = done
    })
  }
  sent.end()
}

/** The parts of a URL as they were written: WHATWG's parser would refuse or rewrite what Go takes. */
function takeApart(url: string): { host: string; port: string; path: string } {
  const rest = url.slice(url.indexOf('://') + 3)
  const slash = rest.indexOf('/')
  const authority = rest.slice(0, slash)
  const [, host = '', port = ''] = /^(\[.*\]|[^:]*)(?::(.*))?$/.exec(authority) ?? [undefined, authority]
  return { host: host.replace(/^\[|\]$/g, ''), port, path: rest.slice(slash) }
}

const PORT_MAX = 65535

function checkPort(port: string): void {
  if (port !== '' && !(/^\d+$/.test(port) && Number(port) <= PORT_MAX)) {
    throw new TransportError(`dial tcp: address ${port}: invalid port`)
  }
}

function goReason(error: unknown, host: string, socket: string | undefined): string {
  if (error instanceof AggregateError) return goReason(error.errors.at(-1), host, socket)
  if (!(error instanceof Error)) return String(error)
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number }
  if (syscall === 'getaddrinfo') return `dial tcp: lookup ${host}: ${systemWords(error)}`
  if (syscall === 'connect') {
    const peer = socket === undefined ? `tcp ${joinHostPort(String(address), Number(port))}` : `unix ${socket}`
    return `dial ${peer}: connect: ${systemWords(error)}`
  }
  if (code === 'ECONNRESET') return syscall === 'read' ? `read: ${systemWords(error)}` : 'EOF'
  if (code === 'EPROTO' && error.message.includes('wrong version number')) {
    return 'http: server gave HTTP response to HTTPS client'
  }
  return certificateWords(code) ?? error.message
}
