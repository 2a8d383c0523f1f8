/**
 * Services that speak HTTP/2: gRPC's health protocol, one call of `grpc.health.v1.Health/Check`, and the bare ping.
 * Sources: github.com/grpc/grpc/doc/health-checking.md, doc/PROTOCOL-HTTP2.md; Consul's agent/checks/grpc.go (since 1.10
 * also CheckH2PING).
 */
import { type ClientHttp2Session, connect } from 'node:http2'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { systemWords } from '../../base/system-words.ts'
import type { Millis } from '../../base/units.ts'
import type { Probe, ProbeResult, ProbeTls } from '../../model/check-run.ts'
import { dialTls } from '../tls.ts'
import { dialFault, fieldsOf, hostPortFault, parseHostPort } from './words.ts'

const METHOD = '/grpc.health.v1.Health/Check'
/** A health answer has two bytes; whoever sends much more is something else. */
const REPLY_BYTES_MAX = 64 << 10
const SERVING = 1
const UNAVAILABLE = 'rpc error: code = Unavailable desc = connection error: desc'

/** https://grpc.github.io/grpc/core/md_doc_statuscodes.html, by their numbers. */
const CODES = [
  ...['OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists'],
  ...['PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented'],
  ...['Internal', 'Unavailable', 'DataLoss', 'Unauthenticated'],
]

export function tryGrpc({ target, tls, timeout }: Probe & { kind: 'grpc' }, gone: AbortSignal): Promise<ProbeResult> {
  const slash = target.indexOf('/')
  const address = slash < 0 ? target : target.slice(0, slash)
  const service = slash < 0 ? '' : target.slice(slash + 1)
  const words = {
    late: 'rpc error: code = DeadlineExceeded desc = context deadline exceeded',
    broken: 'rpc error: code = Unavailable desc = connection closed',
    failed: (why: string) => `${UNAVAILABLE} = "transport: Error while dialing ${why}"`,
    refused: (why: string) => `${UNAVAILABLE} = "transport: authentication handshake failed: ${why}"`,
  }
  return withSession(address, { tls, timeout, gone, words }, (session, end) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': METHOD,
      'content-type': 'application/grpc',
      'user-agent': 'proconsul',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    let bytes = 0
    let trailers: Record<string, unknown> = {}
    let status = 200
    stream.on('response', (headers) => {
      status = Number(headers[':status'])
      // An answer without a body has its trailers here.
      if (headers['grpc-status'] !== undefined) trailers = headers
    })
    stream.on('trailers', (headers) => {
      trailers = headers
    })
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= REPLY_BYTES_MAX) chunks.push(chunk)
    })
    stream.on('error', () => {})
    stream.on('close', () => {
      const code = trailers['grpc-status']
      if (code === undefined) {
        const why =
          status === 200 ? 'server closed the stream without sending trailers' : `unexpected HTTP status ${status}`
        return end(`rpc error: code = Unavailable desc = ${why}`)
      }
      if (code !== '0') {
        const name = CODES[Number(code)] ?? `Code(${code})`
        return end(`rpc error: code = ${name} desc = ${percentDecoded(String(trailers['grpc-message'] ?? ''))}`)
      }
      const serving = servingStatus(Buffer.concat(chunks)) === SERVING
      end(serving ? undefined : "gRPC application didn't report service healthy", `gRPC check ${target}: success`)
    })
    stream.end(healthRequest(service))
  })
}

export function tryH2Ping({ address, tls, timeout }: Probe & { kind: 'h2ping' }, gone: AbortSignal) {
  const words = {
    late: 'HTTP2 ping failed. context deadline exceeded',
    broken: 'HTTP2 ping failed. connection closed',
    failed: (why: string) => why,
    refused: (why: string) => why,
  }
  return withSession(address, { tls, timeout, gone, words }, (session, end) => {
    session.ping((error) => {
      end(error === null ? undefined : `HTTP2 ping failed. ${error.message}`, 'HTTP2 ping was successful')
    })
  })
}

interface Frame {
  tls: ProbeTls | null
  timeout: Millis
  gone: AbortSignal
  words: Words
}

interface Words {
  late: string
  broken: string
  /** The other side was not reached. */
  failed(why: string): string
  /** It was, and is not to be trusted, or speaks no TLS. */
  refused(why: string): string
}

/** Ends with the session, or with the first thing that goes wrong with it. */
function withSession(
  address: string,
  { tls, timeout, gone, words }: Frame,
  use: (session: ClientHttp2Session, end: (fault: string | undefined, passed?: string) => void) => void,
): Promise<ProbeResult> {
  const target = parseHostPort(address)
  if (target === undefined) {
    return Promise.resolve({ status: 'critical', output: words.failed(hostPortFault('tcp', address)) })
  }
  return new Promise((resolve) => {
    const host = target.host || 'localhost'
    const over = new AbortController()
    let session: ClientHttp2Session | undefined
    const end = (fault: string | undefined, passed = '') => {
      if (over.signal.aborted) return
      over.abort()
      clearTimeout(timer)
      gone.removeEventListener('abort', stop)
      session?.destroy()
      resolve(fault === undefined ? { status: 'passing', output: passed } : { status: 'critical', output: fault })
    }
    const stop = () => end('abandoned')
    const timer = setTimeout(() => end(words.late), timeout)
    gone.addEventListener('abort', stop, { once: true })

    function open(socket?: TLSSocket): void {
      const authority = `${tls === null ? 'http' : 'https'}://${isIP(host) === 6 ? `[${host}]` : host}:${target!.port}`
      const opened = connect(authority, { maxSessionMemory: 1, ...(socket && { createConnection: () => socket }) })
      session = opened
      let connected = false
      // Connected to something is not yet connected to HTTP/2: its settings are what says so.
      opened.on('remoteSettings', () => {
        if (connected) return
        connected = true
        use(opened, end)
      })
      opened.on('error', (error) => {
        if (connected || fieldsOf(error).code?.startsWith('ERR_HTTP2')) end(words.broken)
        else end(dialWords(address, words, error))
      })
      opened.on('close', () => end(words.broken))
    }

    if (tls === null) open()
    else {
      dialTls({ host, port: target.port, ...tls, protocol: 'h2' }, over.signal).then(open, (error: unknown) =>
        end(dialWords(address, words, error)),
      )
    }
  })
}

function dialWords(address: string, { failed, refused }: Words, error: unknown): string {
  const isSystems = fieldsOf(error).syscall !== undefined || error instanceof AggregateError
  return isSystems ? failed(dialFault('tcp', address, error)) : refused(systemWords(error))
}

/** A message that is not compressed, with its length in front; field 1 is the name of the service. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name])
  const frame = Buffer.alloc(5)
  frame.writeUInt32BE(message.length, 1)
  return Buffer.concat([frame, message])
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** Field 1, a varint. @returns 0, "unknown", for whatever is not there or not understood */
function servingStatus(reply: Buffer): number {
  if (reply.length < 7 || reply[0] !== 0 || reply.readUInt32BE(1) !== reply.length - 5) return 0
  return reply[5] === 0x08 && reply[6]! < 0x80 ? reply[6]! : 0
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
