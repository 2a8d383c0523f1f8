/** The rules of the log commands of the mesh's certificate authority. Source: Consul's agent/consul/state/connect_ca.go. */

import type { Index } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import type { CaConfiguration, CaLeafRequest, CaProviderState, CaRequest, CaRoot } from '../../model/connect-ca.ts'
import { setCounter } from './counters.ts'
import type { WriteTxn } from './rows.ts'
import { CA_CONFIG_KEY, exactKey } from './tables.ts'

const ROOTS_COUNTER = 'connect-ca-roots'
const PROVIDER_COUNTER = 'connect-ca-builtin'
/** A plain counter rather than an index: the last serial number given to a certificate. */
const SERIAL_COUNTER = 'connect-ca-builtin-serial'

export function applyConnectCA(txn: WriteTxn, index: Index, body: CaRequest): Result {
  switch (body.Op) {
    case 'set-config':
      if (body.Config === null) return missing('configuration')
      if (body.Config.ModifyIndex !== 0) return setConfigIf(txn, index, body.Config)
      setConfig(txn, index, body.Config)
      return { kind: 'done' }
    case 'set-roots':
      return setRoots(txn, index, body)
    case 'set-roots-config': {
      const result = setRoots(txn, index, body)
      if (result.kind !== 'bool' || !result.value) return result
      if (body.Config === null) return missing('configuration')
      // One further than everything else of this command, as Consul has it.
      return setConfigIf(txn, index + 1, body.Config)
    }
    case 'set-provider-state':
      return body.ProviderState === null ? missing('provider state') : setProviderState(txn, index, body.ProviderState)
    case 'delete-provider-state':
      if (body.ProviderState === null) return missing('provider state')
      deleteProviderState(txn, body.ProviderState.ID)
      return { kind: 'bool', value: true }
    case 'increment-provider-serial': {
      const serial = (txn.counter(SERIAL_COUNTER) || txn.counter(PROVIDER_COUNTER)) + 1
      setCounter(txn, SERIAL_COUNTER, serial)
      return { kind: 'number', value: serial }
    }
    default:
      return { kind: 'failed', message: `Invalid CA operation '${String(body.Op)}'` }
  }
}

/**
 * The counter that should move with it does not: 1.8.7 never commits its transaction. Only the proposer learns an
 * index, so that it may put an order on certificates.
 */
export function applyConnectCALeaf(index: Index, body: CaLeafRequest): Result {
  if (body.Op === 'increment-index') return { kind: 'number', value: index }
  return { kind: 'failed', message: `Invalid CA operation '${String(body.Op)}'` }
}

function missing(what: string): Result {
  return { kind: 'failed', message: `missing CA ${what}` }
}

function setConfigIf(txn: WriteTxn, index: Index, config: CaConfiguration): Result {
  const before = txn.get('ca-config', CA_CONFIG_KEY)
  if ((before?.ModifyIndex ?? 0) !== config.ModifyIndex) return { kind: 'bool', value: false }
  setConfig(txn, index, config)
  return { kind: 'bool', value: true }
}

function setConfig(txn: WriteTxn, index: Index, config: CaConfiguration): void {
  const before = txn.get('ca-config', CA_CONFIG_KEY)
  txn.put('ca-config', {
    ...config,
    ClusterID: config.ClusterID || (before?.ClusterID ?? ''),
    CreateIndex: before?.CreateIndex ?? index,
    ModifyIndex: index,
  })
}

/** All roots at once, if the table stands where the proposer saw it. */
function setRoots(txn: WriteTxn, index: Index, { Roots, Index: seen }: CaRequest): Result {
  const roots = (Roots ?? []).filter((root) => root !== null)
  if (roots.filter(({ Active }) => Active).length !== 1) {
    return { kind: 'failed', message: 'there must be exactly one active CA' }
  }
  if (txn.counter(ROOTS_COUNTER) !== seen) return { kind: 'bool', value: false }
  if (roots.some(({ ID }) => ID === '')) return { kind: 'failed', message: 'Missing CA Root ID' }
  const known = new Map([...txn.prefix('ca-roots', '')].map((root) => [exactKey(root.ID), root]))
  for (const key of known.keys()) txn.delete('ca-roots', key)
  for (const root of roots) {
    const created: CaRoot = {
      ...root,
      CreateIndex: known.get(exactKey(root.ID))?.CreateIndex ?? index,
      ModifyIndex: index,
    }
    txn.put('ca-roots', created)
  }
  setCounter(txn, ROOTS_COUNTER, index)
  return { kind: 'bool', value: true }
}

function setProviderState(txn: WriteTxn, index: Index, state: CaProviderState): Result {
  if (state.ID === '')
    return { kind: 'failed', message: 'failed updating built-in CA state: object missing primary index' }
  const before = txn.get('ca-provider-state', exactKey(state.ID))
  txn.put('ca-provider-state', { ...state, CreateIndex: before?.CreateIndex ?? index, ModifyIndex: index })
  setCounter(txn, PROVIDER_COUNTER, index)
  return { kind: 'bool', value: true }
}

/** Moves no index, as in Consul; its counter is only made sure of. */
function deleteProviderState(txn: WriteTxn, id: string): void {
  if (txn.get('ca-provider-state', exactKey(id)) === undefined) return
  txn.delete('ca-provider-state', exactKey(id))
  setCounter(txn, PROVIDER_COUNTER, txn.counter(PROVIDER_COUNTER))
}
