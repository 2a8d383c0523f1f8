/**
 * The judges of a simulated cluster. They see all that the cores are told and say, what is on the disks, and what the
 * stores apply, and hold it against what Raft promises (paper, figure 3): one leader a term, one vote a term, logs that
 * agree, committed entries that are on a majority's disks and stay, states that are equal. They know nothing of the
 * scenario. Everything they see is also mixed into one number, so that two runs can be compared.
 */
import type { Index, Term } from '../base/units.ts'
import type { Entry, RaftEffect, RaftInput, SnapshotMeta } from '../core/raft/messages.ts'
import type { Raft, RaftStatus, Saved } from '../core/raft/raft.ts'
import type { Commit } from '../core/store/store.ts'
import type { DirEntry } from '../model/kv.ts'
import type { Moment } from './faults.ts'
import type { Past, Value } from './history.ts'
import type { SimServer } from './server.ts'

/** What was committed at an index, and by whom it was first said so. */
interface Committed {
  entry: Entry
  /** The lowest term in which a server was when it took the entry for committed. */
  term: Term
}

/**
 * A user's snapshot that a leader puts beyond the end of its log. It counts once what follows it is committed; before
 * that the leader may fall, and the others go on without it.
 */
interface Fork {
  meta: SnapshotMeta
  chain: number
  past: Past
}

/** Of one server, across its lives. */
interface Known {
  term: Term
  /** Whom it voted for, by term. */
  votes: Map<Term, string>
  /** Who asks for a vote with which request. */
  asking: Map<number, string>
  /** Highest index that this life handed out as committed. */
  committed: Index
  /** Digest of all that its state went through. */
  chain: number
  /** What the write under way holds. */
  writing: readonly Entry[]
  /** Where the user's snapshot goes that it stores, or stored last. */
  replacing: SnapshotMeta | undefined
}

export class Checkers {
  violation: string | undefined
  readonly counts = {
    steps: 0,
    elections: 0,
    commits: 0,
    applied: 0,
    installs: 0,
    /** Users' snapshots that a leader put in place, and those of them that were not lost with it. */
    restores: 0,
    settled: 0,
    snapshots: 0,
    configurations: 0,
    refusals: 0,
  }
  /** For whoever wants to watch: told everything in a line each. */
  trace: ((line: string) => void) | undefined
  /** Told when a server does something at which it may be struck. */
  moment: (server: SimServer, when: Moment) => void = () => {}
  /** Mixed from everything that was seen. */
  digest = 0
  /** What each key held, from which index on. */
  readonly versions = new Map<string, { index: Index; value: Value }[]>()
  /** By index; the first stands for the empty log. */
  private readonly canon: (Committed | undefined)[] = [undefined]
  /** Digest of the state, by index of the command that led to it. */
  private readonly chains: (number | undefined)[] = [0]
  /** By index and term. */
  private readonly forks = new Map<string, Fork>()
  private readonly leaders = new Map<Term, string>()
  /** By term and index: the entry, and the term of the one before it. */
  private readonly entries = new Map<string, { entry: Entry; before: Term | undefined }>()
  private readonly known = new Map<string, Known>()
  private readonly halt: () => void
  private readonly servers: () => SimServer[]

  constructor(servers: () => SimServer[], halt: () => void) {
    this.servers = servers
    this.halt = halt
  }

  get lastCommitted(): Index {
    return this.canon.length - 1
  }

  fail(what: string): void {
    this.violation ??= what
    this.halt()
  }

  /** The same core, seen by the judges. */
  watch(server: SimServer, raft: Raft): Raft {
    return {
      ...raft,
      step: (now, input) => {
        this.counts.steps++
        this.mix(server.server.address, input.kind, now)
        if (input.kind !== 'tick') {
          this.trace?.(`${server.id} < ${JSON.stringify(input, brief)}`)
          this.told(server, input)
        }
        raft.step(now, input)
      },
      take: () => {
        const effects = raft.take()
        for (const effect of effects) {
          this.trace?.(`${server.id} > ${JSON.stringify(effect, brief)}`)
          this.said(server, raft, effect)
        }
        return effects
      },
    }
  }

  started(server: SimServer, saved: Saved): void {
    const { hardState, snapshot, entries } = saved
    this.trace?.(
      `${server.id} starts: term ${hardState.term}, snapshot ${snapshot?.index}, entries ${entries[0]?.index}..${entries.at(-1)?.index}`,
    )
    const known = this.of(server)
    known.term = saved.hardState.term
    this.logsAgree(saved.entries)
    known.asking.clear()
    known.committed = snapshot?.index ?? 0
    known.chain = snapshot === null ? 0 : this.chainOf(snapshot)
  }

