/** Wire structs of autopilot's configuration (protocol/rpc.md section 10). */
import type { AutopilotConfig, AutopilotSetConfigRequest } from '../../model/autopilot.ts'
import { bool, int, RAFT_INDEX, struct, text, WRITE_REQUEST } from '../schema.ts'

export const autopilotConfig = struct<AutopilotConfig>({
  ...RAFT_INDEX,
  CleanupDeadServers: bool,
  LastContactThreshold: int,
  MaxTrailingLogs: int,
  MinQuorum: int,
  ServerStabilizationTime: int,
  RedundancyZoneTag: text,
  DisableUpgradeMigration: bool,
  UpgradeVersionTag: text,
})

export const autopilotSetConfigRequest = struct<AutopilotSetConfigRequest>({
  ...WRITE_REQUEST,
  Config: autopilotConfig,
  CAS: bool,
})
