/** Autopilot's configuration: the one row and its command. */
import type { Nanos } from '../base/units.ts'
import type { RaftIndex, ToDatacenter, WriteRequest } from './query.ts'

export interface AutopilotConfig extends RaftIndex {
  CleanupDeadServers: boolean
  LastContactThreshold: Nanos
  MaxTrailingLogs: number
  MinQuorum: number
  ServerStabilizationTime: Nanos
  RedundancyZoneTag: string
  DisableUpgradeMigration: boolean
  UpgradeVersionTag: string
}

export interface AutopilotSetConfigRequest extends WriteRequest, ToDatacenter {
  Config: AutopilotConfig
  CAS: boolean
}
