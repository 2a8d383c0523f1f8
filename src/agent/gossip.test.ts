/** Pools over real sockets on loopback, on any free ports: meeting, sealed or not, talking, leaving, and rude strangers. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, suite, test } from 'node:test'
import { freePorts } from '../../test/support/process.ts'
import { type LogRecord, makeLog } from '../base/log.ts'
import { type Metrics, NO_METRICS, Registry } from '../base/metrics.ts'
import { DEV, LAN } from '../core/gossip/config.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import { nodeHost } from '../host/node.ts'
import { type GossipPool, openPool, type PoolParts, parseJoin } from './gossip.ts'
import type { PoolKeys } from './keyring.ts'

/** More than any machine needs. */
const KEY_TRIES = 20
const KEY = new TextEncoder().encode('0123456789abcdef')
const sealedBy = (...keys: Uint8Array[]): PoolKeys => ({ keys, save: async () => {} })
const plain = sealedBy()
const open = new Set<GossipPool>()
after(() => Promise.all([...open].map((pool) => pool.stop())))

interface TestPool {
  pool: GossipPool
  address: string
  records: LogRecord[]
  /** Resolves when this has been said of it, now or later. */
  told(event: string): Promise<void>
}

async function start(name: string, over: Partial<PoolParts> = {}, metrics: Metrics = NO_METRICS): Promise<TestPool> {
  const records: LogRecord[] = []
  const events: string[] = []
  const waiting: { event: string; done(): void }[] = []
  const tell = (event: string) => {
    events.push(event)
    for (const { event: wanted, done } of waiting) if (wanted === event) done()
  }
  const pool = await openPool({
    host: {
      ...nodeHost(
        makeLog(
          'agent',
          (record) => {
            records.push(record)
            tell(record.message)
          },
          () => 'debug',
        ),
      ),
      metrics,
    },
    role: 'server',
    pool: 'lan',
    name,
    bind: { host: '127.0.0.1', port: 0 },
    advertise: '127.0.0.1',
    tags: { role: 'consul' },
    memberlist: { ...LAN, ...DEV },
    keyring: plain,
    verifyIncoming: true,
    verifyOutgoing: true,
    refusal: () => undefined,
    onMember: (event: string, member: SerfMember) => tell(`${event} ${member.name}`),
    onUserEvent: (event, payload) => tell(`event ${event} ${Buffer.from(payload ?? []).toString()}`),
    ...over,
  })
  open.add(pool)
  return {
    pool,
    address: `127.0.0.1:${pool.port}`,
    records,
    told: (event) =>
      new Promise((done) => {
        if (events.includes(event)) done()
        else waiting.push({ event, done })
      }),
  }
}

