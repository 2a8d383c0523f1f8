import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { COMMAND_NUMBERS, type Command, type CommandType, IGNORABLE } from '../model/command.ts'
import type { ConfigEntryRequest } from '../model/config-entry.ts'
import { decodeCommand, encodeCommand } from './command.ts'
import { JSON_DEPTH_MAX } from './json.ts'
import { decodeJson, untypedMap } from './json-decode.ts'
import { MsgpackError } from './msgpack.ts'
import { emptyEntry } from './structs/config-entry.ts'
import { noVectors, says, type Vector, vectorFile, vectors } from './testdata/vectors.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** A KV put as a real server logged it. */
const KVS_SET = Buffer.from(
  '0284aa4461746163656e746572a3646331a6446972456e7487ab437265617465496e64657800a5466c616773cfffffffffffffffff' +
    'a34b6579a66170702f7a7aa94c6f636b496e64657800ab4d6f64696679496e64657800a753657373696f6ea0a556616c7565a3000102' +
    'a24f70a3736574a5546f6b656ea0',
  'hex',
)

suite('log commands', () => {
  test('a put holds all 64 bits of flags and its bytes', () => {
    const command = decodeCommand(KVS_SET)
    assert.deepEqual(command, {
      type: 'KVS',
      body: {
        Datacenter: 'dc1',
        DirEnt: {
          CreateIndex: 0,
          Flags: 0xffff_ffff_ffff_ffffn,
          Key: 'app/zz',
          LockIndex: 0,
          ModifyIndex: 0,
          Session: '',
          Value: new Uint8Array([0, 1, 2]),
        },
        Op: 'set',
        Token: '',
      },
    })
    assert.equal(hex(encodeCommand(command)), hex(KVS_SET))
  })

  test('what JSON lets in comes out of the log again, however deep it nests', () => {
    const within = JSON_DEPTH_MAX - 2
    const body = Buffer.from(
      `{"a":${'{"b":'.repeat(within / 2)}${'['.repeat(within / 2)}1${']'.repeat(within / 2)}${'}'.repeat(within / 2)}}`,
    )
    const Config = decodeJson(body, untypedMap)!
    const Entry = { ...emptyEntry('proxy-defaults', 'global'), Config } as ConfigEntryRequest['Entry']
    const command: Command = { type: 'ConfigEntry', body: { Datacenter: 'dc1', Op: 'upsert', Token: '', Entry } }
    const { body: back } = decodeCommand(encodeCommand(command)) as { body: { Entry: { Config: unknown } } }
    assert.equal(JSON.stringify(back.Entry.Config), JSON.stringify(Config))
  })

  test('coordinates carry the bit that lets an older server pass over them', () => {
    const command: Command = {
      type: 'CoordinateBatchUpdate',
      body: [{ Node: 'n1', Segment: '', Coord: { Vec: [1, 2.5], Error: 1.5, Adjustment: 0, Height: 1e-5 } }],
    }
    const data = encodeCommand(command)
    assert.equal(data[0], 0x86)
    assert.deepEqual(decodeCommand(data), command)
  })

  test('nothing of our own enters a log: every type that can be proposed is known to 1.8.7 by its number', () => {
    // Numbers of agent/structs/structs.go that its FSM applies; the others are Enterprise's or of snapshots alone.
    const known = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30]
    assert.deepEqual(
      Object.values(COMMAND_NUMBERS).sort((a, b) => a - b),
      known,
    )
    // Commands go out with the byte of their type alone, and what 1.8.7 marks as ignorable is marked so by us, no more.
    const ignorable = new Set<CommandType>(['CoordinateBatchUpdate', 'ConnectCALeaf'])
    for (const [type, number] of Object.entries(COMMAND_NUMBERS) as [CommandType, number][]) {
      const nothing = type === 'CoordinateBatchUpdate' ? [] : undefined
      const [byte] = encodeCommand({ type, body: nothing } as unknown as Command)
      assert.equal(byte, number | (ignorable.has(type) ? IGNORABLE : 0), type)
    }
  })

  test('what a sender leaves out goes as zero, and comes back as zero', () => {
    const data = encodeCommand({ type: 'Deregister', body: { Node: 'n1' } })
    assert.deepEqual(decodeCommand(data), {
      type: 'Deregister',
      body: { CheckID: '', Datacenter: '', Node: 'n1', ServiceID: '', Token: '' },
    })
  })

  test('types that we do not interpret are kept whole', () => {
    const data = Uint8Array.from([99 | 128, 0x81, 0xa1, 0x41, 0xc0])
    const command = decodeCommand(data)
    assert.deepEqual(command, { type: 'Opaque', number: 99, ignorable: true, data: data.subarray(1) })
    assert.equal(hex(encodeCommand(command)), hex(data))
  })

  test('a command cut off anywhere is refused', () => {
    for (let end = 0; end < KVS_SET.length; end++)
      assert.throws(() => decodeCommand(KVS_SET.subarray(0, end)), { name: 'MsgpackError', fault: 'truncated' })
  })

  test('random bytes are refused by the codec and by nothing else', () => {
    const interpreted = fc.constantFrom(...Object.values(COMMAND_NUMBERS))
    const property = fc.property(interpreted, fc.uint8Array({ maxLength: 200 }), (type, body) => {
      try {
        decodeCommand(Uint8Array.from([type, ...body]))
      } catch (error) {
        assert.ok(error instanceof MsgpackError, String(error))
      }
    })
    fc.assert(property, { numRuns: 2000 })
  })

  test('a real command with bytes changed is refused by the codec, or read', () => {
    const property = fc.property(
      fc.array(fc.tuple(fc.nat(KVS_SET.length - 2), fc.nat(255)), { maxLength: 4 }),
      (edits) => {
        const data = Uint8Array.from(KVS_SET)
        for (const [at, value] of edits) data[at + 1] = value
        try {
          encodeCommand(decodeCommand(data))
        } catch (error) {
          assert.ok(error instanceof MsgpackError, String(error))
        }
      },
    )
    fc.assert(property, { numRuns: 2000 })
  })

  const captured = vectors('fsm').filter(
    (v): v is Vector & { file: string } => typeof v.file === 'string' && typeof v.typeByte === 'number',
  )
  test('every captured log entry is read as it was meant', { skip: noVectors }, () => {
    assert.ok(captured.length > 50)
    for (const vector of captured) {
      const data = vectorFile('fsm', vector.file)
      const command = decodeCommand(data)
      assert.ok(command.type !== 'Opaque', `${vector.name} is passed over`)
      const said = command.type === 'ConfigEntry' ? unwrapped(command.body, vector.decoded) : command.body
      assert.ok(says(said, vector.decoded), `${vector.name}: ${JSON.stringify(vector.decoded)}`)
    }
  })

  test('every captured log entry is written as it was, byte by byte', { skip: noVectors }, () => {
    for (const vector of captured) {
      const data = vectorFile('fsm', vector.file)
      assert.equal(hex(encodeCommand(decodeCommand(data))), hex(data), vector.name)
    }
  })
})

/** The vectors show what is inside of the raw string; an entry that stands in one of its own they show as its bytes. */
function unwrapped(body: ConfigEntryRequest, decoded: unknown): unknown {
  const isOwn = body.Entry.Kind === 'proxy-defaults'
  const [, shown] = (decoded as { $bytesOf: [string, { Entry: unknown }] }).$bytesOf
  return { $bytesOf: [body.Entry.Kind, isOwn ? { ...body, Entry: shown.Entry } : body] }
}