  stopped(server: SimServer): void {
    this.trace?.(`${server.id} stops`)
    this.mix(server.id, 'stopped', 0)
  }

  /** The state stands at a leader's snapshot. */
  restored(server: SimServer, meta: SnapshotMeta): void {
    this.counts.installs++
    this.replaced(server, meta)
  }

  private replaced(server: SimServer, meta: SnapshotMeta): void {
    this.trace?.(`${server.id} restored ${meta.index}`)
    const known = this.of(server)
    known.chain = this.chainOf(meta)
    known.committed = meta.index
  }

  /** A leader begins to store a user's snapshot, which will stand there. */
  restores(server: SimServer, meta: SnapshotMeta, past: Past): void {
    const known = this.of(server)
    known.replacing = meta
    const chain = hash(hash(hash(0, 'restored'), meta.index), meta.term)
    this.forks.set(`${meta.index}/${meta.term}`, { meta, chain, past })
  }

  applied(server: SimServer, { index, changes, result }: Commit): void {
    const known = this.of(server)
    let chain = known.chain
    for (const { table, key, after } of changes) chain = hash(hash(hash(chain, table), key), after)
    known.chain = hash(hash(chain, index), result)
    this.counts.applied++
    const canon = this.chains[index]
    if (canon === undefined) {
      this.chains[index] = known.chain
      for (const { table, before, after } of changes) {
        if (table === 'kvs') this.version(index, (after ?? before) as DirEntry, after === undefined)
      }
    } else if (canon !== known.chain) this.fail(`${server.id} has another state at index ${index}`)
  }

  /** At the end, when everybody agrees. */
  compareStates(): void {
    const states = this.servers().flatMap((server) => {
      const state = server.stateBytes()
      return state === undefined ? [] : [{ id: server.id, applied: state.applied, digest: hash(0, state.bytes) }]
    })
    for (const a of states) {
      for (const b of states) {
        if (a.applied === b.applied && a.digest !== b.digest) {
          this.fail(`the states of ${a.id} and ${b.id} differ at index ${a.applied}`)
        }
      }
    }
  }

  // What the cores are told and say.

  private told(server: SimServer, input: Exclude<RaftInput, { kind: 'tick' }>): void {
    if (input.kind === 'request' && input.body.type === 'vote') {
      this.of(server).asking.set(input.id, input.body.candidate)
    }
    // Not sooner: a lone leader may withdraw what a full disk did not take, and use its index again.
    if (input.kind === 'persisted') this.logsAgree(this.of(server).writing)
    if (input.kind === 'snapshot-taken') this.snapshot(server, input.meta)
    if (input.kind === 'replaced' && input.ok) {
      this.counts.restores++
      this.replaced(server, this.of(server).replacing!)
    }
  }

  private said(server: SimServer, raft: Raft, effect: RaftEffect): void {
    switch (effect.kind) {
      case 'role':
        this.mix(server.id, effect.role, effect.term)
        this.role(server, raft, effect.role, effect.term)
        return
      case 'persist':
        this.mix(server.id, 'persist', effect.entries.length)
        this.of(server).writing = effect.entries
        if (effect.hardState !== null) this.termOf(server, effect.hardState.term)
        this.moment(server, effect.entries.some(({ type }) => type === 'configuration') ? 'changes' : 'writes')
        return
      case 'send':
        this.mix(effect.peer, effect.body.type, effect.id)
        if (effect.body.type === 'append') this.logsAgree(effect.body.entries ?? [])
        else if (effect.body.type === 'vote') this.vote(server, effect.body.term, effect.body.candidate)
        return
      case 'answer':
        this.mix(server.id, effect.body.type, effect.id)
        this.answered(server, effect)
        if (effect.body.type === 'vote' && effect.body.granted) this.moment(server, 'votes')
        else if (effect.body.type === 'append') this.moment(server, 'answers')
        return
      case 'commit':
        this.mix(server.id, 'commit', effect.entries.at(-1)!.index)
        this.committed(server, raft, effect.entries)
        this.moment(server, 'commits')
        return
      case 'replace':
        this.mix(server.id, 'replace', effect.meta.index)
        this.moment(server, 'replaces')
        return
      default:
        return
    }
  }

