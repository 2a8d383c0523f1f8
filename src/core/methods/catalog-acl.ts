/**
 * Who may register and deregister what. A registration that only repeats what the node says of itself needs no right
 * to the node; one that replaces a service needs the right to both. Source: Consul's agent/consul/acl.go,
 * `vetRegisterWithACL` and `vetDeregisterWithACL`.
 */
import type { DeregisterRequest, RegisterRequest } from '../../model/catalog.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { nodeServices } from '../store/catalog-reads.ts'
import type { ReadTxn } from '../store/rows.ts'
import { changesNode } from '../store/same.ts'
import { checkKey, serviceKey } from '../store/tables.ts'
import { demand, refused } from './refuse.ts'

/** @throws ConsulError */
export function vetRegistration(txn: ReadTxn, can: Authorizer, body: RegisterRequest): void {
  if (can.all) return
  const standing = nodeServices(txn, body.Node).NodeServices
  if (changesNode(body, standing?.Node)) demand(can, 'node', 'write', body.Node)
  const { Service: service } = body
  if (service) {
    demand(can, 'service', 'write', service.Service)
    const replaced = standing?.Services[service.ID]
    if (replaced !== undefined) demand(can, 'service', 'write', replaced.Service)
  }
  for (const check of body.Checks ?? []) {
    const called = `check '${check.CheckID}'`
    if (check.Node !== body.Node) {
      throw refused(`Node '${check.Node}' for ${called} doesn't match register request node '${body.Node}'`)
    }
    if (check.ServiceID === '') {
      demand(can, 'node', 'write', body.Node)
    } else if (check.ServiceID !== service?.ID) {
      const other = standing?.Services[check.ServiceID]
      if (other === undefined) throw refused(`Unknown service '${check.ServiceID}' for ${called}`)
      demand(can, 'service', 'write', other.Service)
    }
  }
}

/** @throws ConsulError */
export function vetDeregistration(txn: ReadTxn, can: Authorizer, body: DeregisterRequest): void {
  if (can.all || can.allowed('node', 'write', body.Node)) return
  if (body.ServiceID) {
    const row = txn.get('services', serviceKey(body.Node, body.ServiceID))
    if (row === undefined) throw refused(`Unknown service '${body.ServiceID}'`)
    demand(can, 'service', 'write', row.Service.Service)
  } else if (body.CheckID) {
    const check = txn.get('checks', checkKey(body.Node, body.CheckID))
    if (check === undefined) throw refused(`Unknown check '${body.CheckID}'`)
    if (check.ServiceID === '') demand(can, 'node', 'write', body.Node)
    else demand(can, 'service', 'write', check.ServiceName)
  } else {
    demand(can, 'node', 'write', body.Node)
  }
}
