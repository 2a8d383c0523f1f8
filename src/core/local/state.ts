/**
 * What this node holds of its own, services and checks, and which of it the catalog does not know yet. Entries marked
 * deleted stay until the catalog has forgotten them too. No timers and no calls here: checks.ts and sync.ts have those.
 * Source: Consul's agent/local/state.go.
 */
import type { Instant, Millis } from '../../base/units.ts'
import type { NodeService } from '../../model/catalog.ts'
import type { CheckRun } from '../../model/check-run.ts'
import type { HealthCheck } from '../../model/health.ts'
import type { CentralDefaults } from './central.ts'

export interface ServiceEntry {
  /** null: known only from the catalog, where it has to go. Never changed in place. */
  service: NodeService | null
  token: string
  deleted: boolean
  /** As it was registered, where `service` takes over what configuration entries say. */
  registered?: NodeService | undefined
  /** What they said last; undefined before they said anything. */
  defaults?: CentralDefaults | undefined
  /** The definition it came from, when that stands in the configuration. */
  definition?: string | undefined
}

export interface CheckEntry {
  /** As ServiceEntry.service. The definition in it is empty: the catalog of agents' checks has none. */
  check: HealthCheck | null
  /** How the check is run. */
  run: CheckRun
  token: string
  deleted: boolean
  /** It came with the configuration: by itself, from this definition, or with its service. */
  configured?: boolean
  definition?: string
  /** Since when the check is critical without a break; null when it is not. */
  criticalSince: Instant | null
  /** What a TTL check's owner said last. */
  lastOutput: string
  /** The service goes when its check was critical for so long; 0 for never. */
  reapAfterMs: Millis
}

export class LocalState {
  readonly services = new Map<string, ServiceEntry>()
  readonly checks = new Map<string, CheckEntry>()
  /** Ids whose entries differ from the catalog, as far as known. */
  readonly dirtyServices = new Set<string>()
  readonly dirtyChecks = new Set<string>()
  nodeDirty = true
  /** Something became dirty since this was last set to false. */
  touched = false
  readonly #checksByService = new Map<string, Set<string>>()

  service(id: string): NodeService | undefined {
    const entry = this.services.get(id)
    return entry === undefined || entry.deleted ? undefined : (entry.service ?? undefined)
  }

  /** The entry of a check that exists here. */
  check(id: string): (CheckEntry & { check: HealthCheck }) | undefined {
    const entry = this.checks.get(id)
    if (entry === undefined || entry.deleted || entry.check === null) return undefined
    return entry as CheckEntry & { check: HealthCheck }
  }

  /** Ids of the service's checks, deleted ones too. */
  checksOf(service: string): Iterable<string> {
    return this.#checksByService.get(service) ?? []
  }

  setService(id: string, entry: ServiceEntry): void {
    this.services.set(id, entry)
    this.touchService(id)
  }

  setCheck(id: string, entry: CheckEntry): void {
    this.#unlink(id)
    this.checks.set(id, entry)
    const service = entry.check?.ServiceID
    if (service) {
      const ids = this.#checksByService.get(service)
      if (ids === undefined) this.#checksByService.set(service, new Set([id]))
      else ids.add(id)
    }
    this.touchCheck(id)
  }

  touchService(id: string): void {
    this.dirtyServices.add(id)
    this.touched = true
  }

  touchCheck(id: string): void {
    this.dirtyChecks.add(id)
    this.touched = true
  }

  dropService(id: string): void {
    this.services.delete(id)
    this.dirtyServices.delete(id)
  }

  dropCheck(id: string): void {
    this.#unlink(id)
    this.checks.delete(id)
    this.dirtyChecks.delete(id)
  }

  #unlink(id: string): void {
    const service = this.checks.get(id)?.check?.ServiceID
    if (!service) return
    const ids = this.#checksByService.get(service)
    ids?.delete(id)
    if (ids?.size === 0) this.#checksByService.delete(service)
  }
}
