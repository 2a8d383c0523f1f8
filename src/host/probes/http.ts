/**
 * A request whose answer says how a service is: 2xx passes, 429 warns, everything else is critical. Each probe has a
 * connection of its own, as a service that takes no new ones is not well. Source: Consul's agent/checks/check.go
 * (CheckHTTP); redirects as Go's net/http follows them.
 */
import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions,
  STATUS_CODES,
} from 'node:http'
import { request as tlsRequest } from 'node:https'
import { createGunzip } from 'node:zlib'
import { quoteGo } from '../../base/go-quote.ts'
import { systemWords } from '../../base/system-words.ts'
import { textFromBytes } from '../../base/text.ts'
import type { Probe, ProbeResult } from '../../model/check-run.ts'
import { dialTls } from '../tls.ts'
import { Tail } from './tail.ts'
import { dialFault, fieldsOf } from './words.ts'

const USER_AGENT = 'Consul Health Check'
const ACCEPT = 'text/plain, text/*, */*'
const REDIRECTS_MAX = 10
/** Of an answer: what Go's net/http takes. */
const HEADER_BYTES_MAX = 10 << 20
/** A connection for each request. */
const AGENT = new Agent({ keepAlive: false })

type HttpProbe = Probe & { kind: 'http' }

/** Where a probe stands after some redirects. */
interface Hop {
  url: string
  method: string
  body: string
  count: number
}

export function tryHttp(probe: HttpProbe, gone: AbortSignal): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let current: ClientRequest | undefined
    let hop: Hop = { url: probe.url, method: probe.method, body: probe.body, count: 0 }
    let answer: { response: IncomingMessage; body: Tail } | undefined
    const over = new AbortController()
    const end = (result: ProbeResult) => {
      clearTimeout(timer)
      gone.removeEventListener('abort', stop)
      over.abort()
      current?.destroy()
      resolve(result)
    }
    const critical = (why: string) => end({ status: 'critical', output: `${verb(hop.method)} "${hop.url}": ${why}` })
    const stop = () => critical('abandoned')
    const finish = ({ response, body }: { response: IncomingMessage; body: Tail }) => {
      const code = response.statusCode ?? 0
      const status = code >= 200 && code <= 299 ? 'passing' : code === 429 ? 'warning' : 'critical'
      const reason = response.statusMessage || STATUS_CODES[code] || ''
      end({ status, output: `HTTP ${probe.method} ${probe.url}: ${code} ${reason} Output: ${body.text()}` })
    }
    const timer = setTimeout(() => {
      // Whoever has told the status has told enough.
      if (answer !== undefined) finish(answer)
      else critical('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')
    }, probe.timeout)
    gone.addEventListener('abort', stop, { once: true })

    function take(response: IncomingMessage): void {
      const { statusCode = 0, headers } = response
      if (probe.redirects && statusCode >= 301 && statusCode <= 303 && headers.location === undefined) {
        return critical(`${statusCode} response missing Location header`)
      }
      const next = probe.redirects ? redirected(hop, response) : undefined
      if (next !== undefined) {
        current?.destroy()
        if (next.count > REDIRECTS_MAX - 1) {
          hop = { ...hop, url: headers.location ?? '' }
          return critical(`stopped after ${REDIRECTS_MAX} redirects`)
        }
        hop = next
        return void send()
      }
      const taken = { response, body: new Tail(probe.outputMax) }
      answer = taken
      const unpacked = isPressed(response) ? response.pipe(createGunzip()) : undefined
      const plain = unpacked ?? response
      plain.on('data', (chunk: Uint8Array) => taken.body.add(chunk))
      plain.on('error', () => {})
      // What breaks off has still told its status.
      plain.on('close', () => finish(taken))
      if (unpacked === undefined) return
      response.on('error', () => {})
      response.on('close', () => response.complete || unpacked.end())
    }

    async function send(): Promise<void> {
      const { url: to, method, body } = hop
      const fault = schemeFault(to)
      if (fault !== undefined) return critical(fault)
      if (!TOKEN.test(method)) return end({ status: 'critical', output: `net/http: invalid method ${quoteGo(method)}` })
      const headerFault = headersFault(probe.headers)
      if (headerFault !== undefined) return critical(headerFault)
      let url: URL | undefined
      try {
        url = new URL(to)
        const options = { method, headers: headersOf(probe, hop), maxHeaderSize: HEADER_BYTES_MAX }
        const sent =
          url.protocol === 'https:' ? await sendTls(url, options) : plainRequest(url, { ...options, agent: AGENT })
        const at = url
        current = sent
        sent.on('response', take)
        sent.on('error', (error) => {
          if (current === sent && answer === undefined) critical(faultOf(at, error))
        })
        sent.end(body)
      } catch (error) {
        if (!over.signal.aborted) critical(url === undefined ? systemWords(error) : faultOf(url, error))
      }
    }

    async function sendTls(url: URL, options: RequestOptions): Promise<ClientRequest> {
      const host = url.hostname.replace(/^\[|\]$/g, '')
      const target = { host, port: Number(url.port) || 443, ...probe.tls, protocol: 'http/1.1' }
      const socket = await dialTls(target, over.signal)
      return tlsRequest(url, { ...options, createConnection: () => socket })
    }
    void send()
  })
}

