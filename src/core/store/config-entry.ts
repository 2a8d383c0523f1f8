/** The rules of the log command ConfigEntry. Source: Consul's agent/consul/state/config_entry.go. */

import type { Index } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import type { ConfigEntry, ConfigEntryRequest } from '../../model/config-entry.ts'
import { ConsulError } from '../../model/errors.ts'
import { checkGraph } from './config-graph.ts'
import { raiseCounter, setCounter } from './counters.ts'
import { deleteGateway, updateGateway } from './gateway-services.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { configKey, configPrefix } from './tables.ts'

export const CONFIG_COUNTER = 'config-entries'

export function applyConfigEntry(txn: WriteTxn, index: Index, { Op, Entry }: ConfigEntryRequest): Result {
  switch (Op) {
    case 'upsert':
      upsert(txn, index, Entry)
      return { kind: 'bool', value: true }
    case 'upsert-cas': {
      const before = txn.get('config-entries', configKey(Entry.Kind, Entry.Name))
      if ((before?.ModifyIndex ?? 0) !== Entry.ModifyIndex) return { kind: 'bool', value: false }
      upsert(txn, index, Entry)
      return { kind: 'bool', value: true }
    }
    case 'delete':
      deleteEntry(txn, index, Entry)
      return { kind: 'done' }
    default:
      return { kind: 'failed', message: `invalid config entry operation type: ${String(Op)}` }
  }
}

/** @throws ConsulError refused */
function upsert(txn: WriteTxn, index: Index, asked: ConfigEntry): void {
  const before = txn.get('config-entries', configKey(asked.Kind, asked.Name))
  const entry: ConfigEntry = { ...asked, CreateIndex: before?.CreateIndex ?? index, ModifyIndex: index }
  checkGraph(txn, { kind: entry.Kind, name: entry.Name, next: entry })
  // Consul's table cannot hold it; its own words for that.
  if (entry.Name === '') throw new ConsulError('refused', 'failed inserting config entry: object missing primary index')
  putConfigEntry(txn, index, entry)
}

/** With all that follows from it. Also for entries of a snapshot, whose index is their own. */
export function putConfigEntry(txn: WriteTxn, index: Index, entry: ConfigEntry): void {
  if (entry.Kind === 'ingress-gateway' || entry.Kind === 'terminating-gateway') updateGateway(txn, index, entry)
  txn.put('config-entries', entry)
  raiseCounter(txn, CONFIG_COUNTER, index)
}

function deleteEntry(txn: WriteTxn, index: Index, { Kind, Name }: ConfigEntry): void {
  const key = configKey(Kind, Name)
  if (txn.get('config-entries', key) === undefined) return
  if (Kind === 'ingress-gateway' || Kind === 'terminating-gateway') deleteGateway(txn, index, Name)
  checkGraph(txn, { kind: Kind, name: Name, next: undefined })
  txn.delete('config-entries', key)
  setCounter(txn, CONFIG_COUNTER, index)
}

export function configEntry(txn: ReadTxn, kind: string, name: string): { Index: Index; Entry: ConfigEntry | null } {
  const Index = txn.counter(CONFIG_COUNTER)
  return { Index, Entry: txn.get('config-entries', configKey(kind, name)) ?? null }
}

/** @param kind "" for all; in the order of kinds and names */
export function configEntries(txn: ReadTxn, kind: string): { Index: Index; Entries: ConfigEntry[] } {
  const Index = txn.counter(CONFIG_COUNTER)
  return { Index, Entries: [...txn.prefix('config-entries', kind === '' ? '' : configPrefix(kind))] }
}
