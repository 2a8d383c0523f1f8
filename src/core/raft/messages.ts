/**
 * The words of the Raft core: its entries, the messages between servers, what it is told and what it asks for.
 * Bodies carry the fields of hashicorp/raft's structs (protocol/raft.md section 2) under our own names; wire/raft.ts
 * turns them into bytes. The core never looks into `data`.
 */
import type { Tick } from '../../base/core.ts'
import type { Index, ServerId, Term } from '../../base/units.ts'

/** Numbers are the wire's (protocol/raft.md, "Log types"). */
export const ENTRY_TYPES = {
  command: 0,
  noop: 1,
  'add-peer': 2,
  'remove-peer': 3,
  barrier: 4,
  configuration: 5,
} as const
export type EntryType = keyof typeof ENTRY_TYPES

export interface Entry {
  index: Index
  term: Term
  type: EntryType
  data: Uint8Array
  /** Chunking notes; null for a plain command. */
  extensions: Uint8Array | null
}

export type Suffrage = 'voter' | 'nonvoter' | 'staging'
export interface Server {
  id: ServerId
  /** Advertised RPC address as text, `10.0.0.1:8300`; what the wire names leaders and candidates by. */
  address: string
  suffrage: Suffrage
}
export interface Configuration {
  servers: Server[]
}

/**
 * Bytes are wire's business, but a server must read the configurations in its own log: the core is handed the two
 * functions for that.
 */
export interface ConfigurationCodec {
  encode(configuration: Configuration): Uint8Array
  /** Also reads the peer lists of the old types: whole lists, as after the change. Throws when malformed. */
  decode(type: 'configuration' | 'add-peer' | 'remove-peer', data: Uint8Array): Configuration
}

export interface AppendRequest {
  type: 'append'
  term: Term
  /** Address of the leader. */
  leader: string
  prevIndex: Index
  prevTerm: Term
  /** null in heartbeats, as the wire tells them apart from empty appends. */
  entries: Entry[] | null
  commit: Index
}
export interface AppendReply {
  type: 'append'
  term: Term
  lastIndex: Index
  success: boolean
  noRetryBackoff: boolean
}
export interface VoteRequest {
  type: 'vote'
  term: Term
  candidate: string
  lastIndex: Index
  lastTerm: Term
  leadershipTransfer: boolean
}
export interface VoteReply {
  type: 'vote'
  term: Term
  granted: boolean
}
/** Asked before a real vote. The transport only passes it on to peers that know it, which Consul 1.8.7 does not. */
export interface PreVoteRequest {
  type: 'pre-vote'
  term: Term
  candidate: string
  lastIndex: Index
  lastTerm: Term
}
export interface PreVoteReply {
  type: 'pre-vote'
  term: Term
  granted: boolean
}
/** Told by a leader that hands over: stand for election at once. */
export interface TimeoutNowRequest {
  type: 'timeout-now'
  /**
   * In which it was sent, or before. Consul's servers do not say; what else came on their connection then tells a term
   * that they had reached. null where nothing did.
   */
  term: Term | null
}
export interface TimeoutNowReply {
  type: 'timeout-now'
}
/**
 * The bytes of the snapshot travel beside it; the driver streams them from and to its own storage. In a `send`, `size`
 * is 0: only the driver knows it. If its newest snapshot is newer than the one named here, it may send that one, with
 * that one's index, term and configuration.
 */
export interface InstallRequest {
  type: 'install'
  term: Term
  leader: string
  lastIndex: Index
  lastTerm: Term
  configuration: Configuration
  configurationIndex: Index
  size: number
}
export interface InstallReply {
  type: 'install'
  term: Term
  success: boolean
}

export type RaftRequest = AppendRequest | VoteRequest | PreVoteRequest | TimeoutNowRequest | InstallRequest
export type RaftReply = AppendReply | VoteReply | PreVoteReply | TimeoutNowReply | InstallReply

/** What must survive a crash besides the log itself. */
export interface HardState {
  term: Term
  /** Who got this server's vote, in which term. */
  votedTerm: Term
  /** Address of the candidate, or "". */
  votedFor: string
  /**
   * Where a log of ours ended that we are giving up for an older state of the leader's, or gave up. Until we have what
   * came in its place, whoever knows less gets no vote from us: we may have helped to commit it. Null for none.
   */
  floor: LogEnd | null
}

/** Of a server that never heard of any term. */
export const NO_HARD_STATE: HardState = { term: 0, votedTerm: 0, votedFor: '', floor: null }

/** The last entry of a log. */
export interface LogEnd {
  index: Index
  term: Term
}

export interface SnapshotMeta {
  index: Index
  term: Term
  configuration: Configuration
  configurationIndex: Index
}

export type Role = 'follower' | 'candidate' | 'leader' | 'shutdown'

