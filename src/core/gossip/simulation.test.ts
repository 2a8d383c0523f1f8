/**
 * Pools of a hundred and of a thousand on virtual time, held against the formulas of SWIM and Lifeguard: how soon all know
 * a newcomer, how soon a death is seen and by all, how rarely the living are called dead, how partitions heal. Times are
 * the pool's own; GOSSIP_SEED explores others.
 */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { LAN } from './config.ts'
import { type SimMember, type SimOptions, Simulation } from './simulation.suite.ts'
import { suspicionMinMs } from './suspicion.ts'

const SEED = Number(process.env.GOSSIP_SEED ?? 1)

function pool(context: TestContext, size: number, options: Partial<SimOptions> = {}) {
  context.diagnostic(`seed ${SEED}`)
  const sim = new Simulation({ seed: SEED, latencyMs: [0.2, 5], ...options })
  const all = Array.from({ length: size }, (_, i) => sim.add(`n${i}`))
  sim.acquaint()
  return { sim, all }
}

const failures = (members: readonly SimMember[]) =>
  members.flatMap(({ name, events }) =>
    events.filter(({ text }) => text.startsWith('failed')).map(({ text }) => `${name}: ${text}`),
  )

const sees = (member: SimMember, name: string) => member.serf.member(name)?.status

/** Rounds of gossip until all have heard: each hearer tells `fanout` others a round. Twice the mean, for the last ones. */
function spreadMs(nodes: number): number {
  const rounds = Math.log(nodes) / Math.log(1 + LAN.gossipNodes)
  return LAN.gossipIntervalMs * (2 * rounds + 4)
}

for (const size of [100, 1000]) {
  suite(`a pool of ${size}`, () => {
    test('a newcomer is known to all, and a death seen by all, in logarithmic time', (context) => {
      // By gossip alone: push/pull would only help.
      const { sim, all } = pool(context, size, { memberlist: { pushPullIntervalMs: 0 } })
      const newcomer = sim.add('newcomer')
      const joined = sim.now
      sim.join(newcomer, all[size >> 1]!)
      const known = sim.run(60_000, () => all.every((member) => sees(member, 'newcomer') === 'alive'))
      assert.notEqual(known, -1)
      context.diagnostic(`newcomer known to all after ${known - joined} ms; expected within ${spreadMs(size)} ms`)
      assert.ok(known - joined <= spreadMs(size))

      const dead = all[7]!
      sim.kill(dead)
      const killed = sim.now
      const living = all.filter((member) => member !== dead)
      const first = sim.run(120_000, () => living.some((member) => sees(member, 'n7') === 'failed'))
      const last = sim.run(60_000, () => living.every((member) => sees(member, 'n7') === 'failed'))
      assert.notEqual(first, -1)
      assert.notEqual(last, -1)
      // SWIM: somebody probes it within e / (e - 1) intervals on average, and all but surely within ten. With so many
      // accusers the suspicion soon runs at its least time; spreading the accusations and the verdict comes on top.
      const leastMs = suspicionMinMs(LAN.suspicionMult, size, LAN.probeIntervalMs)
      const mostMs = 10 * LAN.probeIntervalMs + leastMs + 2 * spreadMs(size) + 2 * LAN.probeIntervalMs
      context.diagnostic(
        `first verdict after ${first - killed} ms (least ${leastMs}, most ${mostMs}), all ${last - first} ms later`,
      )
      assert.ok(first - killed >= leastMs)
      assert.ok(first - killed <= mostMs)
      assert.ok(last - first <= spreadMs(size))
      assert.deepEqual(new Set(failures(living).map((text) => text.split(': ')[1])), new Set(['failed n7']))
    })
  })
}

suite('a pool in trouble', () => {
  test('a fifth of the packets lost: nobody is called dead', (context) => {
    const { sim, all } = pool(context, 100, { loss: 0.2 })
    sim.run(30_000)
    assert.deepEqual(failures(all), [])
  })

  test('the same without streams to fall back on: next to nobody, and not by many', (context) => {
    const { sim, all } = pool(context, 100, { loss: 0.2, streams: false })
    sim.run(60_000)
    // A probe fails with 1 - 0.8^2 directly and (1 - 0.8^4)^3 by three helpers, together once in fourteen: that makes some
    // 440 wrong suspicions a minute. Each is refuted to all in about 12 copies, of which one observer hears none with
    // e^-9.6: for a hundred observers that is three wrong verdicts a minute, each in one place.
    const wrong = failures(all)
    context.diagnostic(`${wrong.length} wrong verdicts among 9900 pairs in a minute`)
    assert.ok(wrong.length <= 10, wrong.join(', '))
    const victims = wrong.map((text) => text.split('failed ')[1])
    assert.ok(
      victims.every((victim) => victims.filter((other) => other === victim).length <= 3),
      wrong.join(', '),
    )
  })

  test('members that stand still now and then are not called dead, and do not call others so', (context) => {
    const { sim, all } = pool(context, 100, { loss: 0.05 })
    const slow = all.slice(0, 8)
    // Lifeguard's case: processes that get no time for seconds, again and again.
    for (let round = 0; round < 6; round++) {
      for (const member of slow) sim.pause(member, 2000 + sim.random.float() * 4000)
      sim.run(10_000)
    }
    const healthy = all.slice(slow.length).map(({ name }) => name)
    const wrong = failures(all).filter((text) => healthy.includes(text.split('failed ')[1]!))
    context.diagnostic(
      `false verdicts about healthy members: ${wrong.length}; about slow ones: ${failures(all).length - wrong.length}`,
    )
    assert.deepEqual(wrong, [])
    sim.run(60_000)
    for (const member of all) assert.equal(member.serf.members().filter(({ status }) => status === 'alive').length, 100)
  })

  test('two halves that lost sight of each other for long find together again', (context) => {
    const { sim, all } = pool(context, 60)
    const half = all.slice(0, 30)
    for (const member of half) member.group = 1
    const split = sim.run(200_000, () =>
      all.every((member) => member.serf.members().filter(({ status }) => status === 'failed').length === 30),
    )
    assert.notEqual(split, -1)
    // Longer than gossip to the dead lasts, so that only attempts to reconnect can mend it.
    sim.run(60_000)
    for (const member of half) member.group = 0
    const healing = sim.now
    const healed = sim.run(300_000, () =>
      all.every((member) => member.serf.members().every(({ status }) => status === 'alive')),
    )
    context.diagnostic(
      `apart for ${healing - split} ms after the last verdict, together ${healed - healing} ms after the healing`,
    )
    assert.notEqual(healed, -1)
    assert.ok(healed - healing <= 60_000)
  })

  test('coordinates come to tell how far members are from each other', (context) => {
    const { sim, all } = pool(context, 20, { latencyMs: [10, 10] })
    sim.run(300_000)
    const { random } = sim
    let off = 0
    for (let i = 0; i < 50; i++) {
      const [a, b] = [all[random.int(20)]!, all[random.int(20)]!]
      if (a !== b) off = Math.max(off, Math.abs(estimateMs(a, b) - 20))
    }
    context.diagnostic(`estimates of a round trip of 20 ms are off by at most ${off.toFixed(2)} ms`)
    assert.ok(off < 6)
  })
})

function estimateMs(a: SimMember, b: SimMember): number {
  const [x, y] = [a.serf.coordinate(), b.serf.coordinate()]
  const apart = Math.hypot(...x.Vec!.map((value, i) => value - y.Vec![i]!))
  return 1000 * (apart + x.Height + y.Height + x.Adjustment + y.Adjustment)
}
