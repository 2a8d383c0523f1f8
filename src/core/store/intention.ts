/** The rules of the log command Intention, and the reads. Source: Consul's agent/consul/state/intention.go. */

import { byteKey } from '../../base/text.ts'
import type { Index } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import { WILDCARD } from '../../model/config-entry.ts'
import type { Intention, IntentionMatchEntry, IntentionQueryMatch, IntentionRequest } from '../../model/intention.ts'
import { setCounter } from './counters.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { fold, intentionEndsPrefix } from './tables.ts'

const INTENTION_COUNTER = 'connect-intentions'

/** Both ends exact makes 9, then the destination's side counts before the source's. */
const DESTINATION_PRECEDENCE = [3, 6, 9]

export function applyIntention(txn: WriteTxn, index: Index, { Op, Intention: asked }: IntentionRequest): Result {
  switch (Op) {
    case 'create':
    case 'update':
      return setIntention(txn, index, asked)
    case 'delete':
      if (asked !== null && txn.get('intentions', fold(asked.ID)) !== undefined) {
        txn.delete('intentions', fold(asked.ID))
        setCounter(txn, INTENTION_COUNTER, index)
      }
      return { kind: 'done' }
    default:
      return { kind: 'failed', message: `Invalid Intention operation '${String(Op)}'` }
  }
}

function setIntention(txn: WriteTxn, index: Index, asked: Intention | null): Result {
  if (asked === null || asked.ID === '') return { kind: 'failed', message: 'Missing Intention ID' }
  const Precedence = precedenceOf(asked)
  const before = txn.get('intentions', fold(asked.ID))
  for (const other of txn.by('intentions-by-ends', intentionEndsPrefix(asked))) {
    if (other.ID !== asked.ID) return { kind: 'failed', message: `duplicate intention found: ${described(other)}` }
  }
  txn.put('intentions', {
    ...asked,
    Precedence,
    Meta: asked.Meta ?? {},
    CreatedAt: before?.CreatedAt ?? asked.CreatedAt,
    CreateIndex: before?.CreateIndex ?? index,
    ModifyIndex: index,
  })
  setCounter(txn, INTENTION_COUNTER, index)
  return { kind: 'done' }
}

export function precedenceOf(
  row: Pick<Intention, 'SourceNS' | 'SourceName' | 'DestinationNS' | 'DestinationName'>,
): number {
  const most = DESTINATION_PRECEDENCE[exactness(row.DestinationNS, row.DestinationName)]!
  return most - (2 - exactness(row.SourceNS, row.SourceName))
}

function exactness(namespace: string, name: string): 0 | 1 | 2 {
  if (namespace === WILDCARD) return 0
  return name === WILDCARD ? 1 : 2
}

function described(row: Intention): string {
  const source = `${row.SourceNS}/${row.SourceName}`
  const destination = `${row.DestinationNS}/${row.DestinationName}`
  return `${row.Action.toUpperCase()} ${source} => ${destination} (ID: ${row.ID}, Precedence: ${row.Precedence})`
}

/** Of every read of intentions, at least 1. */
function intentionIndex(txn: ReadTxn): Index {
  return Math.max(1, txn.counter(INTENTION_COUNTER))
}

export function intentionById(txn: ReadTxn, id: string): { Index: Index; Intention: Intention | undefined } {
  return { Index: intentionIndex(txn), Intention: txn.get('intentions', fold(id)) }
}

/** All, the one that decides first. */
export function intentions(txn: ReadTxn): { Index: Index; Intentions: Intention[] } {
  const Index = intentionIndex(txn)
  return { Index, Intentions: [...txn.prefix('intentions', '')].sort(byPrecedence) }
}

/** For each entry those that concern it at that end, the one that decides first; null where there is none. */
export function matchingIntentions(
  txn: ReadTxn,
  { Type, Entries }: IntentionQueryMatch,
): { Index: Index; Matches: (Intention[] | null)[] } {
  const Index = intentionIndex(txn)
  const ends: (row: Intention) => IntentionMatchEntry =
    Type === 'source'
      ? (row) => ({ Namespace: row.SourceNS, Name: row.SourceName })
      : (row) => ({ Namespace: row.DestinationNS, Name: row.DestinationName })
  const all = [...txn.prefix('intentions', '')].map((row) => {
    const { Namespace, Name } = ends(row)
    return { row, key: endKey(Namespace, Name) }
  })
  const Matches = (Entries ?? []).map((entry) => {
    const wanted = endKeys(entry)
    const found = wanted.flatMap((key) => all.filter((each) => each.key === key).map(({ row }) => row))
    return found.length === 0 ? null : found.sort(byPrecedence)
  })
  return { Index, Matches }
}

/** From what means all to what means this one. */
function endKeys({ Namespace, Name }: IntentionMatchEntry): string[] {
  const keys = [endKey(WILDCARD, WILDCARD)]
  if (Namespace === WILDCARD) return keys
  keys.push(endKey(Namespace, WILDCARD))
  if (Name !== WILDCARD) keys.push(endKey(Namespace, Name))
  return keys
}

function endKey(namespace: string, name: string): string {
  return `${fold(namespace)}\0${fold(name)}`
}

function byPrecedence(a: Intention, b: Intention): number {
  return (
    b.Precedence - a.Precedence ||
    byBytes(a.SourceNS, b.SourceNS) ||
    byBytes(a.SourceName, b.SourceName) ||
    byBytes(a.DestinationNS, b.DestinationNS) ||
    byBytes(a.DestinationName, b.DestinationName)
  )
}

function byBytes(a: string, b: string): number {
  if (a === b) return 0
  return byteKey(a) < byteKey(b) ? -1 : 1
}
