import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Arena, sizeClass } from './arena.ts'
import { seededRandom } from './random.ts'

const MIB = 1 << 20

suite('arena', () => {
  test('a class holds its sizes, with a fifth to spare at most', () => {
    const arena = new Arena()
    for (const bytes of [0, 1, 16, 17, 511, 512, 513, 5000, 65_535, 65_536]) {
      assert.ok(sizeClass(bytes) >= 0, String(bytes))
      assert.equal(arena.offset(arena.take(bytes)) % 16, 0)
    }
    assert.equal(sizeClass(1), sizeClass(16))
    assert.notEqual(sizeClass(16), sizeClass(17))
    assert.equal(sizeClass(65_537), -1)
    // Of one size after another: places that lie behind each other differ by what the class really takes.
    for (let bytes = 16; bytes <= 65_536; bytes = Math.ceil(bytes * 1.07)) {
      const fresh = new Arena()
      const taken = fresh.offset(fresh.take(bytes)) - fresh.offset(fresh.take(bytes))
      assert.ok(-taken >= bytes && -taken <= Math.max(bytes + 15, bytes * 1.3), `${bytes} takes ${-taken}`)
    }
  })

  test('records do not touch one another, however they come and go', () => {
    const random = seededRandom(4)
    const arena = new Arena()
    const live: { handle: number; bytes: number; mark: number }[] = []
    const check = ({ handle, bytes, mark }: { handle: number; bytes: number; mark: number }) => {
      const { u8 } = arena.page(handle)
      const at = arena.offset(handle)
      for (let i = 0; i < bytes; i++) if (u8[at + i] !== mark) assert.fail(`byte ${i} of ${bytes} was overwritten`)
    }
    for (let step = 0; step < 4000; step++) {
      if (live.length > 300 || (live.length > 0 && random.int(3) === 0)) {
        const [record] = live.splice(random.int(live.length), 1)
        check(record!)
        arena.give(record!.handle, record!.bytes)
      } else {
        const bytes = 1 + random.int([40, 3000, 200_000][random.int(3)]!)
        const record = { handle: arena.take(bytes), bytes, mark: step & 0xff }
        arena.page(record.handle).u8.fill(record.mark, arena.offset(record.handle), arena.offset(record.handle) + bytes)
        live.push(record)
      }
    }
    for (const record of live) check(record)
  })

  test('a freed place is used again, and a large one is given back', () => {
    const arena = new Arena()
    for (let i = 0; i < 100_000; i++) arena.give(arena.take(100), 100)
    assert.equal(arena.bytes, MIB)
    const large = arena.take(3 * MIB)
    assert.equal(arena.bytes, 4 * MIB)
    arena.give(large, 3 * MIB)
    assert.equal(arena.bytes, MIB)
    assert.equal(arena.take(3 * MIB), large)
  })
})
