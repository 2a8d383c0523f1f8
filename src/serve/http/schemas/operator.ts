/** What operators ask of the servers and of gossip. */
import { autopilotConfig } from '../../../wire/structs/autopilot.ts'
import { keyringResponse } from '../../../wire/structs/keyring.ts'
import { raftServer, serverHealth } from '../../../wire/structs/operator.ts'
import {
  body,
  flag,
  given,
  givenDuration,
  goDuration,
  listOrNull,
  map,
  object,
  ref,
  row,
  text,
  whole,
} from './schema.ts'

export const OPERATOR_SCHEMAS = {
  RaftServer: row(raftServer),
  RaftConfiguration: object({ Servers: listOrNull(ref('RaftServer')), Index: whole }),
  AutopilotConfiguration: row(autopilotConfig, {
    as: { LastContactThreshold: goDuration, ServerStabilizationTime: goDuration },
  }),
  GivenAutopilotConfiguration: given(autopilotConfig, {
    as: { LastContactThreshold: givenDuration, ServerStabilizationTime: givenDuration },
  }),
  AutopilotHealth: object({ Healthy: flag, FailureTolerance: whole, Servers: listOrNull(ref('ServerHealth')) }),
  ServerHealth: row(serverHealth, { as: { SerfStatus: text, LastContact: goDuration } }),
  Keyring: row(keyringResponse, {
    optional: ['Messages', 'Error'],
    as: { Keys: map(whole), PrimaryKeys: map(whole) },
  }),
  KeyringRequest: body({ Key: text, Token: text, RelayFactor: whole, LocalOnly: flag }, ['Key']),
}
