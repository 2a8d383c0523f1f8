/**
 * The judges of a simulated cluster. They see what the servers do and hold it against what Raft promises (paper, figure
 * 3), knowing nothing of the scenario: one leader a term, logs that agree, committed entries that stay, states that are
 * equal, reads that are not stale, and an outcome for everyone who asked.
 */
import assert from 'node:assert/strict'
import type { Index, ServerId, Term } from '../../base/units.ts'
import type { Entry, RefusedWhy, Role } from './messages.ts'
import { type Asked, applyTo, codec, type Node, type State } from './simulation.suite.ts'

interface Ticket {
  node: Node
  input: Asked
  /** The highest index that anybody had committed when it was asked. */
  committedThen: Index
  index: Index | null
  term: Term
  outcome: 'open' | 'committed' | 'resolved' | RefusedWhy | 'crashed'
}

export class Invariants {
  /** What was committed, by index; [0] stands for the empty log. */
  private readonly canon: Entry[] = [{ index: 0, term: 0, type: 'noop', data: new Uint8Array(0), extensions: null }]
  private readonly states: State[] = [{ index: 0, digest: 0 }]
  /** The lowest term in which a server was when it took the entry for committed. */
  private readonly committedIn: Term[] = [0]
  private readonly leaders = new Map<Term, string>()
  private readonly known = new Map<string, { entry: Entry; before: Term | undefined }>()
  private readonly terms = new Map<ServerId, Term>()
  private readonly tickets = new Map<number, Ticket>()
  /** Those that wait for their outcome. */
  private readonly waiting = new Map<number, Ticket>()
  readonly counts = { elections: 0, commits: 0, refused: 0, verified: 0, changes: 0 }

  get lastCommitted(): Index {
    return this.canon.length - 1
  }

  termOf(index: Index): Term {
    return this.canon[index]!.term
  }

  stateAt(index: Index): State {
    const state = this.states[index]
    assert(state !== undefined, `a snapshot of index ${index}, which was never committed`)
    return state
  }

  entryAt(index: Index): Entry | undefined {
    return this.canon[index]
  }

  // Lives.

  started(node: Node): void {
    this.terms.set(node.server.id, node.disk.hardState.term)
  }

  stopped(node: Node): void {
    for (const [ticket, { node: asked }] of this.waiting) if (asked === node) this.settle(ticket, 'crashed')
  }

  // Election safety, monotonic terms, leader completeness.

  role(node: Node, role: Role, term: Term): void {
    const { id } = node.server
    assert(term >= (this.terms.get(id) ?? 0), `${id}: its term fell`)
    this.terms.set(id, term)
    if (role !== 'leader') return
    const other = this.leaders.get(term)
    const who = `${id}/${node.life}`
    assert(other === undefined || other === who, `term ${term} has two leaders: ${other} and ${who}`)
    if (other !== undefined) return
    this.leaders.set(term, who)
    this.counts.elections++
    assert.equal(node.disk.hardState.term, term, `${id} leads term ${term} without having it on disk`)
    const { lastIndex } = node.raft!.status(Number.MAX_SAFE_INTEGER)
    for (let index = this.lastCommitted; index > lastIndex; index--) {
      assert(this.committedIn[index]! >= term, `${id} leads term ${term} without the committed entry ${index}`)
    }
  }

  // Log matching.

  /** Entries in a row, as they were sent: an index and a term name one entry and all before it. */
  sent(entries: Entry[]): void {
    for (let i = 0; i < entries.length; i++) this.agrees(entries[i]!, entries[i - 1]?.term)
  }

  wrote(entries: Entry[]): void {
    this.sent(entries)
  }

  private agrees(entry: Entry, before: Term | undefined): void {
    const key = `${entry.term}:${entry.index}`
    const known = this.known.get(key)
    if (known === undefined) {
      this.known.set(key, { entry, before })
      return
    }
    if (known.before === undefined) known.before = before
    else if (before !== undefined) assert.equal(before, known.before, `different entries before ${key}`)
    if (known.entry === entry) return
    assert.equal(entry.type, known.entry.type, `two entries are called ${key}`)
    assert.deepEqual(entry.data, known.entry.data, `two entries are called ${key}`)
  }

  // State machine safety.

