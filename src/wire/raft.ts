/**
 * Raft's messages as bytes, on connections of their own (protocol/raft.md sections 1 to 3): one byte for the type, then
 * a struct; the answer is an error text, then a struct. Names on the wire are hashicorp/raft's, ours are core/raft's.
 * Bytes of a snapshot follow its request as they are, and are handed on as they come.
 */
import { Buffer } from 'node:buffer'
import { bytesFromText, textFromBytes } from '../base/text.ts'
import {
  ENTRY_TYPES,
  type Entry,
  type EntryType,
  type InstallRequest,
  type RaftReply,
  type RaftRequest,
} from '../core/raft/messages.ts'
import { encodeWith, MsgpackError, Reader } from './msgpack.ts'
import { ValueScanner } from './msgpack-stream.ts'
import { decodeConfiguration, encodeConfiguration, encodePeers } from './raft-log.ts'
import { bool, bytes, type Codec, int, keyOf, list, struct, text } from './schema.ts'

/** Type 4 is younger than Consul 1.8.7: only peers that know it may be asked (`PRE_VOTE_KNOWN`). */
const TYPE_BYTES = { append: 0, vote: 1, install: 2, 'timeout-now': 3, 'pre-vote': 4 } as const satisfies Record<
  WireType,
  number
>
type WireType = RaftRequest['type']
const TYPES = Object.keys(TYPE_BYTES) as WireType[]

const PROTOCOL = 3
const PROTOCOL_MIN = 2
const SNAPSHOT_VERSION = 1
/** 64 entries, each at most a transaction or a registration; what our own servers send stays below one megabyte. */
const REQUEST_BYTES_MAX = 256 << 20
const REPLY_BYTES_MAX = 64 * 1024
const WRONG_PROTOCOL = 'operation not supported with current protocol version'

interface WireEntry {
  Index: number
  Term: number
  Type: number
  Data: Uint8Array | null
  Extensions: Uint8Array | null
}

const ENTRY_TYPE_NAMES = Object.keys(ENTRY_TYPES) as EntryType[]
const NO_DATA = new Uint8Array()
const wireEntry = struct<WireEntry>({ Index: int, Term: int, Type: int, Data: bytes, Extensions: bytes })

/** Fields in the order in which every peer writes them: that of their names. */
const DATA = keyOf('Data')
const EXTENSIONS = keyOf('Extensions')
const INDEX = keyOf('Index')
const TERM = keyOf('Term')
const TYPE = keyOf('Type')
const FIELD_COUNT = 5

/** Straight between our entries and the wire: the hottest of all structs here, so its usual form is written and read without looking fields up. */
const entry: Codec<Entry> = {
  write(w, value) {
    const { index, term, type, data, extensions } = value!
    w.mapHeader(FIELD_COUNT)
    w.append(DATA)
    w.bytes(data.length === 0 ? null : data)
    w.append(EXTENSIONS)
    w.bytes(extensions)
    w.append(INDEX)
    w.int(index)
    w.append(TERM)
    w.int(term)
    w.append(TYPE)
    w.int(ENTRY_TYPES[type])
  },
  read(r) {
    const { at } = r
    const usual = readUsual(r)
    if (usual !== undefined) return usual
    r.at = at
    const { Index, Term, Type, Data, Extensions } = wireEntry.read(r)
    return { index: Index, term: Term, type: entryType(Type, r), data: Data ?? NO_DATA, extensions: Extensions }
  },
  zero: () => ({ index: 0, term: 0, type: 'noop', data: NO_DATA, extensions: null }),
  fields: wireEntry.fields,
  shape: { kind: 'opaque' },
}

/** @returns undefined, somewhere inside the entry, when its fields are others or in another order */
function readUsual(r: Reader): Entry | undefined {
  if (r.mapHeader() !== FIELD_COUNT || !r.key(DATA)) return undefined
  const data = r.bytes() ?? NO_DATA
  if (!r.key(EXTENSIONS)) return undefined
  const extensions = r.bytes()
  if (!r.key(INDEX)) return undefined
  const index = r.int()
  if (!r.key(TERM)) return undefined
  const term = r.int()
  if (!r.key(TYPE)) return undefined
  r.charge(FIELD_COUNT)
  return { index, term, type: entryType(r.int(), r), data, extensions }
}

