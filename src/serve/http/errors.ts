/**
 * From a failure to an answer: plain text, and the status that Consul gives it. Failures with a code are in
 * model/errors.ts; those that only HTTP knows (a parameter that cannot be read) are `HttpError`s.
 */
import { messageOf } from '../../base/message-of.ts'
import { ConsulError, ERRORS } from '../../model/errors.ts'

/** An answer in plain text instead of the one asked for. */
export class HttpError extends Error {
  override name = 'HttpError'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface Failure {
  status: number
  text: string
  /** Our own mistake: not the asker's, and not the cluster's. */
  unexpected: boolean
}

export function failureOf(error: unknown): Failure {
  if (error instanceof HttpError) return { status: error.status, text: error.message, unexpected: false }
  if (error instanceof ConsulError) {
    // Rate limiting answers without a word (agent/http.go, handleErr).
    const text = error.code === 'rate-limited' ? '' : error.message
    return { status: ERRORS[error.code].status, text, unexpected: false }
  }
  return { status: 500, text: messageOf(error), unexpected: true }
}

/** As Consul words a request that it refuses itself, before asking anyone. */
export function badRequest(reason: string): HttpError {
  return new HttpError(400, `Bad request: ${reason}`)
}
