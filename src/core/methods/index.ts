/** The method table, assembled from its nouns. */
import { catalogMethods } from './catalog.ts'
import { configEntryMethods } from './config-entry.ts'
import { coordinateMethods } from './coordinate.ts'
import { discoveryChainMethods } from './discovery-chain.ts'
import { eventMethods } from './event.ts'
import { healthMethods } from './health.ts'
import { intentionMethods } from './intention.ts'
import { internalMethods } from './internal.ts'
import { kvMethods } from './kv.ts'
import { operatorMethods } from './operator.ts'
import { preparedQueryMethods } from './prepared-query.ts'
import { sessionMethods } from './session.ts'
import { statusMethods } from './status.ts'
import type { MethodTable } from './table.ts'
import { txnMethods } from './txn.ts'

export const methods: MethodTable = {
  ...kvMethods,
  ...catalogMethods,
  ...healthMethods,
  ...sessionMethods,
  ...statusMethods,
  ...eventMethods,
  ...configEntryMethods,
  ...intentionMethods,
  ...discoveryChainMethods,
  ...coordinateMethods,
  ...operatorMethods,
  ...txnMethods,
  ...preparedQueryMethods,
  ...internalMethods,
}
