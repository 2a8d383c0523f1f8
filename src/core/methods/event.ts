/** What goes by gossip: any server can do it, and nothing of it is in the replicated state. */
import type { MethodTable } from './table.ts'

export const eventMethods = {
  'Internal.EventFire': { kind: 'act' },
  'Internal.KeyringOperation': { kind: 'act' },
} satisfies Partial<MethodTable>
