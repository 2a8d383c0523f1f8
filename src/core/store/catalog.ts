/**
 * The rules of the log commands Register and Deregister: what they do to nodes, services and their counters
 * (fsm-and-snapshot.md sections 2 and 3). The rules of checks are in health.ts.
 *
 * The body is trusted as far as the real servers trust it: whoever proposed it has validated it. What is refused here
 * is what every server of a cluster must refuse alike, and then nothing of the command is kept: a failed result undoes
 * the transaction. Source: Consul's agent/consul/state/catalog.go.
 */

import type { Index } from '../../base/units.ts'
import { uuidFault } from '../../base/uuid.ts'
import type { DeregisterRequest, Node, NodeService, RegisterRequest } from '../../model/catalog.ts'
import type { Result } from '../../model/command.ts'
import { SERF_HEALTH } from '../../model/health.ts'
import { deleteCounter, raiseCounter, setCounter } from './counters.ts'
import { addToWildcards, dropFromWildcards } from './gateway-services.ts'
import { deleteCheck, ensureCheck, raiseServicesOfNode } from './health.ts'
import { metadataFault } from './metadata.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { changesNode, nodeOf, sameNode, sameService, storedWeights } from './same.ts'
import { kindCounter, LAST_EXTINCTION, raiseServiceCounters, serviceCounter } from './service-counters.ts'
import { destroySession, sessionsOfNode } from './session.ts'
import {
  checkKey,
  coordinateKey,
  nodeIdPrefix,
  nodeKey,
  nodePrefix,
  nodeServicePrefix,
  serviceKey,
  serviceNamePrefix,
} from './tables.ts'

/** Node, then service, then `Check`, then `Checks`; all or nothing. */
export function applyRegister(txn: WriteTxn, index: Index, body: RegisterRequest): Result {
  const message = register(txn, index, body)
  return message === undefined ? { kind: 'done' } : { kind: 'failed', message }
}

/** A service with its checks, or a check, or a node with all on it. What is not there is passed over. */
export function applyDeregister(txn: WriteTxn, index: Index, body: DeregisterRequest): Result {
  if (body.ServiceID) deleteService(txn, index, body.Node, body.ServiceID)
  else if (body.CheckID) deleteCheck(txn, index, body.Node, body.CheckID)
  else deleteNode(txn, index, body.Node)
  return { kind: 'done' }
}

/** @returns why it cannot be */
function register(txn: WriteTxn, index: Index, body: RegisterRequest): string | undefined {
  const before = txn.get('nodes', nodeKey(body.Node))
  if (changesNode(body, before)) {
    const fault = ensureNode(txn, index, nodeOf(body, undefined))
    if (fault !== undefined) return `failed inserting node: ${fault}`
  }
  if (body.Service) {
    const fault = ensureService(txn, index, body.Node, body.Service)
    if (fault !== undefined) return `failed inserting service: ${fault}`
  }
  const checks = body.Checks ?? []
  for (const check of body.Check ? [body.Check, ...checks] : checks) {
    if (check.Node !== body.Node) return `check node "${check.Node}" does not match node "${body.Node}"`
    const fault = ensureCheck(txn, index, check)
    if (fault !== undefined) return `failed inserting check: ${fault} on node "${check.Node}"`
  }
  return undefined
}

/** Inserts or changes a node; a known id under a new name renames the node, which loses all that was on it. */
export function ensureNode(txn: WriteTxn, index: Index, wanted: Node): string | undefined {
  if (wanted.Node === '') return 'object missing primary index'
  let before: Node | undefined
  if (wanted.ID !== '') {
    const fault = uuidFault(wanted.ID)
    if (fault !== undefined) return `node lookup by ID failed, wrong UUID: ${fault} for '${wanted.ID}'`
    before = nodeById(txn, wanted.ID)
    const renames = before !== undefined && before.Node !== wanted.Node
    if (before === undefined || renames) {
      const conflict = nameConflict(txn, wanted, !renames)
      if (conflict !== undefined) {
        const whose = renames ? `"${wanted.ID}" (${wanted.Address})` : `"${wanted.ID}"`
        return `Error while renaming Node ID: ${whose}: ${conflict}`
      }
    }
    if (before !== undefined && renames) deleteNode(txn, index, before.Node)
  }
  before ??= txn.get('nodes', nodeKey(wanted.Node))
  if (before !== undefined && sameNode(before, wanted)) return undefined
  txn.put('nodes', { ...wanted, CreateIndex: before?.CreateIndex ?? index, ModifyIndex: index })
  setCounter(txn, 'nodes', index)
  raiseServicesOfNode(txn, index, wanted.Node)
  return undefined
}

