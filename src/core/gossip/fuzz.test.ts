/**
 * A pool that is told nonsense: messages whose fields are of the right sort and the wrong sense, from anybody, on packets
 * and streams. It neither throws nor grows, its own members stay what they are, and it goes on working.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { gossipCodec } from '../../wire/serf.ts'
import type { PacketMessage, SerfMessage, StreamMessage } from './messages.ts'
import { OUR_VSN } from './nodes.ts'
import { Simulation, view } from './simulation.suite.ts'

const SEED = Number(process.env.FUZZ_SEED ?? 1)
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 20_000)

const random = seededRandom(SEED)
const pick = <T>(items: readonly T[]): T => items[random.int(items.length)]!

const name = () => pick(['n0', 'n1', 'n2', 'ghost', '', '__proto__', 'constructor', 'a\nb', 'x'.repeat(300)])
const number = () => pick([0, 1, 2, 3, 255, 65_535, 65_536, 2 ** 32 - 1, 2 ** 53, Number.MAX_SAFE_INTEGER, 2 ** 63])
const address = () => pick(['10.0.0.0', '10.0.0.1', '10.0.0.2', '', '::1', 'fe80::1', '0.0.0.0'])
const blob = () => pick([null, new Uint8Array(0), Uint8Array.of(255), Uint8Array.of(1, 2, 3), new Uint8Array(600)])
const vsn = () => pick([null, OUR_VSN, new Uint8Array(6), new Uint8Array(2), Uint8Array.of(9, 1, 1, 1, 1, 1)])
const flag = () => random.int(2) === 0

function serf(): SerfMessage {
  const LTime = number()
  return pick<() => SerfMessage>([
    () => ({ type: 'leave', LTime, Node: name(), Prune: flag() }),
    () => ({ type: 'join', LTime, Node: name() }),
    () => ({ type: 'userEvent', LTime, Name: name(), Payload: blob(), CC: flag() }),
    () => ({
      type: 'query',
      LTime,
      ID: random.int(3),
      Addr: address(),
      Port: pick([0, 8301, 65_535]),
      SourceNode: name(),
      Filters: pick([null, [], [Uint8Array.of(0, 0x91, 0xa1, 0x61)], [Uint8Array.of(1, 0xc1)], [Uint8Array.of(9)]]),
      Flags: random.int(4),
      RelayFactor: pick([0, 1, 255]),
      Timeout: number(),
      Name: pick(['q', '_serf_ping', '_serf_conflict', '_serf_list-keys', '_serf_use-key', '_serf_what']),
      Payload: blob(),
    }),
    () => ({ type: 'queryResponse', LTime, ID: random.int(3), From: name(), Flags: random.int(4), Payload: blob() }),
    () => ({
      type: 'relay',
      DestAddr: { IP: address(), Port: 8301 },
      DestName: name(),
      body: Uint8Array.of(8, 5, 0xc1),
    }),
  ])()
}

function packet(): PacketMessage {
  const Incarnation = pick([0, 1, 2, 3, 2 ** 32 - 1])
  return pick<() => PacketMessage>([
    () => ({
      type: 'ping',
      SeqNo: random.int(9),
      Node: name(),
      SourceAddr: address(),
      SourcePort: 8301,
      SourceNode: name(),
    }),
    () => ({ type: 'ackResp', SeqNo: random.int(99), Payload: blob() }),
    () => ({ type: 'nackResp', SeqNo: random.int(99) }),
    () => ({ type: 'suspect', Incarnation, Node: name(), From: name() }),
    // A dead claim of a name's own is a farewell: whoever can forge that can make members leave, in Serf too.
    () => ({ type: 'dead', Incarnation, Node: pick(['ghost', 'nobody']), From: name() }),
    () => ({ type: 'alive', Incarnation, Node: name(), Addr: address(), Port: 8301, Meta: blob(), Vsn: vsn() }),
    () => ({ type: 'user', body: gossipCodec.encodeSerf(serf()) }),
    () => ({ type: 'user', body: Uint8Array.from({ length: random.int(40) }, () => random.int(256)) }),
  ])()
}

function stream(): StreamMessage {
  const node = () => ({
    Name: name(),
    Addr: address(),
    Port: 8301,
    Meta: blob(),
    Incarnation: random.int(4),
    State: random.int(6),
    Vsn: vsn(),
  })
  return pick<() => StreamMessage>([
    () => ({
      type: 'pushPull',
      Join: flag(),
      nodes: Array.from({ length: random.int(5) }, node),
      userState: blob() ?? new Uint8Array(0),
    }),
    () => ({ type: 'err', Error: 'x' }),
    () => ({ type: 'user', body: gossipCodec.encodeSerf(serf()) }),
  ])()
}

test(`nonsense neither throws nor grows, and moves nobody (seed ${SEED})`, (context) => {
  const sim = new Simulation({ seed: SEED })
  const all = ['n0', 'n1', 'n2'].map((each) => sim.add(each))
  sim.acquaint()
  const from = { host: '192.0.2.1', port: 1 }
  for (let round = 0; round < ROUNDS; round++) {
    const victim = pick(all)
    if (random.int(10) === 0) sim.tell(victim, { kind: 'stream-request', id: 1e6 + round, from, message: stream() })
    else sim.tell(victim, { kind: 'packet', from, messages: Array.from({ length: 1 + random.int(3) }, packet) })
    if (round % 50 === 0) sim.run(100)
    for (const member of all) member.effects.length = 0
  }
  // Time to refute, to forget, and to find together again.
  const together = sim.run(600_000, () =>
    all.every((member) => all.every(({ name: other }) => member.serf.member(other)?.status === 'alive')),
  )
  context.diagnostic(JSON.stringify(view(all[0]!)))
  assert.notEqual(together, -1, all.map((member) => JSON.stringify(view(member))).join('\n'))
  for (const { serf: pool } of all) {
    assert.ok(pool.members().length <= 12)
    const { intent_queue, event_queue, query_queue } = pool.stats()
    for (const size of [intent_queue, event_queue, query_queue]) assert.ok(Number(size) <= 4096, String(size))
  }
  // It still works: an event is heard by all.
  sim.tell(all[0]!, { kind: 'user-event', ticket: sim.ticket(), name: 'still', payload: null, coalesce: false })
  const heard = () =>
    all.every(({ effects }) => effects.some((effect) => effect.kind === 'user-event' && effect.name === 'still'))
  assert.notEqual(sim.run(60_000, heard), -1)
})
