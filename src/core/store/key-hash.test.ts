import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { hashKey, KeyHash } from './key-hash.ts'

/** Records that are nothing but their keys; a place is a position in the list. */
function newHash() {
  const keys: string[] = []
  const hash = new KeyHash({ holds: (place, key) => keys[place] === key })
  return { keys, hash }
}

suite('key hash', () => {
  test('does what a map does, also among keys of equal hash', () => {
    for (const hashOf of [hashKey, (key: string) => hashKey(key) & 0x7, () => -5, () => 0]) {
      const random = seededRandom(9)
      const { keys, hash } = newHash()
      const model = new Map<string, number>()
      for (let step = 0; step < 6000; step++) {
        const key = `k${random.int(150)}`
        const known = model.get(key)
        assert.equal(hash.get(key, hashOf(key)), known ?? -1)
        if (known === undefined) {
          keys.push(key)
          hash.add(hashOf(key), keys.length - 1)
          model.set(key, keys.length - 1)
        } else if (random.int(2) === 0) {
          hash.remove(key, hashOf(key))
          model.delete(key)
        } else {
          keys.push(key)
          hash.move(key, hashOf(key), keys.length - 1)
          model.set(key, keys.length - 1)
        }
      }
      for (let i = 0; i < 150; i++) assert.equal(hash.get(`k${i}`, hashOf(`k${i}`)), model.get(`k${i}`) ?? -1)
    }
  })

  test('grows through many keys', () => {
    const { keys, hash } = newHash()
    for (let i = 0; i < 50_000; i++) {
      keys.push(`service/config/${i}`)
      hash.add(hashKey(keys[i]!), i)
    }
    for (let i = 0; i < 50_000; i++) assert.equal(hash.get(keys[i]!, hashKey(keys[i]!)), i)
    assert.equal(hash.get('service/config/50000', hashKey('service/config/50000')), -1)
  })

  test('spreads keys that differ little', () => {
    const parts = new Set<number>()
    const low = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      parts.add(hashKey(`service/config/${i}`) >>> 26)
      low.add(hashKey(`service/config/${i}`) & 0x3ff)
    }
    assert.equal(parts.size, 64)
    assert.ok(low.size > 580, `1000 keys fell into ${low.size} of 1024 slots, 638 are expected`)
  })
})
