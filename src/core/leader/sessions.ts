/**
 * When sessions with a time to live end: the leader's timers, as a pure core. It proposes the destruction of what was
 * not renewed for twice its TTL; the rows go when that command is applied. A server that comes to lead grants every
 * session its whole time anew, as it cannot know the renewals that its predecessor saw: a session may live longer than
 * promised, never shorter. Source: Consul's agent/consul/session_ttl.go.
 */
import type { Core, Tick } from '../../base/core.ts'
import { Deadlines } from '../../base/deadlines.ts'
import { parseGoDuration } from '../../base/go-duration.ts'
import { type Instant, type Millis, NANOS_PER_MS } from '../../base/units.ts'
import type { Command } from '../../model/command.ts'
import { NO_SESSION, type Session } from '../../model/session.ts'
import type { Change } from '../store/store.ts'

/** Grace for what gets lost between a client's renewal and the leader. */
const TTL_MULTIPLIER = 2
/** After a proposal that failed: 10 s, 20 s, ... then the session is left to the next leader. */
const RETRY_BASE_MS: Millis = 10_000
const ATTEMPTS_MAX = 6

export type SessionTimersInput =
  /** This server leads from now on; the sessions are those in its state, all of earlier terms applied. */
  | { kind: 'lead'; sessions: Iterable<Session> }
  | { kind: 'follow' }
  | { kind: 'commit'; changes: readonly Change[] }
  /** The session's owner is alive. */
  | { kind: 'renew'; session: Session }
  /** The proposal to destroy this session did not get into the log. */
  | { kind: 'failed'; id: string }

export interface SessionExpiry {
  kind: 'propose'
  id: string
  command: Command
}

export interface SessionTimers extends Core<SessionTimersInput, SessionExpiry> {
  /** How many sessions will end unless they are renewed. */
  active(): number
}

export function makeSessionTimers(datacenter: string): SessionTimers {
  const deadlines = new Deadlines<string>()
  /** Attempts made to destroy sessions whose time is up. */
  const attempts = new Map<string, number>()
  let out: SessionExpiry[] = []
  let leading = false

  function arm(now: Instant, session: Session): void {
    const ttl = session.TTL === '' ? undefined : parseGoDuration(session.TTL)
    if (ttl === undefined || ttl <= 0) return
    attempts.delete(session.ID)
    deadlines.set(session.ID, now + (ttl / NANOS_PER_MS) * TTL_MULTIPLIER)
  }

  function disarm(id: string): void {
    deadlines.delete(id)
    attempts.delete(id)
  }

  function reset(): void {
    deadlines.clear()
    attempts.clear()
    out = []
  }

  function expire(now: Instant): void {
    for (let id = deadlines.takeDue(now); id !== undefined; id = deadlines.takeDue(now)) {
      attempts.set(id, (attempts.get(id) ?? 0) + 1)
      out.push({ kind: 'propose', id, command: destruction(id, datacenter) })
    }
  }

  function retry(now: Instant, id: string): void {
    const made = attempts.get(id)
    if (made === undefined) return
    if (made < ATTEMPTS_MAX) deadlines.set(id, now + RETRY_BASE_MS * 2 ** (made - 1))
    else attempts.delete(id)
  }

  return {
    step(now, input: SessionTimersInput | Tick) {
      if (input.kind === 'lead') {
        reset()
        leading = true
        for (const session of input.sessions) arm(now, session)
      } else if (input.kind === 'follow') {
        reset()
        leading = false
      } else if (leading) {
        switch (input.kind) {
          case 'commit':
            for (const change of input.changes) {
              if (change.table !== 'sessions') continue
              if (change.after === undefined) disarm((change.before as Session).ID)
              else arm(now, change.after as Session)
            }
            break
          case 'renew':
            arm(now, input.session)
            break
          case 'failed':
            retry(now, input.id)
            break
          case 'tick':
            break
        }
        expire(now)
      }
    },

    take() {
      const taken = out
      out = []
      return taken
    },

    wakeAt: () => deadlines.next(),
    active: () => deadlines.size,
  }
}

function destruction(id: string, datacenter: string): Command {
  const Session = { ...NO_SESSION, ID: id }
  return { type: 'Session', body: { Op: 'destroy', Session, Datacenter: datacenter, Token: '' } }
}
