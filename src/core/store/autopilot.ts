/** Autopilot's one row. It has no counter of its own. Source: Consul's agent/consul/state/autopilot.go. */
import type { Index } from '../../base/units.ts'
import type { AutopilotConfig, AutopilotSetConfigRequest } from '../../model/autopilot.ts'
import type { Result } from '../../model/command.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { AUTOPILOT_KEY } from './tables.ts'

/** With `CAS`, the row must exist and be as `Config.ModifyIndex` says; the answer then tells whether it was. */
export function applyAutopilot(txn: WriteTxn, index: Index, body: AutopilotSetConfigRequest): Result {
  const existing = autopilotConfig(txn)
  if (body.CAS && existing?.ModifyIndex !== body.Config.ModifyIndex) return { kind: 'bool', value: false }
  txn.put('autopilot', { ...body.Config, CreateIndex: existing?.CreateIndex ?? index, ModifyIndex: index })
  return body.CAS ? { kind: 'bool', value: true } : { kind: 'done' }
}

export function autopilotConfig(txn: ReadTxn): AutopilotConfig | undefined {
  return txn.get('autopilot', AUTOPILOT_KEY)
}
