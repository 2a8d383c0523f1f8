/**
 * The state as bytes: the content of Consul's `state.bin` (protocol/fsm-and-snapshot.md section 6), which is also what
 * our own snapshots hold. A header, then records, each a type byte and a msgpack value, in the order in which 1.8.7
 * writes them.
 *
 * Both directions work in pieces of some 64 KiB, so that nobody waits long for the event loop: the writer is a
 * generator, the reader is pushed chunks of any size.
 */

import { Buffer } from 'node:buffer'
import type { Index } from '../base/units.ts'
import { BOOTSTRAP_COUNTER, tokenOfLegacy, withHash } from '../core/store/acl.ts'
import { putConfigEntry } from '../core/store/config-entry.ts'
import { setCounter } from '../core/store/counters.ts'
import type { ReadTxn, WriteTxn } from '../core/store/rows.ts'
import { putSession } from '../core/store/session.ts'
import { AUTOPILOT_KEY, CA_CONFIG_KEY, nodeKey, nodePrefix } from '../core/store/tables.ts'
import type { Node, RegisterRequest } from '../model/catalog.ts'
import type { NodeCoordinate } from '../model/coordinate.ts'
import type { PendingChunk } from './chunking.ts'
import { MsgpackError, Reader, Writer } from './msgpack.ts'
import { ValueScanner } from './msgpack-stream.ts'
import { type Codec, filled, int, list, struct, text } from './schema.ts'
import {
  aclAuthMethod,
  aclBindingRule,
  aclPolicy,
  aclRole,
  aclToken,
  legacyAcl,
  legacyBootstrap,
} from './structs/acl.ts'
import { autopilotConfig } from './structs/autopilot.ts'
import { registerRequest } from './structs/catalog.ts'
import { pendingChunks } from './structs/chunking.ts'
import { configEntryRequest } from './structs/config-entry.ts'
import { caConfiguration, caProviderState, caRoot } from './structs/connect-ca.ts'
import { nodeCoordinate } from './structs/coordinate.ts'
import { federationStateRequest } from './structs/federation-state.ts'
import { intention } from './structs/intention.ts'
import { dirEntry } from './structs/kv.ts'
import { preparedQuery } from './structs/prepared-query.ts'
import { session } from './structs/session.ts'

const RECORDS = {
  Register: 0,
  KVS: 2,
  Session: 3,
  LegacyAcl: 4,
  Tombstone: 5,
  Coordinates: 6,
  PreparedQuery: 7,
  Autopilot: 9,
  LegacyBootstrap: 11,
  Intention: 12,
  CaRoot: 13,
  CaProviderState: 14,
  CaConfig: 15,
  Index: 16,
  AclToken: 17,
  AclPolicy: 19,
  ConfigEntry: 22,
  AclRole: 23,
  AclBindingRule: 25,
  AclAuthMethod: 27,
  ChunkingState: 29,
  FederationState: 30,
} as const

const CHUNK_BYTES = 64 * 1024
/** The largest real records are the pieces of unfinished commands, each at most 512 KiB. */
const RECORD_BYTES_MAX = 256 << 20

const header = struct<{ LastIndex: number }>({ LastIndex: int })
const indexEntry = struct<{ Key: string; Value: number }>({ Key: text, Value: int })
const coordinates: Codec<NodeCoordinate[]> = filled(list<NodeCoordinate>(nodeCoordinate), () => [])

/**
 * @param rows a view that stays as it is until the generator is done
 * @param lastIndex of the last command that `rows` show
 * @param pending pieces of commands that were incomplete at that index
 */
export function* encodeState(rows: ReadTxn, lastIndex: Index, pending: PendingChunk[] = []): Generator<Uint8Array> {
  const w = new Writer(CHUNK_BYTES * 2)
  header.write(w, { LastIndex: lastIndex })
  for (const _record of writeRecords(w, rows, pending)) if (w.at >= CHUNK_BYTES) yield w.take()
  if (w.at > 0) yield w.take()
}

