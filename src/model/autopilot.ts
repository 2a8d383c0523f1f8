/** Autopilot's configuration: the one row and its command. */
import { NANOS_PER_MS, NANOS_PER_SECOND, type Nanos } from '../base/units.ts'
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

/** What holds where nobody says otherwise. */
export const AUTOPILOT_DEFAULTS: Omit<AutopilotConfig, 'CreateIndex' | 'ModifyIndex'> = {
  CleanupDeadServers: true,
  LastContactThreshold: 200 * NANOS_PER_MS,
  MaxTrailingLogs: 250,
  MinQuorum: 0,
  ServerStabilizationTime: 10 * NANOS_PER_SECOND,
  RedundancyZoneTag: '',
  DisableUpgradeMigration: false,
  UpgradeVersionTag: '',
}