export type RaftInput =
  | Tick
  /** A peer's request; answered by an `answer` effect with the same id. */
  | { kind: 'request'; id: number; body: RaftRequest }
  /** The peer's reply to a `send` effect with the same id. */
  | { kind: 'reply'; id: number; body: RaftReply }
  /** The request of that `send` will never be answered. `unknownType`: the peer lives, and knows no such message. */
  | { kind: 'lost'; id: number; unknownType?: boolean }
  /** The `persist` effect with this number is durable (and so are all before it). */
  | { kind: 'persisted'; write: number }
  /** The `persist` effect with this number failed and left nothing (disk full); a leader steps down or retries. */
  | { kind: 'persist-failed'; write: number; why: string }
  | { kind: 'propose'; ticket: number; data: Uint8Array; extensions?: Uint8Array | null }
  /** Committed like a command, applied by nobody: `resolved` says that all before it is applied. */
  | { kind: 'barrier'; ticket: number }
  /** Asks a quorum whether we still lead (a `?consistent` read). */
  | { kind: 'verify'; ticket: number }
  | { kind: 'change-servers'; ticket: number; change: ServerChange }
  /** null: to whoever is most caught up. */
  | { kind: 'transfer-leadership'; ticket: number; to: ServerId | null }
  /**
   * A user's snapshot, whose last entry was `index` where it was taken, shall take the place of the state. The leader
   * answers with `replace`, or refuses.
   */
  | { kind: 'restore-snapshot'; ticket: number; index: Index }
  /** The driver stored what `replace` asked for (or could not), and the state now is that. */
  | { kind: 'replaced'; ticket: number; ok: boolean }
  /** The driver has stored a snapshot of the state at `meta.index`; the log may be shortened. */
  | { kind: 'snapshot-taken'; meta: SnapshotMeta }
  /** The driver finished (or failed) storing an `install`ed snapshot, see effect `restore`. */
  | { kind: 'restored'; id: number; ok: boolean }
  /** The state now stands at `index`: everything up to it was applied. */
  | { kind: 'applied'; index: Index }
  /** First start of a cluster: writes the configuration as entry 1. Refused when there is any state. */
  | { kind: 'bootstrap'; configuration: Configuration }
  | { kind: 'shutdown' }

export type ServerChange =
  | { kind: 'add-voter'; id: ServerId; address: string }
  | { kind: 'add-nonvoter'; id: ServerId; address: string }
  | { kind: 'demote'; id: ServerId }
  | { kind: 'remove'; id: ServerId }

export type RefusedWhy =
  | 'not-leader'
  | 'lost-leadership'
  | 'transfer-in-progress'
  /** A user's snapshot is being put in place of the state: ask again later. */
  | 'restore-in-progress'
  /** It was: whatever had been proposed before is gone with the state. */
  | 'restored'
  | 'shutdown'
  | 'disk'
  | 'invalid'

export type RaftEffect =
  /** Send and bring back `reply` or `lost`. Heartbeats go on a connection of their own. */
  | { kind: 'send'; id: number; peer: ServerId; address: string; body: RaftRequest; heartbeat: boolean }
  | { kind: 'answer'; id: number; body: RaftReply }
  /**
   * Make durable, in the order given: first drop all entries from `truncateFrom` on, then append, then the hard state,
   * then drop all up to `compactTo`. Then say `persisted`. Answers that depend on it are withheld by the core.
   */
  | {
      kind: 'persist'
      write: number
      truncateFrom: Index | null
      entries: Entry[]
      hardState: HardState | null
      compactTo: Index | null
    }
  /** Committed, in order, each exactly once since the start: hand commands to the state. */
  | { kind: 'commit'; entries: Entry[] }
  /** The proposal got this index; the outcome comes with `commit`, or `refused`. */
  | { kind: 'accepted'; ticket: number; index: Index; term: Term }
  | { kind: 'refused'; ticket: number; why: RefusedWhy; message?: string }
  /** A barrier, verify, change or transfer is done. */
  | { kind: 'resolved'; ticket: number }
  | { kind: 'role'; role: Role; term: Term; leader: Server | null }
  /**
   * Replace the state by the snapshot that came with request `id`; then say `restored`. With `alone` set, none that is
   * there already may be found after a restart, newer or not: they are of a history that lost.
   */
  | { kind: 'restore'; id: number; meta: SnapshotMeta; alone: boolean }
  /**
   * Store the user's snapshot of that ticket as one of `meta`, put it in place of the state, and say `replaced`. Until
   * then nothing is added to the log. Its ticket is `resolved` once the other servers follow, or `refused`: when it is
   * refused before `replaced` is said, nothing may be left of it on the disk by then.
   */
  | { kind: 'replace'; ticket: number; meta: SnapshotMeta }
  /** For the log, in Consul's words; the driver only prints it. */
  | {
      kind: 'log'
      level: 'debug' | 'info' | 'warn' | 'error'
      message: string
      fields: Record<string, string | number>
    }

export interface RaftTiming {
  /** A follower waits this long, times 1..2, for a heartbeat. */
  heartbeatTimeoutMs: number
  electionTimeoutMs: number
  /** A leader that cannot reach a quorum for this long steps down. */
  leaderLeaseTimeoutMs: number
  /** An idle leader tells followers of new commits after this long, times 1..2. */
  commitTimeoutMs: number
}
