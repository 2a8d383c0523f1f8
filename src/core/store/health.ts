/**
 * The rules of checks inside Register and Deregister: what registering or removing one does to its row, to the counters
 * of the services it speaks for, and to the sessions it holds up (fsm-and-snapshot.md sections 2 and 3).
 * Source: Consul's agent/consul/state/catalog.go, `ensureCheckTxn` and `deleteCheckTxn`.
 */

import type { Index } from '../../base/units.ts'
import type { HealthCheck } from '../../model/health.ts'
import { raiseCounter, setCounter } from './counters.ts'
import type { WriteTxn } from './rows.ts'
import { deepEqual, sameCheck } from './same.ts'
import { kindCounter, raiseServiceCounters, serviceCounter } from './service-counters.ts'
import { destroySession, sessionsOfCheck } from './session.ts'
import { checkKey, nodeKey, nodePrefix, serviceKey } from './tables.ts'

/**
 * Inserts or changes a check. An equal one keeps its ModifyIndex and disturbs no service, but `checks` moves all the
 * same; a critical one ends the sessions bound to it even if it was critical before.
 * @returns why it cannot be
 */
export function ensureCheck(txn: WriteTxn, index: Index, wanted: HealthCheck): string | undefined {
  const key = checkKey(wanted.Node, wanted.CheckID)
  const before = txn.get('checks', key)
  if (txn.get('nodes', nodeKey(wanted.Node)) === undefined) return 'Missing node registration'
  const service = wanted.ServiceID === '' ? undefined : txn.get('services', serviceKey(wanted.Node, wanted.ServiceID))
  if (wanted.ServiceID !== '' && service === undefined) return 'Missing service registration'
  if (wanted.CheckID === '') return 'failed inserting check: object missing primary index'
  const check: HealthCheck = {
    ...wanted,
    Status: wanted.Status === '' ? 'critical' : wanted.Status,
    ServiceName: service === undefined ? wanted.ServiceName : service.Service.Service,
    ServiceTags: service === undefined ? wanted.ServiceTags : service.Service.Tags,
    CreateIndex: before?.CreateIndex ?? index,
    ModifyIndex: index,
  }
  if (before !== undefined && sameCheck(before, check)) {
    check.ModifyIndex = before.ModifyIndex
  } else if (service !== undefined) {
    raiseServiceCounters(txn, index, service.Service)
  } else {
    raiseServicesOfNode(txn, index, wanted.Node)
  }
  if (check.Status === 'critical') destroySessions(txn, index, check)
  // The row object stays when nothing differs: readers take its identity for its content.
  if (before === undefined || !deepEqual(before, check)) txn.put('checks', check)
  setCounter(txn, 'checks', index)
  return undefined
}

/** Removes a check, if it is there, and ends the sessions bound to it. */
export function deleteCheck(txn: WriteTxn, index: Index, nodeName: string, checkId: string): void {
  const key = checkKey(nodeName, checkId)
  const check = txn.get('checks', key)
  if (check === undefined) return
  if (check.ServiceID === '') {
    raiseServicesOfNode(txn, index, check.Node)
    raiseCounter(txn, 'services', index)
  } else {
    raiseCounter(txn, serviceCounter(check.ServiceName), index)
    const service = txn.get('services', serviceKey(check.Node, check.ServiceID))
    if (service !== undefined) raiseCounter(txn, kindCounter(service.Service.Kind), index)
  }
  txn.delete('checks', key)
  setCounter(txn, 'checks', index)
  destroySessions(txn, index, check)
}

/** A node's own check speaks for every service on it. */
export function raiseServicesOfNode(txn: WriteTxn, index: Index, nodeName: string): void {
  for (const row of txn.prefix('services', nodePrefix(nodeName))) raiseServiceCounters(txn, index, row.Service)
}

function destroySessions(txn: WriteTxn, index: Index, check: HealthCheck): void {
  for (const id of sessionsOfCheck(txn, check.Node, check.CheckID)) destroySession(txn, index, id)
}
