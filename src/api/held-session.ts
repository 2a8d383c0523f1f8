/**
 * A session that is kept alive: renewed well before its TTL runs out, and declared lost when it could not be renewed in
 * time or the agent says that it is gone. Whoever holds locks with it stops when `lost` aborts.
 */
import { parseGoDuration } from '../base/go-duration.ts'
import type { RequestOptions } from './client.ts'
import type { SessionRequest, Sessions } from './session.ts'

const NANOS_PER_MS = 1e6
const TTL_DEFAULT = '15s'
/** After a failure it is tried again this soon, until the TTL is over. */
const RETRY_MS = 1_000

export interface HeldSession {
  readonly id: string
  /** Aborted once the session is over, whoever ended it; `reason` says why. */
  readonly lost: AbortSignal
  /** Ends the session, and with it all that it holds. */
  release(): Promise<void>
}

/** @param request its TTL is 15 s unless it says otherwise */
export async function holdSession(
  sessions: Pick<Sessions, 'create' | 'renew' | 'destroy'>,
  request: SessionRequest = {},
  options?: RequestOptions,
): Promise<HeldSession> {
  const ttl = request.TTL || TTL_DEFAULT
  const ttlMs = (parseGoDuration(ttl) ?? 0) / NANOS_PER_MS
  const lost = new AbortController()
  const id = await sessions.create({ ...request, TTL: ttl }, options)
  let renewedAt = Date.now()
  let timer = setTimeout(renew, ttlMs / 2)

  function end(why: string): void {
    clearTimeout(timer)
    lost.abort(new Error(why))
  }

  function renew(): void {
    const asked = Date.now()
    sessions.renew(id, options).then(
      (renewed) => {
        if (lost.signal.aborted) return
        if (renewed === null) return end('the session is gone')
        renewedAt = asked
        timer = setTimeout(renew, ttlMs / 2)
      },
      () => {
        if (lost.signal.aborted) return
        if (Date.now() - renewedAt >= ttlMs) return end('the session could not be renewed in time')
        timer = setTimeout(renew, Math.min(RETRY_MS, ttlMs / 4))
      },
    )
  }

  return {
    id,
    lost: lost.signal,
    async release() {
      end('the session was released')
      await sessions.destroy(id, options)
    },
  }
}
