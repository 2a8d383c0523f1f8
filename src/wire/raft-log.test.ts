import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ENTRY_TYPES, type Entry, type EntryType, type Suffrage } from '../core/raft/messages.ts'
import { MsgpackError } from './msgpack.ts'
import {
  CorruptEntry,
  decodeConfiguration,
  decodeEntry,
  decodeLogState,
  encodeConfiguration,
  encodeEntry,
  encodeLogState,
  encodePeers,
} from './raft-log.ts'
import { noVectors, vectorFile } from './testdata/vectors.ts'

const bytes = fc.uint8Array({ maxLength: 300 })
const counter = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const entries: fc.Arbitrary<Entry> = fc.record(
  {
    index: counter,
    term: counter,
    type: fc.constantFrom(...(Object.keys(ENTRY_TYPES) as EntryType[])),
    data: bytes,
    extensions: fc.option(bytes),
  },
  { noNullPrototype: true },
)

suite('log entries on disk', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(entries, (entry) => assert.deepEqual(decodeEntry(entry.index, plain(encodeEntry(entry))), entry)),
    )
  })

  test('a changed bit, a missing byte or the wrong place is found out', () => {
    const entry: Entry = {
      index: 7,
      term: 3,
      type: 'command',
      data: Uint8Array.of(1, 2, 3),
      extensions: Uint8Array.of(9),
    }
    const good = plain(encodeEntry(entry))
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = good.slice()
      bad[bit >> 3]! ^= 1 << (bit & 7)
      assert.throws(() => decodeEntry(7, bad), CorruptEntry, `bit ${bit}`)
    }
    for (let end = 0; end < good.length; end++) assert.throws(() => decodeEntry(7, good.subarray(0, end)), CorruptEntry)
    assert.throws(() => decodeEntry(8, good), /it says it is entry 7/)
  })

  test('random bytes are refused as corrupt', () => {
    fc.assert(fc.property(bytes, (noise) => assert.throws(() => decodeEntry(1, noise), CorruptEntry)))
  })
})

suite("the log's state on disk", () => {
  test('comes back as it was, also with an address that is not UTF-8', () => {
    const state = {
      first: 5,
      last: 4,
      hardState: { term: 2 ** 40, votedTerm: 9, votedFor: '10.0.0.1:8300\udcff', floor: null },
    }
    assert.deepEqual(decodeLogState(encodeLogState(state)), state)
    const given = { ...state, hardState: { ...state.hardState, floor: { index: 2 ** 41, term: 7 } } }
    assert.deepEqual(decodeLogState(encodeLogState(given)), given)
  })

  test('is read in the form of earlier versions too', () => {
    const bytes = Buffer.from(
      '01000000c8b04f8a000000000000f03f00000000000022400000000000000040000000000000f03f613a31',
      'hex',
    )
    assert.deepEqual(decodeLogState(bytes), {
      first: 1,
      last: 9,
      hardState: { term: 2, votedTerm: 1, votedFor: 'a:1', floor: null },
    })
  })

  test('a changed bit or a missing byte is found out', () => {
    const good = plain(
      encodeLogState({ first: 1, last: 9, hardState: { term: 2, votedTerm: 2, votedFor: 'a:1', floor: null } }),
    )
    for (let bit = 0; bit < good.length * 8; bit++) {
      const bad = good.slice()
      bad[bit >> 3]! ^= 1 << (bit & 7)
      assert.throws(() => decodeLogState(bad), CorruptEntry)
    }
    for (let end = 0; end < good.length; end++) assert.throws(() => decodeLogState(good.subarray(0, end)), CorruptEntry)
  })
})

suite('Raft configurations', () => {
  test('come back as they were', () => {
    const suffrage = fc.constantFrom<Suffrage>('voter', 'nonvoter', 'staging')
    const server = fc.record({ id: fc.string(), address: fc.string(), suffrage }, { noNullPrototype: true })
    fc.assert(
      fc.property(fc.array(server), (servers) => {
        assert.deepEqual(decodeConfiguration(encodeConfiguration({ servers })), { servers })
      }),
    )
  })

  test('stand as the library writes them', { skip: noVectors }, () => {
    const golden = vectorFile('raft', 'lib-configuration.bin')
    const configuration = decodeConfiguration(golden)
    assert.ok(configuration.servers.length > 0)
    assert.equal(hex(encodeConfiguration(configuration)), hex(golden))
  })

  test('name the voters in the legacy form', () => {
    const servers = [
      { id: 'a', address: '127.0.0.1:1', suffrage: 'voter' as const },
      { id: 'b', address: '127.0.0.1:2', suffrage: 'nonvoter' as const },
    ]
    assert.equal(hex(encodePeers({ servers })), `91ab${hex(Buffer.from('127.0.0.1:1'))}`)
  })

  test('random bytes are refused by the codec and by nothing else', () => {
    fc.assert(
      fc.property(bytes, (noise) => {
        try {
          decodeConfiguration(noise)
        } catch (error) {
          assert.ok(error instanceof MsgpackError, String(error))
        }
      }),
    )
  })
})

/** Without Node's Buffer around it, as strict comparison wants. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
