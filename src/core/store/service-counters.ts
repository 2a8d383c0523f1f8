/**
 * The counters that move with a service: `service.<name>` and `service_kind.<kind>`, and which of the counters answers
 * a read (fsm-and-snapshot.md sections 2 and 4). Source: Consul's agent/consul/state/catalog.go.
 */

import type { Index } from '../../base/units.ts'
import type { NodeService, ServiceKind } from '../../model/catalog.ts'
import { raiseCounter } from './counters.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'

export const LAST_EXTINCTION = 'service_last_extinction'

export function serviceCounter(name: string): string {
  return `service.${name}`
}

export function kindCounter(kind: ServiceKind): string {
  return `service_kind.${kind === '' ? 'typical' : kind}`
}

/** An instance of this service, its node or its checks changed. */
export function raiseServiceCounters(txn: WriteTxn, index: Index, service: NodeService): void {
  raiseCounter(txn, serviceCounter(service.Service), index)
  raiseCounter(txn, kindCounter(service.Kind), index)
}

/**
 * The index of a read of one service.
 * @param exists whether an instance was found
 * @param withChecks whether the answer shows checks
 */
export function serviceIndex(txn: ReadTxn, name: string, exists: boolean, withChecks: boolean): Index {
  // Read first in any case: it is what wakes a reader who waits for a first instance.
  const own = txn.counter(serviceCounter(name))
  if (!exists) {
    const extinction = txn.counter(LAST_EXTINCTION)
    if (extinction > 0) return extinction
  }
  if (own > 0) return own
  const catalog = Math.max(txn.counter('nodes'), txn.counter('services'))
  return withChecks ? Math.max(catalog, txn.counter('checks')) : catalog
}
