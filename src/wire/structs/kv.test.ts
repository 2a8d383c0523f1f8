import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeWith, MsgpackError, Reader, type Writer } from '../msgpack.ts'
import { dirEntry } from './kv.ts'

const FIELDS: Record<string, (w: Writer) => void> = {
  CreateIndex: (w) => w.int(3),
  Flags: (w) => w.bigint(2n ** 64n - 1n),
  Key: (w) => w.text('a/b'),
  LockIndex: (w) => w.int(1),
  ModifyIndex: (w) => w.int(9),
  Session: (w) => w.text('s'),
  Value: (w) => w.bytes(Uint8Array.of(1, 2)),
}
const ENTRY = {
  CreateIndex: 3,
  Flags: 2n ** 64n - 1n,
  Key: 'a/b',
  LockIndex: 1,
  ModifyIndex: 9,
  Session: 's',
  Value: Uint8Array.of(1, 2),
}

function written(names: string[]): Uint8Array {
  return encodeWith((w) => {
    w.mapHeader(names.length)
    for (const name of names) {
      w.text(name)
      const value = FIELDS[name] ?? ((to: Writer) => to.text('?'))
      value(w)
    }
  })
}

test('an entry reads the same in whatever order its fields come, with fewer and with unknown ones', () => {
  const usual = Object.keys(FIELDS)
  for (let turn = 0; turn < usual.length; turn++) {
    const names = [...usual.slice(turn), ...usual.slice(0, turn)]
    assert.deepEqual(dirEntry.read(new Reader(written(names))), ENTRY, names.join())
    const some = names.slice(1).sort()
    const partly = dirEntry.read(new Reader(written(some)))
    assert.deepEqual(partly, { ...ENTRY, [names[0]!]: dirEntry.zero()[names[0] as 'Key'] }, some.join())
  }
  const from = new Reader(written([...usual, 'Later']))
  assert.deepEqual(dirEntry.read(from), ENTRY)
  assert.equal(from.at, written([...usual, 'Later']).length)
})

test('half an entry is refused wherever it ends', () => {
  const whole = written(Object.keys(FIELDS))
  for (let end = 0; end < whole.length; end++) {
    assert.throws(() => dirEntry.read(new Reader(whole.subarray(0, end))), MsgpackError, `${end} bytes`)
  }
})
