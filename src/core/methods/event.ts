/** User events go by gossip: any server can tell them, and nothing of them is in the replicated state. */
import type { MethodTable } from './table.ts'

export const eventMethods = {
  'Internal.EventFire': { kind: 'act' },
} satisfies Partial<MethodTable>
