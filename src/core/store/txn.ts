/**
 * Transactions: each operation in turn, seeing what those before it did; when any of them fails, none has happened (the
 * store undoes what was written). All failures are told, not only the first.
 * Source: Consul's agent/consul/state/txn.go.
 */

import { quoteGo } from '../../base/go-flags.ts'
import type { Index } from '../../base/units.ts'
import { uuidFault } from '../../base/uuid.ts'
import type { Node } from '../../model/catalog.ts'
import type { Result } from '../../model/command.ts'
import type { IntentionRequest } from '../../model/intention.ts'
import type { DirEntry } from '../../model/kv.ts'
import type {
  TxnCheckOp,
  TxnError,
  TxnKVOp,
  TxnNodeOp,
  TxnOp,
  TxnRequest,
  TxnResponse,
  TxnResult,
  TxnServiceOp,
  TxnSessionOp,
} from '../../model/txn.ts'
import { deleteNode, deleteService, ensureNode, ensureService, nodeById } from './catalog.ts'
import { setCounter } from './counters.ts'
import { deleteCheck, ensureCheck } from './health.ts'
import { applyIntention } from './intention.ts'
import { kvCas, kvDelete, kvDeleteCas, kvDeleteTree, kvLock, kvSet, kvUnlock } from './kv.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { checkKey, kvKey, nodeKey, serviceKey, sessionKey } from './tables.ts'

/** An operation that cannot be: its text is for whoever asked. */
class OpFault {
  readonly what: string
  constructor(what: string) {
    this.what = what
  }
}

export function applyTxn(txn: WriteTxn, index: Index, body: TxnRequest): Result {
  return { kind: 'txn', response: perform(body.Ops ?? [], (op) => run({ read: txn, write: txn, index }, op)) }
}

/** Operations that only look. */
export function readTxn(txn: ReadTxn, ops: readonly TxnOp[]): TxnResponse {
  return perform(ops, (op) => run({ read: txn, write: undefined, index: 0 }, op))
}

/** What the operations of one transaction work on. */
interface Ground {
  read: ReadTxn
  write: WriteTxn | undefined
  index: Index
}

function perform(ops: readonly TxnOp[], one: (op: TxnOp) => TxnResult[]): TxnResponse {
  const results: TxnResult[] = []
  const errors: TxnError[] = []
  ops.forEach((op, at) => {
    try {
      for (const result of one(op)) results.push(result)
    } catch (fault) {
      if (!(fault instanceof OpFault)) throw fault
      errors.push({ OpIndex: at, What: fault.what })
    }
  })
  return errors.length > 0 ? { Results: null, Errors: errors } : { Results: results, Errors: null }
}

const NOTHING: TxnResult[] = []
const NO_RESULT: TxnResult = { KV: null, Node: null, Service: null, Check: null }

function run(ground: Ground, op: TxnOp): TxnResult[] {
  if (op.KV !== null) return runKV(ground, op.KV)
  if (op.Intention !== null) return runIntention(ground, op.Intention)
  if (op.Node !== null) return runNode(ground, op.Node)
  if (op.Service !== null) return runService(ground, op.Service)
  if (op.Check !== null) return runCheck(ground, op.Check)
  if (op.Session !== null) return runSession(ground, op.Session)
  throw new OpFault('no operation specified')
}

/** @throws OpFault within a transaction that only reads */
function writer({ write }: Ground): WriteTxn {
  if (write === undefined) throw new OpFault('cannot insert in read-only transaction')
  return write
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new OpFault(what)
}

function refuse(fault: string | undefined): void {
  if (fault !== undefined) throw new OpFault(fault)
}

