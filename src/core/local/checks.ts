/**
 * This node's checks over time: TTL checks that their owners report and that expire, checks that are tried (probes.ts)
 * or follow others (aliases.ts), output that is sent late while the status stays, services that go when their check was
 * critical for too long. Sources: Consul's agent/local/state.go (UpdateCheck), agent/checks/check.go (CheckTTL).
 */
import { Deadlines } from '../../base/deadlines.ts'
import type { Random } from '../../base/random.ts'
import { bytesFromText, textFromBytes } from '../../base/text.ts'
import { type Instant, type Millis, NANOS_PER_MS } from '../../base/units.ts'
import { type CheckRun, checkType } from '../../model/check-run.ts'
import { type HealthCheck, NO_DEFINITION } from '../../model/health.ts'
import { type Aliases, makeAliases } from './aliases.ts'
import type { LocalContext } from './messages.ts'
import { makeProbes, type Probes } from './probes.ts'
import type { LocalState } from './state.ts'

/** How often critical checks are looked through, and the least patience with them. Source: agent/config/default.go. */
const REAP_INTERVAL_MS = 30_000
const REAP_AFTER_MS_MIN = 60_000

export interface Checks {
  /** The check is now in the state: arms what it needs. */
  started(now: Instant, id: string): void
  /** The check is gone from here: disarms it. */
  stopped(id: string): void
  /** A TTL check's owner reports. @returns the output as kept, or undefined for a check without TTL */
  report(now: Instant, id: string, status: string, output: string): string | undefined
  /** The status and output are now these. */
  update(now: Instant, id: string, status: string, output: string): void
  /** Something else about the service than its checks is now different, perhaps that it is there at all. */
  serviceChanged(id: string): void
  probed: Probes['probed']
  aliasAnswered: Aliases['answered']
  aliasFailed: Aliases['failed']
  /** Output of the check waits to be sent. */
  isDeferred(id: string): boolean
  /** It was sent. */
  sent(id: string): void
  /** @returns services to deregister, with the check that asks for it */
  tick(now: Instant): { service: string; check: string }[]
  wakeAt(): Instant | null
  /** How many TTL checks there are. */
  ttls(): number
}

