import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { putConfigEntry } from '../core/store/config-entry.ts'
import { setCounter } from '../core/store/counters.ts'
import { memoryRows } from '../core/store/memory.ts'
import { sampleConfigEntries, sampleMeshRows } from '../core/store/mesh-samples.ts'
import type { ReadTxn, Rows, TableName } from '../core/store/rows.ts'
import { sampleCheck, sampleEntry, sampleNode, sampleService, sampleSession } from '../core/store/samples.ts'
import { putSession } from '../core/store/session.ts'
import { TABLE_NAMES } from '../core/store/tables.ts'
import { ChunkAssembler, type PendingChunk } from './chunking.ts'
import { Reader, Writer } from './msgpack.ts'
import { encodeState, readState, SnapshotError, StateReader, type StateSummary } from './snapshot.ts'
import { decodeMeta, encodeMeta, snapshotId } from './snapshot-meta.ts'

const SESSION = '5ff4f2ea-6e3a-4a8b-9a0b-57b6a8f9a4d1'

/** The members of a snapshot that a real server wrote: all record types but the legacy ones. */
const REAL = untar(gunzipSync(readFileSync(new URL('testdata/snapshot-a.tar.gz', import.meta.url))))

suite('a state as bytes', () => {
  test('of a real server is read, and written again record for record', () => {
    const state = REAL['state.bin']!
    const { rows, summary } = load([state])
    assert.equal(summary.lastIndex, 250)
    const again = Buffer.concat([...encodeState(snapshot(rows), summary.lastIndex, summary.pending)])
    const want = records(state)
    const got = records(again)
    assert.equal(got.length, want.length)
    // Maps stand in Go's random order, so records are compared by what they say, and by their length.
    for (let i = 0; i < want.length; i++) assert.deepEqual(got[i], want[i])
    assert.equal(again.length, state.length)
  })

  test('comes back as it was: every table, counters, and pieces of commands', () => {
    const rows = sampleRows()
    const pending: PendingChunk[] = [
      { operation: 2n ** 63n, sequence: 1, count: 3, term: 4, data: Uint8Array.of(1, 2) },
      { operation: 2n ** 63n, sequence: 2, count: 3, term: 4, data: Uint8Array.of(3) },
    ]
    const { rows: read, summary } = load(encodeState(snapshot(rows), 77, pending))
    assert.deepEqual(summary, { lastIndex: 77, pending })
    assert.deepEqual(contents(read), contents(rows))
    assert.ok(contents(read)['session-checks']!.length > 0)
  })

  test('does not depend on how it is cut up', () => {
    const state = Buffer.concat([...encodeState(snapshot(sampleRows()), 5)])
    const want = contents(load([state]).rows)
    assert.deepEqual(contents(load(Array.from(state, (byte) => Uint8Array.of(byte))).rows), want)
    const cuts = fc.array(fc.nat(state.length), { maxLength: 12 })
    fc.assert(
      fc.property(cuts, (at) => {
        const edges = [0, ...at.sort((a, b) => a - b), state.length]
        const parts = edges.slice(1).map((edge, i) => new Uint8Array(state.subarray(edges[i], edge)))
        assert.deepEqual(contents(load(parts).rows), want)
      }),
      { numRuns: 30 },
    )
  })

  test('is written in pieces of about 64 KiB', () => {
    const rows = memoryRows()
    rows.write((txn) => {
      for (let i = 0; i < 3000; i++) txn.put('kvs', sampleEntry(`k${i}`, { Value: new Uint8Array(100) }))
    })
    const chunks = [...encodeState(snapshot(rows), 1)]
    assert.ok(chunks.length > 5)
    for (const chunk of chunks) assert.ok(chunk.length < 66_000)
  })

  test('of nothing is a header and the empty chunking state', () => {
    const state = Buffer.concat([...encodeState(snapshot(memoryRows()), 0)])
    assert.equal(state.toString('hex'), `81a9${hex('LastIndex')}00` + `1d81a8${hex('ChunkMap')}80`)
  })

  test('cut off anywhere but between records is refused', () => {
    const state = Buffer.concat([...encodeState(snapshot(sampleRows()), 5)])
    const edges = new Set(boundaries(state))
    for (let end = 0; end < state.length; end++) {
      if (edges.has(end)) load([state.subarray(0, end)])
      else assert.throws(() => load([state.subarray(0, end)]), SnapshotError, `at ${end}`)
    }
  })

  test('with a record of an unknown type is refused, naming type and place', () => {
    const state = Buffer.concat([...encodeState(snapshot(memoryRows()), 0)])
    const bad = Buffer.concat([state, Buffer.from([99, 0xc0])])
    assert.throws(() => load([bad]), {
      message: `snapshot: record of type 99 at byte ${state.length + 1}: no such type is known`,
    })
  })

  test('random bytes and changed bytes are refused as a bad snapshot, and as nothing else', () => {
    const state = Buffer.concat([...encodeState(snapshot(sampleRows()), 5)])
    const attempt = (bytes: Uint8Array) => {
      try {
        load([bytes])
      } catch (error) {
        assert.ok(error instanceof SnapshotError, String(error))
      }
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => attempt(Buffer.concat([state.subarray(0, 12), noise]))),
    )
    fc.assert(
      fc.property(fc.nat(state.length - 1), fc.nat(255), (at, value) => {
        const bad = new Uint8Array(state)
        bad[at] = value
        attempt(bad)
      }),
      { numRuns: 500 },
    )
  })

  test('is read from a stream', async () => {
    async function* stream() {
      yield* encodeState(snapshot(sampleRows()), 9)
    }
    const rows = memoryRows()
    const replacement = rows.replace()
    const summary = await readState(stream(), replacement.txn)
    replacement.commit(summary.lastIndex)
    assert.deepEqual(contents(rows), contents(sampleRows()))
  })
})