function runKV(ground: Ground, { Verb, DirEnt }: TxnKVOp): TxnResult[] {
  const { index, read } = ground
  const { Key } = DirEnt
  const name = quoteGo(Key)
  switch (Verb) {
    case 'set':
      kvSet(writer(ground), index, DirEnt)
      return written(read, Key)
    case 'cas':
      demand(kvCas(writer(ground), index, DirEnt), `failed to set key ${name}, index is stale`)
      return written(read, Key)
    case 'lock':
      succeed(kvLock(writer(ground), index, DirEnt), `failed to lock key ${name}, lock is already held`)
      return written(read, Key)
    case 'unlock':
      succeed(
        kvUnlock(writer(ground), index, DirEnt),
        `failed to unlock key ${name}, lock isn't held, or is held by another session`,
      )
      return written(read, Key)
    case 'delete':
      kvDelete(writer(ground), index, Key)
      return NOTHING
    case 'delete-cas':
      demand(kvDeleteCas(writer(ground), index, DirEnt), `failed to delete key ${name}, index is stale`)
      return NOTHING
    case 'delete-tree':
      kvDeleteTree(writer(ground), index, Key)
      return NOTHING
    case 'get': {
      const entry = entryAt(read, Key, `key ${name} doesn't exist`)
      return [{ ...NO_RESULT, KV: entry }]
    }
    case 'get-tree':
      return Array.from(read.prefix('kvs', kvKey(Key)), (entry) => ({ ...NO_RESULT, KV: entry }))
    case 'check-session': {
      const { Session } = entryAt(read, Key, `failed to check session, key ${name} doesn't exist`)
      demand(
        Session === DirEnt.Session,
        `failed session check for key ${name}, current session ${quoteGo(Session)} != ${quoteGo(DirEnt.Session)}`,
      )
      return written(read, Key)
    }
    case 'check-index': {
      const { ModifyIndex } = entryAt(read, Key, `failed to check index, key ${name} doesn't exist`)
      demand(
        ModifyIndex === DirEnt.ModifyIndex,
        `failed index check for key ${name}, current modify index ${ModifyIndex} != ${DirEnt.ModifyIndex}`,
      )
      return written(read, Key)
    }
    case 'check-not-exists':
      demand(read.get('kvs', kvKey(Key)) === undefined, `key ${name} exists`)
      return NOTHING
    default:
      throw new OpFault(`unknown KV verb ${quoteGo(String(Verb))}`)
  }
}

function entryAt(read: ReadTxn, key: string, otherwise: string): DirEntry {
  const entry = read.get('kvs', kvKey(key))
  if (entry === undefined) throw new OpFault(otherwise)
  return entry
}

function succeed(result: Result, otherwise: string): void {
  if (result.kind === 'failed') throw new OpFault(result.message)
  demand(result.kind !== 'bool' || result.value, otherwise)
}

/** The entry without its value: whoever wrote it has it. */
function written(read: ReadTxn, key: string): TxnResult[] {
  const entry = read.get('kvs', kvKey(key))
  return entry === undefined ? NOTHING : [{ ...NO_RESULT, KV: { ...entry, Value: null } }]
}

/** Whether a row may be written that was seen at `expected`; 0 stands for "absent". */
function isUnchanged(row: { ModifyIndex: Index } | undefined, expected: Index): boolean {
  return row === undefined ? expected === 0 : expected !== 0 && row.ModifyIndex === expected
}

function runNode(ground: Ground, { Verb, Node }: TxnNodeOp): TxnResult[] {
  const { index, read } = ground
  const name = quoteGo(Node.Node)
  const named = read.get('nodes', nodeKey(Node.Node))
  switch (Verb) {
    case 'get': {
      const node = findNode(read, Node)
      if (node === undefined) throw new OpFault(`node ${name} doesn't exist`)
      return [{ ...NO_RESULT, Node: node }]
    }
    case 'set':
      refuse(ensureNode(writer(ground), index, Node))
      return standing('Node', findNode(read, Node))
    case 'cas':
      demand(isUnchanged(named, Node.ModifyIndex), `failed to set node ${name}, index is stale`)
      // As with checks, below.
      ensureNode(writer(ground), index, Node)
      return standing('Node', findNode(read, Node))
    case 'delete':
      deleteNode(writer(ground), index, Node.Node)
      return NOTHING
    case 'delete-cas':
      demand(named?.ModifyIndex === Node.ModifyIndex, `failed to delete node ${name}, index is stale`)
      deleteNode(writer(ground), index, Node.Node)
      return NOTHING
    default:
      throw new OpFault(`unknown Node verb ${quoteGo(String(Verb))}`)
  }
}

