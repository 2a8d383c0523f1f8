/**
 * Registering and deregistering services and checks of this node, and taking up those that an earlier process left in
 * files. Changes the state and says what to store; the catalog follows by sync.ts.
 * Source: Consul's agent/agent.go (addServiceInternal, addCheck, loadServices, loadChecks).
 */
import { quoteGo } from '../../base/go-flags.ts'
import { type Instant, NANOS_PER_MS, type WallMs } from '../../base/units.ts'
import type { NodeService, ServiceAddress } from '../../model/catalog.ts'
import type { CheckRun } from '../../model/check-run.ts'
import type { HealthCheck } from '../../model/health.ts'
import { type Checks, shownCheck } from './checks.ts'
import type {
  LocalCheckRegistration,
  LocalContext,
  LocalServiceRegistration,
  PersistedFiles,
  PersistFolder,
} from './messages.ts'
import { persistedCheck, persistedService, persistedState, readCheck, readService, readState } from './persisted.ts'
import type { LocalState } from './state.ts'

/** Why a request is refused, in Consul's words; undefined when it was done. */
export type Refusal = string | undefined

export interface Registry {
  answer(ticket: number, refusal: Refusal): void
  addService(now: Instant, registration: LocalServiceRegistration): Refusal
  removeService(id: string): Refusal
  addCheck(now: Instant, registration: LocalCheckRegistration): Refusal
  removeCheck(id: string): Refusal
  report(now: Instant, id: string, status: string, output: string, date: WallMs): Refusal
  restore(now: Instant, files: PersistedFiles, date: WallMs): void
}

