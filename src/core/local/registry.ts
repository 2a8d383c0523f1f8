/**
 * Registering and deregistering services and checks of this node, and taking up those that an earlier process left in
 * files. Changes the state and says what to store; the catalog follows by sync.ts.
 * Source: Consul's agent/agent.go (addServiceInternal, addCheck, loadServices, loadChecks).
 */
import { quoteGo } from '../../base/go-flags.ts'
import { type Instant, NANOS_PER_MS, type WallMs } from '../../base/units.ts'
import type { NodeService, ServiceAddress } from '../../model/catalog.ts'
import { type CheckRun, NO_RUN } from '../../model/check-run.ts'
import { type HealthCheck, NO_CHECK, NODE_MAINTENANCE, SERVICE_MAINTENANCE_PREFIX } from '../../model/health.ts'
import { sidecarId } from '../../model/sidecar.ts'
import { type CentralDefaults, centralQuestion, isCentral, mergedService } from './central.ts'
import { type Checks, shownCheck } from './checks.ts'
import type {
  LocalCheckRegistration,
  LocalContext,
  LocalDefinitions,
  LocalServiceRegistration,
  PersistedFiles,
  PersistFolder,
} from './messages.ts'
import {
  persistedCheck,
  persistedDefaults,
  persistedService,
  persistedState,
  readCheck,
  readDefaults,
  readService,
  readState,
} from './persisted.ts'
import type { LocalState } from './state.ts'

/** How a check came to be: over the API, or from the configuration by itself or with its service. */
type Origin = 'asked' | 'defined' | 'service-defined'

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
  /** What the configuration says now: what it said before and no longer says goes. Refused, it changes nothing. */
  load(now: Instant, definitions: LocalDefinitions): Refusal
  /** What configuration entries say of a service now. */
  centralDefaults(id: string, defaults: CentralDefaults): void
  maintain(now: Instant, wish: { service: string; enable: boolean; reason: string; token: string }): Refusal
}

