/**
 * A crash may come after a leader's snapshot was stored, and before the log gave way to it. Whether what is left of the
 * log goes with the snapshot is to be told by the terms: else the server would take itself for older than it has said.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openState } from '../../src/agent/durable.ts'
import { silentLog } from '../../src/base/log.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Entry, LogEnd, SnapshotMeta } from '../../src/core/raft/messages.ts'
import { makeRaft } from '../../src/core/raft/raft.ts'
import { memoryRows } from '../../src/core/store/memory.ts'
import { each, SimDisk } from '../../src/sim/disk.ts'
import { World } from '../../src/sim/world.ts'
import { decodeConfiguration, encodeConfiguration } from '../../src/wire/raft-log.ts'
import { encodeState } from '../../src/wire/snapshot.ts'
import { encodeMeta } from '../../src/wire/snapshot-meta.ts'

const TIMING = { heartbeatTimeoutMs: 1000, electionTimeoutMs: 1000, leaderLeaseTimeoutMs: 500, commitTimeoutMs: 50 }
const SNAPSHOT_INDEX = 20
const FIRST = 1
const LAST = 30

interface Found {
  /** Of the entries in the log. */
  termOf(index: number): number
  first?: number
  floor?: LogEnd | null
}
const configuration = {
  servers: [1, 2, 3].map((n) => ({ id: `s${n}`, address: `10.0.0.${n}:8300`, suffrage: 'voter' as const })),
}

/** @returns the core that starts from it, and what it writes first */
async function startFrom({ termOf, first = FIRST, floor = null }: Found) {
  const world = new World()
  const random = seededRandom(1)
  const disk = new SimDisk(world, random)
  const before = disk.mount()
  const entries = Array.from({ length: LAST - first + 1 }, (_, at): Entry => {
    const index = first + at
    return { index, term: termOf(index), type: 'command', data: new Uint8Array(3), extensions: null }
  })
  const meta: SnapshotMeta = { index: SNAPSHOT_INDEX, term: 3, configuration, configurationIndex: 1 }
  const log = await before.openLog()
  const snapshots = await before.openSnapshots()
  const hardState = { term: 3, votedTerm: 0, votedFor: '', floor }
  const state = [...encodeState(memoryRows().snapshot(), SNAPSHOT_INDEX, [])]
  const stored = Promise.all([
    log.write({ truncateFrom: null, entries, hardState, compactTo: null }),
    snapshots.save('3-20-1', encodeMeta(meta, '3-20-1'), each(state)),
  ])
  await world.run(1000)
  await stored

  const opening = openState({ stateEngine: 'memory' }, disk.mount(), silentLog)
  const [{ saved }] = await Promise.all([opening, world.run(2000)])
  const raft = makeRaft({
    id: 's1',
    address: '10.0.0.1:8300',
    timing: TIMING,
    random,
    preVote: true,
    trailingLogs: 10,
    appendEntriesMax: 64,
    codec: { encode: encodeConfiguration, decode: (_, data) => decodeConfiguration(data) },
    saved,
    now: 0,
  })
  raft.step(0, { kind: 'tick' })
  const write = raft.take().find((effect) => effect.kind === 'persist')
  return { status: raft.status(0), write, disk }
}

test('what a snapshot of another history took the place of is dropped, also after a restart', async () => {
  const { status, write } = await startFrom({ termOf: (index) => (index < 10 ? 1 : 2) })
  assert.deepEqual([status.lastIndex, status.lastTerm], [SNAPSHOT_INDEX, 3])
  assert.deepEqual([write?.truncateFrom, write?.compactTo], [SNAPSHOT_INDEX, SNAPSHOT_INDEX])
})

test('what follows a snapshot of the same history stays', async () => {
  const { status, write } = await startFrom({ termOf: (index) => (index < SNAPSHOT_INDEX ? 1 : 3) })
  assert.deepEqual([status.lastIndex, status.lastTerm, write], [LAST, 3, undefined])
})

test('what begins after the snapshot was given up for it, or something is missing', async () => {
  const given = { first: SNAPSHOT_INDEX + 2, termOf: () => 4 }
  const { status, disk } = await startFrom({ ...given, floor: { index: LAST, term: 4 } })
  assert.deepEqual([status.lastIndex, status.lastTerm], [SNAPSHOT_INDEX, 3])
  assert.equal(disk.last, SNAPSHOT_INDEX, 'the next entry follows')
  for (const floor of [null, { index: LAST - 1, term: 4 }, { index: LAST, term: 3 }]) {
    await assert.rejects(startFrom({ ...given, floor }), /the data directory is incomplete/)
  }
})