function entryType(number: number, r: Reader): EntryType {
  const type = ENTRY_TYPE_NAMES[number]
  if (type === undefined) throw new MsgpackError('range', `a log entry of type ${number}`, r.at)
  return type
}

/** An address, written as bytes. */
const address: Codec<string> = {
  write: (w, value) => w.bytes(bytesFromText(value ?? '')),
  read: (r) => textFromBytes(r.bytes() ?? NO_DATA),
  zero: () => '',
  fields: 0,
  shape: { kind: 'bytes' },
}

const HEADER = { ProtocolVersion: int }

const appendRequest = struct({
  ...HEADER,
  Term: int,
  Leader: address,
  PrevLogEntry: int,
  PrevLogTerm: int,
  Entries: list(entry),
  LeaderCommitIndex: int,
})
const appendReply = struct({ ...HEADER, Term: int, LastLog: int, Success: bool, NoRetryBackoff: bool })
const voteRequest = struct({
  ...HEADER,
  Term: int,
  Candidate: address,
  LastLogIndex: int,
  LastLogTerm: int,
  LeadershipTransfer: bool,
})
const voteReply = struct({ ...HEADER, Term: int, Peers: bytes, Granted: bool })
const preVoteRequest = struct({ ...HEADER, Term: int, Candidate: address, LastLogIndex: int, LastLogTerm: int })
const preVoteReply = struct({ ...HEADER, Term: int, Granted: bool })
const installRequest = struct({
  ...HEADER,
  SnapshotVersion: int,
  Term: int,
  Leader: address,
  LastLogIndex: int,
  LastLogTerm: int,
  Peers: bytes,
  Configuration: bytes,
  ConfigurationIndex: int,
  Size: int,
})
const installReply = struct({ ...HEADER, Term: int, Success: bool })
const headerOnly = struct(HEADER)
/** Consul's has no term, and its servers pass over what they do not know. */
const timeoutNow = struct({ ...HEADER, Term: int })

export function encodeRequest(body: RaftRequest): Uint8Array {
  switch (body.type) {
    case 'append':
      return typed(body.type, appendRequest, {
        ProtocolVersion: PROTOCOL,
        Term: body.term,
        Leader: body.leader,
        PrevLogEntry: body.prevIndex,
        PrevLogTerm: body.prevTerm,
        Entries: body.entries,
        LeaderCommitIndex: body.commit,
      })
    case 'vote':
      return typed(body.type, voteRequest, {
        ProtocolVersion: PROTOCOL,
        Term: body.term,
        Candidate: body.candidate,
        LastLogIndex: body.lastIndex,
        LastLogTerm: body.lastTerm,
        LeadershipTransfer: body.leadershipTransfer,
      })
    case 'install':
      return typed(body.type, installRequest, {
        ProtocolVersion: PROTOCOL,
        SnapshotVersion: SNAPSHOT_VERSION,
        Term: body.term,
        Leader: body.leader,
        LastLogIndex: body.lastIndex,
        LastLogTerm: body.lastTerm,
        Peers: encodePeers(body.configuration),
        Configuration: encodeConfiguration(body.configuration),
        ConfigurationIndex: body.configurationIndex,
        Size: body.size,
      })
    case 'timeout-now':
      return body.term === null
        ? typed(body.type, headerOnly, { ProtocolVersion: PROTOCOL })
        : typed(body.type, timeoutNow, { ProtocolVersion: PROTOCOL, Term: body.term })
    case 'pre-vote':
      return typed(body.type, preVoteRequest, {
        ProtocolVersion: PROTOCOL,
        Term: body.term,
        Candidate: body.candidate,
        LastLogIndex: body.lastIndex,
        LastLogTerm: body.lastTerm,
      })
  }
}

function typed<T>(type: WireType, codec: Codec<T>, value: T): Uint8Array {
  return encodeWith((w) => {
    w.byte(TYPE_BYTES[type])
    codec.write(w, value)
  })
}

