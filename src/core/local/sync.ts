/**
 * Anti-entropy: makes the catalog say of this node what the node says. Everything is compared at start, then every
 * minute or so, and soon after a leader appears; what changes in between is sent at once. Each run is a list of calls,
 * a few at a time: the node, then its services (their checks with them), then the remaining checks. A run that fails is
 * tried again later. Never touches what the leader keeps in the catalog itself: serfHealth, and the service `consul`.
 * Sources: Consul's agent/ae/ae.go, agent/local/state.go.
 */
import type { Random } from '../../base/random.ts'
import type { Instant, Millis } from '../../base/units.ts'
import type { IndexedNodeServiceList, NodeService, NodeSpecificRequest, RegisterRequest } from '../../model/catalog.ts'
import { NO_RUN } from '../../model/check-run.ts'
import type { ErrorCode } from '../../model/errors.ts'
import { type HealthCheck, type IndexedHealthChecks, SERF_HEALTH } from '../../model/health.ts'
import type { Args, Reply } from '../../model/rpc.ts'
import { type Checks, earliest } from './checks.ts'
import type { LocalContext, SyncMethod } from './messages.ts'
import { sameCheck, sameNodeInfo, sameService } from './same.ts'
import type { CheckEntry, LocalState, ServiceEntry } from './state.ts'

const RETRY_MS = 15_000
/** A leader that appears is not greeted by all nodes in the same moment. */
const LEADER_STAGGER_MS = 3_000
/** Beyond so many nodes, each doubling makes them wait once longer. */
const SCALE_NODES = 128
/** Calls under way at once: enough that the servers can write them to the log together. */
const CALLS_MAX = 16
const CONSUL_SERVICE = 'consul'
/** Nanoseconds. A follower's answer may be this old. */
const READ_STALE_MAX = 2e9

export interface Sync {
  start(now: Instant): void
  stop(): void
  leaderChanged(now: Instant): void
  clusterSize(nodes: number): void
  /** Something here is dirty. */
  changed(now: Instant): void
  reply(now: Instant, id: number, reply: Reply<SyncMethod>): void
  failed(now: Instant, id: number, code: ErrorCode, message: string): void
  tick(now: Instant): void
  wakeAt(): Instant | null
}

type Job = { kind: 'read-services' | 'read-checks' | 'node' } | { kind: 'service' | 'check'; id: string }
type Stage = 'read' | 'node' | 'services' | 'checks'
const NEXT_STAGE: Record<Stage, Stage | null> = { read: 'node', node: 'services', services: 'checks', checks: null }

interface Run {
  full: boolean
  stage: Stage
  jobs: Job[]
  started: number
  underWay: number
  failure: string | null
  services: IndexedNodeServiceList | null
  checks: IndexedHealthChecks | null
}

/** What was said when the call went out; what has changed since stays dirty. */
type Sent =
  | { kind: 'read-services' | 'read-checks' | 'node' }
  | { kind: 'service'; id: string; entry: ServiceEntry; checks: Map<string, HealthCheck> }
  | { kind: 'check'; id: string; check: HealthCheck }
  | { kind: 'delete-service'; id: string; entry: ServiceEntry }
  | { kind: 'delete-check'; id: string; entry: CheckEntry }

