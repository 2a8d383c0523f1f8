import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { rowsSuite } from '../core/store/rows.suite.ts'
import { sampleEntry, sampleService } from '../core/store/samples.ts'
import { makeStore } from '../core/store/store.ts'
import { openLmdbRows } from './lmdb.ts'

const folder = mkdtempSync(join(tmpdir(), 'proconsul-rows-'))
let files = 0
const freshPath = () => join(folder, `${files++}.mdb`)

after(() => rmSync(folder, { recursive: true, force: true }))

rowsSuite('lmdb', () => openLmdbRows(freshPath()))

suite('rows on disk', () => {
  test('a restart finds the rows, their indexes, and the index they stand for', async () => {
    const path = freshPath()
    const first = await openLmdbRows(path)
    const store = makeStore(first)
    for (let i = 1; i <= 50; i++) {
      store.apply(i, { type: 'KVS', body: { Op: 'set', DirEnt: sampleEntry(`k${i}`, { Flags: BigInt(i) }) } })
    }
    store.batch(() => {
      for (let i = 51; i <= 60; i++) {
        store.apply(i, { type: 'KVS', body: { Op: 'set', DirEnt: sampleEntry(`k${i}`) } })
      }
    })
    first.write((txn) => txn.put('services', sampleService('n', 'web')))
    await store.close()

    const second = await openLmdbRows(path)
    const again = makeStore(second)
    assert.equal(again.applied, 60)
    again.read((txn) => {
      assert.equal([...txn.prefix('kvs', '')].length, 60)
      assert.equal(txn.get('kvs', 'k7')!.Flags, 7n)
      assert.equal(txn.counter('kvs'), 60)
      assert.equal([...txn.by('services-by-name', 'web\0')].length, 1)
    })
    again.restore(100, (txn) => txn.put('kvs', sampleEntry('only')))
    await again.close()

    const third = await openLmdbRows(path)
    assert.equal(third.applied, 100)
    assert.deepEqual(
      third.read((txn) => [...txn.prefix('kvs', '')].map((row) => row.Key)),
      ['only'],
    )
    await third.close()
  })

  test('a file left open by a machine that went down is not believed', async () => {
    const path = freshPath()
    const first = await openLmdbRows(path)
    first.write((txn) => txn.put('kvs', sampleEntry('k')), 5)
    assert.equal(existsSync(`${path}.open`), true)
    await first.close()
    assert.equal(existsSync(`${path}.open`), false)

    writeFileSync(`${path}.open`, 'another boot')
    const second = await openLmdbRows(path)
    assert.equal(second.applied, 0)
    assert.deepEqual(
      second.read((txn) => [...txn.prefix('kvs', '')]),
      [],
    )
    await second.close()
  })

  test('a killed process loses nothing', async () => {
    const path = freshPath()
    const script = `
      import { openLmdbRows } from ${JSON.stringify(import.meta.resolve('./lmdb.ts'))}
      const rows = await openLmdbRows(${JSON.stringify(path)})
      for (let i = 1; i <= 20; i++) rows.write((txn) => txn.put('index', { Key: 'kvs', Value: i }), i)
      process.kill(process.pid, 'SIGKILL')
    `
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script])
    assert.equal(run.signal, 'SIGKILL', String(run.stderr))
    const rows = await openLmdbRows(path)
    assert.equal(rows.applied, existsSync('/proc/sys/kernel/random/boot_id') ? 20 : 0)
    assert.equal(
      rows.read((txn) => txn.counter('kvs')),
      rows.applied,
    )
    await rows.close()
  })
})
