/**
 * What operators may change through the log is here; what only the leader knows (Raft's members, their health) it
 * answers itself (agent/operator.ts). Source: Consul's agent/consul/operator_*_endpoint.go.
 */

import { demand } from './refuse.ts'
import type { MethodTable } from './table.ts'

export const operatorMethods = {
  'Operator.RaftGetConfiguration': { kind: 'act' },
  'Operator.RaftRemovePeerByAddress': { kind: 'act' },
  'Operator.RaftRemovePeerByID': { kind: 'act' },
  'Operator.AutopilotGetConfiguration': { kind: 'act' },
  'Operator.AutopilotSetConfiguration': {
    kind: 'write',
    propose(_txn, args, can) {
      demand(can, 'operator', 'write', '')
      return { command: { type: 'Autopilot', body: args } }
    },
    // Only a conditional change tells whether it was made.
    reply: (result) => result.kind === 'bool' && result.value,
  },
  'Operator.ServerHealth': { kind: 'act' },
} satisfies Partial<MethodTable>