test('pieces of a command survive in the snapshot between them', () => {
  const before = new ChunkAssembler()
  before.add(3, { operation: 9n, sequence: 0, count: 2 }, Uint8Array.of(1))
  const { summary } = load(encodeState(snapshot(memoryRows()), 1, before.pending()))
  const after = new ChunkAssembler()
  after.restore(summary.pending)
  assert.deepEqual(after.add(3, { operation: 9n, sequence: 1, count: 2 }, Uint8Array.of(2)), Uint8Array.of(1, 2))
})

suite('meta data', () => {
  test('of a real archive is read', () => {
    const meta = decodeMeta(REAL['meta.json']!)
    assert.equal(meta.id, '4-250-1795352308871')
    assert.deepEqual(
      [meta.index, meta.term, meta.configurationIndex, meta.size],
      [250, 4, 1, REAL['state.bin']!.length],
    )
    assert.deepEqual(meta.configuration.servers[0], {
      id: '9b9fd2e0-50ef-5070-a285-1a667dd7dfcc',
      address: '127.0.1.1:8300',
      suffrage: 'voter',
    })
  })

  test('is written as a real archive has it', () => {
    const meta = decodeMeta(REAL['meta.json']!)
    assert.equal(
      Buffer.from(encodeMeta(meta, meta.id, meta.size)).toString(),
      Buffer.from(REAL['meta.json']!).toString(),
    )
  })

  test('names the snapshot by term, index and time', () => {
    const meta = decodeMeta(REAL['meta.json']!)
    assert.equal(snapshotId(meta, 1795352308871.9), meta.id)
  })

  test('anything else is refused', () => {
    const good = JSON.parse(Buffer.from(REAL['meta.json']!).toString())
    const bad = [
      { Version: 0 },
      { Index: -1 },
      { Term: 'x' },
      { Configuration: null },
      { Configuration: { Servers: [1] } },
    ]
    for (const change of bad)
      assert.throws(() => decodeMeta(Buffer.from(JSON.stringify({ ...good, ...change }))), SnapshotError)
    fc.assert(fc.property(fc.json(), (text) => assert.throws(() => decodeMeta(Buffer.from(text)), SnapshotError)))
    fc.assert(fc.property(fc.uint8Array(), (noise) => assert.throws(() => decodeMeta(noise), SnapshotError)))
  })
})