/** Names in their case as given; the three that Consul adds only where nobody gave them. */
function headersOf(probe: HttpProbe, { method, body, count, url }: Hop): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  const names = new Set<string>()
  const sameHost = count === 0 || hostOf(url) === hostOf(probe.url)
  for (const [name, values] of Object.entries(probe.headers)) {
    const lower = name.toLowerCase()
    const secret = lower === 'authorization' || lower === 'cookie' || lower === 'host'
    if (values.length === 0 || (secret && !sameHost)) continue
    names.add(lower)
    headers[name] = values.length === 1 || lower === 'host' ? values[0]! : values
  }
  if (!names.has('user-agent')) headers['User-Agent'] = USER_AGENT
  if (!names.has('accept')) headers.Accept = ACCEPT
  if (!names.has('accept-encoding') && !names.has('range') && method !== 'HEAD') headers['Accept-Encoding'] = 'gzip'
  if (body !== '' || (method !== 'GET' && method !== 'HEAD')) headers['Content-Length'] = `${Buffer.byteLength(body)}`
  return headers
}

/** Whoever asks for pressed answers by a header of its own is given them as they are, as Go does. */
function isPressed({ headers, req }: IncomingMessage & { req?: ClientRequest }): boolean {
  return headers['content-encoding']?.toLowerCase() === 'gzip' && req?.getHeader('accept-encoding') === 'gzip'
}

/** RFC 9110's names of methods and fields. */
const TOKEN = /^[!#$%&'*+\-.^_`|~\w]+$/
/** Control characters, of which a value may hold the tab alone. */
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/

function headersFault(headers: HttpProbe['headers']): string | undefined {
  for (const [name, values] of Object.entries(headers)) {
    if (!TOKEN.test(name)) return `net/http: invalid header field name ${quoteGo(name)}`
    const wrong = values.find((value) => CONTROL.test(value))
    if (wrong !== undefined) return `net/http: invalid header field value ${quoteGo(wrong)} for key ${name}`
  }
  return undefined
}

function hostOf(url: string): string {
  return new URL(url).host
}

/** @returns undefined when the answer is not one that points elsewhere */
function redirected({ url, method, body, count }: Hop, { statusCode = 0, headers }: IncomingMessage): Hop | undefined {
  if (headers.location === undefined || ![301, 302, 303, 307, 308].includes(statusCode)) return undefined
  let target: string
  try {
    target = new URL(headers.location, url).href
  } catch {
    return undefined
  }
  const repeats = statusCode >= 307
  return {
    url: target,
    method: repeats || method === 'HEAD' ? method : 'GET',
    body: repeats ? body : '',
    count: count + 1,
  }
}

function schemeFault(url: string): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1] ?? ''
  return /^https?$/i.test(scheme) ? undefined : `unsupported protocol scheme "${scheme.toLowerCase()}"`
}

/** Such as "Get" in errors. */
function verb(method: string): string {
  return method.slice(0, 1) + method.slice(1).toLowerCase()
}

/** What Node's parser calls an answer whose first line is none of HTTP's. */
const NO_HTTP = new Set(['HPE_INVALID_CONSTANT', 'HPE_INVALID_VERSION', 'HPE_INVALID_STATUS'])

function faultOf(url: URL, error: unknown): string {
  const { code, syscall } = fieldsOf(error)
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO') {
    return 'http: server gave HTTP response to HTTPS client'
  }
  if (syscall === 'connect' || syscall === 'getaddrinfo' || error instanceof AggregateError) {
    const port = url.port || (url.protocol === 'https:' ? '443' : '80')
    return dialFault('tcp', `${url.hostname}:${port}`, error)
  }
  // Such as a server that speaks TLS, which answers with an alert.
  if (code !== undefined && NO_HTTP.has(code)) {
    const [line = ''] = textFromBytes(fieldsOf(error).rawPacket ?? new Uint8Array()).split('\n', 1)
    const quoted = quoteGo(line.replace(/\r$/, ''))
    return `net/http: HTTP/1.x transport connection broken: malformed HTTP response ${quoted}`
  }
  if (code === 'ECONNRESET' && syscall === undefined) return 'EOF'
  return systemWords(error)
}
