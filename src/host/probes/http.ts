/**
 * A request whose answer says how a service is: 2xx passes, 429 warns, everything else is critical. Each probe has a
 * connection of its own, as a service that takes no new ones is not well. Source: Consul's agent/checks/check.go
 * (CheckHTTP); redirects as Go's net/http follows them.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as plainRequest, STATUS_CODES } from 'node:http'
import { Agent as TlsAgent, request as tlsRequest } from 'node:https'
import type { Probe, ProbeResult } from '../../model/check-run.ts'
import { Tail } from './tail.ts'
import { certificateFault, tlsOptions } from './trust.ts'
import { dialFault, fieldsOf, systemWords } from './words.ts'

const USER_AGENT = 'Consul Health Check'
const ACCEPT = 'text/plain, text/*, */*'
const REDIRECTS_MAX = 10
/** A connection for each request, and no sessions kept: an expired certificate must be seen at once. */
const AGENT = new Agent({ keepAlive: false })
const TLS_AGENT = new TlsAgent({ keepAlive: false, maxCachedSessions: 0 })

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
    const end = (result: ProbeResult) => {
      clearTimeout(timer)
      gone.removeEventListener('abort', stop)
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
        return send()
      }
      const taken = { response, body: new Tail(probe.outputMax) }
      answer = taken
      response.on('data', (chunk: Uint8Array) => taken.body.add(chunk))
      response.on('close', () => finish(taken))
      response.on('error', () => {})
    }

    function send(): void {
      const fault = schemeFault(hop.url)
      if (fault !== undefined) return critical(fault)
      try {
        const url = new URL(hop.url)
        const secure = url.protocol === 'https:'
        const agent = secure ? TLS_AGENT : AGENT
        const options = {
          method: hop.method,
          headers: headersOf(probe, hop),
          agent,
          ...(secure ? tlsOptions(probe.tls) : {}),
        }
        const sent = (secure ? tlsRequest : plainRequest)(url, options)
        current = sent
        sent.on('response', take)
        sent.on('error', (error) => {
          if (current === sent && answer === undefined) critical(faultOf(url, error))
        })
        sent.end(hop.body)
      } catch (error) {
        critical(systemWords(error))
      }
    }
    send()
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
  if (body !== '' || (method !== 'GET' && method !== 'HEAD')) headers['Content-Length'] = `${Buffer.byteLength(body)}`
  return headers
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

function faultOf(url: URL, error: Error): string {
  const { code, syscall } = fieldsOf(error)
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO') {
    return 'http: server gave HTTP response to HTTPS client'
  }
  if (syscall === 'connect' || syscall === 'getaddrinfo' || error instanceof AggregateError) {
    const port = url.port || (url.protocol === 'https:' ? '443' : '80')
    return dialFault('tcp', `${url.hostname}:${port}`, error)
  }
  if (code === 'ECONNRESET' && syscall === undefined) return 'EOF'
  return certificateFault(error) ?? systemWords(error)
}
