/** Pools over real sockets on loopback, on any free ports: meeting, sealed or not, talking, leaving, and rude strangers. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, suite, test } from 'node:test'
import { type LogRecord, makeLog } from '../base/log.ts'
import { DEV, LAN } from '../core/gossip/config.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import { nodeHost } from '../host/node.ts'
import { type GossipPool, openPool, type PoolParts, parseJoin } from './gossip.ts'

const KEY = new TextEncoder().encode('0123456789abcdef')
const open = new Set<GossipPool>()
after(() => Promise.all([...open].map((pool) => pool.stop())))

interface TestPool {
  pool: GossipPool
  address: string
  records: LogRecord[]
  /** Resolves when this has been said of it, now or later. */
  told(event: string): Promise<void>
}

async function start(name: string, over: Partial<PoolParts> = {}): Promise<TestPool> {
  const records: LogRecord[] = []
  const events: string[] = []
  const waiting: { event: string; done(): void }[] = []
  const tell = (event: string) => {
    events.push(event)
    for (const { event: wanted, done } of waiting) if (wanted === event) done()
  }
  const pool = await openPool({
    host: nodeHost(
      makeLog(
        'agent',
        (record) => {
          records.push(record)
          tell(record.message)
        },
        () => 'debug',
      ),
    ),
    role: 'server',
    pool: 'lan',
    name,
    bind: { host: '127.0.0.1', port: 0 },
    advertise: '127.0.0.1',
    tags: { role: 'consul' },
    memberlist: { ...LAN, ...DEV },
    keys: [],
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
  for (const keys of [[], [KEY]]) {
    test(`members meet, talk, fail and leave${keys.length > 0 ? ', sealed' : ''}`, async () => {
      const [a, b, c] = [await start('a', { keys }), await start('b', { keys }), await start('c', { keys })]
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
    const sealed = await start('sealed', { keys: [KEY] })
    const other = await start('other', { keys: [KEY.map((byte) => byte + 1)] })
    const plain = await start('plain')
    await assert.rejects(plain.pool.join(['127.0.0.1:1']), /dial tcp 127\.0\.0\.1:1: connect: connection refused/)
    await assert.rejects(plain.pool.join([sealed.address]), /remote state|encrypted|EOF/i)
    await assert.rejects(other.pool.join([sealed.address]))
    assert.deepEqual(
      [sealed, other, plain].map(({ pool }) => pool.members().length),
      [1, 1, 1],
    )
  })

  test('strangers who talk nonsense are told of in the log, and change nothing', async () => {
    const { pool, records, told } = await start('steady')
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
    socket.close()
    await told('join steady')
  })

  test('a port in use is refused in Consul’s words, and what was opened is closed again', async () => {
    const { pool } = await start('first')
    const bind = { host: '127.0.0.1', port: pool.port }
    await assert.rejects(start('second', { bind }), {
      message: `Failed to start Consul server: Failed to start LAN Serf: Failed to create memberlist: Could not set up network transport: failed to obtain an address: Failed to start TCP listener on "127.0.0.1" port ${pool.port}: listen tcp 127.0.0.1:${pool.port}: bind: address already in use`,
    })
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port } = socket.address()
    await assert.rejects(start('third', { bind: { host: '127.0.0.1', port }, pool: 'wan' }), {
      message: `Failed to start Consul server: Failed to start WAN Serf: Failed to start UDP listener on "127.0.0.1" port ${port}: listen udp 127.0.0.1:${port}: bind: address already in use`,
    })
    socket.close()
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
    assert.deepEqual(parseJoin(text, 'lan'), { host, port })
  assert.equal(parseJoin('10.0.0.1', 'wan').port, 8302)
})