suite('gossip pools', () => {
  for (const keyring of [plain, sealedBy(KEY)]) {
    test(`members meet, talk, fail and leave${keyring.keys.length > 0 ? ', sealed' : ''}`, async () => {
      const [a, b, c] = [await start('a', { keyring }), await start('b', { keyring }), await start('c', { keyring })]
      assert.equal(await b.pool.join([a.address]), 1)
      assert.equal(await c.pool.join([a.address, '127.0.0.1:1']), 1)
      await Promise.all([a.told('join c'), b.told('join c'), c.told('join b')])
      assert.deepEqual(
        a.pool
          .members()
          .map(({ Name, Status, Tags, ProtocolMax, DelegateCur }) => [
            Name,
            Status,
            Tags.role,
            ProtocolMax,
            DelegateCur,
          ]),
        ['a', 'b', 'c'].map((name) => [name, 1, 'consul', 5, 4]),
      )
      await b.pool.fire('deploy', Buffer.from('v2'), false)
      await Promise.all([a, b, c].map(({ told }) => told('event deploy v2')))
      await a.pool.setTags({ role: 'consul', mood: 'well' })
      await c.told('update a')
      assert.equal(c.pool.serf.member('a')?.tags.mood, 'well')

      await c.pool.stop()
      await Promise.all([a.told('failed c'), b.told('failed c')])
      await a.pool.forceLeave('c', true)
      await b.told('reap c')

      const leaving = b.pool.leave()
      await a.told('leave b')
      assert.equal(a.pool.serf.member('b')?.status, 'left')
      await b.pool.stop()
      // Stopped before its farewell had spread, it says so to whoever waits.
      await assert.rejects(leaving, /shutting down/)
      await a.pool.stop()
    })
  }

  test('nobody there, the wrong key, and no key at all are told apart', async () => {
    const sealed = await start('sealed', { keyring: sealedBy(KEY) })
    const other = await start('other', { keyring: sealedBy(KEY.map((byte) => byte + 1)) })
    const plain = await start('plain')
    await assert.rejects(plain.pool.join(['127.0.0.1:1']), /dial tcp 127\.0\.0\.1:1: connect: connection refused/)
    await assert.rejects(plain.pool.join([sealed.address]), /remote state|encrypted|EOF/i)
    await assert.rejects(other.pool.join([sealed.address]))
    assert.deepEqual(
      [sealed, other, plain].map(({ pool }) => pool.members().length),
      [1, 1, 1],
    )
  })

  test('keys are changed on all members, kept by each, and who missed it is outside', async () => {
    const NEW = KEY.map((byte) => byte ^ 1)
    const text = (key: Uint8Array) => Buffer.from(key).toString('base64')
    const saved = new Map<string, string[]>()
    const kept = (name: string): PoolKeys => ({
      keys: [KEY],
      save: async (keys) => void saved.set(name, keys.map(text)),
    })
    const [a, b] = [await start('k-a', { keyring: kept('k-a') }), await start('k-b', { keyring: kept('k-b') })]
    await b.pool.join([a.address])
    await a.told('join k-b')
    const change = (operation: 'install' | 'use' | 'remove', key: Uint8Array) =>
      a.pool.keys({ operation, key: text(key), relayFactor: 1 })
    for (const [operation, key] of [
      ['install', NEW],
      ['use', NEW],
      ['remove', KEY],
    ] as const) {
      // Asked by gossip, one of them may not hear it in time: then it is asked again.
      let error = (await change(operation, key)).error
      for (let tries = 1; error !== '' && tries < KEY_TRIES; tries++) ({ error } = await change(operation, key))
      assert.equal(error, '')
    }
    assert.deepEqual((await b.pool.keys({ operation: 'list', key: '', relayFactor: 0 })).primaryKeys, {
      [text(NEW)]: 2,
    })
    assert.deepEqual([saved.get('k-a'), saved.get('k-b')], [[text(NEW)], [text(NEW)]])
    const late = await start('k-late', { keyring: sealedBy(KEY) })
    await assert.rejects(late.pool.join([a.address]))
    const knowing = await start('k-knowing', { keyring: sealedBy(KEY, NEW) })
    await assert.rejects(knowing.pool.join([a.address]))
    const fresh = await start('k-fresh', { keyring: sealedBy(NEW) })
    assert.equal(await fresh.pool.join([a.address]), 1)
  })

  test('while encryption is brought in, plain members and sealing ones understand each other', async () => {
    const lenient = { keyring: sealedBy(KEY), verifyIncoming: false }
    const plain = await start('p-plain')
    // First they only understand, then they seal, at last they insist: as one turns encryption on in a running pool.
    const understands = await start('p-understands', { ...lenient, verifyOutgoing: false })
    assert.equal(await understands.pool.join([plain.address]), 1)
    await plain.told('join p-understands')
    const seals = await start('p-seals', lenient)
    assert.equal(await seals.pool.join([understands.address]), 1)
    await understands.told('join p-seals')
    const insists = await start('p-insists', { keyring: sealedBy(KEY) })
    assert.equal(await insists.pool.join([seals.address]), 1)
    await assert.rejects(insists.pool.join([plain.address]))
  })

  test('members outside of the allowed networks are not let in', async () => {
    const strict = await start('strict', { allowed: (address) => address !== '127.0.0.66' })
    const stranger = await start('stranger', { bind: { host: '127.0.0.66', port: 0 }, advertise: '127.0.0.66' })
    const friend = await start('friend')
    await stranger.pool.join([strict.address])
    await friend.pool.join([strict.address])
    await strict.told('join friend')
    assert.deepEqual(
      strict.pool
        .members()
        .map(({ Name }) => Name)
        .sort(),
      ['friend', 'strict'],
    )
    assert.ok(strict.records.some(({ message }) => message.includes('Rejected node stranger (127.0.0.66)')))
  })

  test('strangers who talk nonsense are told of in the log, counted, and change nothing', async () => {
    const metrics = new Registry({ prefix: '', host: '', allow: [], block: [], otherwise: true }, 0)
    const { pool, records, told } = await start('steady', {}, metrics)
    const socket = createSocket('udp4')
    const broken = [
      Buffer.from([99]),
      Buffer.from([0, 0xc1]),
      Buffer.from([7, 9]),
      Buffer.from([9, 1, 2]),
      Buffer.alloc(0),
    ]
    for (const packet of broken) socket.send(packet, pool.port, '127.0.0.1')
    const stream = connect(pool.port, '127.0.0.1')
    stream.on('error', () => {})
    stream.resume()
    stream.write(Buffer.from([99, 1, 2, 3]))
    await once(stream, 'close')
    // A packet that means something, after all the others: they have been looked at by then.
    const faults = () => records.filter(({ level }) => level === 'error').length
    while (faults() < broken.length) {
      socket.send(Buffer.from([99]), pool.port, '127.0.0.1')
      await new Promise((done) => setImmediate(done))
    }
    assert.equal(pool.members().length, 1)
    assert.ok(records.some(({ message }) => /failed to receive: received invalid msgType \(99\)/.test(message)))
    const counted = metrics.series().find(({ name }) => name === 'memberlist.msg.fault')
    assert.equal(counted?.total.sum, faults())
    socket.close()
    await told('join steady')
  })

  test('a port in use is refused in Consul’s words, and what was opened is closed again', async () => {
    const { pool } = await start('first')
    const bind = { host: '127.0.0.1', port: pool.port }
    await assert.rejects(start('second', { bind }), {
      message: `Failed to start Consul server: Failed to start LAN Serf: Failed to create memberlist: Could not set up network transport: failed to obtain an address: Failed to start TCP listener on "127.0.0.1" port ${pool.port}: listen tcp 127.0.0.1:${pool.port}: bind: address already in use`,
    })
    // Free for TCP, but taken for UDP.
    const { serfWan: port } = await freePorts()
    const socket = createSocket('udp4')
    socket.bind(port, '127.0.0.1')
    await once(socket, 'listening')
    const third = start('third', { bind: { host: '127.0.0.1', port }, pool: 'wan' }).finally(() => socket.close())
    await assert.rejects(third, {
      message: `Failed to start Consul server: Failed to start WAN Serf: Failed to start UDP listener on "127.0.0.1" port ${port}: listen udp 127.0.0.1:${port}: bind: address already in use`,
    })
  })
})

test('addresses to join, as people write them', () => {
  for (const [text, host, port] of [
    ['10.0.0.1', '10.0.0.1', 8301],
    ['10.0.0.1:99', '10.0.0.1', 99],
    ['node.dc2/10.0.0.1:99', '10.0.0.1', 99],
    ['server.example', 'server.example', 8301],
    ['server.example:77', 'server.example', 77],
    ['::1', '::1', 8301],
    ['[::1]', '::1', 8301],
    ['[::1]:88', '::1', 88],
  ] as const)
    assert.deepEqual(parseJoin(text, 8301), { host, port })
  assert.equal(parseJoin('10.0.0.1', 25_003).port, 25_003)
})