/** Writes a record between any two yields. */
function* writeRecords(w: Writer, rows: ReadTxn, pending: PendingChunk[]): Generator<void> {
  for (const node of rows.prefix('nodes', '')) {
    const prefix = nodePrefix(node.Node)
    yield record(w, RECORDS.Register, registerRequest, registration(node))
    for (const { Service } of rows.prefix('services', prefix))
      yield record(w, RECORDS.Register, registerRequest, { ...registration(node), Service })
    for (const Check of rows.prefix('checks', prefix))
      yield record(w, RECORDS.Register, registerRequest, { ...registration(node), Check })
  }
  for (const row of rows.prefix('coordinates', '')) yield record(w, RECORDS.Coordinates, coordinates, [row])
  for (const row of rows.prefix('sessions', '')) yield record(w, RECORDS.Session, session, row)
  for (const row of rows.prefix('acl-tokens', '')) yield record(w, RECORDS.AclToken, aclToken, row)
  for (const row of rows.prefix('acl-policies', '')) yield record(w, RECORDS.AclPolicy, aclPolicy, row)
  for (const row of rows.prefix('acl-roles', '')) yield record(w, RECORDS.AclRole, aclRole, row)
  for (const row of rows.prefix('acl-binding-rules', '')) yield record(w, RECORDS.AclBindingRule, aclBindingRule, row)
  for (const row of rows.prefix('acl-auth-methods', '')) yield record(w, RECORDS.AclAuthMethod, aclAuthMethod, row)
  for (const row of rows.prefix('kvs', '')) yield record(w, RECORDS.KVS, dirEntry, row)
  for (const { Key, Index } of rows.prefix('tombstones', ''))
    yield record(w, RECORDS.Tombstone, dirEntry, { ...dirEntry.zero(), Key, ModifyIndex: Index })
  for (const row of rows.prefix('prepared-queries', '')) yield record(w, RECORDS.PreparedQuery, preparedQuery, row)
  const autopilot = rows.get('autopilot', AUTOPILOT_KEY)
  if (autopilot !== undefined) yield record(w, RECORDS.Autopilot, autopilotConfig, autopilot)
  for (const row of rows.prefix('intentions', '')) yield record(w, RECORDS.Intention, intention, row)
  for (const row of rows.prefix('ca-roots', '')) yield record(w, RECORDS.CaRoot, caRoot, row)
  for (const row of rows.prefix('ca-provider-state', '')) yield record(w, RECORDS.CaProviderState, caProviderState, row)
  const caConfig = rows.get('ca-config', CA_CONFIG_KEY)
  if (caConfig !== undefined) yield record(w, RECORDS.CaConfig, caConfiguration, caConfig)
  for (const Entry of rows.prefix('config-entries', ''))
    yield record(w, RECORDS.ConfigEntry, configEntryRequest, { Op: '', Entry })
  for (const State of rows.prefix('federation-states', ''))
    yield record(w, RECORDS.FederationState, federationStateRequest, { Op: 'upsert', State })
  for (const row of rows.prefix('index', '')) yield record(w, RECORDS.Index, indexEntry, row)
  yield record(w, RECORDS.ChunkingState, pendingChunks, pending)
}

function record<T>(w: Writer, type: number, codec: Codec<T>, value: T): void {
  w.byte(type)
  codec.write(w, value)
}

function registration(node: Node): RegisterRequest {
  return {
    CreateIndex: node.CreateIndex,
    ModifyIndex: node.ModifyIndex,
    ID: node.ID,
    Node: node.Node,
    Address: node.Address,
    Datacenter: node.Datacenter,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
  }
}

/** The bytes are no state that Consul could have written, or not all of it. */
export class SnapshotError extends Error {
  override name = 'SnapshotError'
}

export interface StateSummary {
  lastIndex: Index
  /** Pieces of commands that were incomplete when the snapshot was taken. */
  pending: PendingChunk[]
}

/** Puts the rows of a state into a transaction as its bytes come in. */
export class StateReader {
  readonly #txn: WriteTxn
  readonly #scanner = new ValueScanner(RECORD_BYTES_MAX)
  /** Type of the record that is coming; undefined before its type byte. The header has none. */
  #type: number | 'header' | undefined = 'header'
  /** Earlier parts of that record. */
  #parts: Uint8Array[] = []
  /** Offset in the whole input at which the record begins. */
  #recordAt = 0
  #lastIndex: Index = 0
  #pending: PendingChunk[] = []
  /** A node stands before each of its services and checks; it is put once. */
  #node = ''

  /** @param txn of an empty state */
  constructor(txn: WriteTxn) {
    this.#txn = txn
  }

  /**
   * @param chunk given away: values may be views of it, which bounds what they keep alive to the size of the state
   * @throws SnapshotError, after which the transaction must be thrown away
   */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    let at = 0
    while (at < bytes.length) {
      if (this.#type === undefined) {
        this.#type = bytes[at++]!
        this.#recordAt += 1
        continue
      }
      const type = this.#type
      let end = this.#parts.length === 0 ? this.#guard(() => this.#readWithin(type, bytes, at)) : -1
      if (end < 0) {
        end = this.#guard(() => this.#scanner.push(bytes, at))
        const part = bytes.subarray(at, end < 0 ? bytes.length : end)
        if (end < 0) {
          this.#parts.push(new Uint8Array(part))
          return
        }
        const whole = Buffer.concat([...this.#parts, part])
        this.#guard(() => this.#read(type, new Reader(whole, 0, whole.length, true)))
        this.#recordAt += whole.length
        this.#parts = []
      } else this.#recordAt += end - at
      this.#type = undefined
      at = end
    }
  }

  /**
   * Nearly every record lies within its chunk, and is then read without looking for its end first.
   * @returns the offset after it; -1 when it goes on in the next chunk, and then nothing was put
   */
  #readWithin(type: number | 'header', bytes: Buffer, at: number): number {
    const from = new Reader(bytes, at, bytes.length, true)
    try {
      this.#read(type, from)
      return from.at
    } catch (error) {
      if (error instanceof MsgpackError && error.fault === 'truncated') return -1
      throw error
    }
  }

