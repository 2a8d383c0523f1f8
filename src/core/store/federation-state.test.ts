/** Federation states: what a leader of real servers writes soon after its election. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FederationState } from '../../model/federation-state.ts'
import { memoryRows } from './memory.ts'
import { makeStore } from './store.ts'

const state: FederationState = {
  Datacenter: 'dc1',
  MeshGateways: null,
  UpdatedAt: { seconds: 1, nanos: 2, offsetMin: null, offsetSec: 0 },
  PrimaryModifyIndex: 0,
  CreateIndex: 0,
  ModifyIndex: 0,
}

test('a row for each datacenter: the first index is kept, the counter moves, deletes are told once', () => {
  const store = makeStore(memoryRows())
  const apply = (index: number, Op: 'upsert' | 'delete', State: FederationState | null) =>
    store.apply(index, { type: 'FederationState', body: { Op, State } }).result
  const row = () => store.read((txn) => txn.get('federation-states', 'dc1'))
  const counter = () => store.read((txn) => txn.counter('federation-states'))

  assert.deepEqual(apply(5, 'upsert', state), { kind: 'bool', value: true })
  assert.deepEqual(row(), { ...state, CreateIndex: 5, ModifyIndex: 5, PrimaryModifyIndex: 5 })
  apply(7, 'upsert', { ...state, Datacenter: 'DC1', PrimaryModifyIndex: 3 })
  assert.deepEqual(row(), { ...state, Datacenter: 'DC1', CreateIndex: 5, ModifyIndex: 7, PrimaryModifyIndex: 3 })
  apply(8, 'delete', { ...state, Datacenter: 'dc2' })
  assert.equal(counter(), 7)
  apply(9, 'delete', state)
  assert.deepEqual([row(), counter()], [undefined, 9])
  assert.equal(apply(10, 'upsert', null).kind, 'failed')
  assert.equal(apply(11, 'upsert', { ...state, Datacenter: '' }).kind, 'failed')
  assert.equal(counter(), 9)
})
