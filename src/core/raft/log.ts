/**
 * The log as the core sees it: the entries after the snapshot and a few before it, held in memory, contiguous.
 * It decides nothing and knows nothing of disks; writes.ts tracks what of it is durable.
 * Read: Raft paper, section 5.3 (log matching) and 7 (compaction).
 */
import { assert } from '../../base/assert.ts'
import type { Index, Term } from '../../base/units.ts'
import type { Entry, LogEnd } from './messages.ts'

/** What one entry costs on the wire besides its data, roughly; keeps batches of tiny entries honest. */
const ENTRY_OVERHEAD_BYTES = 64

/** Whether a log that ends at `a` may lack what one that ends at `b` has (paper, section 5.4.1). */
export function endsBefore(a: LogEnd, b: LogEnd): boolean {
  return a.term === b.term ? a.index < b.index : a.term < b.term
}

export class RaftLog {
  /** Index just before the first entry held; 0 for a log from its beginning. */
  private base: Index
  /** Term at `base`; undefined when it was compacted away before we saw it. */
  private baseTerm: Term | undefined
  private entries: Entry[]

  constructor(base: Index, baseTerm: Term | undefined, entries: Entry[]) {
    this.base = base
    this.baseTerm = baseTerm
    this.entries = entries
    assert(entries.length > 0 || baseTerm !== undefined, 'an empty log must know the term it stands on')
    for (let i = 0; i < entries.length; i++) assert(entries[i]!.index === base + 1 + i, 'log entries have a gap')
  }

  get firstIndex(): Index {
    return this.base + 1
  }

  get lastIndex(): Index {
    return this.base + this.entries.length
  }

  get lastTerm(): Term {
    return this.entries.length > 0 ? this.entries[this.entries.length - 1]!.term : this.baseTerm!
  }

  get end(): LogEnd {
    return { index: this.lastIndex, term: this.lastTerm }
  }

  /** undefined for an index that is not here: compacted away, or not yet written. */
  termAt(index: Index): Term | undefined {
    return index === this.base ? this.baseTerm : this.entries[index - this.base - 1]?.term
  }

  /** Whether no log can hold both ours and an entry of that term at that place. */
  contradicts(index: Index, term: Term): boolean {
    const ours = this.termAt(index)
    if (ours !== undefined) return ours !== term
    // Of what lies before ours we know that terms only rise.
    return index <= this.base && term > (this.baseTerm ?? this.entries[0]!.term)
  }

  /** From `from` to `to`, both included; both must be here. */
  slice(from: Index, to: Index): Entry[] {
    assert(from > this.base && to <= this.lastIndex, 'log slice out of range')
    return this.entries.slice(from - this.base - 1, to - this.base)
  }

  /** A batch that starts at `from`: at least one entry if there is one, then as many as both bounds allow. */
  batch(from: Index, entriesMax: number, bytesMax: number): Entry[] {
    const start = from - this.base - 1
    let end = start
    let bytes = 0
    while (end < this.entries.length && end - start < entriesMax) {
      bytes += this.entries[end]!.data.length + ENTRY_OVERHEAD_BYTES
      if (bytes > bytesMax && end > start) break
      end++
    }
    return this.entries.slice(start, end)
  }

  append(entry: Entry): void {
    assert(entry.index === this.base + this.entries.length + 1, 'appended entry does not follow the last one')
    this.entries.push(entry)
  }

  /** Drops the entries from `index` on. */
  truncateFrom(index: Index): void {
    assert(index > this.base, 'truncation below the first entry')
    this.entries.length = Math.min(this.entries.length, index - this.base - 1)
  }

  /** Drops the entries up to `index`, which must be here. */
  compactTo(index: Index): void {
    if (index <= this.base) return
    const term = this.termAt(index)
    assert(term !== undefined, 'compaction beyond the last entry')
    this.entries.splice(0, index - this.base)
    this.base = index
    this.baseTerm = term
  }

  /** Drops everything; the log now stands on a snapshot's last entry. */
  reset(index: Index, term: Term): void {
    this.entries = []
    this.base = index
    this.baseTerm = term
  }

  /**
   * The last index before the run of equal terms that ends at `index`, but not below `floor`. A follower names it when
   * its entry at `index` conflicts, so that the leader skips the whole term at once (paper, end of section 5.3).
   */
  beforeTermOf(index: Index, floor: Index): Index {
    const term = this.termAt(index)
    let at = index
    while (at > floor && at > this.base && this.termAt(at) === term) at--
    return at
  }
}
