/**
 * Connections over TLS that trust what this machine trusts. Decides whose certificate is taken for good, before a byte is
 * sent that the other side should not see, and says what is wrong with one in Go's words and in Go's order: its time, its
 * names, who signed it. The chain itself is OpenSSL's to judge. Source: Go's crypto/x509/verify.go.
 *
 * The machine's list is read when it is first needed, and once: reading holds nobody up, but OpenSSL takes its 144
 * certificates one by one, 8 ms in one piece. Whoever is asked to verify nothing never reads it.
 */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { certificateWords } from '../base/system-words.ts'
import { systemCertificates } from './system-certificates.ts'

export interface TlsTarget {
  host: string
  port: number
  /** The name that the certificate must carry; "" for the host. */
  serverName: string
  skipVerify: boolean
  /** As in ALPN: "h2", "http/1.1". */
  protocol: string
}

/** The other side's certificate is not one to trust. */
export class CertificateFault extends Error {
  override name = 'CertificateFault'
}

/**
 * @returns a connection whose other side has proved who it is, unless nobody wanted to know
 * @throws CertificateFault; the system's error of connecting; OpenSSL's, as when the other side speaks no TLS
 */
export async function dialTls(target: TlsTarget, signal: AbortSignal): Promise<TLSSocket> {
  const { host, port, skipVerify, protocol } = target
  const name = target.serverName || host
  const secureContext = await (skipVerify ? trustingNobody() : trustingTheSystem())
  signal.throwIfAborted()
  const socket = connect({
    host,
    port,
    secureContext,
    ALPNProtocols: [protocol],
    ...(isIP(name) === 0 ? { servername: name } : {}),
    // Judged below: Node would end the connection before anybody could look at the certificate.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
  })
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      signal.removeEventListener('abort', stop)
      socket.destroy()
      reject(error)
    }
    const stop = () => fail(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    const broken = (error: Error) => fail(alertOf(error) ?? error)
    socket.once('error', broken)
    socket.once('secureConnect', () => {
      const fault = skipVerify ? undefined : faultOf(socket, name)
      if (fault !== undefined) return fail(new CertificateFault(fault))
      signal.removeEventListener('abort', stop)
      socket.off('error', broken)
      resolve(socket)
    })
  })
}

/** Where Go's name for an alert is not OpenSSL's. Source: Go's crypto/tls/alert.go. */
const ALERTS: Record<string, string> = {
  'unknown ca': 'unknown certificate authority',
  'protocol version': 'protocol version not supported',
}

/** @returns what the other side has said before it hung up; undefined when it has said nothing */
function alertOf(error: Error & { reason?: string }): Error | undefined {
  const alert = /^(?:sslv3|tlsv1|tlsv13) alert (.*)$/.exec(error.reason ?? '')?.[1]
  return alert === undefined ? undefined : new Error(`remote error: tls: ${ALERTS[alert] ?? alert}`, { cause: error })
}

let system: Promise<SecureContext> | undefined
let nobody: SecureContext | undefined

function trustingTheSystem(): Promise<SecureContext> {
  system ??= systemCertificates().then(contextOf)
  return system
}

/** Without any, Node's own list counts. One that OpenSSL cannot read does not keep the others from counting. */
function contextOf(ca: string[]): SecureContext {
  if (ca.length === 0) return createSecureContext()
  try {
    return createSecureContext({ ca })
  } catch {
    return createSecureContext({ ca: ca.filter(isReadable) })
  }
}

function isReadable(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

function trustingNobody(): SecureContext {
  nobody ??= createSecureContext({ ca: [] })
  return nobody
}

/** @returns undefined when the other side is who it should be */
function faultOf(socket: TLSSocket, name: string): string | undefined {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return 'tls: no certificates'
  return timeFault(certificate, Date.now()) ?? nameFault(certificate, name) ?? chainFault(socket)
}

const OUT_OF_TIME = 'x509: certificate has expired or is not yet valid: '

function timeFault({ validFromDate, validToDate }: X509Certificate, now: number): string | undefined {
  const current = `current time ${second(now)}`
  if (now < validFromDate.getTime()) return `${OUT_OF_TIME}${current} is before ${second(validFromDate.getTime())}`
  if (now > validToDate.getTime()) return `${OUT_OF_TIME}${current} is after ${second(validToDate.getTime())}`
  return undefined
}

function second(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}

const LEGACY_NAME =
  'x509: certificate relies on legacy Common Name field, use SANs or temporarily enable Common Name matching with GODEBUG=x509ignoreCN=0'

/** The certificate's subject does not count, as has been so in Go since 1.15: only its alternative names do. */
function nameFault(certificate: X509Certificate, name: string): string | undefined {
  const isAddress = isIP(name) !== 0
  const matched = isAddress
    ? certificate.checkIP(name)
    : certificate.checkHost(name, { subject: 'never', partialWildcards: false })
  if (matched !== undefined) return undefined
  const { subject, subjectAltName } = certificate
  if (subjectAltName === undefined && /^CN=(.*)$/m.exec(subject ?? '')?.[1]?.toLowerCase() === name.toLowerCase()) {
    return LEGACY_NAME
  }
  const names = namesOf(subjectAltName ?? '', isAddress ? 'IP Address:' : 'DNS:')
  if (names !== '') return `x509: certificate is valid for ${names}, not ${name}`
  return isAddress
    ? `x509: cannot validate certificate for ${name} because it doesn't contain any IP SANs`
    : `x509: certificate is not valid for any names, but wanted to match ${name}`
}

/** For the eye alone: Node has put names with odd characters into quotes. */
function namesOf(alternatives: string, kind: string): string {
  const own = alternatives.split(', ').filter((one) => one.startsWith(kind))
  return own.map((one) => one.slice(kind.length)).join(', ')
}

function chainFault({ authorized, authorizationError }: TLSSocket): string | undefined {
  if (authorized) return undefined
  // The name of OpenSSL's verdict, whatever its type says.
  const code = String(authorizationError)
  return certificateWords(code) ?? `x509: ${code}`
}
