/** What datacenters tell of their mesh gateways. Source: Consul's agent/consul/state/federation_state.go. */

import type { Index } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import type { FederationStateRequest } from '../../model/federation-state.ts'
import { setCounter } from './counters.ts'
import type { WriteTxn } from './rows.ts'
import { fold } from './tables.ts'

const COUNTER = 'federation-states'

export function applyFederationState(txn: WriteTxn, index: Index, { Op, State }: FederationStateRequest): Result {
  const datacenter = State?.Datacenter ?? ''
  const existing = txn.get('federation-states', fold(datacenter))
  switch (Op) {
    case 'upsert':
      if (State === null || datacenter === '') {
        return { kind: 'failed', message: 'missing datacenter on federation state' }
      }
      txn.put('federation-states', {
        ...State,
        CreateIndex: existing?.CreateIndex ?? index,
        ModifyIndex: index,
        // Only what was replicated from the primary says where it stands there.
        PrimaryModifyIndex: State.PrimaryModifyIndex || index,
      })
      setCounter(txn, COUNTER, index)
      return { kind: 'bool', value: true }
    case 'delete':
      if (existing === undefined) return { kind: 'done' }
      txn.delete('federation-states', fold(datacenter))
      setCounter(txn, COUNTER, index)
      return { kind: 'done' }
    default:
      return { kind: 'failed', message: `invalid federation state operation type: ${String(Op)}` }
  }
}
