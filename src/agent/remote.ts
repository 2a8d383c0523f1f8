/**
 * Calls to servers elsewhere: when one that failed may be made again, how its error reads here, and how another
 * datacenter is reached. Source: Consul's agent/consul/rpc.go (canRetry, forwardDC).
 */
import type { Instant, Millis } from '../base/units.ts'
import { isSafe } from '../core/methods/forward.ts'
import { ConsulError, type ErrorCode } from '../model/errors.ts'
import type { ToDatacenter } from '../model/query.ts'
import type { Args, CallContext, Method, Reply } from '../model/rpc.ts'
import { ConnectionLost, type Pool } from './pool.ts'
import type { Router } from './router.ts'

/** Between two attempts passes a random part of this part of the hold time, or less on news. */
export const RETRY_FRACTION = 1 / 16

/** What a server says that no longer leads, or soon no longer runs: a write may have happened, a read is free to ask again. */
const OFFICE_LOST: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['shutting-down', 'leadership-lost', 'not-leader'])

/** Nothing happened yet, or it may happen twice. */
export function mayRetry(method: Method, error: unknown): boolean {
  if (error instanceof ConnectionLost) return !error.sent || isSafe(method)
  if (!(error instanceof ConsulError)) return false
  return error.code === 'no-leader' || (OFFICE_LOST.has(error.code) && isSafe(method))
}

/**
 * Until when a lost call is made again. One that was under way for long had waited at its server, as blocking queries do,
 * and not for one: then the hold time begins anew.
 */
export function holdUntil(until: Instant, began: Instant, now: Instant, holdMs: Millis): Instant {
  return now - began > holdMs / 2 ? now + holdMs : until
}

/** Each hop says that it was one. */
export function forwarded(error: unknown): unknown {
  const prefix = 'rpc error making call: '
  if (error instanceof ConsulError) return new ConsulError(error.code, prefix + error.message, { cause: error })
  if (!(error instanceof ConnectionLost)) return error
  return new ConsulError('refused', error.sent ? prefix + error.message : error.message, { cause: error })
}

/** Real servers take a call that names no datacenter for one to another. */
export function inDatacenter<A>(args: A, datacenter: string): A {
  return (args as ToDatacenter).Datacenter ? args : { ...args, Datacenter: datacenter }
}

/**
 * Calls a server of another datacenter, the next one when the first cannot be reached.
 * @throws ConsulError at once: no-path-to-datacenter when nobody there is known, datacenter-unreachable when all have failed
 */
export async function callDatacenter<M extends Method>(
  { router, pool }: { router: Pick<Router, 'of' | 'failed'>; pool: Pick<Pool, 'call'> },
  datacenter: string,
  method: M,
  args: Args<M>,
  context: CallContext,
): Promise<Reply<M>> {
  let cause: unknown
  const servers = router.of(datacenter)
  for (const server of servers) {
    if (server.failed) break
    try {
      return await pool.call(server.address, method, args, context)
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw forwarded(error)
      if (context.signal?.aborted) throw forwarded(error)
      router.failed(server)
      if (!mayRetry(method, error)) throw forwarded(error)
      cause = error
    }
  }
  const code = servers.length === 0 ? 'no-path-to-datacenter' : 'datacenter-unreachable'
  throw new ConsulError(code, undefined, { cause })
}