export function nodeById(txn: ReadTxn, id: string): Node | undefined {
  for (const node of txn.by('nodes-by-id', nodeIdPrefix(id))) return node
  return undefined
}

/**
 * A name belongs to its node as long as gossip has not given that node up: unknown to gossip, or failed, it may be
 * taken over by another id.
 * @param fromNamesake a node without an id may always be given one
 */
function nameConflict(txn: WriteTxn, wanted: Node, fromNamesake: boolean): string | undefined {
  const holder = txn.get('nodes', nodeKey(wanted.Node))
  if (holder === undefined || holder.ID === wanted.ID) return undefined
  if (holder.ID === '' && fromNamesake) return undefined
  const health = txn.get('checks', checkKey(holder.Node, SERF_HEALTH))
  if (health === undefined || health.Status === 'critical') return undefined
  return `Node name ${wanted.Node} is reserved by node ${holder.ID} with name ${holder.Node} (${holder.Address})`
}

export function ensureService(txn: WriteTxn, index: Index, nodeName: string, wanted: NodeService): string | undefined {
  const row = txn.get('services', serviceKey(nodeName, wanted.ID))
  if (row !== undefined && sameService(row, nodeName, wanted)) return undefined
  const fault = metadataFault(wanted.Kind, wanted.Meta)
  if (fault !== undefined) return `Invalid Service Meta for node ${nodeName} and serviceID ${wanted.ID}: ${fault}`
  if (txn.get('nodes', nodeKey(nodeName)) === undefined) return 'Missing node registration'
  if (wanted.ID === '') return 'failed inserting service: object missing primary index'
  const service: NodeService = {
    ...wanted,
    Weights: storedWeights(wanted.Weights),
    LocallyRegisteredAsSidecar: false,
    CreateIndex: row?.Service.CreateIndex ?? index,
    ModifyIndex: index,
  }
  txn.put('services', { Node: nodeName, Service: service })
  addToWildcards(txn, index, service)
  raiseCounter(txn, 'services', index)
  raiseServiceCounters(txn, index, service)
  return undefined
}

export function deleteService(txn: WriteTxn, index: Index, nodeName: string, id: string): void {
  const key = serviceKey(nodeName, id)
  const row = txn.get('services', key)
  if (row === undefined) return
  const { Service: service } = row
  for (const check of [...txn.by('checks-by-node-service', nodeServicePrefix(nodeName, id))]) {
    deleteCheck(txn, index, nodeName, check.CheckID)
  }
  setCounter(txn, 'checks', index)
  txn.delete('services', key)
  raiseCounter(txn, 'services', index)
  raiseCounter(txn, kindCounter(service.Kind), index)
  if (hasInstances(txn, service.Service)) {
    raiseCounter(txn, serviceCounter(service.Service), index)
  } else {
    deleteCounter(txn, serviceCounter(service.Service))
    setCounter(txn, LAST_EXTINCTION, index)
    dropFromWildcards(txn, index, service.Service)
  }
}

function hasInstances(txn: WriteTxn, name: string): boolean {
  for (const _ of txn.by('services-by-name', serviceNamePrefix(name))) return true
  return false
}

/** With its services, checks and coordinates; its sessions end last, as none may outlive the node. */
export function deleteNode(txn: WriteTxn, index: Index, name: string): void {
  const key = nodeKey(name)
  if (txn.get('nodes', key) === undefined) return
  const services = [...txn.prefix('services', nodePrefix(name))]
  for (const row of services) raiseServiceCounters(txn, index, row.Service)
  for (const row of services) deleteService(txn, index, name, row.Service.ID)
  for (const check of [...txn.prefix('checks', nodePrefix(name))]) deleteCheck(txn, index, name, check.CheckID)
  for (const coordinate of [...txn.prefix('coordinates', nodePrefix(name))]) {
    txn.delete('coordinates', coordinateKey(coordinate.Node, coordinate.Segment))
    setCounter(txn, 'coordinates', index)
  }
  txn.delete('nodes', key)
  setCounter(txn, 'nodes', index)
  for (const session of sessionsOfNode(txn, name)) destroySession(txn, index, session.ID)
}
