/** Keys are rotated in a pool that lives, under load and loss: nobody is called dead, nobody is left outside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { base64 } from './keyring.ts'
import { type SimMember, Simulation } from './simulation.suite.ts'

const SEED = Number(process.env.GOSSIP_SEED ?? 1)
const OLD = new Uint8Array(32).fill(1)
const NEW = new Uint8Array(32).fill(2)

function change(sim: Simulation, member: SimMember, operation: 'install' | 'use' | 'remove', key: Uint8Array): string {
  const ticket = sim.ticket()
  sim.tell(member, { kind: 'keys', ticket, operation, key: base64(key), relayFactor: 5 })
  let error = 'no answer'
  sim.run(60_000, () => {
    const found = member.effects.find((effect) => effect.kind === 'keys' && effect.ticket === ticket)
    if (found?.kind === 'keys') error = found.outcome.error
    return found !== undefined
  })
  return error
}

for (const [size, loss] of [
  [100, 0.05],
  [300, 0],
] as const) {
  test(`rotation of keys among ${size} members, ${loss * 100}% of packets lost: no member lost`, (context) => {
    const sim = new Simulation({ seed: SEED, latencyMs: [0.2, 5], loss, keys: [OLD] })
    const all = Array.from({ length: size }, (_, i) => sim.add(`n${i}`))
    sim.acquaint()
    const began = sim.now
    let tries = 0
    // As an operator does it: each step again until all have answered.
    for (const [operation, key] of [
      ['install', NEW],
      ['use', NEW],
      ['remove', OLD],
    ] as const) {
      let error: string
      do {
        error = change(sim, all[tries++ % size]!, operation, key)
        assert.ok(tries < 30, `${operation}: ${error}`)
      } while (error !== '')
      sim.run(5000)
    }
    context.diagnostic(`three steps took ${tries} queries and ${Math.round((sim.now - began) / 1000)} s`)
    for (const { keyring, events, name } of all) {
      assert.deepEqual(keyring.keys, [NEW], name)
      assert.deepEqual(
        events.filter(({ text }) => text.startsWith('failed')),
        [],
      )
    }
    // Whoever missed it is outside, and comes in again with the right key.
    const late = sim.add('late')
    sim.join(late, all[0]!)
    sim.run(5000)
    assert.equal(late.serf.members().length, 1)
    late.keyring.install(NEW)
    late.keyring.use(NEW)
    sim.join(late, all[0]!)
    assert.notEqual(
      sim.run(60_000, () => late.serf.members().length === size + 1),
      -1,
    )
  })
}
