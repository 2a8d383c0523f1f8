/**
 * Raft cores with a known bug each, made from the real source: a few words of one file are replaced when it is loaded.
 * The source itself knows nothing of it. A mutant whose words are no longer found in the source fails to load, so that
 * the list cannot go stale in silence.
 */

import { readFileSync } from 'node:fs'
import { registerHooks, stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { makeRaft } from '../../src/core/raft/raft.ts'
import { RESTORES_EVERY } from '../../src/sim/run.ts'

export interface Mutant {
  /** What goes wrong with it, and where that is written. */
  about: string
  /** Where the search begins, and how it goes on, where most runs could not show it. */
  seeds?: { from: number; step: number }
  patches: { file: string; from: string; to: string }[]
}

/** A leader that nobody answers goes on leading: by itself that breaks no promise. */
const STAYS_IN_OFFICE = { file: 'leader.ts', from: 'if (raft.now - contactAt > leaseMs)', to: 'if (raft.term < 0)' }

export const MUTANTS = {
  'vote-not-saved': {
    about: 'a vote is given without being written down, and forgotten by a crash',
    seeds: { from: 50, step: 1 },
    patches: [
      {
        file: 'election.ts',
        from: 'raft.votedFor = candidate\n  raft.saveHardState()',
        to: 'raft.votedFor = candidate',
      },
    ],
  },
  'old-term-committed': {
    about: 'an entry of an earlier term counts as committed because a majority has it (paper, figure 8)',
    patches: [{ file: 'leader.ts', from: ' && log.termAt(reached) === raft.term)', to: ')' }],
  },
  'stale-lease': {
    about: 'a leader reads by itself for as long as nobody tells it that it lost office',
    patches: [{ file: 'leading.ts', from: 'if (this.leaseBroken) return false', to: 'return true' }, STAYS_IN_OFFICE],
  },
  'acknowledged-before-durable': {
    about: 'a follower says that it has entries which are not on its disk yet',
    patches: [
      { file: 'state.ts', from: 'if (!this.writes.waitsFor(index)) this.effects', to: 'if (index >= 0) this.effects' },
    ],
  },
  'committed-truncated': {
    about: 'an append that comes late cuts off what came after it',
    patches: [
      {
        file: 'follower.ts',
        from: 'if (fresh === entries.length) return undefined',
        to: 'if (fresh === entries.length) { if (log.lastIndex > entries[fresh - 1]!.index && entries[fresh - 1]!.index >= raft.commitIndex) raft.truncate(entries[fresh - 1]!.index + 1); return undefined }',
      },
    ],
  },
  'changes-at-once': {
    about: 'a change of servers begins before the one before it is committed',
    seeds: { from: 70, step: 1 },
    patches: [{ file: 'callers.ts', from: 'raft.commitIndex >= configurations.latestIndex', to: 'true' }],
  },
  'any-log-elected': {
    about: 'a candidate is voted for although its log lacks entries of the voter',
    patches: [
      {
        file: 'election.ts',
        from: 'if (!isUpToDate(raft, request) || raft.writes.failing) return false',
        to: 'if (raft.writes.failing) return false',
      },
    ],
  },
  'unverified-reads': {
    about: 'a consistent read does not wait for the answers to its round',
    seeds: { from: 45, step: 1 },
    patches: [
      {
        file: 'callers.ts',
        from: 'if (leading.verifyNow.length === 0 || !leading.roundConfirmed(raft.configurations.voters)) return',
        to: 'if (leading.verifyNow.length === 0) return',
      },
      STAYS_IN_OFFICE,
    ],
  },
  'late-word-to-stand': {
    about:
      'a word to stand for election from an earlier term is followed, whatever the leader of this one reads by its lease',
    seeds: { from: 150, step: 1 },
    patches: [{ file: 'raft.ts', from: 'if (term === null || term >= raft.term) elect', to: 'if (true) elect' }],
  },
  'restored-read-too-soon': {
    about: 'a restored state is read while nobody else has it',
    seeds: { from: RESTORES_EVERY, step: RESTORES_EVERY },
    patches: [
      {
        file: 'callers.ts',
        from: "leading.startIndex = raft.append('noop', NO_DATA, null)\n  leading.applying.push({ ticket, index: leading.startIndex })",
        to: "leading.applying.push({ ticket, index: raft.append('noop', NO_DATA, null) })",
      },
    ],
  },
  'acknowledged-and-dropped': {
    about:
      'entries on their way to the disk give way to a snapshot that ends before them, and are acknowledged all the same',
    // One in many thousands shows it.
    seeds: { from: 50_410, step: 1 },
    patches: [{ file: 'follower.ts', from: '    raft.disown(meta.index)\n', to: '' }],
  },
  'lost-state-kept': {
    about: 'who holds a state that was lost waits for a snapshot that reaches beyond it, also where none can',
    seeds: { from: RESTORES_EVERY, step: RESTORES_EVERY },
    patches: [
      { file: 'follower.ts', from: 'const astray = raft.astrayIn === raft.term', to: 'const astray = raft.term < 0' },
    ],
  },
  'majority-of-all': {
    about: 'half of the voters count as a majority',
    patches: [
      {
        file: 'quorum.ts',
        from: 'values[majority(values.length) - 1]!',
        to: 'values[Math.ceil(values.length / 2) - 1]!',
      },
    ],
  },
} satisfies Record<string, Mutant>

export type MutantName = keyof typeof MUTANTS

const FOLDER = new URL('../../src/core/raft/', import.meta.url).href
const MARK = 'mutant'

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context)
    const mutant = context.parentURL === undefined ? null : new URL(context.parentURL).searchParams.get(MARK)
    // The core's own files come from the mutant too; what it stands on is shared.
    return mutant !== null && found.url.startsWith(FOLDER) ? { ...found, url: `${found.url}?${MARK}=${mutant}` } : found
  },
  load(url, context, next) {
    const parsed = new URL(url)
    const name = parsed.searchParams.get(MARK)
    if (name === null) return next(url, context)
    parsed.search = ''
    let source = readFileSync(fileURLToPath(parsed), 'utf8')
    for (const { file, from, to } of MUTANTS[name as MutantName].patches) {
      if (parsed.href !== FOLDER + file) continue
      if (source.split(from).length !== 2) throw new Error(`mutant ${name}: its words are not once in ${file}`)
      source = source.replace(from, () => to)
    }
    return { format: 'module', source: stripTypeScriptTypes(source), shortCircuit: true }
  },
})

/** The core with that bug in it. */
export async function mutantRaft(name: MutantName): Promise<typeof makeRaft> {
  const loaded: { makeRaft: typeof makeRaft } = await import(`${FOLDER}raft.ts?${MARK}=${name}`)
  return loaded.makeRaft
}