export function makeSync(context: LocalContext, state: LocalState, checks: Checks, random: Random): Sync {
  const { settings, emit, log } = context
  const pending = new Map<number, Sent>()
  let callId = 0
  let phase: 'stopped' | 'waiting' | 'retrying' = 'stopped'
  let run: Run | null = null
  let changed = false
  let nodes = 1
  let nextFull: Instant | null = null
  let soonFull: Instant | null = null

  const stagger = (ms: Millis) => random.float() * ms * scaleFactor(nodes)

  function begin(now: Instant, full: boolean): void {
    changed = false
    run = { full, stage: 'node', jobs: [], started: 0, underWay: 0, failure: null, services: null, checks: null }
    if (full) {
      nextFull = now + settings.syncInterval + stagger(settings.syncInterval)
      run.stage = 'read'
    }
    enter(run)
    advance(now, run)
  }

  function enter(current: Run): void {
    current.started = 0
    current.jobs = jobsOf(current)
  }

  function jobsOf({ stage, full }: Run): Job[] {
    switch (stage) {
      case 'read':
        return [{ kind: 'read-services' }, { kind: 'read-checks' }]
      case 'node':
        if (state.nodeDirty) return [{ kind: 'node' }]
        log('debug', 'Node info in sync')
        return []
      case 'services':
        if (full) sayInSync('Service in sync', 'service', state.services.keys(), state.dirtyServices)
        return Array.from(state.dirtyServices, (id) => ({ kind: 'service', id }))
      case 'checks':
        if (full) sayInSync('Check in sync', 'check', state.checks.keys(), state.dirtyChecks)
        return Array.from(state.dirtyChecks, (id) => ({ kind: 'check', id }))
    }
  }

  function sayInSync(message: string, field: string, ids: Iterable<string>, dirty: Set<string>): void {
    for (const id of ids) if (!dirty.has(id)) log('debug', message, { [field]: id })
  }

  function advance(now: Instant, current: Run): void {
    for (;;) {
      if (current.failure === null && current.started < current.jobs.length) {
        if (current.underWay >= CALLS_MAX) return
        perform(current, current.jobs[current.started++]!)
        continue
      }
      if (current.underWay > 0) return
      if (current.failure !== null) return fail(now, current.full, current.failure)
      if (current.stage === 'read') compare(current)
      const next = NEXT_STAGE[current.stage]
      if (next === null) return succeed(now)
      current.stage = next
      enter(current)
    }
  }

  function succeed(now: Instant): void {
    run = null
    phase = 'waiting'
    if (changed && (state.nodeDirty || state.dirtyServices.size > 0 || state.dirtyChecks.size > 0)) begin(now, false)
  }

  function fail(now: Instant, full: boolean, error: string): void {
    run = null
    phase = full ? 'retrying' : 'waiting'
    log('error', full ? 'failed to sync remote state' : 'failed to sync changes', { error }, 'anti-entropy')
    const retry = now + RETRY_MS + stagger(RETRY_MS)
    nextFull = full ? retry : earliest(nextFull, retry)
  }

  function perform(current: Run, job: Job): void {
    switch (job.kind) {
      case 'read-services':
        return call(current, 'Catalog.NodeServiceList', readArgs(), { kind: job.kind })
      case 'read-checks':
        return call(current, 'Health.NodeChecks', readArgs(), { kind: job.kind })
      case 'node':
        return call(current, 'Catalog.Register', registration(''), { kind: 'node' })
      case 'service':
        return performService(current, job.id)
      case 'check':
        return performCheck(current, job.id)
    }
  }

  function call<M extends SyncMethod>(current: Run, method: M, args: Args<M>, sent: Sent): void {
    current.underWay += 1
    callId += 1
    pending.set(callId, sent)
    emit({ kind: 'call', id: callId, method, args })
  }

  function performService(current: Run, id: string): void {
    const entry = state.services.get(id)
    if (entry === undefined) return
    if (entry.deleted || entry.service === null) {
      const args = { Datacenter: settings.datacenter, Node: settings.nodeName, ServiceID: id, Token: entry.token }
      return call(current, 'Catalog.Deregister', args, { kind: 'delete-service', id, entry })
    }
    // Checks ride along with their service, so that it is never seen without them; but not on another's token.
    const riding = new Map<string, HealthCheck>()
    for (const checkId of state.checksOf(id)) {
      const check = state.check(checkId)
      if (check !== undefined && state.dirtyChecks.has(checkId) && check.token === entry.token) {
        riding.set(checkId, check.check)
      }
    }
    const list = [...riding.values()]
    const args: RegisterRequest = { ...registration(entry.token), Service: entry.service }
    if (list.length === 1) args.Check = list[0]!
    else if (list.length > 1) args.Checks = list
    call(current, 'Catalog.Register', args, { kind: 'service', id, entry, checks: riding })
  }

  function performCheck(current: Run, id: string): void {
    const entry = state.checks.get(id)
    if (entry === undefined) return
    if (entry.deleted || entry.check === null) {
      const args = { Datacenter: settings.datacenter, Node: settings.nodeName, CheckID: id, Token: entry.token }
      return call(current, 'Catalog.Deregister', args, { kind: 'delete-check', id, entry })
    }
    const args: RegisterRequest = { ...registration(entry.token), Check: entry.check }
    const service = state.service(entry.check.ServiceID)
    if (service !== undefined) args.Service = service
    call(current, 'Catalog.Register', args, { kind: 'check', id, check: entry.check })
  }

  function readArgs(): NodeSpecificRequest {
    return {
      Datacenter: settings.datacenter,
      Node: settings.nodeName,
      AllowStale: true,
      MaxStaleDuration: READ_STALE_MAX,
    }
  }

  function registration(token: string): RegisterRequest {
    return {
      Datacenter: settings.datacenter,
      ID: settings.nodeId,
      Node: settings.nodeName,
      Address: settings.address,
      TaggedAddresses: settings.taggedAddresses,
      NodeMeta: settings.meta,
      SkipNodeUpdate: !state.nodeDirty,
      Token: token,
    }
  }

  function compare({ services, checks: found }: Run): void {
    const node = services?.NodeServices ?? { Node: null, Services: null }
    state.nodeDirty ||= !sameNodeInfo(node.Node, settings)
    compareServices(node.Services ?? [])
    compareChecks(found?.HealthChecks ?? [])
  }

  function compareServices(found: NodeService[]): void {
    const remote = new Map(found.map((service) => [service.ID, service]))
    for (const id of state.services.keys()) if (!remote.has(id)) state.dirtyServices.add(id)
    for (const [id, theirs] of remote) {
      const entry = state.services.get(id)
      if (entry === undefined) {
        if (id === CONSUL_SERVICE) continue
        state.setService(id, { service: null, token: '', deleted: true })
        continue
      }
      if (entry.deleted || entry.service === null) {
        state.dirtyServices.add(id)
        continue
      }
      if (entry.service.EnableTagOverride) entry.service = { ...entry.service, Tags: theirs.Tags }
      if (sameService(entry.service, theirs)) state.dirtyServices.delete(id)
      else state.dirtyServices.add(id)
    }
  }

  function compareChecks(found: HealthCheck[]): void {
    const remote = new Map(found.map((check) => [check.CheckID, check]))
    for (const id of state.checks.keys()) if (!remote.has(id)) state.dirtyChecks.add(id)
    for (const [id, theirs] of remote) {
      const entry = state.checks.get(id)
      if (entry === undefined) {
        if (id === SERF_HEALTH) {
          log('debug', 'Skipping remote check since it is managed automatically', { check: SERF_HEALTH })
        } else state.setCheck(id, remoteOnly())
        continue
      }
      if (entry.deleted || entry.check === null) {
        state.dirtyChecks.add(id)
        continue
      }
      if (sameCheck(entry.check, theirs, !checks.isDeferred(id))) state.dirtyChecks.delete(id)
      else state.dirtyChecks.add(id)
    }
  }

  function settle(current: Run, sent: Sent, reply: Reply<SyncMethod>): void {
    switch (sent.kind) {
      case 'read-services':
        if ('NodeServices' in reply) current.services = reply as IndexedNodeServiceList
        return
      case 'read-checks':
        if ('HealthChecks' in reply) current.checks = reply as IndexedHealthChecks
        return
      case 'node':
        state.nodeDirty = false
        log('info', 'Synced node info')
        return
      case 'service':
        state.nodeDirty = false
        cleanService(sent.id, sent.entry, sent.checks)
        log('info', 'Synced service', { service: sent.id })
        return
      case 'check':
        state.nodeDirty = false
        cleanCheck(sent.id, sent.check)
        log('info', 'Synced check', { check: sent.id })
        return
      case 'delete-service':
        forgetService(sent.id, sent.entry)
        return
      case 'delete-check':
        forgetCheck(sent.id, sent.entry)
        return
    }
  }

  function cleanService(id: string, entry: ServiceEntry, riding: Map<string, HealthCheck>): void {
    if (state.services.get(id) === entry && !entry.deleted) state.dirtyServices.delete(id)
    for (const [checkId, check] of riding) cleanCheck(checkId, check)
  }

  function cleanCheck(id: string, check: HealthCheck): void {
    if (state.check(id)?.check !== check) return
    state.dirtyChecks.delete(id)
    checks.sent(id)
  }

  function forgetService(id: string, entry: ServiceEntry): void {
    if (state.services.get(id) === entry) state.dropService(id)
    // The catalog has deregistered its checks with it.
    for (const checkId of [...state.checksOf(id)]) {
      if (state.checks.get(checkId)?.deleted) state.dropCheck(checkId)
    }
    log('info', 'Deregistered service', { service: id })
  }

  function forgetCheck(id: string, entry: CheckEntry): void {
    if (state.checks.get(id) === entry) state.dropCheck(id)
    log('info', 'Deregistered check', { check: id })
  }

  /** To try again before the next full comparison would be refused again. */
  function blocked(sent: Sent): boolean {
    switch (sent.kind) {
      case 'node':
        state.nodeDirty = false
        log('warn', 'Node info update blocked by ACLs', { node: settings.nodeId, accessorID: '' })
        return true
      case 'service':
        cleanService(sent.id, sent.entry, sent.checks)
        log('warn', 'Service registration blocked by ACLs', { service: sent.id, accessorID: '' })
        return true
      case 'check':
        cleanCheck(sent.id, sent.check)
        log('warn', 'Check registration blocked by ACLs', { check: sent.id, accessorID: '' })
        return true
      case 'delete-service':
        state.dirtyServices.delete(sent.id)
        log('warn', 'Service deregistration blocked by ACLs', { service: sent.id, accessorID: '' })
        return true
      case 'delete-check':
        state.dirtyChecks.delete(sent.id)
        log('warn', 'Check deregistration blocked by ACLs', { check: sent.id, accessorID: '' })
        return true
      default:
        return false
    }
  }

  function refuse(sent: Sent, error: string): void {
    switch (sent.kind) {
      case 'node':
        return log('warn', 'Syncing node info failed.', { error })
      case 'service':
        return log('warn', 'Syncing service failed.', { service: sent.id, error })
      case 'check':
        return log('warn', 'Syncing check failed.', { check: sent.id, error })
      case 'delete-service':
        return log('warn', 'Deregistering service failed.', { service: sent.id, error })
      case 'delete-check':
        return log('warn', 'Deregistering check failed.', { check: sent.id, error })
    }
  }

  /** A call has ended. @returns undefined when nobody waits for it any more */
  function ended(id: number): { sent: Sent; current: Run } | undefined {
    const sent = pending.get(id)
    pending.delete(id)
    if (sent === undefined || run === null) return undefined
    run.underWay -= 1
    return { sent, current: run }
  }

  return {
    start(now) {
      if (phase !== 'stopped') return
      phase = 'waiting'
      log('info', 'started state syncer')
      begin(now, true)
    },
    stop() {
      phase = 'stopped'
      run = null
      pending.clear()
      nextFull = null
      soonFull = null
    },
    leaderChanged(now) {
      if (phase === 'stopped') return
      // Alone there is nobody to be staggered against. News upon news does not put off what the first has set.
      soonFull ??= now + (nodes > 1 ? stagger(LEADER_STAGGER_MS) : 0)
    },
    clusterSize(count) {
      nodes = Math.max(1, count)
    },
    changed(now) {
      changed = true
      if (phase === 'waiting' && run === null) begin(now, false)
    },
    reply(now, id, reply) {
      const end = ended(id)
      if (end === undefined) return
      settle(end.current, end.sent, reply)
      advance(now, end.current)
    },
    failed(now, id, code, message) {
      const end = ended(id)
      if (end === undefined) return
      const { sent, current } = end
      if (sent.kind === 'delete-service' && message.includes('Unknown service')) forgetService(sent.id, sent.entry)
      else if (sent.kind === 'delete-check' && message.includes('Unknown check')) forgetCheck(sent.id, sent.entry)
      else if (!(isAclError(code) && blocked(sent))) {
        refuse(sent, message)
        current.failure ??= message
      }
      advance(now, current)
    },
    tick(now) {
      if (run !== null || phase === 'stopped') return
      const at = earliest(soonFull, nextFull)
      if (at === null || now < at) return
      soonFull = null
      begin(now, true)
    },
    wakeAt: () => (run !== null || phase === 'stopped' ? null : earliest(soonFull, nextFull)),
  }
}

/** Source: agent/ae/ae.go (scaleFactor). */
export function scaleFactor(nodes: number): number {
  if (nodes <= SCALE_NODES) return 1
  return Math.ceil(Math.log2(nodes) - Math.log2(SCALE_NODES)) + 1
}

function isAclError(code: ErrorCode): boolean {
  return code === 'permission-denied' || code === 'acl-not-found'
}

function remoteOnly(): CheckEntry {
  return {
    check: null,
    run: NO_RUN,
    token: '',
    deleted: true,
    criticalSince: null,
    lastOutput: '',
    reapAfterMs: 0,
  }
}
