/** Of every engine behind the port `Rows`: what was put is found again, by key, by range and by index, whatever its bytes. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { byteKey } from '../../base/text.ts'
import { deleteCounter, raiseCounter, setCounter } from './counters.ts'
import { sampleMeshRows } from './mesh-samples.ts'
import type { ReadTxn, Tables } from './rows.ts'
import { keysOf, putEntries, SESSION, type WithRows } from './rows-cases.suite.ts'
import { sampleCheck, sampleEntry, sampleNode, sampleQuery, sampleService, sampleSession } from './samples.ts'
import {
  nodeIdPrefix,
  nodePrefix,
  nodeServicePrefix,
  serviceNamePrefix,
  sessionPrefix,
  statusPrefix,
} from './tables.ts'

export function keptCases(withRows: WithRows): void {
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
    const keys = ['a', 'a/', 'a/\0', 'a/b', 'a/\x7f', 'a/é', 'a/\uffee', 'a/\u{1f600}', 'a/\udcff', 'a0', 'b', '\udc80']
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
}