/** By its id, if the operation names one, else by its name. */
function findNode(read: ReadTxn, { ID, Node }: Node): Node | undefined {
  if (ID === '') return read.get('nodes', nodeKey(Node))
  const fault = uuidFault(ID)
  if (fault !== undefined) throw new OpFault(`node lookup by ID failed, wrong UUID: ${fault} for '${ID}'`)
  return nodeById(read, ID)
}

function standing<K extends keyof TxnResult>(kind: K, row: TxnResult[K] | undefined): TxnResult[] {
  return row === undefined ? NOTHING : [{ ...NO_RESULT, [kind]: row }]
}

function runService(ground: Ground, { Verb, Node, Service }: TxnServiceOp): TxnResult[] {
  const { index, read } = ground
  const key = serviceKey(Node, Service.ID)
  const before = read.get('services', key)?.Service
  const name = `service ${quoteGo(Service.ID)} on node ${quoteGo(Node)}`
  switch (Verb) {
    case 'get':
      if (before === undefined) throw new OpFault(`${name} doesn't exist`)
      return standing('Service', before)
    case 'set':
      refuse(ensureService(writer(ground), index, Node, Service))
      return standing('Service', read.get('services', key)?.Service)
    case 'cas':
      demand(isUnchanged(before, Service.ModifyIndex), `failed to set ${name}, index is stale`)
      refuse(ensureService(writer(ground), index, Node, Service))
      return standing('Service', read.get('services', key)?.Service)
    case 'delete':
      deleteService(writer(ground), index, Node, Service.ID)
      return NOTHING
    case 'delete-cas':
      demand(before?.ModifyIndex === Service.ModifyIndex, `failed to delete ${name}, index is stale`)
      deleteService(writer(ground), index, Node, Service.ID)
      return NOTHING
    default:
      throw new OpFault(`unknown Service verb ${quoteGo(String(Verb))}`)
  }
}

function runCheck(ground: Ground, { Verb, Check }: TxnCheckOp): TxnResult[] {
  const { index, read } = ground
  const key = checkKey(Check.Node, Check.CheckID)
  const before = read.get('checks', key)
  const name = `check ${quoteGo(Check.CheckID)} on node ${quoteGo(Check.Node)}`
  switch (Verb) {
    case 'get':
      if (before === undefined) throw new OpFault(`${name} doesn't exist`)
      return standing('Check', before)
    case 'set':
      refuse(ensureCheck(writer(ground), index, Check))
      return standing('Check', read.get('checks', key))
    case 'cas':
      demand(isUnchanged(before, Check.ModifyIndex), `failed to set ${name}, index is stale`)
      // The real one forgets the fault of a check that cannot be, and goes on: every server must do the same.
      ensureCheck(writer(ground), index, Check)
      return standing('Check', read.get('checks', key))
    case 'delete':
      deleteCheck(writer(ground), index, Check.Node, Check.CheckID)
      return NOTHING
    case 'delete-cas':
      demand(before?.ModifyIndex === Check.ModifyIndex, `failed to delete ${name}, index is stale`)
      deleteCheck(writer(ground), index, Check.Node, Check.CheckID)
      return NOTHING
    default:
      throw new OpFault(`unknown Check verb ${quoteGo(String(Verb))}`)
  }
}

const INTENTION_OPS = new Set<string>(['create', 'update', 'delete'])

function runIntention(ground: Ground, request: IntentionRequest): TxnResult[] {
  if (!INTENTION_OPS.has(request.Op)) throw new OpFault(`unknown Intention op ${quoteGo(String(request.Op))}`)
  const result = applyIntention(writer(ground), ground.index, request)
  if (result.kind === 'failed') throw new OpFault(result.message)
  return NOTHING
}

/** Takes the row away and nothing that stands on it, as the real one does. */
function runSession(ground: Ground, { Verb, Session }: TxnSessionOp): TxnResult[] {
  if (Verb !== 'delete') {
    throw new OpFault(`failed to delete session: unknown Session verb ${quoteGo(String(Verb))}`)
  }
  const write = writer(ground)
  const key = sessionKey(Session.ID)
  if (write.get('sessions', key) === undefined) {
    throw new OpFault('failed to delete session: failed deleting session: not found')
  }
  write.delete('sessions', key)
  setCounter(write, 'sessions', ground.index)
  return NOTHING
}