function sampleRows(): Rows {
  const rows = memoryRows()
  rows.write((txn) => {
    for (const name of ['n1', 'N2', 'n2-b']) {
      txn.put('nodes', sampleNode(name, { Meta: { rack: name }, CreateIndex: 3, ModifyIndex: 9 }))
      txn.put('services', sampleService(name, 'web', 'web-1'))
      txn.put('services', sampleService(name, 'db'))
      txn.put('checks', sampleCheck(name, 'serfHealth'))
      txn.put('checks', sampleCheck(name, 'alive', { ServiceID: 'db', ServiceName: 'db', Output: '\udcff\udc80' }))
      txn.put('coordinates', {
        Node: name,
        Segment: '',
        Coord: { Vec: [1e-9, -2], Error: 1, Adjustment: 0, Height: 1 },
      })
    }
    putSession(txn, sampleSession(SESSION, 'n1', { NodeChecks: ['serfHealth'], LockDelay: 15e9 }))
    txn.put('kvs', sampleEntry('a', { Value: new Uint8Array(), Flags: 2n ** 64n - 1n, Session: SESSION, LockIndex: 2 }))
    txn.put('kvs', sampleEntry('b/\u00e9\udc80', { Value: new Uint8Array(300).fill(7), ModifyIndex: 44 }))
    txn.put('kvs', sampleEntry('c'))
    txn.put('tombstones', { Key: 'gone', Index: 43 })
    txn.put('autopilot', {
      CleanupDeadServers: true,
      LastContactThreshold: 2e8,
      MaxTrailingLogs: 250,
      MinQuorum: 0,
      ServerStabilizationTime: 1e10,
      RedundancyZoneTag: '',
      DisableUpgradeMigration: false,
      UpgradeVersionTag: '',
      CreateIndex: 5,
      ModifyIndex: 5,
    })
    txn.put('federation-states', {
      Datacenter: 'dc1',
      MeshGateways: null,
      UpdatedAt: { seconds: 1_795_352_308, nanos: 309_029_232, offsetMin: null, offsetSec: 0 },
      PrimaryModifyIndex: 8,
      CreateIndex: 7,
      ModifyIndex: 8,
    })
    for (const [table, list] of Object.entries(sampleMeshRows())) {
      // Derived anew from the entries when a snapshot is read.
      if (table !== 'gateway-services' && table !== 'config-entries')
        for (const row of list) txn.put(table as TableName, row)
    }
    for (const entry of sampleConfigEntries()) putConfigEntry(txn, entry.ModifyIndex, entry)
    setCounter(txn, 'kvs', 44)
    setCounter(txn, 'service.web', 9)
  })
  return rows
}

function load(chunks: Iterable<Uint8Array>): { rows: Rows; summary: StateSummary } {
  const rows = memoryRows()
  const replacement = rows.replace()
  const reader = new StateReader(replacement.txn)
  for (const chunk of chunks) reader.push(chunk)
  const summary = reader.finish()
  replacement.commit(summary.lastIndex)
  return { rows, summary }
}

function snapshot(rows: Rows): ReadTxn {
  return rows.snapshot()
}

function contents(rows: Rows): Record<string, unknown[]> {
  return rows.read((txn) => Object.fromEntries(TABLE_NAMES.map((table) => [table, [...txn.prefix(table, '')]])))
}

/** Each record's type, value and length; the header first. */
function records(state: Uint8Array): { type: number | undefined; value: unknown; length: number }[] {
  const edges = boundaries(state)
  return edges.map((edge, i) => {
    const from = edges[i - 1] ?? 0
    const value = new Reader(state, i === 0 ? 0 : from + 1)
    const type = i === 0 ? undefined : state[from]
    // Integer keys, which no untyped map has.
    return { type, value: type === 29 ? undefined : value.any(), length: edge - from }
  })
}

/** Where the header and each record end. */
function boundaries(state: Uint8Array): number[] {
  const reader = new Reader(state)
  const out: number[] = []
  for (let at = 0; at < state.length; at = reader.at) {
    reader.at = out.length === 0 ? at : at + 1
    reader.skip()
    out.push(reader.at)
  }
  return out
}

function hex(text: string): string {
  const w = new Writer()
  w.append(Buffer.from(text))
  return Buffer.from(w.take()).toString('hex')
}

function untar(tar: Uint8Array): Record<string, Uint8Array> {
  const out: Record<string, Uint8Array> = {}
  for (let at = 0; tar[at] !== 0; ) {
    const field = (from: number, to: number) =>
      Buffer.from(tar.subarray(at + from, at + to))
        .toString()
        .replace(/\0.*/s, '')
    const size = Number.parseInt(field(124, 136), 8)
    out[field(0, 100)] = tar.subarray(at + 512, at + 512 + size)
    at += 512 + Math.ceil(size / 512) * 512
  }
  return out
}
