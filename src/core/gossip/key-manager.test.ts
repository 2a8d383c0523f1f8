/** Keys changed on all members at once: whoever answers, whoever refuses, whoever is silent, and a whole rotation. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { base64 } from './keyring.ts'
import type { KeyOutcome, KeyRequestParams } from './serf.ts'
import { type SimMember, type SimOptions, Simulation } from './simulation.suite.ts'

const OLD = new Uint8Array(32).fill(1)
const NEW = new Uint8Array(16).fill(2)

function pool(size: number, options: Partial<SimOptions> = {}): { sim: Simulation; all: SimMember[] } {
  const sim = new Simulation({ seed: 1, ...options })
  const all = Array.from({ length: size }, (_, i) => sim.add(`n${i}`))
  sim.acquaint()
  return { sim, all }
}

function ask(sim: Simulation, member: SimMember, params: Partial<KeyRequestParams>): KeyOutcome {
  const ticket = sim.ticket()
  sim.tell(member, { kind: 'keys', ticket, operation: 'list', key: '', relayFactor: 0, ...params })
  let outcome: KeyOutcome | undefined
  sim.run(60_000, () => {
    const found = member.effects.find((effect) => effect.kind === 'keys' && effect.ticket === ticket)
    if (found?.kind === 'keys') outcome = found.outcome
    return outcome !== undefined
  })
  assert.ok(outcome !== undefined)
  return outcome
}

suite('keys of all members', () => {
  test('are listed with how many have them', () => {
    const { sim, all } = pool(5, { keys: [OLD] })
    all[3]!.keyring.install(NEW)
    assert.deepEqual(ask(sim, all[0]!, {}), {
      messages: {},
      keys: { [base64(OLD)]: 5, [base64(NEW)]: 1 },
      primaryKeys: { [base64(OLD)]: 5 },
      nodes: 5,
      error: '',
    })
  })

  test('each member that refuses is named, with its reason', () => {
    const { sim, all } = pool(3, { keys: [OLD] })
    all[1]!.keyring.install(NEW)
    const used = ask(sim, all[0]!, { operation: 'use', key: base64(NEW) })
    assert.equal(used.error, '2/3 nodes reported failure')
    assert.deepEqual(used.messages, {
      n0: 'Requested key is not in the keyring',
      n2: 'Requested key is not in the keyring',
    })
  })

  test('without encryption there is nothing to list or change', () => {
    const { sim, all } = pool(1)
    const listed = ask(sim, all[0]!, {})
    assert.equal(listed.error, '1/1 nodes reported failure')
    assert.deepEqual(listed.messages, { n0: 'Keyring is empty (encryption not enabled)' })
    const installed = ask(sim, all[0]!, { operation: 'install', key: base64(NEW) })
    assert.deepEqual(installed.messages, { n0: 'No keyring to modify (encryption not enabled)' })
  })

  test('what is no base 64, and no key, is refused', () => {
    const { sim, all } = pool(2, { keys: [OLD] })
    const wrong = ask(sim, all[0]!, { operation: 'install', key: 'not a key' })
    assert.deepEqual(wrong, {
      messages: {},
      keys: {},
      primaryKeys: {},
      nodes: 0,
      error: 'illegal base64 data at input byte 3',
    })
    const short = ask(sim, all[0]!, { operation: 'install', key: 'c2hvcnQ=' })
    assert.equal(short.messages.n1, 'key size must be 16, 24 or 32 bytes')
  })

  test('a silent member is counted as missing', () => {
    const { sim, all } = pool(4, { keys: [OLD] })
    sim.pause(all[2]!, 120_000)
    const listed = ask(sim, all[0]!, {})
    assert.equal(listed.error, '3/4 nodes reported success')
    assert.deepEqual(listed.keys, { [base64(OLD)]: 3 })
  })

  test('answers that are lost on their way come over others', () => {
    const direct = pool(40, { keys: [OLD], loss: 0.25 })
    const relayed = pool(40, { keys: [OLD], loss: 0.25 })
    const alone = ask(direct.sim, direct.all[0]!, {})
    const helped = ask(relayed.sim, relayed.all[0]!, { relayFactor: 5 })
    assert.ok((alone.keys[base64(OLD)] ?? 0) < 38, String(alone.keys[base64(OLD)]))
    assert.ok((helped.keys[base64(OLD)] ?? 0) >= 38, String(helped.keys[base64(OLD)]))
  })
})
