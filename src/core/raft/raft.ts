/** The Raft core's face. */
import type { Core } from '../../base/core.ts'
import type { Random } from '../../base/random.ts'
import type { Index, Instant, ServerId, Term } from '../../base/units.ts'
import type {
  Configuration,
  Entry,
  HardState,
  RaftEffect,
  RaftInput,
  RaftTiming,
  Role,
  Server,
  SnapshotMeta,
} from './messages.ts'

/** What a server finds on its disk when it starts. */
export interface Saved {
  hardState: HardState
  snapshot: SnapshotMeta | null
  /** Entries after the snapshot (and trailing ones before it), without gaps. */
  entries: Entry[]
}

export interface RaftOptions {
  id: ServerId
  address: string
  timing: RaftTiming
  random: Random
  /** Peers are known to answer pre-vote. Off beside Consul 1.8.7. */
  preVote: boolean
  /** Entries kept behind a snapshot for slow followers (Consul: 10240). */
  trailingLogs: number
  /** At most so many entries in one append (Consul: 64). */
  appendEntriesMax: number
  saved: Saved
  now: Instant
}

export interface RaftStatus {
  role: Role
  term: Term
  leader: Server | null
  lastIndex: Index
  lastTerm: Term
  commitIndex: Index
  appliedIndex: Index
  snapshotIndex: Index
  snapshotTerm: Term
  configuration: Configuration
  configurationIndex: Index
  /** When the leader was last heard of; null when never. On the leader: now. */
  lastContact: Instant | null
  /** On a leader: a quorum answered within the lease. */
  leaseValid: boolean
}

export interface Raft extends Core<RaftInput, RaftEffect> {
  status(now: Instant): RaftStatus
}
