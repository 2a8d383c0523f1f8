/**
 * The room's face: this node's own services and checks. Registrations come in and are kept (registry.ts), TTL checks
 * expire (checks.ts), and anti-entropy makes the catalog follow (sync.ts). Whether a caller may register is not decided
 * here, and definitions are taken as already checked. Source: Consul's agent/local, agent/ae.
 */

import { unreachable } from '../../base/assert.ts'
import type { Core, Tick } from '../../base/core.ts'
import type { Fields, Level } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Instant } from '../../base/units.ts'
import type { NodeService } from '../../model/catalog.ts'
import type { HealthCheck } from '../../model/health.ts'
import { earliest, makeChecks } from './checks.ts'
import type { LocalContext, LocalDefinitions, LocalEffect, LocalInput, LocalSettings } from './messages.ts'
import { makeRegistry } from './registry.ts'
import { LocalState } from './state.ts'
import { makeSync } from './sync.ts'

export { type CentralDefaults, type CentralQuestion, centralQuestion, isCentral } from './central.ts'
export type {
  LocalCall,
  LocalCheckRegistration,
  LocalDefinitions,
  LocalEffect,
  LocalInput,
  LocalServiceRegistration,
  LocalSettings,
  PersistedFiles,
  PersistFolder,
  SyncMethod,
} from './messages.ts'

export interface LocalOptions extends LocalSettings {
  random: Random
}

export interface Local extends Core<LocalInput, LocalEffect> {
  /** In the order of registration. */
  services(): { service: NodeService; token: string }[]
  checks(): { check: HealthCheck; token: string }[]
  /** Of this node, as it reaches the catalog. */
  meta(): Record<string, string>
  /** How many checks wait for their owners to report. */
  ttls(): number
}

export function makeLocal(options: LocalOptions): Local {
  const { random, ...given } = options
  const settings: LocalSettings = { ...given, meta: withSegment(given.meta) }
  const effects: LocalEffect[] = []
  const context: LocalContext = {
    settings,
    emit: (effect) => effects.push(effect),
    log(level: Level, message: string, fields: Fields = {}, part: '' | 'anti-entropy' = '') {
      effects.push({ kind: 'log', part, level, message, fields })
    },
  }
  const state = new LocalState()
  const checks = makeChecks(context, state, random)
  const sync = makeSync(context, state, checks, random)
  const registry = makeRegistry(context, state, checks)

  function load(now: Instant, ticket: number, definitions: LocalDefinitions): void {
    const refusal = registry.load(now, definitions)
    if (refusal === undefined) {
      settings.discardCheckOutput = definitions.discardCheckOutput
      const meta = withSegment(definitions.meta)
      if (JSON.stringify(meta) !== JSON.stringify(settings.meta)) {
        settings.meta = meta
        state.nodeDirty = true
        state.touched = true
      }
    }
    registry.answer(ticket, refusal)
  }

  function handle(now: Instant, input: LocalInput | Tick): void {
    switch (input.kind) {
      case 'register-service':
        return registry.answer(input.ticket, registry.addService(now, input.registration))
      case 'deregister-service':
        return registry.answer(input.ticket, registry.removeService(input.id))
      case 'register-check':
        return registry.answer(input.ticket, registry.addCheck(now, input.registration))
      case 'deregister-check':
        return registry.answer(input.ticket, registry.removeCheck(input.id))
      case 'load':
        return load(now, input.ticket, input.definitions)
      case 'maintain':
        return registry.answer(input.ticket, registry.maintain(now, input))
      case 'update-check':
        return registry.answer(input.ticket, registry.report(now, input.id, input.status, input.output, input.date))
      case 'restore':
        return registry.restore(now, input.files, input.date)
      case 'start':
        return sync.start(now)
      case 'stop':
        return sync.stop()
      case 'leader-changed':
        return sync.leaderChanged(now)
      case 'cluster-size':
        return sync.clusterSize(input.nodes)
      case 'reply':
        return sync.reply(now, input.id, input.reply)
      case 'failed':
        return sync.failed(now, input.id, input.code, input.message)
      case 'probed':
        return checks.probed(now, input.attempt, input.result)
      case 'alias-answer':
        return checks.aliasAnswered(now, input.question, input.health)
      case 'central-defaults':
        return registry.centralDefaults(input.id, input.defaults)
      case 'alias-failed':
        return checks.aliasFailed(now, input.question, input.message)
      case 'tick':
        return
      default:
        return unreachable(input)
    }
  }

  return {
    step(now, input) {
      handle(now, input)
      for (const { service, check } of checks.tick(now)) {
        registry.removeService(service)
        context.log('info', 'Check for service has been critical for too long; deregistered service', {
          service,
          check,
        })
      }
      sync.tick(now)
      if (!state.touched) return
      state.touched = false
      sync.changed(now)
    },
    take: () => effects.splice(0),
    wakeAt: () => earliest(checks.wakeAt(), sync.wakeAt()),
    services() {
      const found: { service: NodeService; token: string }[] = []
      for (const { service, token, deleted } of state.services.values()) {
        if (service !== null && !deleted) found.push({ service, token })
      }
      return found
    },
    checks() {
      const found: { check: HealthCheck; token: string }[] = []
      for (const { check, token, deleted } of state.checks.values()) {
        if (check !== null && !deleted) found.push({ check, token })
      }
      return found
    },
    meta: () => settings.meta,
    ttls: checks.ttls,
  }
}

/** The catalog's meta of an agent always names its network segment, the default one being "". */
function withSegment(meta: Record<string, string>): Record<string, string> {
  return { ...meta, 'consul-network-segment': '' }
}
