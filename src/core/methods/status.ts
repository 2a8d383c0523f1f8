/** What a server says of itself and its cluster; none of it is in the replicated state. */
import type { MethodTable } from './table.ts'

export const statusMethods = {
  'Status.Ping': { kind: 'act' },
  'Status.Leader': { kind: 'act' },
  'Status.Peers': { kind: 'act' },
  'Status.RaftStats': { kind: 'act' },
} satisfies Partial<MethodTable>