export function makeRegistry(context: LocalContext, state: LocalState, checks: Checks): Registry {
  const { settings, emit, log } = context
  const persist = (folder: PersistFolder, id: string, value: unknown) => {
    if (settings.durable) emit({ kind: 'persist', folder, id, value })
  }
  const forget = (folder: PersistFolder, id: string) => {
    if (settings.durable) emit({ kind: 'forget', folder, id })
  }

  /** Of two checks that a registration gives the same id, the last one counts. */
  function addService(now: Instant, { service: given, ...rest }: LocalServiceRegistration): Refusal {
    if (given.Service === '') return 'Service name missing'
    const service = completed(given)
    const id = service.ID
    const before = [...state.checksOf(id)].filter((checkId) => state.check(checkId) !== undefined)
    state.setService(id, { service, token: rest.token, deleted: false })
    checks.serviceChanged(id)
    persist('services', id, persistedService(service, rest.token))
    const named = new Map(
      rest.checks.map((given, i) => [
        given.check.CheckID || `service:${id}${rest.checks.length > 1 ? `:${i + 1}` : ''}`,
        given,
      ]),
    )
    for (const [CheckID, { check, run }] of named) {
      keepCheck(
        now,
        ofService({ ...check, CheckID, Name: check.Name || `Service '${service.Service}' check` }, service),
        { run, token: rest.token },
      )
    }
    if (rest.replaceExistingChecks) for (const checkId of before) if (!named.has(checkId)) removeCheck(checkId)
    return undefined
  }

  function removeService(id: string): Refusal {
    if (id === '') return 'ServiceID missing'
    const entry = state.services.get(id)
    if (entry === undefined || entry.deleted) {
      log('warn', 'Failed to deregister service', {
        service: id,
        error: `Service ${quoteGo(id)} does not exist`,
      })
      return undefined
    }
    entry.deleted = true
    state.touchService(id)
    checks.serviceChanged(id)
    forget('services', id)
    for (const checkId of [...state.checksOf(id)]) if (state.check(checkId) !== undefined) removeCheck(checkId)
    log('debug', 'removed service', { service: id })
    return undefined
  }

  function addCheck(now: Instant, { check, run, token }: LocalCheckRegistration): Refusal {
    if (check.CheckID === '') return 'CheckID missing'
    let shown = check
    if (check.ServiceID !== '') {
      const service = state.service(check.ServiceID)
      if (service === undefined) return `ServiceID ${quoteGo(check.ServiceID)} does not exist`
      shown = ofService(check, service)
    }
    keepCheck(now, shown, { run, token })
    return undefined
  }

  /** A check that was here before keeps its status, so that registering it again does not make it flap. */
  function keepCheck(now: Instant, given: HealthCheck, how: { run: CheckRun; token: string }): void {
    const id = given.CheckID
    const old = state.check(id)
    const check = shownCheck(given, how.run, settings.nodeName, settings.discardCheckOutput)
    state.setCheck(id, {
      check: old === undefined ? check : { ...check, Status: old.check.Status, Output: old.check.Output },
      run: how.run,
      token: how.token,
      deleted: false,
      criticalSince: old?.criticalSince ?? null,
      lastOutput: old?.lastOutput ?? '',
      reapAfterMs: 0,
    })
    checks.started(now, id)
    persist('checks', id, persistedCheck(check, how.run, how.token))
  }

  function removeCheck(id: string): Refusal {
    if (id === '') return 'CheckID missing'
    const entry = state.check(id)
    if (entry !== undefined) {
      entry.deleted = true
      checks.stopped(id)
      state.touchCheck(id)
      forget('checks', id)
      forget('checks/state', id)
    }
    log('debug', 'removed check', { check: id })
    return undefined
  }

  function report(now: Instant, id: string, status: string, output: string, date: WallMs): Refusal {
    const kept = checks.report(now, id, status, output)
    const entry = state.check(id)
    if (kept === undefined || entry === undefined) return `CheckID ${quoteGo(id)} does not have associated TTL`
    persist('checks/state', id, persistedState(id, status, kept, date + entry.run.TTL / NANOS_PER_MS))
    return undefined
  }

  function restore(now: Instant, files: PersistedFiles, date: WallMs): void {
    for (const raw of files.services) {
      const file = readService(raw)
      if (file === undefined) {
        log('error', 'Failed decoding service file')
        continue
      }
      state.setService(file.service.ID, { ...file, deleted: false })
      log('debug', 'restored service definition from file', { service: file.service.ID })
    }
    for (const raw of files.checks) restoreCheck(now, raw)
    for (const raw of files.states) restoreState(now, raw, date)
  }

  function restoreCheck(now: Instant, raw: unknown): void {
    const file = readCheck(raw)
    if (file === undefined) {
      log('error', 'Failed decoding check file')
      return
    }
    const { check, run, token } = file
    if (check.ServiceID !== '' && state.service(check.ServiceID) === undefined) {
      const error = `ServiceID ${quoteGo(check.ServiceID)} does not exist`
      log('warn', 'Failed to restore check', { check: check.CheckID, error })
      forget('checks', check.CheckID)
      return
    }
    // Until it is heard of again, nothing may be sent to what it checks.
    const shown = { ...shownCheck(check, run, settings.nodeName, false), Status: 'critical' }
    state.setCheck(check.CheckID, {
      check: shown,
      run,
      token,
      deleted: false,
      criticalSince: null,
      lastOutput: '',
      reapAfterMs: 0,
    })
    checks.started(now, check.CheckID)
    log('debug', 'restored health check from file', { check: check.CheckID })
  }

  function restoreState(now: Instant, raw: unknown, date: WallMs): void {
    const file = readState(raw)
    if (file === undefined) {
      log('error', 'failed decoding check state')
      return
    }
    if (state.check(file.id) === undefined || date >= file.expires) {
      log('debug', 'check state expired, not restoring', { check: file.id })
      forget('checks/state', file.id)
      return
    }
    checks.update(now, file.id, file.status, file.output)
  }

  return {
    addService,
    removeService,
    addCheck,
    removeCheck,
    report,
    restore,
    answer(ticket, refusal) {
      emit(refusal === undefined ? { kind: 'done', ticket } : { kind: 'refused', ticket, message: refusal })
    },
  }
}

function ofService(check: HealthCheck, service: NodeService): HealthCheck {
  return { ...check, ServiceID: service.ID, ServiceName: service.Service, ServiceTags: service.Tags }
}

/** With all that a registration may leave out. Source: agent/agent.go (validateService, addServiceInternal). */
function completed(service: NodeService): NodeService {
  return {
    ...service,
    ID: service.ID || service.Service,
    Weights: service.Weights ?? { Passing: 1, Warning: 1 },
    TaggedAddresses: taggedAddresses(service),
  }
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/
const IPV6 = /^(?=.*:.*:)[0-9a-f:]+(?:\d+\.\d+\.\d+\.\d+)?$/i

/** A service with an IP address of its own is also known by it under that family's tags. */
function taggedAddresses({ Address, Port, TaggedAddresses }: NodeService): Record<string, ServiceAddress> {
  const family = IPV4.test(Address) ? 'ipv4' : IPV6.test(Address) ? 'ipv6' : undefined
  if (family === undefined) return TaggedAddresses ?? {}
  const own = { Address, Port }
  return { [`lan_${family}`]: own, [`wan_${family}`]: own, ...TaggedAddresses }
}