  /** One leader a term, none while another may read by its lease, and none without the entries that were committed before. */
  private role(server: SimServer, raft: Raft, role: string, term: Term): void {
    this.termOf(server, term)
    if (role !== 'leader') return
    const who = `${server.id}/${server.life}`
    const other = this.leaders.get(term)
    if (other === who) return
    if (other !== undefined) return this.fail(`term ${term} has two leaders: ${other} and ${who}`)
    this.leaders.set(term, who)
    this.counts.elections++
    this.moment(server, 'leads')
    for (const each of this.servers()) {
      const { running } = each
      if (each === server || running === undefined || running.replica.role().term >= term) continue
      if (running.raft.leaseHolds(each.now())) {
        return this.fail(`${server.id} leads term ${term} while ${each.id} still reads by the lease of an older one`)
      }
    }
    const { lastIndex, snapshotIndex } = raft.status(server.now())
    for (let index = this.lastCommitted; index > Math.max(snapshotIndex, this.lastCommitted - 200); index--) {
      const committed = this.canon[index]
      if (committed === undefined || committed.term >= term) continue
      const own = index > lastIndex ? undefined : server.disk.termAt(index)
      // What is still on its way to the disk is not to be seen there.
      if (index > lastIndex || (own !== undefined && index <= server.disk.last && own !== committed.entry.term)) {
        return this.fail(`${server.id} leads term ${term} without the committed entry ${index}`)
      }
    }
  }

  private termOf(server: SimServer, term: Term): void {
    const known = this.of(server)
    if (term < known.term) this.fail(`the term of ${server.id} fell from ${known.term} to ${term}`)
    known.term = Math.max(known.term, term)
  }

  private answered(server: SimServer, { id, body }: Extract<RaftEffect, { kind: 'answer' }>): void {
    const { asking } = this.of(server)
    const candidate = asking.get(id)
    asking.delete(id)
    if (body.type === 'vote' && body.granted && candidate !== undefined) this.vote(server, body.term, candidate)
  }

  /** One vote a term, whatever happens in between. */
  private vote(server: SimServer, term: Term, candidate: string): void {
    const { votes } = this.of(server)
    const before = votes.get(term)
    if (before !== undefined && before !== candidate) {
      this.fail(`${server.id} voted in term ${term} for ${before} and for ${candidate}`)
    }
    votes.set(term, candidate)
  }