export function encodeReply(body: RaftReply): Uint8Array {
  switch (body.type) {
    case 'append':
      return succeeded(appendReply, {
        ProtocolVersion: PROTOCOL,
        Term: body.term,
        LastLog: body.lastIndex,
        Success: body.success,
        NoRetryBackoff: body.noRetryBackoff,
      })
    case 'vote':
      return succeeded(voteReply, { ProtocolVersion: PROTOCOL, Term: body.term, Peers: null, Granted: body.granted })
    case 'install':
      // The library leaves this version at 0.
      return succeeded(installReply, { ProtocolVersion: 0, Term: body.term, Success: body.success })
    case 'timeout-now':
      return succeeded(headerOnly, { ProtocolVersion: PROTOCOL })
    case 'pre-vote':
      return succeeded(preVoteReply, { ProtocolVersion: PROTOCOL, Term: body.term, Granted: body.granted })
  }
}

function succeeded<T>(codec: Codec<T>, value: T): Uint8Array {
  return encodeWith((w) => {
    w.text('')
    codec.write(w, value)
  })
}

/** The answer to a request that was not even looked at. */
export function encodeRefusal(error: string): Uint8Array {
  return encodeWith((w) => {
    w.text(error)
    w.nil()
  })
}

export type RaftIncoming =
  | { kind: 'request'; body: RaftRequest }
  /** To be answered by `encodeRefusal`; the connection goes on. */
  | { kind: 'refused'; error: string }
  /** Bytes of the snapshot whose request came last; views of what was pushed. */
  | { kind: 'snapshot'; bytes: Uint8Array; last: boolean }

/** Cuts what a peer sends into requests. */
export class RequestReader {
  readonly #scanner = new ValueScanner(REQUEST_BYTES_MAX)
  #type: WireType | undefined
  #parts: Uint8Array[] = []
  /** Bytes of a snapshot still to come. */
  #snapshot = 0

