/** What every engine behind the port `Rows` must do; each engine's test runs it over itself. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../base/random.ts'
import { byteKey } from '../../base/text.ts'
import type { DirEntry } from '../../model/kv.ts'
import { deleteCounter, raiseCounter, setCounter } from './counters.ts'
import { sampleMeshRows } from './mesh-samples.ts'
import type { ReadTxn, Rows, Tables, WriteTxn } from './rows.ts'
import { sampleCheck, sampleEntry, sampleNode, sampleQuery, sampleService, sampleSession } from './samples.ts'
import type { Change } from './store.ts'
import {
  nodeIdPrefix,
  nodePrefix,
  nodeServicePrefix,
  serviceNamePrefix,
  sessionPrefix,
  statusPrefix,
} from './tables.ts'

const SESSION = '11111111-2222-3333-4444-555555555555'

const keysOf = (rows: Iterable<DirEntry>) => [...rows].map((row) => row.Key)

function putEntries(rows: Rows, ...keys: string[]): void {
  rows.write((txn) => {
    for (const key of keys) txn.put('kvs', sampleEntry(key))
  })
}

/** @param make opens an empty engine; the suite closes it */
export function rowsSuite(name: string, make: () => Promise<Rows>): void {
  const withRows = (title: string, run: (rows: Rows) => void | Promise<void>) =>
    test(title, async () => {
      const rows = await make()
      try {
        await run(rows)
      } finally {
        await rows.close()
      }
    })

  suite(`rows: ${name}`, () => {
    withRows('nothing is there at first', (rows) => {
      assert.equal(rows.applied, 0)
      rows.read((txn) => {
        assert.equal(txn.get('kvs', 'a'), undefined)
        assert.equal(txn.counter('kvs'), 0)
        assert.deepEqual([...txn.prefix('kvs', '')], [])
        assert.deepEqual([...txn.by('services-by-name', '')], [])
      })
    })

    withRows('every field of every kind of row comes back', (rows) => {
      const kept: { [T in keyof Tables]: Tables[T][] } = {
        kvs: [
          sampleEntry('a', { Flags: 2n ** 64n - 1n, LockIndex: 3, CreateIndex: 2 ** 40, ModifyIndex: 2 ** 53 - 1 }),
          sampleEntry('b', { Value: new Uint8Array(0), Session: SESSION }),
          sampleEntry('ba', { Value: Uint8Array.from({ length: 256 }, (_, i) => i), Flags: 42n }),
          sampleEntry('ключ/\udc80\udcff', { Value: Uint8Array.of(0), Session: 'no \u{1f600} uuid' }),
        ],
        tombstones: [{ Key: 'gone/\udc80', Index: 2 ** 45 }],
        nodes: [
          sampleNode('plain'),
          sampleNode('Ünï', {
            ID: SESSION,
            TaggedAddresses: { lan: '::1' },
            Meta: { 'k\udcfe': 'v', __proto__x: '\ud7ff' },
          }),
        ],
        services: [sampleService('n', 'web', 'web-1')],
        checks: [
          sampleCheck('n', 'c', { Output: 'x'.repeat(5000), ServiceTags: [], ServiceID: 'web-1', ServiceName: 'web' }),
        ],
        sessions: [sampleSession(SESSION, 'n', { LockDelay: 15e9, ServiceChecks: [{ ID: 'c', Namespace: '' }] })],
        'session-checks': [{ Node: 'n', CheckID: 'c', Session: SESSION }],
        coordinates: [
          { Node: 'n', Segment: '', Coord: { Vec: [0.1, -0, 1e-300, 5], Error: 1.5, Adjustment: -0.25, Height: 1e-5 } },
          { Node: 'n', Segment: 'alpha', Coord: null },
        ],
        autopilot: [
          {
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
          },
        ],
        'federation-states': [
          {
            Datacenter: 'dc1',
            MeshGateways: [],
            UpdatedAt: { seconds: 1, nanos: 2, offsetMin: null, offsetSec: 0 },
            PrimaryModifyIndex: 3,
            CreateIndex: 4,
            ModifyIndex: 5,
          },
        ],
        'prepared-queries': [sampleQuery(SESSION, 'geo', { Token: 't', Session: SESSION })],
        index: [{ Key: 'service.Web', Value: 77 }],
        ...sampleMeshRows(),
      }
      const Config = { deep: [1, 1.5, null, true, { bytes: Uint8Array.of(1, 2), big: 2n ** 63n }] }
      const { Service } = kept.services[0]!
      Service.Proxy = { ...Service.Proxy, Config }
      rows.write((txn) => {
        for (const [table, list] of Object.entries(kept)) {
          for (const row of list) txn.put(table as keyof Tables, row)
        }
      })
      rows.read((txn) => {
        for (const [table, list] of Object.entries(kept)) {
          assert.deepEqual([...txn.prefix(table as keyof Tables, '')], list, table)
        }
        assert.equal(txn.get('kvs', 'a')!.Flags, 2n ** 64n - 1n)
        assert.equal(txn.get('kvs', 'a')!.Value, null)
        assert.equal(txn.get('kvs', 'b')!.Value!.length, 0)
        assert.equal(Object.is(txn.get('coordinates', 'n\0')!.Coord!.Vec![1], -0), true)
      })
    })

    withRows('a range runs in byte order, its prefix included and its end not', (rows) => {
      const keys = [
        'a',
        'a/',
        'a/\0',
        'a/b',
        'a/\x7f',
        'a/é',
        'a/\uffee',
        'a/\u{1f600}',
        'a/\udcff',
        'a0',
        'b',
        '\udc80',
      ]
      putEntries(rows, ...keys.toReversed())
      rows.read((txn) => {
        assert.deepEqual(keysOf(txn.prefix('kvs', '')), [
          'a',
          'a/',
          'a/\0',
          'a/b',
          'a/\x7f',
          'a/é',
          'a/\uffee',
          'a/\u{1f600}',
          'a/\udcff',
          'a0',
          'b',
          '\udc80',
        ])
        assert.deepEqual(keysOf(txn.prefix('kvs', 'a/')), keys.slice(1, 9))
        assert.deepEqual(keysOf(txn.prefix('kvs', byteKey('a/é'))), ['a/é'])
        assert.deepEqual(keysOf(txn.prefix('kvs', 'a/c')), [])
        assert.deepEqual(keysOf(txn.prefix('kvs', 'c')), [])
        assert.deepEqual(keysOf(txn.prefix('kvs', '\xff')), [])
        assert.deepEqual(keysOf(txn.prefix('kvs', '\x80')), ['\udc80'])
      })
    })

    withRows('tables do not see one another', (rows) => {
      rows.write((txn) => {
        txn.put('kvs', sampleEntry('x'))
        txn.put('tombstones', { Key: 'x', Index: 9 })
        setCounter(txn, 'x', 3)
      })
      rows.read((txn) => {
        assert.equal([...txn.prefix('kvs', '')].length, 1)
        assert.deepEqual([...txn.prefix('tombstones', '')], [{ Key: 'x', Index: 9 }])
        assert.equal(txn.counter('x'), 3)
      })
    })

    withRows('keys may be very long', (rows) => {
      const long = 'k'.repeat(3000)
      const keys = [
        'k',
        long.slice(0, 1899),
        long.slice(0, 1900),
        `${long}a`,
        `${long}b`,
        `${long}b/c`,
        `${long.slice(0, 2000)}z`,
        'l',
      ]
      putEntries(rows, ...keys.toReversed())
      rows.read((txn) => {
        assert.deepEqual(
          keysOf(txn.prefix('kvs', '')),
          [...keys].sort((a, b) => (a < b ? -1 : 1)),
        )
        assert.deepEqual(keysOf(txn.prefix('kvs', `${long}b`)), [`${long}b`, `${long}b/c`])
        assert.deepEqual(keysOf(txn.prefix('kvs', long)), [`${long}a`, `${long}b`, `${long}b/c`])
        assert.equal(txn.get('kvs', `${long}b`)!.Key, `${long}b`)
        assert.equal(txn.get('kvs', `${long}c`), undefined)
      })
      rows.write((txn) => {
        txn.delete('kvs', `${long}a`)
        txn.put('kvs', sampleEntry(`${long}b`, { Flags: 5n, Session: SESSION }))
      })
      rows.read((txn) => {
        assert.deepEqual(keysOf(txn.prefix('kvs', long)), [`${long}b`, `${long}b/c`])
        assert.deepEqual(keysOf(txn.by('kvs-by-session', sessionPrefix(SESSION))), [`${long}b`])
      })
    })

    withRows('values may be large', (rows) => {
      const value = new Uint8Array(512 * 1024).map((_, i) => i * 31)
      rows.write((txn) => txn.put('kvs', sampleEntry('big', { Value: value })))
      putEntries(rows, 'a', 'c')
      assert.deepEqual(rows.read((txn) => txn.get('kvs', 'big'))!.Value, value)
      rows.write((txn) => txn.put('kvs', sampleEntry('big', { Value: value.subarray(1) })))
      assert.deepEqual(
        rows.read((txn) => [...txn.prefix('kvs', '')][1]!.Value),
        value.subarray(1),
      )
    })

    withRows('a row that was read stays as it was', (rows) => {
      rows.write((txn) => txn.put('kvs', sampleEntry('k', { Value: Uint8Array.of(1) })))
      const before = rows.read((txn) => txn.get('kvs', 'k'))!
      rows.write((txn) => txn.put('kvs', sampleEntry('k', { Value: Uint8Array.of(2) })))
      putEntries(rows, 'l')
      assert.deepEqual(before.Value, Uint8Array.of(1))
    })

    withRows('counters are set, raised and deleted, without regard to case', (rows) => {
      rows.write((txn) => {
        setCounter(txn, 'nodes', 9)
        raiseCounter(txn, 'nodes', 7)
        raiseCounter(txn, 'service.Web', 4)
        raiseCounter(txn, 'service.web', 5)
      })
      rows.read((txn) => {
        assert.equal(txn.counter('nodes'), 9)
        assert.equal(txn.counter('service.WEB'), 5)
      })
      rows.write((txn) => {
        setCounter(txn, 'nodes', 3)
        deleteCounter(txn, 'Service.web')
      })
      assert.equal(
        rows.read((txn) => txn.counter('nodes')),
        3,
      )
      assert.equal(
        rows.read((txn) => txn.counter('service.web')),
        0,
      )
    })

    withRows('indexes follow their rows', (rows) => {
      const names = (txn: ReadTxn, name: string) =>
        [...txn.by('services-by-name', serviceNamePrefix(name))].map((row) => `${row.Node}:${row.Service.ID}`)
      rows.write((txn) => {
        txn.put('nodes', sampleNode('N1', { ID: SESSION }))
        txn.put('services', sampleService('N1', 'Web', 'w2'))
        txn.put('services', sampleService('n1', 'web', 'W1'))
        txn.put('services', sampleService('a', 'web', 'z'))
        txn.put('services', sampleService('a', 'web2', 'y'))
        txn.put('checks', sampleCheck('n1', 'c1', { ServiceID: 'w1', ServiceName: 'web' }))
        txn.put('checks', sampleCheck('n1', 'c2'))
      })
      rows.read((txn) => {
        assert.deepEqual(names(txn, 'WEB'), ['a:z', 'n1:W1', 'N1:w2'])
        assert.deepEqual(
          [...txn.by('nodes-by-id', nodeIdPrefix(SESSION))].map((row) => row.Node),
          ['N1'],
        )
        assert.deepEqual(
          [...txn.by('checks-by-node-service', nodeServicePrefix('n1', ''))].map((row) => row.CheckID),
          ['c2'],
        )
        assert.deepEqual([...txn.by('checks-by-status', statusPrefix('passing'))].length, 2)
      })
      rows.write((txn) => {
        txn.put('services', sampleService('n1', 'api', 'w1'))
        txn.put('checks', sampleCheck('n1', 'c1', { Status: 'critical' }))
        txn.put('nodes', sampleNode('n1'))
        txn.delete('services', 'a\0z')
        txn.delete('services', 'a\0not there')
      })
      rows.read((txn) => {
        assert.deepEqual(names(txn, 'web'), ['N1:w2'])
        assert.deepEqual(names(txn, 'api'), ['n1:w1'])
        assert.deepEqual([...txn.by('nodes-by-id', '')], [])
        assert.deepEqual([...txn.by('checks-by-service', '')], [])
        assert.deepEqual(
          [...txn.by('checks-by-status', statusPrefix('critical'))].map((row) => row.CheckID),
          ['c1'],
        )
        assert.deepEqual(
          [...txn.prefix('services', nodePrefix('N1'))].map((row) => row.Service.ID),
          ['w1', 'w2'],
        )
      })
    })

    withRows('an index gives the row as it is now', (rows) => {
      rows.write((txn) => txn.put('kvs', sampleEntry('k', { Session: SESSION })))
      rows.write((txn) => txn.put('kvs', sampleEntry('k', { Session: SESSION, Flags: 8n })))
      assert.equal(
        rows.read((txn) => [...txn.by('kvs-by-session', sessionPrefix(SESSION))][0]!.Flags),
        8n,
      )
    })

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
        for (let i = 0; i < 500; i++)
          txn.put('kvs', sampleEntry(`k${String(i).padStart(3, '0')}`, { Session: SESSION }))
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
        for (let i = 0; i < 300; i++)
          txn.put('kvs', sampleEntry(`k${i}`, { Value: Uint8Array.of(1), Session: SESSION }))
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

    withRows('keeps any text and any bytes', (rows) => {
      const text = fc.oneof(
        fc.string({ unit: 'binary', maxLength: 30 }),
        fc
          .array(fc.constantFrom('\udc80', '\udcff', 'a', 'é', '\0', '\u{10ffff}'), { maxLength: 12 })
          .map((parts) => parts.join('')),
      )
      fc.assert(
        fc.property(
          text,
          text,
          fc.uint8Array({ maxLength: 300 }),
          fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
          (key, other, value, flags) => {
            const entry = sampleEntry(key, { Session: other, Value: value, Flags: flags })
            const node = sampleNode(key, { Meta: { [`m${other}`]: key }, Address: other })
            rows.write((txn) => {
              txn.put('kvs', entry)
              txn.put('nodes', node)
            })
            rows.read((txn) => {
              assert.deepEqual(txn.get('kvs', byteKey(key)), entry)
              assert.ok([...txn.prefix('nodes', '')].some((row) => row.Node === key && row.Address === other))
            })
          },
        ),
        { numRuns: 200 },
      )
    })
  })
}
