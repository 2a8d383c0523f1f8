/**
 * Go's words for what an operating system refuses: users of Consul know them, and look for them in logs and outputs. They
 * are Linux's own in small letters; Node's differ in some. Source: Go's syscall/zerrors_linux_amd64.go.
 */
import { messageOf } from './message-of.ts'

const WORDS: Record<string, string> = {
  E2BIG: 'argument list too long',
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EAFNOSUPPORT: 'address family not supported by protocol',
  EAGAIN: 'resource temporarily unavailable',
  EBADF: 'bad file descriptor',
  EBUSY: 'device or resource busy',
  ECONNABORTED: 'software caused connection abort',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EEXIST: 'file exists',
  EHOSTDOWN: 'host is down',
  EHOSTUNREACH: 'no route to host',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  ELOOP: 'too many levels of symbolic links',
  EMFILE: 'too many open files',
  EMSGSIZE: 'message too long',
  ENAMETOOLONG: 'file name too long',
  ENETDOWN: 'network is down',
  ENETUNREACH: 'network is unreachable',
  ENFILE: 'too many open files in system',
  ENOBUFS: 'no buffer space available',
  ENOENT: 'no such file or directory',
  ENOEXEC: 'exec format error',
  ENOMEM: 'cannot allocate memory',
  ENOSPC: 'no space left on device',
  ENOTCONN: 'transport endpoint is not connected',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  ENOTSUP: 'operation not supported',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EPROTONOSUPPORT: 'protocol not supported',
  EROFS: 'read-only file system',
  ETIMEDOUT: 'connection timed out',
  ETXTBSY: 'text file busy',
  // Of looking a name up; from Go's net package, which asks servers itself.
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'no such host',
}

const UNKNOWN_AUTHORITY = 'x509: certificate signed by unknown authority'
const OUT_OF_TIME = 'x509: certificate has expired or is not yet valid'
const CERTIFICATE_WORDS: Record<string, string> = {
  CERT_HAS_EXPIRED: OUT_OF_TIME,
  CERT_NOT_YET_VALID: OUT_OF_TIME,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
}

/** @param code OpenSSL's verdict on a chain of certificates. @returns undefined for what is no such verdict */
export function certificateWords(code: string | undefined): string | undefined {
  return code !== undefined && Object.hasOwn(CERTIFICATE_WORDS, code) ? CERTIFICATE_WORDS[code] : undefined
}

/** Without the code and the call that Node puts around it. @returns the error's own message when it is not the system's */
export function systemWords(error: unknown): string {
  return wordsOfCode(codeOf(error)) ?? messageOf(error)
}

/** @returns undefined for what is no code of the system's, or of no words here */
export function wordsOfCode(code: string | undefined): string | undefined {
  return code !== undefined && Object.hasOwn(WORDS, code) ? WORDS[code] : undefined
}

/** Such as "ENOENT". @returns undefined for an error without one */
export function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}
