/** What peers.json may say, in both of its forms, and what it may not; and what counts after it was used. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../base/log.ts'
import { memoryRows } from '../core/store/memory.ts'
import { makeStore } from '../core/store/store.ts'
import { memoryDisk } from '../host/disk-memory.ts'
import type { LogDisk } from '../host/host.ts'
import { ChunkAssembler } from '../wire/chunking.ts'
import { readPeers, recover } from './recovery.ts'

const read = (value: unknown, protocol = 3) =>
  readPeers(new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)), protocol)

test('ids, addresses, and who has no vote', () => {
  const listed = [
    { id: 'a', address: '10.0.0.1:8300' },
    { id: 'b', address: '10.0.0.2:8300', non_voter: true },
  ]
  assert.deepEqual(read(listed).servers, [
    { id: 'a', address: '10.0.0.1:8300', suffrage: 'voter' },
    { id: 'b', address: '10.0.0.2:8300', suffrage: 'nonvoter' },
  ])
  assert.deepEqual(read(['10.0.0.1:8300'], 2).servers, [
    { id: '10.0.0.1:8300', address: '10.0.0.1:8300', suffrage: 'voter' },
  ])
})

test('what makes no sense is refused with a reason', () => {
  const refused: [unknown, RegExp, number?][] = [
    ['{', /JSON/],
    [{}, /a list of servers/],
    [[], /Need at least one voter/],
    [['10.0.0.1:8300'], /an object with "id" and "address"/],
    [[{ id: 5, address: 'x' }], /which are texts/],
    [[{ id: 'a', address: 'x', non_voter: 'no' }], /true or false/],
    [[{ id: '', address: 'x' }], /without an ID/],
    [[{ id: 'a', address: 'x', non_voter: true }], /Need at least one voter/],
    [
      [
        { id: 'a', address: 'x' },
        { id: 'a', address: 'y' },
      ],
      /two servers have the ID a/,
    ],
    [[{ id: 'a', address: 'x' }], /with raft_protocol 2, each server is an address/, 2],
    [' '.repeat((1 << 20) + 1), /bytes/],
  ]
  for (const [value, why, protocol] of refused) assert.throws(() => read(value, protocol), why)
})

test('the state that is there counts, and no vote is bound by what was there before', async () => {
  const disk = memoryDisk()
  await disk.writeFile('raft/peers.info', new Uint8Array(0))
  const listed = [{ id: 'a', address: '10.0.0.1:8300' }]
  await disk.writeFile('raft/peers.json', new TextEncoder().encode(JSON.stringify(listed)))
  const hardState = { term: 4, votedTerm: 4, votedFor: '10.0.0.2:8300', floor: { index: 30, term: 3 } }
  const snapshot = { index: 8, term: 2, configuration: { servers: [] }, configurationIndex: 1 }
  const writes: Parameters<LogDisk['write']>[0][] = []
  const logDisk: LogDisk = {
    load: () => ({ hardState, entries: [], last: 8 }),
    write: async (change) => void writes.push(change),
    close: async () => {},
  }
  const recovered = await recover({
    disk,
    host: { date: () => 1000, soon: (run) => void setImmediate(run) },
    opened: {
      store: makeStore(memoryRows()),
      saved: { hardState, snapshot, entries: [] },
      logDisk,
      snapshots: await disk.openSnapshots(),
      kept: { newest: 8, before: 0 },
      chunks: new ChunkAssembler(),
    },
    raftProtocol: 3,
    log: silentLog,
  })
  assert.deepEqual(recovered.hardState, { ...hardState, floor: null })
  assert.deepEqual(writes[0]?.hardState, recovered.hardState)
  assert.deepEqual(recovered.snapshot?.configuration.servers, [{ ...listed[0], suffrage: 'voter' }])
})