export function makeRegistry(context: LocalContext, state: LocalState, checks: Checks): Registry {
  const { settings, emit, log } = context
  const persist = (folder: PersistFolder, id: string, value: unknown) => {
    if (settings.durable) emit({ kind: 'persist', folder, id, value })
  }
  const forget = (folder: PersistFolder, id: string) => {
    if (settings.durable) emit({ kind: 'forget', folder, id })
  }

  /** @param definition of the configuration that it comes from: it is then not stored */
  function addService(
    now: Instant,
    { service: given, ...rest }: LocalServiceRegistration,
    definition?: string,
  ): Refusal {
    if (given.Service === '') return 'Service name missing'
    const service = completed(given)
    const id = service.ID
    warnOfNames(service)
    const before = [...state.checksOf(id)].filter((checkId) => state.check(checkId) !== undefined)
    keepService(service, rest.token, definition, rest.defaults)
    checks.serviceChanged(id)
    if (definition === undefined) persist('services', id, persistedService(service, rest.token))
    const named = namedChecks(id, rest.checks)
    for (const [CheckID, { check, run }] of named) {
      keepCheck(
        now,
        ofService({ ...check, CheckID, Name: check.Name || `Service '${service.Service}' check` }, service),
        { run, token: rest.token },
        definition === undefined ? 'asked' : 'service-defined',
      )
    }
    if (rest.replaceExistingChecks) for (const checkId of before) if (!named.has(checkId)) removeCheck(checkId)
    return undefined
  }

  function warnOfNames({ Service, Tags }: NodeService): void {
    const name = unfitForDns(Service)
    if (name !== undefined)
      log('warn', `Service name will not be discoverable via DNS due to ${name}`, { service: Service })
    for (const tag of Tags ?? []) {
      const unfit = unfitForDns(tag)
      if (unfit !== undefined) log('debug', `Service tag will not be discoverable via DNS due to ${unfit}`, { tag })
    }
  }

  /** Puts it into the state, with what configuration entries are known to say of it. */
  function keepService(
    service: NodeService,
    token: string,
    definition: string | undefined,
    told: CentralDefaults | undefined,
  ): void {
    const id = service.ID
    const old = state.services.get(id)
    const central = settings.centralConfig && isCentral(service)
    if (old?.registered !== undefined && !old.deleted && !central) unfollow(id)
    if (!central) {
      state.setService(id, { service, token, deleted: false, definition })
      return
    }
    const defaults = told ?? (old?.deleted ? undefined : old?.defaults)
    const merged = mergedService(service, defaults)
    state.setService(id, { service: merged, token, deleted: false, definition, registered: service, defaults })
    if (told !== undefined) persist('services/configs', id, persistedDefaults(id, told))
    emit({ kind: 'follow-defaults', id, question: centralQuestion(service, token, settings.datacenter) })
  }

  function unfollow(id: string): void {
    emit({ kind: 'unfollow-defaults', id })
    forget('services/configs', id)
  }

  function centralDefaults(id: string, defaults: CentralDefaults): void {
    const entry = state.services.get(id)
    if (entry === undefined || entry.deleted || entry.registered === undefined) return
    if (sameDefaults(entry.defaults, defaults)) return
    persist('services/configs', id, persistedDefaults(id, defaults))
    state.setService(id, { ...entry, service: mergedService(entry.registered, defaults), defaults })
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
    if (entry.definition === undefined) forget('services', id)
    if (entry.registered !== undefined) unfollow(id)
    for (const checkId of [...state.checksOf(id)]) if (state.check(checkId) !== undefined) removeCheck(checkId)
    log('debug', 'removed service', { service: id })
    const sidecar = sidecarId(id)
    if (state.service(sidecar)?.LocallyRegisteredAsSidecar) return removeService(sidecar)
    return undefined
  }

  function addCheck(now: Instant, { check, run, token }: LocalCheckRegistration, origin: Origin = 'asked'): Refusal {
    if (check.CheckID === '') return 'CheckID missing'
    let shown = check
    if (check.ServiceID !== '') {
      const service = state.service(check.ServiceID)
      if (service === undefined) return `ServiceID ${quoteGo(check.ServiceID)} does not exist`
      shown = ofService(check, service)
    }
    keepCheck(now, shown, { run, token }, origin)
    return undefined
  }

  /** A check that was here before keeps its status, so that registering it again does not make it flap. */
  function keepCheck(now: Instant, given: HealthCheck, how: { run: CheckRun; token: string }, origin: Origin): void {
    const id = given.CheckID
    const old = state.check(id)
    const full = shownCheck(given, how.run, settings.nodeName, settings.discardCheckOutput)
    // The real agent does not name the type of a check that stands by itself in the configuration.
    const check = origin === 'defined' ? { ...full, Type: given.Type } : full
    state.setCheck(id, {
      check: old === undefined ? check : { ...check, Status: old.check.Status, Output: old.check.Output },
      run: how.run,
      token: how.token,
      deleted: false,
      configured: origin !== 'asked',
      criticalSince: old?.criticalSince ?? null,
      lastOutput: old?.lastOutput ?? '',
      reapAfterMs: 0,
    })
    checks.started(now, id)
    if (origin === 'asked') persist('checks', id, persistedCheck(check, how.run, how.token))
    else if (old !== undefined && !old.configured) forget('checks', id)
  }

  function removeCheck(id: string): Refusal {
    if (id === '') return 'CheckID missing'
    const entry = state.check(id)
    if (entry !== undefined) {
      entry.deleted = true
      checks.stopped(id)
      state.touchCheck(id)
      if (!entry.configured) forget('checks', id)
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
      if (state.service(file.service.ID) !== undefined) {
        log('debug', 'service exists, not restoring from file', { service: file.service.ID })
        forget('services', file.service.ID)
        continue
      }
      keepService(file.service, file.token, undefined, undefined)
      log('debug', 'restored service definition from file', { service: file.service.ID })
    }
    for (const raw of files.configs) restoreDefaults(raw)
    for (const raw of files.checks) restoreCheck(now, raw)
    for (const raw of files.states) restoreState(now, raw, date)
  }

  function restoreDefaults(raw: unknown): void {
    const file = readDefaults(raw)
    if (file === undefined) log('error', 'Failed decoding service config file')
    else if (state.services.get(file.id)?.registered === undefined) forget('services/configs', file.id)
    else centralDefaults(file.id, file.defaults)
  }

  function restoreCheck(now: Instant, raw: unknown): void {
    const file = readCheck(raw)
    if (file === undefined) {
      log('error', 'Failed decoding check file')
      return
    }
    const { check, run, token } = file
    if (state.check(check.CheckID) !== undefined) {
      log('debug', 'check exists, not restoring from file', { check: check.CheckID })
      forget('checks', check.CheckID)
      return
    }
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

  function load(now: Instant, { services, checks: sole }: LocalDefinitions): Refusal {
    const wanted = byId(services)
    const wantedChecks = new Set(sole.map(({ check }) => check.CheckID))
    for (const [id, { checks: own }] of wanted) for (const name of namedChecks(id, own).keys()) wantedChecks.add(name)
    const stays = (id: string) => wanted.has(id) || (state.service(id) && !state.services.get(id)?.definition)
    for (const { check } of sole) {
      if (check.ServiceID === '' || stays(check.ServiceID)) continue
      return `Failed to register check '${check.Name}': ServiceID ${quoteGo(check.ServiceID)} does not exist`
    }
    for (const [id, { definition, deleted }] of [...state.services]) {
      if (definition !== undefined && !deleted && !wanted.has(id)) removeService(id)
    }
    for (const [id, { configured, deleted }] of [...state.checks]) {
      if (configured && !deleted && !wantedChecks.has(id)) removeCheck(id)
    }
    for (const [id, registration] of wanted) loadService(now, id, registration)
    for (const registration of sole) loadCheck(now, registration)
    return undefined
  }

  /** What is defined as it was before is left alone: its checks go on in their rhythm. */
  function loadService(now: Instant, id: string, registration: LocalServiceRegistration): void {
    const definition = JSON.stringify(registration)
    const old = state.services.get(id)
    if (old !== undefined && !old.deleted && old.service !== null) {
      if (old.definition === definition) return
      if (old.definition === undefined) forget('services', id)
    }
    addService(now, registration, definition)
  }

  function loadCheck(now: Instant, registration: LocalCheckRegistration): void {
    const id = registration.check.CheckID
    const definition = JSON.stringify(registration)
    const old = state.check(id)
    if (old?.definition === definition && old.check.ServiceID === registration.check.ServiceID) return
    addCheck(now, registration, 'defined')
    const entry = state.check(id)
    if (entry !== undefined) entry.definition = definition
  }

  function maintain(
    now: Instant,
    { service: id, enable, reason, token }: { service: string; enable: boolean; reason: string; token: string },
  ): Refusal {
    const service = id === '' ? undefined : state.service(id)
    if (id !== '' && service === undefined) return `No service registered with ID ${quoteGo(id)}`
    const what = service === undefined ? 'Node' : 'Service'
    const CheckID = service === undefined ? NODE_MAINTENANCE : `${SERVICE_MAINTENANCE_PREFIX}${id}`
    const is = state.check(CheckID) !== undefined
    if (is === enable) return undefined
    if (!enable) {
      removeCheck(CheckID)
      log('info', `${what} left maintenance mode`, id === '' ? {} : { service: id })
      return undefined
    }
    const check: HealthCheck = {
      ...NO_CHECK,
      Node: settings.nodeName,
      CheckID,
      Name: `${what} Maintenance Mode`,
      Status: 'critical',
      Notes: reason || noReason(what),
      Type: 'maintenance',
    }
    keepCheck(now, service === undefined ? check : ofService(check, service), { run: NO_RUN, token }, 'asked')
    log('info', `${what} entered maintenance mode`, id === '' ? {} : { service: id })
    return undefined
  }

  return {
    load,
    centralDefaults,
    maintain,
    addService: (now, registration) => addService(now, registration),
    removeService,
    addCheck: (now, registration) => addCheck(now, registration),
    removeCheck,
    report,
    restore,
    answer(ticket, refusal) {
      emit(refusal === undefined ? { kind: 'done', ticket } : { kind: 'refused', ticket, message: refusal })
    },
  }
}

const NOT_DNS = /[^A-Za-z0-9\\-]/
const DNS_LABEL_BYTES_MAX = 63

/** Why a name cannot be asked for over DNS; undefined when it can. Source: agent/dns/dns.go. */
function unfitForDns(name: string): string | undefined {
  if (NOT_DNS.test(name)) return 'invalid characters. Valid characters include all alpha-numerics and dashes.'
  if (name.length <= DNS_LABEL_BYTES_MAX) return undefined
  return 'it being too long. Valid lengths are between 1 and 63 bytes.'
}

function sameDefaults(a: CentralDefaults | undefined, b: CentralDefaults): boolean {
  return a !== undefined && JSON.stringify(persistedDefaults('', a)) === JSON.stringify(persistedDefaults('', b))
}

function noReason(what: 'Node' | 'Service'): string {
  return `Maintenance mode is enabled for this ${what.toLowerCase()}, but no reason was provided. This is a default message.`
}

/** Of two definitions with the same id the last one counts, with the checks of both. */
function byId(services: readonly LocalServiceRegistration[]): Map<string, LocalServiceRegistration> {
  const found = new Map<string, LocalServiceRegistration>()
  for (const one of services) {
    const id = one.service.ID || one.service.Service
    const before = found.get(id)
    if (before === undefined) {
      found.set(id, one)
      continue
    }
    const checks = new Map([...namedChecks(id, before.checks), ...namedChecks(id, one.checks)])
    found.set(id, {
      ...one,
      checks: [...checks].map(([CheckID, given]) => ({ ...given, check: { ...given.check, CheckID } })),
    })
  }
  return found
}

/** A service's checks by their ids. Of two with the same id, the last one counts. */
function namedChecks(service: string, checks: LocalCheckRegistration[]): Map<string, LocalCheckRegistration> {
  const several = checks.length > 1
  return new Map(
    checks.map((given, i) => [given.check.CheckID || `service:${service}${several ? `:${i + 1}` : ''}`, given]),
  )
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
