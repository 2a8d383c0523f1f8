/** The parts of gossip by their tables: timers, awareness, suspicion, broadcasts, clocks, rings, coordinates, keys, admission. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../base/random.ts'
import type { Coordinate } from '../../model/coordinate.ts'
import { Agenda } from './agenda.ts'
import { Awareness } from './awareness.ts'
import { Broadcasts, retransmitLimit } from './broadcasts.ts'
import { DEV, LAN, WAN } from './config.ts'
import { CoordinateClient, distanceSeconds, isCoordinate, originCoordinate } from './coordinate.ts'
import { EventRing, QueryRing } from './events.ts'
import { base64, GossipKeyring } from './keyring.ts'
import { LamportClock } from './lamport.ts'
import { isServer, lanRefusal, wanRefusal } from './pools.ts'
import type { Candidate } from './serf.ts'
import { Suspicion, suspicionMinMs, suspicionTimeoutMs } from './suspicion.ts'

suite('agenda', () => {
  test('plans run in order of their time, cancelled ones never', () => {
    const agenda = new Agenda(0)
    const ran: string[] = []
    agenda.after(20, () => ran.push('late'))
    agenda.after(10, () => {
      ran.push('early')
      agenda.cancel(doomed)
    })
    const doomed = agenda.after(15, () => ran.push('doomed'))
    agenda.after(40, () => ran.push('not yet'))
    assert.equal(agenda.next(), 10)
    agenda.run(30)
    assert.deepEqual(ran, ['early', 'late'])
    assert.equal(agenda.next(), 40)
  })

  test('a plan that plans itself anew at once waits for the next tick', () => {
    const agenda = new Agenda(0)
    let ran = 0
    const again = () => {
      ran += 1
      agenda.after(0, again)
    }
    agenda.after(1, again)
    agenda.run(5)
    assert.equal(ran, 1)
    agenda.run(5)
    assert.equal(ran, 2)
  })
})

suite('awareness', () => {
  test('the score stays within its bounds and scales times', () => {
    const awareness = new Awareness(8)
    for (const [delta, score] of [
      [-1, 0],
      [1, 1],
      [2, 3],
      [100, 7],
      [-1, 6],
      [-100, 0],
    ] as const) {
      awareness.add(delta)
      assert.equal(awareness.score, score)
      assert.equal(awareness.scale(100), 100 * (score + 1))
    }
  })
})

suite('suspicion', () => {
  test('the least time grows with the logarithm of the pool', () => {
    for (const [nodes, ms] of [
      [0, 4000],
      [1, 4000],
      [10, 4000],
      [50, 6792],
      [100, 8000],
      [500, 10_792],
      [1000, 12_000],
    ] as const)
      assert.equal(suspicionMinMs(4, nodes, 1000), ms)
  })

  test('the timeout falls with confirmations, from the most to the least', () => {
    // Three expected confirmations, between 2 s and 30 s, as the Lifeguard paper draws it.
    for (const [confirmations, ms] of [
      [0, 30_000],
      [1, 16_000],
      [2, 7810],
      [3, 2000],
    ] as const)
      assert.equal(suspicionTimeoutMs(confirmations, 3, 2000, 30_000), ms)
    assert.equal(suspicionTimeoutMs(0, 0, 2000, 30_000), 2000)
  })

  test('only new accusers count, the first one not at all, and no more than expected', () => {
    const suspicion = new Suspicion(100, 'me', 2, 1000, 6000)
    assert.equal(suspicion.end, 6100)
    assert.equal(suspicion.confirm('me'), false)
    assert.equal(suspicion.confirm('a'), true)
    assert.equal(suspicion.confirm('a'), false)
    const between = suspicion.end
    assert.ok(between < 6100 && between > 1100)
    assert.equal(suspicion.confirm('b'), true)
    assert.equal(suspicion.confirm('c'), false)
    assert.equal(suspicion.end, 1100)
  })
})

suite('broadcasts', () => {
  const message = (length: number, fill = 0) => new Uint8Array(length).fill(fill)

  test('how often each is told', () => {
    for (const [nodes, limit] of [
      [1, 4],
      [9, 4],
      [10, 8],
      [99, 8],
      [100, 12],
      [1000, 16],
    ] as const)
      assert.equal(retransmitLimit(4, nodes), limit)
  })

  test('those told least first, among these the longest, among these the newest', () => {
    const queue = new Broadcasts(() => 10)
    queue.queue({ subject: '', bytes: message(5, 1) })
    queue.queue({ subject: '', bytes: message(9, 2) })
    queue.queue({ subject: '', bytes: message(5, 3) })
    assert.deepEqual(
      queue.take(2, 100).map(([first]) => first),
      [2, 3, 1],
    )
    queue.queue({ subject: '', bytes: message(3, 4) })
    assert.deepEqual(
      queue.take(2, 100).map(([first]) => first),
      [4, 2, 3, 1],
    )
  })

  test('what does not fit makes room for what does', () => {
    const queue = new Broadcasts(() => 10)
    for (const length of [50, 20, 7]) queue.queue({ subject: '', bytes: message(length, length) })
    assert.deepEqual(
      queue.take(2, 31).map((bytes) => bytes.length),
      [20, 7],
    )
    assert.deepEqual(queue.take(2, 8), [])
  })

  test('each is told as often as the limit says, and its owner hears when that is over', () => {
    const queue = new Broadcasts(() => 3)
    let done = 0
    queue.queue({ subject: 'a', bytes: message(1), done: () => done++ })
    for (let i = 0; i < 3; i++) assert.equal(queue.take(0, 10).length, 1)
    assert.equal(done, 1)
    assert.equal(queue.size, 0)
    assert.deepEqual(queue.take(0, 10), [])
  })

  test('a newer one about the same subject takes the place of the older', () => {
    const queue = new Broadcasts(() => 3)
    let replaced = 0
    queue.queue({ subject: 'a', bytes: message(1, 1), done: () => replaced++ })
    queue.take(0, 10)
    queue.queue({ subject: 'a', bytes: message(1, 2) })
    queue.queue({ subject: 'b', bytes: message(1, 3) })
    assert.equal(replaced, 1)
    assert.deepEqual(
      queue.take(0, 10).map(([first]) => first),
      [3, 2],
    )
  })

  test('a queue that is too long forgets what was told most, and of that the oldest', () => {
    const queue = new Broadcasts(() => 10)
    for (const fill of [1, 2]) queue.queue({ subject: '', bytes: message(4, fill) })
    queue.take(0, 100)
    for (const fill of [3, 4]) queue.queue({ subject: '', bytes: message(4, fill) })
    queue.prune(3)
    assert.deepEqual(
      queue.take(0, 100).map(([first]) => first),
      [4, 3, 2],
    )
    let cleared = 0
    queue.queue({ subject: '', bytes: message(1), done: () => cleared++ })
    queue.clear()
    assert.deepEqual([queue.size, cleared], [0, 1])
  })

  test('whatever is queued, packets hold no more than their room and nothing is told too often', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 5 }), (all, room, limit) => {
        const queue = new Broadcasts(() => limit)
        const told = all.map(() => 0)
        all.forEach((length, i) => {
          const bytes = message(length)
          bytes[0] = i
          queue.queue({ subject: '', bytes })
        })
        for (let round = 0; round < limit * all.length + 1; round++) {
          const packet = queue.take(2, room)
          assert.ok(packet.reduce((sum, bytes) => sum + bytes.length + 2, 0) <= room)
          for (const bytes of packet) told[bytes[0]!]! += 1
        }
        all.forEach((length, i) => {
          assert.equal(told[i], length + 2 <= room ? limit : 0)
        })
      }),
    )
  })
})

suite('clocks and rings', () => {
  test('a clock goes beyond what it hears, and believes no absurd time', () => {
    const clock = new LamportClock()
    clock.witness(0)
    assert.equal(clock.time, 1)
    clock.witness(41)
    assert.equal(clock.time, 42)
    clock.witness(5)
    clock.witness(Number.MAX_SAFE_INTEGER)
    assert.equal(clock.increment(), 43)
  })

  test('an event is new once, old ones and those from before the joining never', () => {
    const ring = new EventRing(4)
    const event = (LTime: number, Name: string) => ring.accept({ LTime, Name, Payload: null })
    assert.equal(event(1, 'a'), true)
    assert.equal(event(1, 'a'), false)
    assert.equal(event(1, 'b'), true)
    assert.equal(event(9, 'a'), true)
    // The clock is at 10 now, and the ring holds four times.
    assert.equal(event(5, 'a'), false)
    assert.equal(event(6, 'a'), true)
    ring.ignoreBefore(20)
    assert.equal(event(19, 'z'), false)
    assert.equal(event(20, 'z'), true)
    assert.deepEqual(
      ring.slots().map((slot) => slot?.LTime ?? null),
      [20, 9, 6, null],
    )
  })

  test('a question is new once, by its number', () => {
    const ring = new QueryRing(4)
    assert.deepEqual(
      [ring.accept(1, 7), ring.accept(1, 7), ring.accept(1, 8), ring.accept(2, 7)],
      [true, false, true, true],
    )
    ring.accept(100, 1)
    assert.equal(ring.accept(3, 9), false)
  })
})

suite('coordinates', () => {
  test('two nodes settle at their distance', () => {
    const [a, b] = [new CoordinateClient(seededRandom(1)), new CoordinateClient(seededRandom(2))]
    for (let i = 0; i < 500; i++) {
      assert.equal(a.update('b', b.coordinate, 0.1), undefined)
      assert.equal(b.update('a', a.coordinate, 0.1), undefined)
    }
    assert.ok(Math.abs(distanceSeconds(a.coordinate, b.coordinate) - 0.1) < 0.01)
    assert.ok(a.coordinate.Error < 0.5)
  })

  test('what cannot be is refused, and moves nothing', () => {
    const client = new CoordinateClient(seededRandom(1))
    const origin = originCoordinate()
    const refused: (readonly [Coordinate, number])[] = [
      [{ ...origin, Vec: [0, 0] }, 0.1],
      [{ ...origin, Vec: null }, 0.1],
      [{ ...origin, Height: Number.NaN }, 0.1],
      [{ ...origin, Vec: [Number.POSITIVE_INFINITY, 0, 0, 0, 0, 0, 0, 0] }, 0.1],
      [origin, -1],
      [origin, 10.5],
      [origin, Number.NaN],
    ]
    for (const [other, rtt] of refused) assert.notEqual(client.update('x', other, rtt), undefined)
    assert.deepEqual(client.coordinate, origin)
  })

  test('one slow answer among quick ones moves nothing by its own weight', () => {
    const steady = new CoordinateClient(seededRandom(1))
    const once = new CoordinateClient(seededRandom(1))
    const other = originCoordinate()
    for (const rtt of [0.01, 0.01, 0.01]) steady.update('x', other, rtt)
    for (const rtt of [0.01, 0.01, 5]) once.update('x', other, rtt)
    assert.deepEqual(once.coordinate, steady.coordinate)
  })

  test('whatever is heard, the coordinate stays one', () => {
    const heard = fc.record({
      Vec: fc.array(fc.double({ min: -1e300, max: 1e300, noNaN: true }), { minLength: 8, maxLength: 8 }),
      Error: fc.double({ noNaN: true }),
      Adjustment: fc.double({ noNaN: true }),
      Height: fc.double({ noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(heard, fc.double({ min: 0, max: 10, noNaN: true })), { maxLength: 10 }), (all) => {
        const client = new CoordinateClient(seededRandom(1))
        for (const [other, rtt] of all) client.update('x', other, rtt)
        assert.ok(isCoordinate(client.coordinate))
      }),
    )
  })
})

suite('keys', () => {
  test('the ring keeps its rules', () => {
    const [a, b] = [new Uint8Array(16).fill(1), new Uint8Array(24).fill(2)]
    const ring = new GossipKeyring([a])
    assert.notEqual(ring.install(new Uint8Array(15)), '')
    assert.equal(ring.install(b), '')
    assert.equal(ring.install(b), '')
    assert.deepEqual(ring.keys, [a, b])
    assert.equal(ring.use(b), '')
    assert.deepEqual(ring.keys, [b, a])
    assert.notEqual(ring.remove(b), '')
    assert.equal(ring.remove(a), '')
    assert.equal(ring.remove(a), '')
    assert.notEqual(ring.use(a), '')
    assert.equal(base64(Uint8Array.of(0, 255, 16)), 'AP8Q')
  })
})

suite('who may be in a pool', () => {
  const server = (over: Record<string, string> = {}): Record<string, string> => ({
    role: 'consul',
    dc: 'dc1',
    id: 'id-x',
    build: '1.8.7:',
    port: '8300',
    vsn: '2',
    raft_vsn: '3',
    segment: '',
    ...over,
  })
  const candidate = (name: string, tags: Record<string, string>, left = false): Candidate => ({
    name,
    addr: '10.0.0.1',
    port: 8301,
    tags,
    left,
  })
  const refusal = lanRefusal({ nodeName: 'me', nodeId: 'id-me', datacenter: 'dc1', segment: '' })

  test('on the LAN: own ids, one datacenter, one segment', () => {
    const old = { build: '0.8.4:' }
    for (const [candidates, expected] of [
      [[candidate('x', server())], undefined],
      [[candidate('x', { role: 'node', dc: 'dc1', id: 'c', build: '1.8.7:' })], undefined],
      [[candidate('x', server({ id: 'id-me' }))], /conflicting node ID 'id-me' with this agent's ID/],
      [[candidate('me', server({ id: 'id-me' }))], undefined],
      [[candidate('x', server()), candidate('y', server())], /conflicting node ID 'id-x' with member 'x'/],
      [[candidate('x', server(old)), candidate('y', server(old))], undefined],
      [[candidate('x', server({ dc: 'dc2' }))], /Member 'x' part of wrong datacenter 'dc2'/],
      [[candidate('x', { role: 'node', dc: 'dc2' })], /wrong datacenter/],
      [[candidate('x', server({ segment: 'alpha' }))], /wrong segment 'alpha' \(expected ''\)/],
      // Who has left does no harm any more.
      [[candidate('x', server({ dc: 'dc2' }), true)], undefined],
      // Neither server nor client of Consul's: no datacenter to be wrong.
      [[candidate('x', { role: 'lb' })], undefined],
    ] as const) {
      const found = refusal(candidates)
      if (expected === undefined) assert.equal(found, undefined)
      else assert.match(found ?? '', expected)
    }
  })

  test('on the WAN: servers alone, whose tags make sense', () => {
    assert.equal(wanRefusal([candidate('x', server({ dc: 'dc9' }))]), undefined)
    for (const tags of [
      { role: 'node', build: '1.8.7:' },
      server({ port: 'http' }),
      server({ build: 'next' }),
      server({ vsn: '' }),
      server({ expect: 'three' }),
    ]) {
      assert.equal(isServer(tags), false)
      assert.match(wanRefusal([candidate('x', tags)]) ?? '', /Member 'x' is not a server/)
    }
  })
})

test('the presets are those of Consul 1.8.7', () => {
  const shown = ({ probeIntervalMs, probeTimeoutMs, gossipIntervalMs, suspicionMult, gossipNodes }: typeof LAN) => [
    probeIntervalMs,
    probeTimeoutMs,
    gossipIntervalMs,
    suspicionMult,
    gossipNodes,
  ]
  assert.deepEqual(shown(LAN), [1000, 500, 200, 4, 3])
  assert.deepEqual(shown(WAN), [5000, 3000, 500, 6, 3])
  assert.deepEqual(shown({ ...WAN, ...DEV }), [100, 100, 100, 3, 3])
  assert.deepEqual(
    [LAN.tcpTimeoutMs, WAN.tcpTimeoutMs, LAN.pushPullIntervalMs, WAN.pushPullIntervalMs],
    [10_000, 30_000, 30_000, 60_000],
  )
})