export function makeChecks(context: LocalContext, state: LocalState, random: Random): Checks {
  const { settings, log } = context
  const expiries = new Deadlines<string>()
  const deferred = new Deadlines<string>()
  const ttlChecks = new Set<string>()
  const reapable = new Set<string>()
  let nextReap: Instant | null = null
  const probes = makeProbes(context, random, update)
  const aliases = makeAliases(context, state, update)

  function update(now: Instant, id: string, status: string, output: string): void {
    const entry = state.check(id)
    if (entry === undefined) return
    const kept = settings.discardCheckOutput ? '' : output
    entry.criticalSince = status === 'critical' ? (entry.criticalSince ?? now) : null
    const { Status, Output } = entry.check
    if (Status === status && Output === kept) return
    entry.check = { ...entry.check, Status: status, Output: kept }
    if (Status !== status) aliases.changed(entry.check.ServiceID)
    if (Status === status && settings.checkUpdateInterval > 0) {
      const wait = settings.checkUpdateInterval
      if (deferred.at(id) === undefined) deferred.set(id, now + wait / 2 + random.float() * wait)
      return
    }
    state.touchCheck(id)
  }

  function expire(now: Instant, id: string): void {
    const entry = state.check(id)
    if (entry === undefined) return
    log('warn', 'Check missed TTL, is now critical', { check: id })
    const last = entry.lastOutput === '' ? '' : ` (last output before timeout follows): ${entry.lastOutput}`
    update(now, id, 'critical', `TTL expired${last}`)
  }

  function dueForReaping(now: Instant): { service: string; check: string }[] {
    if (nextReap === null || now < nextReap) return []
    nextReap = now + REAP_INTERVAL_MS
    const due = new Map<string, string>()
    for (const id of reapable) {
      const entry = state.check(id)
      if (entry === undefined || entry.criticalSince === null || entry.check.ServiceID === '') continue
      if (now - entry.criticalSince > entry.reapAfterMs) due.set(entry.check.ServiceID, id)
    }
    return [...due].map(([service, check]) => ({ service, check }))
  }

  return {
    update,
    started(now, id) {
      const entry = state.check(id)
      if (entry === undefined) return
      expiries.delete(id)
      ttlChecks.delete(id)
      const type = checkType(entry.run)
      if (type === 'ttl') {
        ttlChecks.add(id)
        expiries.set(id, now + entry.run.TTL / NANOS_PER_MS)
      }
      probes.start(now, id, entry.run)
      const { AliasNode: node, AliasService: service } = entry.run
      if (type === 'alias') aliases.start(now, id, { node, service, token: entry.token })
      else aliases.stop(id)
      aliases.changed(entry.check.ServiceID)
      if (entry.check.Status === 'critical') entry.criticalSince ??= now
      entry.reapAfterMs = reapAfter(id, entry.run)
      if (entry.reapAfterMs > 0) {
        reapable.add(id)
        nextReap ??= now + REAP_INTERVAL_MS
      } else reapable.delete(id)
    },
    stopped(id) {
      expiries.delete(id)
      deferred.delete(id)
      ttlChecks.delete(id)
      reapable.delete(id)
      probes.stop(id)
      aliases.stop(id)
      aliases.changed(state.checks.get(id)?.check?.ServiceID ?? '')
      if (reapable.size === 0) nextReap = null
    },
    report(now, id, status, output) {
      const entry = state.check(id)
      if (entry === undefined || !ttlChecks.has(id)) return undefined
      log('debug', 'Check status updated', { check: id, status })
      const own = entry.run.OutputMaxSize
      const max = own > 0 ? Math.min(own, settings.checkOutputMaxSize) : settings.checkOutputMaxSize
      const kept = truncated(output, max)
      update(now, id, status, kept)
      entry.lastOutput = kept
      expiries.set(id, now + entry.run.TTL / NANOS_PER_MS)
      return kept
    },
    serviceChanged: aliases.changed,
    probed: probes.probed,
    aliasAnswered: aliases.answered,
    aliasFailed: aliases.failed,
    isDeferred: (id) => deferred.at(id) !== undefined,
    sent: (id) => deferred.delete(id),
    tick(now) {
      for (let id = expiries.takeDue(now); id !== undefined; id = expiries.takeDue(now)) expire(now, id)
      for (let id = deferred.takeDue(now); id !== undefined; id = deferred.takeDue(now)) state.touchCheck(id)
      probes.tick(now)
      aliases.tick(now)
      return dueForReaping(now)
    },
    wakeAt: () => earliest(expiries.next(), deferred.next(), nextReap, probes.wakeAt(), aliases.wakeAt()),
    ttls: () => ttlChecks.size,
  }

  function reapAfter(id: string, run: CheckRun): Millis {
    const wanted = run.DeregisterCriticalServiceAfter / NANOS_PER_MS
    if (wanted <= 0) return 0
    if (wanted >= REAP_AFTER_MS_MIN) return wanted
    log('warn', 'check has deregister interval below minimum', { check: id, minimum_interval: '1m0s' })
    return REAP_AFTER_MS_MIN
  }
}

/** The check as the catalog shall see it: nothing of how it is run. */
export function shownCheck(check: HealthCheck, run: CheckRun, nodeName: string, discardOutput: boolean): HealthCheck {
  return {
    ...check,
    Node: nodeName,
    Status: check.Status === '' ? 'critical' : check.Status,
    Output: discardOutput ? '' : check.Output,
    Type: check.Type === '' ? checkType(run) : check.Type,
    Definition: NO_DEFINITION,
  }
}

export function earliest(...times: (Instant | null)[]): Instant | null {
  let first: Instant | null = null
  for (const at of times) if (at !== null && (first === null || at < first)) first = at
  return first
}

function truncated(output: string, bytesMax: number): string {
  // A character is at most three bytes in UTF-8 for each of its UTF-16 units.
  if (output.length * 3 <= bytesMax) return output
  const bytes = bytesFromText(output)
  if (bytes.length <= bytesMax) return output
  return `${textFromBytes(bytes.subarray(0, bytesMax))} ... (captured ${bytesMax} of ${bytes.length} bytes)`
}