  /** An index and a term name one entry, and by that all before it. */
  private logsAgree(entries: readonly Entry[]): void {
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]!
      const before = entries[i - 1]?.term
      const name = `${entry.term}:${entry.index}`
      const known = this.entries.get(name)
      if (known === undefined) {
        this.entries.set(name, { entry, before })
        if (entry.type === 'configuration') this.counts.configurations++
        continue
      }
      known.before ??= before
      if (before !== undefined && before !== known.before) this.fail(`different entries stand before ${name}`)
      if (!sameEntry(entry, known.entry)) this.fail(`two entries are called ${name}`)
    }
  }

  private committed(server: SimServer, raft: Raft, entries: readonly Entry[]): void {
    const status = raft.status(server.now())
    const { term } = status
    const known = this.of(server)
    if (entries[0]!.index !== known.committed + 1) {
      this.fail(`${server.id} committed ${entries[0]!.index} after ${known.committed}`)
    }
    const last = entries.at(-1)!.index
    const { term: lastTerm } = entries.at(-1)!
    if (last > this.lastCommitted && status.role === 'leader' && lastTerm < term && !this.ownIsShared(status)) {
      this.fail(`${server.id} in term ${term} committed ${last} of term ${lastTerm} by counting`)
    }
    known.committed = last
    if (last > server.disk.last) this.fail(`${server.id} committed ${last} with ${server.disk.last} on its disk`)
    for (const entry of entries) {
      const { index } = entry
      const other = this.canon[index]
      if (other === undefined) {
        if (index !== this.canon.length && !this.settles(status, index - 1)) {
          this.fail(`${server.id} committed ${index} before what comes before it`)
        }
        this.canon[index] = { entry, term }
        this.counts.commits++
        this.onMajority(entry, status)
      } else {
        if (!sameEntry(entry, other.entry)) this.fail(`${server.id} committed another entry at ${index}`)
        other.term = Math.min(other.term, term)
      }
    }
  }

  /** What follows a user's snapshot is committed, and so is the snapshot. @returns false when there is none there */
  private settles({ snapshotIndex, snapshotTerm: term }: RaftStatus, index: Index): boolean {
    const fork = this.forks.get(`${index}/${term}`)
    if (fork === undefined || snapshotIndex !== index || index <= this.lastCommitted) return false
    this.counts.settled++
    this.canon[index] = { entry: { index, term, type: 'noop', data: NOTHING, extensions: null }, term }
    this.chains[index] = fork.chain
    for (const [key, versions] of this.versions) versions.push({ index, value: fork.past.get(key)?.value ?? null })
    return true
  }

  /** Paper, section 5.4.2: entries of earlier terms are committed when a majority has one of the leader's own term. */
  private ownIsShared({ term, configuration, committedConfiguration }: RaftStatus): boolean {
    return [configuration, committedConfiguration].some(({ servers }) => {
      const voters = servers.filter(({ suffrage }) => suffrage === 'voter')
      const having = voters.filter(({ id }) => {
        const disk = this.servers().find((server) => server.id === id)?.disk
        return disk !== undefined && (disk.termAt(disk.last) ?? 0) >= term
      })
      return having.length * 2 > voters.length
    })
  }

  /** What counts as committed for the first time is on the disks of most voters. */
  private onMajority(entry: Entry, { configuration, committedConfiguration }: RaftStatus): void {
    // With the entry committed, the leader may have begun the next change of servers already.
    const found = [configuration, committedConfiguration].map(({ servers }) => {
      const voters = servers.filter(({ suffrage }) => suffrage === 'voter')
      const having = voters.filter(({ id }) => {
        const disk = this.servers().find((server) => server.id === id)?.disk
        return disk !== undefined && (disk.termAt(entry.index) === entry.term || disk.first > entry.index)
      })
      return { having: having.length, voters: voters.length }
    })
    if (found.some(({ having, voters }) => having * 2 > voters)) return
    const { having, voters } = found[0]!
    this.fail(`entry ${entry.index} was committed with ${having} of ${voters} voters having it on disk`)
  }

  private snapshot(server: SimServer, meta: SnapshotMeta): void {
    this.counts.snapshots++
    const term = this.canon[meta.index]?.entry.term
    if (term !== meta.term && !this.forks.has(`${meta.index}/${meta.term}`))
      this.fail(`${server.id} says of its snapshot at ${meta.index} that its term is ${meta.term}`)
  }

  private version(index: Index, row: DirEntry, deleted: boolean): void {
    const value = deleted ? null : row.Value === null ? '' : String.fromCharCode(...row.Value)
    const versions = this.versions.get(row.Key)
    if (versions === undefined) this.versions.set(row.Key, [{ index, value }])
    else versions.push({ index, value })
  }

  private chainOf({ index, term }: SnapshotMeta): number {
    return this.forks.get(`${index}/${term}`)?.chain ?? this.chainAt(index)
  }

  /** Of the last command at or before `index`. */
  private chainAt(index: Index): number {
    for (let at = index; at > 0; at--) {
      const chain = this.chains[at]
      if (chain !== undefined) return chain
    }
    return 0
  }

  private of({ id }: SimServer): Known {
    let known = this.known.get(id)
    if (known === undefined) {
      known = {
        term: 0,
        votes: new Map(),
        asking: new Map(),
        committed: 0,
        chain: 0,
        writing: [],
        replacing: undefined,
      }
      this.known.set(id, known)
    }
    return known
  }

  private mix(who: string, what: string, number: number): void {
    this.digest = hash(hash(hash(this.digest, who), what), number)
  }
}

/** Entries by index and term alone. */
function brief(key: string, value: unknown): unknown {
  if (key === 'entries' && Array.isArray(value))
    return (value as Entry[]).map(({ index, term }) => `${index}/${term}`).join(' ')
  return value instanceof Uint8Array ? value.length : value
}

function sameEntry(a: Entry, b: Entry): boolean {
  if (a === b) return true
  if (a.index !== b.index || a.term !== b.term || a.type !== b.type || a.data.length !== b.data.length) return false
  for (let i = 0; i < a.data.length; i++) if (a.data[i] !== b.data[i]) return false
  return true
}

const NOTHING = new Uint8Array(0)
const PRIME = 0x01000193

/** FNV-1a over whatever is given: text, numbers, bytes, and objects of these. */
function hash(seed: number, value: unknown): number {
  switch (typeof value) {
    case 'string': {
      let digest = seed
      for (let i = 0; i < value.length; i++) digest = Math.imul(digest ^ value.charCodeAt(i), PRIME)
      return Math.imul(digest ^ 0xff, PRIME) >>> 0
    }
    case 'number':
      // Fractions of a millisecond count too.
      return Math.imul(Math.imul(seed ^ (value | 0), PRIME) ^ ((value % 1) * 0x7fffffff), PRIME) >>> 0
    case 'object': {
      let digest = seed
      if (value instanceof Uint8Array) for (const byte of value) digest = Math.imul(digest ^ byte, PRIME)
      else if (value !== null) for (const [key, each] of Object.entries(value)) digest = hash(hash(digest, key), each)
      return Math.imul(digest ^ 0xfe, PRIME) >>> 0
    }
    default:
      return hash(seed, String(value))
  }
}
