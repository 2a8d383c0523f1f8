/** What goes into and comes out of the local core. Types alone. */
import type { Fields, Level } from '../../base/log.ts'
import type { Millis, WallMs } from '../../base/units.ts'
import type { NodeService } from '../../model/catalog.ts'
import type { CheckRun, Probe, ProbeResult } from '../../model/check-run.ts'
import type { ErrorCode } from '../../model/errors.ts'
import type { HealthCheck } from '../../model/health.ts'
import type { Args, Reply } from '../../model/rpc.ts'
import type { NodeHealth } from './aliases.ts'
import type { CentralDefaults, CentralQuestion } from './central.ts'

/** Who this node is, as the catalog shall know it. */
export interface LocalSettings {
  nodeId: string
  nodeName: string
  datacenter: string
  /** The advertised address. */
  address: string
  taggedAddresses: Record<string, string>
  meta: Record<string, string>
  /** Time between full comparisons with the catalog, before staggering. */
  syncInterval: Millis
  /** How long new output of a check waits while its status stays; 0 for not at all. */
  checkUpdateInterval: Millis
  discardCheckOutput: boolean
  checkOutputMaxSize: number
  /** Whether proxies and gateways take over what configuration entries say of them. */
  centralConfig: boolean
  /** Whether registrations outlive the process: without it there are no `persist` and `forget`. */
  durable: boolean
}

export interface LocalCheckRegistration {
  /** An empty id or name is filled in for a service's check. */
  check: HealthCheck
  run: CheckRun
  token: string
}

export interface LocalServiceRegistration {
  service: NodeService
  checks: LocalCheckRegistration[]
  token: string
  /** The service's checks that are not named here go. */
  replaceExistingChecks: boolean
  /** What configuration entries say of it, where that is known already. */
  defaults?: CentralDefaults | undefined
}

/** What the configuration says of this node's services and checks, in place of what it said before. */
export interface LocalDefinitions {
  services: LocalServiceRegistration[]
  checks: LocalCheckRegistration[]
  meta: Record<string, string>
  discardCheckOutput: boolean
}

/** What files of the data directory hold, parsed as JSON: of any shape, since anything may stand in a file. */
export interface PersistedFiles {
  services: unknown[]
  checks: unknown[]
  states: unknown[]
  /** Defaults of services. */
  configs: unknown[]
}

/** Each asked for once and answered by `done` or `refused` with the same ticket. */
type Asked = { ticket: number } & (
  | { kind: 'register-service'; registration: LocalServiceRegistration }
  | { kind: 'deregister-service'; id: string }
  | { kind: 'register-check'; registration: LocalCheckRegistration }
  | { kind: 'deregister-check'; id: string }
  /** All or nothing: refused, it changes nothing. At start it comes before `restore`. */
  | { kind: 'load'; definitions: LocalDefinitions }
  /** A critical check takes a service, or with "" the whole node, out of use until it is switched off again. */
  | { kind: 'maintain'; service: string; enable: boolean; reason: string; token: string }
  /** A TTL check's owner reports. `date`: now, for what must outlive the process. */
  | { kind: 'update-check'; id: string; status: string; output: string; date: WallMs }
)

export type LocalInput =
  | Asked
  /** Before `start`: what an earlier process left behind. */
  | { kind: 'restore'; files: PersistedFiles; date: WallMs }
  /** Begin to compare with the catalog. */
  | { kind: 'start' }
  /** The node leaves: the catalog is no longer ours to correct. */
  | { kind: 'stop' }
  /** A leader or another server has appeared. */
  | { kind: 'leader-changed' }
  /** How many nodes share the servers: the more, the rarer each one asks. */
  | { kind: 'cluster-size'; nodes: number }
  | { kind: 'reply'; id: number; reply: Reply<SyncMethod> }
  | { kind: 'failed'; id: number; code: ErrorCode; message: string }
  | { kind: 'probed'; attempt: number; result: ProbeResult }
  | { kind: 'alias-answer'; question: number; health: NodeHealth }
  /** What configuration entries say of a service that is followed. */
  | { kind: 'central-defaults'; id: string; defaults: CentralDefaults }
  | { kind: 'alias-failed'; question: number; message: string }

export type SyncMethod = 'Catalog.NodeServiceList' | 'Health.NodeChecks' | 'Catalog.Register' | 'Catalog.Deregister'

/** To be performed, and answered by `reply` or `failed` with the same id. Calls may overlap. */
export interface LocalCall<M extends SyncMethod = SyncMethod> {
  kind: 'call'
  id: number
  method: M
  args: Args<M>
}

export type PersistFolder = 'services' | 'services/configs' | 'checks' | 'checks/state'

export type LocalEffect =
  | LocalCall
  /** Store a JSON-ready value under folder and id, in place of any other. */
  | { kind: 'persist'; folder: PersistFolder; id: string; value: unknown }
  | { kind: 'forget'; folder: PersistFolder; id: string }
  /** Comes after the `persist` and `forget` of the same request: it holds once they are done. */
  /** To be answered by `probed`, in time and whatever happens; unless it is abandoned, and then not at all. */
  | { kind: 'probe'; attempt: number; check: string; probe: Probe }
  | { kind: 'abandon'; attempt: number }
  /**
   * What the servers know of a node, once it is newer than `index`; 0 for at once. Answered by `alias-answer` or
   * `alias-failed`, unless it is abandoned.
   */
  | { kind: 'ask-alias'; question: number; node: string; service: string; index: number; token: string }
  | { kind: 'abandon-alias'; question: number }
  /** Tell of that service's defaults by `central-defaults`, now and whenever they change, until it is unfollowed. */
  | { kind: 'follow-defaults'; id: string; question: CentralQuestion }
  | { kind: 'unfollow-defaults'; id: string }
  | { kind: 'done'; ticket: number }
  | { kind: 'refused'; ticket: number; message: string }
  /** `part`: of the agent's logger. */
  | { kind: 'log'; part: '' | 'anti-entropy'; level: Level; message: string; fields: Fields }

/** What the parts of this room share. */
export interface LocalContext {
  settings: LocalSettings
  emit(effect: LocalEffect): void
  log(level: Level, message: string, fields?: Fields, part?: 'anti-entropy'): void
}