  committed(node: Node, entries: Entry[]): void {
    const { term } = node.raft!.status(Number.MAX_SAFE_INTEGER)
    for (const entry of entries) {
      const { index } = entry
      const known = this.canon[index]
      if (known === undefined) {
        assert.equal(index, this.canon.length, `${node.server.id} committed ${index} before what comes before it`)
        this.canon.push(entry)
        this.states.push(applyTo(this.states[index - 1]!, entry))
        this.committedIn.push(term)
        this.counts.commits++
      } else {
        assert.equal(entry.term, known.term, `${node.server.id} committed another entry at ${index}`)
        assert.deepEqual(entry.data, known.data, `${node.server.id} committed another entry at ${index}`)
        if (term < this.committedIn[index]!) this.committedIn[index] = term
      }
    }
    const { index: last } = entries.at(-1)!
    const onDisk = node.disk.entries.at(-1)?.index ?? node.disk.snapshot?.meta.index ?? 0
    assert(last <= onDisk, `${node.server.id} committed ${last} with ${onDisk} on its disk`)
    for (const [ticket, { node: asked, index, term: proposedIn }] of this.waiting) {
      if (asked !== node || index === null || index > last) continue
      assert.equal(proposedIn, this.canon[index]!.term, 'an accepted proposal gave way without a refusal')
      this.settle(ticket, 'committed')
    }
  }

  /** Nothing is being written: what a server takes for its configuration is what its log says. */
  rested(node: Node): void {
    const { lastIndex, commitIndex, configuration, configurationIndex, ...status } = node.raft!.status(0)
    if (node.disk.lastIndex !== lastIndex || node.disk.full) return
    const inLog = (index: Index, upTo: Index): Entry | undefined =>
      node.disk.entries.findLast(
        (entry) => entry.type === 'configuration' && entry.index <= upTo && entry.index >= index,
      )
    const latest = inLog(configurationIndex, lastIndex)
    if (latest !== undefined) {
      assert.equal(latest.index, configurationIndex, `${node.server.id} overlooks a configuration in its log`)
      assert.deepEqual(codec.decode('configuration', latest.data), configuration)
    } else {
      const snapshotIndex = node.disk.snapshot?.meta.index ?? 0
      assert(configurationIndex <= snapshotIndex, `${node.server.id} uses a configuration that its log lacks`)
    }
    const committed = inLog(status.committedConfigurationIndex, commitIndex)
    if (committed !== undefined) assert.equal(committed.index, status.committedConfigurationIndex)
  }

  applied(node: Node): void {
    const { index, digest } = node.state
    assert.equal(digest, this.stateAt(index).digest, `${node.server.id}: another state at ${index}`)
  }

  // Callers.

  asked(node: Node, ticket: number, input: Asked): void {
    const asked: Ticket = {
      node,
      input,
      committedThen: this.lastCommitted,
      index: null,
      term: 0,
      outcome: 'open',
    }
    this.tickets.set(ticket, asked)
    this.waiting.set(ticket, asked)
  }

  accepted(node: Node, ticket: number, index: Index, term: Term): void {
    const known = this.open(ticket)
    assert.equal(known.node, node)
    known.index = index
    known.term = term
  }

  refused(ticket: number, why: RefusedWhy): void {
    this.settle(ticket, why)
    this.counts.refused++
  }

  resolved(node: Node, ticket: number): void {
    const known = this.settle(ticket, 'resolved')
    const { kind } = known.input
    if (kind === 'change-servers') this.counts.changes++
    if (kind !== 'verify' && kind !== 'barrier') return
    this.counts.verified++
    const { index } = node.state
    assert(index >= known.committedThen, `a read at ${index}, older than the commit ${known.committedThen} before it`)
  }

  outcome(ticket: number): Ticket['outcome'] {
    return this.tickets.get(ticket)!.outcome
  }

  indexOf(ticket: number): Index | null {
    return this.tickets.get(ticket)!.index
  }

  /** Everybody who asked a server that still runs was told how it ended. */
  assertAllSettled(): void {
    for (const [ticket, { input, node }] of this.waiting) {
      assert.fail(`${node.server.id} never settled ticket ${ticket} (${input.kind})`)
    }
  }

  private open(ticket: number): Ticket {
    const known = this.waiting.get(ticket)
    assert(known !== undefined, `ticket ${ticket} is spoken of when it is not open`)
    return known
  }

  private settle(ticket: number, outcome: Ticket['outcome']): Ticket {
    const known = this.open(ticket)
    known.outcome = outcome
    this.waiting.delete(ticket)
    return known
  }
}