  /** @throws SnapshotError when the input ended too early */
  finish(): StateSummary {
    if (this.#type !== undefined) throw this.#error('the input ends inside it')
    return { lastIndex: this.#lastIndex, pending: this.#pending }
  }

  /** Reads the one record that is next, wholly before anything of it is put. */
  #read(type: number | 'header', from: Reader): void {
    const txn = this.#txn
    switch (type) {
      case 'header':
        this.#lastIndex = header.read(from).LastIndex
        return
      case RECORDS.Register:
        this.#register(registerRequest.read(from))
        return
      case RECORDS.KVS:
        txn.put('kvs', dirEntry.read(from))
        return
      case RECORDS.Session:
        putSession(txn, session.read(from))
        return
      case RECORDS.Tombstone: {
        const { Key, ModifyIndex } = dirEntry.read(from)
        txn.put('tombstones', { Key, Index: ModifyIndex })
        return
      }
      case RECORDS.Coordinates:
        for (const row of coordinates.read(from)) txn.put('coordinates', row)
        return
      case RECORDS.PreparedQuery:
        txn.put('prepared-queries', preparedQuery.read(from))
        return
      case RECORDS.Autopilot:
        txn.put('autopilot', autopilotConfig.read(from))
        return
      case RECORDS.Index: {
        const { Key, Value } = indexEntry.read(from)
        setCounter(txn, Key, Value)
        return
      }
      case RECORDS.FederationState: {
        const { State } = federationStateRequest.read(from)
        if (State !== null) txn.put('federation-states', State)
        return
      }
      case RECORDS.AclToken:
        txn.put('acl-tokens', withHash(aclToken.read(from)))
        return
      case RECORDS.LegacyAcl:
        txn.put('acl-tokens', tokenOfLegacy(legacyAcl.read(from)))
        return
      case RECORDS.LegacyBootstrap:
        setCounter(txn, BOOTSTRAP_COUNTER, legacyBootstrap.read(from).ModifyIndex)
        return
      case RECORDS.AclPolicy:
        txn.put('acl-policies', aclPolicy.read(from))
        return
      case RECORDS.AclRole:
        txn.put('acl-roles', aclRole.read(from))
        return
      case RECORDS.AclBindingRule:
        txn.put('acl-binding-rules', aclBindingRule.read(from))
        return
      case RECORDS.AclAuthMethod:
        txn.put('acl-auth-methods', aclAuthMethod.read(from))
        return
      case RECORDS.Intention:
        txn.put('intentions', intention.read(from))
        return
      case RECORDS.CaRoot:
        txn.put('ca-roots', caRoot.read(from))
        return
      case RECORDS.CaProviderState:
        txn.put('ca-provider-state', caProviderState.read(from))
        return
      case RECORDS.CaConfig:
        txn.put('ca-config', caConfiguration.read(from))
        return
      case RECORDS.ConfigEntry: {
        const { Entry } = configEntryRequest.read(from)
        putConfigEntry(txn, Entry.ModifyIndex, Entry)
        return
      }
      case RECORDS.ChunkingState:
        this.#pending = pendingChunks.read(from)
        return
      default:
        throw this.#error('no such type is known')
    }
  }

  #register({ Service, Check, Checks, ...node }: RegisterRequest): void {
    const txn = this.#txn
    const key = nodeKey(node.Node)
    if (key !== this.#node) {
      this.#node = key
      txn.put('nodes', {
        CreateIndex: node.CreateIndex ?? 0,
        ModifyIndex: node.ModifyIndex ?? 0,
        ID: node.ID ?? '',
        Node: node.Node,
        Address: node.Address,
        Datacenter: node.Datacenter ?? '',
        TaggedAddresses: node.TaggedAddresses ?? null,
        Meta: node.NodeMeta ?? null,
      })
    }
    if (Service) txn.put('services', { Node: node.Node, Service })
    if (Check) txn.put('checks', Check)
    for (const check of Checks ?? []) txn.put('checks', check)
  }

  #guard<T>(run: () => T): T {
    try {
      return run()
    } catch (error) {
      if (error instanceof MsgpackError) throw this.#error(error.message, error)
      throw error
    }
  }

  #error(why: string, cause?: unknown): SnapshotError {
    const what = this.#type === 'header' ? 'header' : `record of type ${this.#type}`
    return new SnapshotError(`snapshot: ${what} at byte ${this.#recordAt}: ${why}`, { cause })
  }
}

/**
 * Reads a whole state. Rows are put in slices, between which the event loop turns as often as the chunks make it.
 * @throws SnapshotError, or what the chunks throw
 */
export async function readState(chunks: AsyncIterable<Uint8Array>, txn: WriteTxn): Promise<StateSummary> {
  const reader = new StateReader(txn)
  for await (const chunk of chunks) reader.push(chunk)
  return reader.finish()
}
