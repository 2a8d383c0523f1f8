/** Of every engine behind the port `Rows`: writes happen whole or not at all, tell what they change, and disturb no view. */
import assert from 'node:assert/strict'
import { seededRandom } from '../../base/random.ts'
import type { DirEntry } from '../../model/kv.ts'
import { setCounter } from './counters.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { keysOf, putEntries, SESSION, type WithRows } from './rows-cases.suite.ts'
import { sampleEntry, sampleService } from './samples.ts'
import type { Change } from './store.ts'
import { sessionPrefix } from './tables.ts'

export function writtenCases(withRows: WithRows): void {
  withRows('a write that throws leaves nothing behind', (rows) => {
    rows.write((txn) => {
      txn.put('kvs', sampleEntry('a', { Flags: 1n, Session: SESSION }))
      txn.put('kvs', sampleEntry('b'))
      setCounter(txn, 'kvs', 2)
    }, 2)
    const changes: Change[] = []
    const fail = () =>
      rows.write(
        (txn) => {
          txn.put('kvs', sampleEntry('a', { Flags: 2n }))
          txn.put('kvs', sampleEntry('a', { Flags: 3n }))
          txn.delete('kvs', 'b')
          txn.put('kvs', sampleEntry('c'))
          txn.put('services', sampleService('n', 'web'))
          setCounter(txn, 'kvs', 3)
          assert.equal(txn.get('kvs', 'b'), undefined)
          throw new Error('no')
        },
        3,
        changes,
      )
    assert.throws(fail, /^Error: no$/)
    rows.batch(() => {
      assert.throws(fail, /^Error: no$/)
      putEntries(rows, 'd')
    })
    assert.deepEqual(changes, [])
    assert.equal(rows.applied, 2)
    rows.read((txn) => {
      assert.deepEqual(keysOf(txn.prefix('kvs', '')), ['a', 'b', 'd'])
      assert.equal(txn.get('kvs', 'a')!.Flags, 1n)
      assert.equal(txn.counter('kvs'), 2)
      assert.deepEqual(keysOf(txn.by('kvs-by-session', '')), ['a'])
      assert.deepEqual([...txn.by('services-by-name', '')], [])
    })
  })

  withRows('a batch that throws keeps the writes that were done', (rows) => {
    assert.throws(() =>
      rows.batch(() => {
        rows.write((txn) => txn.put('kvs', sampleEntry('done')), 7)
        throw new Error('no')
      }),
    )
    assert.equal(rows.applied, 7)
    assert.deepEqual(
      rows.read((txn) => keysOf(txn.prefix('kvs', ''))),
      ['done'],
    )
  })

  withRows('a write tells its changes in order', (rows) => {
    putEntries(rows, 'a', 'b')
    const changes: Change[] = []
    rows.write(
      (txn) => {
        txn.put('kvs', sampleEntry('a', { Flags: 1n }))
        txn.delete('kvs', 'b')
        txn.delete('kvs', 'absent')
        txn.put('kvs', sampleEntry('c'))
        setCounter(txn, 'kvs', 4)
      },
      4,
      changes,
    )
    assert.deepEqual(changes, [
      { table: 'kvs', key: 'a', before: sampleEntry('a'), after: sampleEntry('a', { Flags: 1n }) },
      { table: 'kvs', key: 'b', before: sampleEntry('b'), after: undefined },
      { table: 'kvs', key: 'c', before: undefined, after: sampleEntry('c') },
      { table: 'index', key: 'kvs', before: undefined, after: { Key: 'kvs', Value: 4 } },
    ])
    assert.equal(rows.applied, 4)
  })

  withRows('a write reads what it wrote, and may delete what it walks over', (rows) => {
    rows.write((txn) => {
      for (let i = 0; i < 500; i++) txn.put('kvs', sampleEntry(`k${String(i).padStart(3, '0')}`, { Session: SESSION }))
    })
    rows.write((txn) => {
      let seen = 0
      for (const entry of txn.prefix('kvs', 'k')) {
        seen++
        txn.delete('kvs', entry.Key)
        if (entry.Key === 'k100') txn.put('kvs', sampleEntry('k100x', { Session: SESSION }))
      }
      assert.equal(seen, 501)
      assert.deepEqual([...txn.by('kvs-by-session', '')], [])
      assert.equal(txn.get('kvs', 'k499'), undefined)
    })
    rows.write((txn) => {
      for (let i = 0; i < 300; i++) txn.put('kvs', sampleEntry(`s${i}`, { Session: SESSION }))
      let freed = 0
      for (const entry of txn.by('kvs-by-session', sessionPrefix(SESSION))) {
        freed++
        txn.put('kvs', { ...entry, Session: '' })
      }
      assert.equal(freed, 300)
    })
    assert.equal(rows.read((txn) => keysOf(txn.prefix('kvs', ''))).length, 300)
  })

  withRows('an iterable can be gone through twice, and left early', (rows) => {
    putEntries(rows, 'a', 'b', 'c')
    rows.read((txn) => {
      const range = txn.prefix('kvs', '')
      for (const entry of range) {
        assert.equal(entry.Key, 'a')
        break
      }
      assert.deepEqual(keysOf(range), ['a', 'b', 'c'])
      assert.deepEqual(keysOf(range), ['a', 'b', 'c'])
    })
  })

  withRows('a snapshot stays as it is while writes go on', (rows) => {
    rows.write((txn) => {
      for (let i = 0; i < 300; i++) txn.put('kvs', sampleEntry(`k${i}`, { Value: Uint8Array.of(1), Session: SESSION }))
      setCounter(txn, 'kvs', 1)
    }, 1)
    const snapshot = rows.snapshot()
    const walk = snapshot.prefix('kvs', 'k')[Symbol.iterator]()
    walk.next()
    rows.write((txn) => {
      for (let i = 0; i < 300; i += 2) txn.put('kvs', sampleEntry(`k${i}`, { Value: Uint8Array.of(2) }))
      for (let i = 1; i < 300; i += 2) txn.delete('kvs', `k${i}`)
      for (let i = 0; i < 300; i++) txn.put('kvs', sampleEntry(`new${i}`))
      setCounter(txn, 'kvs', 2)
    }, 2)
    let rest = 0
    for (let step = walk.next(); !step.done; step = walk.next()) {
      rest++
      assert.deepEqual(step.value.Value, Uint8Array.of(1))
    }
    assert.equal(rest, 299)
    assert.equal(snapshot.counter('kvs'), 1)
    assert.equal(snapshot.get('kvs', 'new1'), undefined)
    assert.deepEqual(snapshot.get('kvs', 'k1')!.Value, Uint8Array.of(1))
    assert.equal([...snapshot.by('kvs-by-session', sessionPrefix(SESSION))].length, 300)
    const second = rows.snapshot()
    snapshot.release()
    rows.write((txn) => txn.put('kvs', sampleEntry('k0', { Value: Uint8Array.of(3) })))
    assert.deepEqual(second.get('kvs', 'k0')!.Value, Uint8Array.of(2))
    second.release()
    assert.deepEqual(
      rows.read((txn) => txn.get('kvs', 'k0')!.Value),
      Uint8Array.of(3),
    )
  })

  withRows('a replacement is seen at once and whole, or not at all', (rows) => {
    rows.write((txn) => {
      txn.put('kvs', sampleEntry('old', { Session: SESSION }))
      setCounter(txn, 'kvs', 5)
    }, 5)
    const abandoned = rows.replace()
    abandoned.txn.put('kvs', sampleEntry('never'))
    abandoned.abandon()
    const replacement = rows.replace()
    replacement.txn.put('kvs', sampleEntry('new'))
    putEntries(rows, 'meanwhile')
    replacement.txn.put('services', sampleService('n', 'web'))
    setCounter(replacement.txn, 'kvs', 9)
    assert.equal(replacement.txn.counter('kvs'), 9)
    assert.deepEqual(
      rows.read((txn) => keysOf(txn.prefix('kvs', ''))),
      ['meanwhile', 'old'],
    )
    const snapshot = rows.snapshot()
    replacement.commit(9)
    assert.equal(rows.applied, 9)
    rows.read((txn) => {
      assert.deepEqual(keysOf(txn.prefix('kvs', '')), ['new'])
      assert.deepEqual([...txn.by('kvs-by-session', '')], [])
      assert.equal([...txn.by('services-by-name', '')].length, 1)
      assert.equal(txn.counter('kvs'), 9)
    })
    assert.deepEqual(keysOf(snapshot.prefix('kvs', '')), ['meanwhile', 'old'])
    snapshot.release()
    putEntries(rows, 'newer')
    assert.deepEqual(
      rows.read((txn) => keysOf(txn.prefix('kvs', ''))),
      ['new', 'newer'],
    )
  })

  withRows('does what a model does, over 100,000 random operations', (rows) => {
    const random = seededRandom(11)
    const model = new Map<string, DirEntry>()
    const sessions = ['', '', '', SESSION, 'aaaaaaaa-2222-3333-4444-555555555555']
    const order = (a: DirEntry, b: DirEntry) => (a.Key < b.Key ? -1 : 1)
    const check = (txn: ReadTxn, prefix: string) => {
      const expected = [...model.values()].filter((entry) => entry.Key.startsWith(prefix)).sort(order)
      assert.deepEqual([...txn.prefix('kvs', prefix)], expected)
      const session = sessions[3 + random.int(2)]!
      const held = [...model.values()].filter((entry) => entry.Session === session).sort(order)
      assert.deepEqual([...txn.by('kvs-by-session', sessionPrefix(session))], held)
    }
    const operate = (txn: WriteTxn) => {
      const key = `${random.int(20)}/${random.int(150)}`
      if (random.int(3) === 0) {
        model.delete(key)
        txn.delete('kvs', key)
      } else {
        const entry = sampleEntry(key, {
          Value: random.bytes(random.int(random.int(20) === 0 ? 2000 : 40)),
          ModifyIndex: random.int(1e6),
          Session: sessions[random.int(sessions.length)]!,
        })
        model.set(key, entry)
        txn.put('kvs', entry)
      }
    }
    for (let done = 0; done < 100_000; ) {
      const size = 1 + random.int(400)
      rows.batch(() => {
        for (let i = 0; i < size; i += 10)
          rows.write((txn) => {
            for (let j = 0; j < 10; j++) operate(txn)
          })
      })
      done += size
      if (random.int(20) === 0) rows.read((txn) => check(txn, `${random.int(20)}`))
    }
    rows.read((txn) => check(txn, ''))
  })

  withRows('all rows under a prefix go at once, with their index entries, and are told one by one', (rows) => {
    rows.write((txn) => {
      for (let i = 0; i < 400; i++) txn.put('kvs', sampleEntry(`a/${i}`, { Session: i % 2 === 0 ? SESSION : '' }))
      for (const key of ['a', 'a.', 'a0', 'b', '\u{10ffff}', '']) txn.put('kvs', sampleEntry(key))
    })
    const snapshot = rows.snapshot()
    const before = rows.read((txn) => [...txn.prefix('kvs', 'a/')])
    const changes: Change[] = []
    rows.write((txn) => txn.deleteUnder('kvs', 'a/'), undefined, changes)
    assert.deepEqual(
      changes.map(({ before: row, after }) => [row, after]),
      before.map((row) => [row, undefined]),
    )
    const left = rows.read((txn) => {
      assert.deepEqual([...txn.by('kvs-by-session', '')], [])
      assert.equal(txn.get('kvs', 'a/7'), undefined)
      return keysOf(txn.prefix('kvs', ''))
    })
    assert.deepEqual(left, ['', 'a', 'a.', 'a0', 'b', '\u{10ffff}'])
    assert.deepEqual([...snapshot.prefix('kvs', 'a/')], before)
    snapshot.release()
    assert.throws(() =>
      rows.write((txn) => {
        txn.deleteUnder('kvs', 'a')
        throw new Error('undone')
      }),
    )
    putEntries(rows, 'a/1')
    rows.write((txn) => txn.deleteUnder('kvs', 'nothing'))
    assert.deepEqual(
      rows.read((txn) => keysOf(txn.prefix('kvs', ''))),
      ['', 'a', 'a.', 'a/1', 'a0', 'b', '\u{10ffff}'],
    )
    rows.write((txn) => txn.deleteUnder('kvs', ''))
    assert.deepEqual(
      rows.read((txn) => keysOf(txn.prefix('kvs', ''))),
      [],
    )
  })
}
