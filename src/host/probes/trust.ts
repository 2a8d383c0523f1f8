/**
 * Whose certificates a probe takes for good: those that this machine trusts, as Go's programs do, and not the list that
 * Node carries. Read when the first probe over TLS needs it, and once, since it is long.
 */
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import type { ProbeTls } from '../../model/check-run.ts'
import { fieldsOf } from './words.ts'

let trusted: SecureContext | undefined

function trustedHere(): SecureContext {
  if (trusted === undefined) {
    const own = getCACertificates('system')
    trusted = createSecureContext(own.length > 0 ? { ca: own } : {})
  }
  return trusted
}

/** Options of Node's clients. */
export function tlsOptions({ skipVerify, serverName }: ProbeTls) {
  return {
    secureContext: trustedHere(),
    rejectUnauthorized: !skipVerify,
    ...(serverName === '' ? {} : { servername: serverName }),
  }
}

const UNKNOWN_AUTHORITY = 'x509: certificate signed by unknown authority'
const CERTIFICATE_FAULTS: Record<string, string> = {
  CERT_HAS_EXPIRED: 'x509: certificate has expired or is not yet valid',
  CERT_NOT_YET_VALID: 'x509: certificate has expired or is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
}

/** @returns undefined when it is not the certificate that is at fault */
export function certificateFault(error: unknown): string | undefined {
  return CERTIFICATE_FAULTS[fieldsOf(error).code ?? '']
}