  /**
   * @param chunk given away: entries may be views of it
   * @throws MsgpackError, after which the connection must be closed
   */
  push(chunk: Uint8Array): RaftIncoming[] {
    const found: RaftIncoming[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#snapshot > 0) {
        const piece = chunk.subarray(at, at + this.#snapshot)
        at += piece.length
        this.#snapshot -= piece.length
        found.push({ kind: 'snapshot', bytes: piece, last: this.#snapshot === 0 })
        continue
      }
      if (this.#type === undefined) {
        const type = TYPES[chunk[at]!]
        if (type === undefined) throw new MsgpackError('malformed', `unknown rpc type ${chunk[at]}`, 0)
        this.#type = type
        at += 1
        continue
      }
      const end = this.#scanner.push(chunk, at)
      const part = chunk.subarray(at, end < 0 ? chunk.length : end)
      if (end < 0) {
        this.#parts.push(part)
        break
      }
      const whole = this.#parts.length === 0 ? part : joined([...this.#parts, part])
      this.#parts = []
      at = end
      const type = this.#type
      this.#type = undefined
      this.#read(type, new Reader(whole, 0, whole.length, true), found)
    }
    return found
  }

  #read(type: WireType, r: Reader, found: RaftIncoming[]): void {
    const { version, body } = readRequest(type, r)
    if (version < PROTOCOL_MIN || version > PROTOCOL) {
      // The bytes of a snapshot would come all the same, and nobody would know what to do with them.
      if (type === 'install') throw new MsgpackError('range', `a snapshot by protocol version ${version}`, r.at)
      found.push({ kind: 'refused', error: WRONG_PROTOCOL })
      return
    }
    found.push({ kind: 'request', body })
    if (body.type !== 'install') return
    this.#snapshot = body.size
    if (body.size === 0) found.push({ kind: 'snapshot', bytes: NO_DATA, last: true })
  }
}

/** In memory of its own: what is kept of it, as entries are, then holds nothing else. */
function joined(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function readRequest(type: WireType, r: Reader): { version: number; body: RaftRequest } {
  switch (type) {
    case 'append': {
      const m = appendRequest.read(r)
      const body: RaftRequest = {
        type,
        term: m.Term,
        leader: m.Leader,
        prevIndex: m.PrevLogEntry,
        prevTerm: m.PrevLogTerm,
        entries: m.Entries,
        commit: m.LeaderCommitIndex,
      }
      return { version: m.ProtocolVersion, body }
    }
    case 'vote': {
      const m = voteRequest.read(r)
      const body: RaftRequest = {
        type,
        term: m.Term,
        candidate: m.Candidate,
        lastIndex: m.LastLogIndex,
        lastTerm: m.LastLogTerm,
        leadershipTransfer: m.LeadershipTransfer,
      }
      return { version: m.ProtocolVersion, body }
    }
    case 'install': {
      const m = installRequest.read(r)
      if (m.SnapshotVersion !== SNAPSHOT_VERSION || m.Size < 0 || !Number.isSafeInteger(m.Size)) {
        throw new MsgpackError('range', `a snapshot of version ${m.SnapshotVersion} and size ${m.Size}`, r.at)
      }
      const body: InstallRequest = {
        type,
        term: m.Term,
        leader: m.Leader,
        lastIndex: m.LastLogIndex,
        lastTerm: m.LastLogTerm,
        configuration: decodeConfiguration(m.Configuration ?? NO_DATA),
        configurationIndex: m.ConfigurationIndex,
        size: m.Size,
      }
      return { version: m.ProtocolVersion, body }
    }
    case 'timeout-now': {
      const m = timeoutNow.read(r)
      return { version: m.ProtocolVersion, body: { type, term: m.Term === 0 ? null : m.Term } }
    }
    case 'pre-vote': {
      const m = preVoteRequest.read(r)
      const body: RaftRequest = {
        type,
        term: m.Term,
        candidate: m.Candidate,
        lastIndex: m.LastLogIndex,
        lastTerm: m.LastLogTerm,
      }
      return { version: m.ProtocolVersion, body }
    }
  }
}

/** What a peer answers, or the text with which it did not. */
export type RaftAnswer = { ok: true; body: RaftReply } | { ok: false; error: string }

/** Cuts a peer's answers, which come in the order of our requests. */
export class ReplyReader {
  readonly #scanner = new ValueScanner(REPLY_BYTES_MAX)
  #error: string | undefined
  #parts: Uint8Array[] = []

  /**
   * @param next the type of the oldest request that is not answered; undefined when all are
   * @throws MsgpackError, after which the connection must be closed
   */
  push(chunk: Uint8Array, next: () => WireType | undefined, answered: (answer: RaftAnswer) => void): void {
    let at = 0
    while (at < chunk.length) {
      const end = this.#scanner.push(chunk, at)
      const part = chunk.subarray(at, end < 0 ? chunk.length : end)
      if (end < 0) {
        this.#parts.push(part)
        return
      }
      const whole = this.#parts.length === 0 ? part : Buffer.concat([...this.#parts, part])
      this.#parts = []
      at = end
      if (this.#error === undefined) {
        this.#error = text.read(new Reader(whole))
        continue
      }
      const type = next()
      if (type === undefined) throw new MsgpackError('malformed', 'an answer that nobody asked for', 0)
      const error = this.#error
      this.#error = undefined
      answered(error === '' ? { ok: true, body: readReply(type, new Reader(whole)) } : { ok: false, error })
    }
  }
}

function readReply(type: WireType, r: Reader): RaftReply {
  switch (type) {
    case 'append': {
      const m = appendReply.read(r)
      return { type, term: m.Term, lastIndex: m.LastLog, success: m.Success, noRetryBackoff: m.NoRetryBackoff }
    }
    case 'vote': {
      const m = voteReply.read(r)
      return { type, term: m.Term, granted: m.Granted }
    }
    case 'install': {
      const m = installReply.read(r)
      return { type, term: m.Term, success: m.Success }
    }
    case 'timeout-now':
      headerOnly.read(r)
      return { type }
    case 'pre-vote': {
      const m = preVoteReply.read(r)
      return { type, term: m.Term, granted: m.Granted }
    }
  }
}
