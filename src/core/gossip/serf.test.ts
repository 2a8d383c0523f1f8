/** Pools of Serf on a virtual network: joining, failing, leaving, events, queries, partitions, names that two claim. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { encodeStream, StreamReader } from '../../wire/gossip-stream.ts'
import { gossipCodec } from '../../wire/serf.ts'
import { LAN, SERF } from './config.ts'
import { GossipKeyring, makeSerf } from './serf.ts'
import { type SimMember, type SimOptions, Simulation, view } from './simulation.suite.ts'

const text = (value: string) => new TextEncoder().encode(value)

/** A pool of `size` members that all know each other. */
function pool(size: number, options: Partial<SimOptions> = {}): { sim: Simulation; all: SimMember[] } {
  const sim = new Simulation({ seed: 1, ...options })
  const all = Array.from({ length: size }, (_, i) => sim.add(`n${i}`))
  for (const member of all.slice(1)) sim.join(member, all[0]!)
  assert.notEqual(
    sim.run(60_000, () => all.every((member) => member.serf.members().length === size)),
    -1,
  )
  return { sim, all }
}

const sees = (member: SimMember, name: string) => member.serf.member(name)?.status

suite('serf', () => {
  test('a lone member asks for no timer at all', () => {
    const sim = new Simulation({ seed: 1 })
    const lone = sim.add('a')
    assert.equal(lone.serf.wakeAt(), null)
    assert.deepEqual(view(lone), { alive: ['a'] })
    assert.deepEqual(
      lone.events.map(({ text }) => text),
      ['join a'],
    )
  })

  test('members meet; one that dies is failed everywhere, and back when it comes back', () => {
    const { sim, all } = pool(5)
    sim.kill(all[4]!)
    const rest = all.slice(0, 4)
    assert.notEqual(
      sim.run(60_000, () => rest.every((member) => sees(member, 'n4') === 'failed')),
      -1,
    )
    sim.restart(all[4]!)
    sim.join(all[4]!, all[0]!)
    assert.notEqual(
      sim.run(60_000, () => all.every((member) => sees(member, 'n4') === 'alive')),
      -1,
    )
    const told = rest[0]!.events.filter(({ text }) => text.endsWith('n4')).map(({ text }) => text)
    assert.deepEqual(told, ['join n4', 'failed n4', 'join n4'])
  })

  test('whoever left and comes back is alive at once to all that it joins, though gossip should miss them', () => {
    const { sim, all } = pool(4)
    const [first, second, third, back] = all as [SimMember, SimMember, SimMember, SimMember]
    const ticket = sim.ticket()
    sim.tell(back, { kind: 'leave', ticket })
    sim.run(20_000, () => back.effects.some((effect) => effect.kind === 'done' && effect.ticket === ticket))
    sim.kill(back)
    assert.deepEqual(
      [first, second, third].map((member) => sees(member, 'n3')),
      ['left', 'left', 'left'],
    )
    sim.loss = 1
    sim.restart(back)
    const addresses = [first.address, second.address]
    sim.tell(back, { kind: 'join', ticket: sim.ticket(), addresses, ignoreOldEvents: true })
    // By streams alone, and long before anybody would push and pull by itself.
    sim.run(100)
    assert.deepEqual(
      [first, second, third].map((member) => sees(member, 'n3')),
      ['alive', 'alive', 'left'],
    )
  })

  test('who has heard that a member is back, but not that it is alive, does not make others believe that it leaves', () => {
    const { sim, all } = pool(3)
    const [knowing, late, back] = all as [SimMember, SimMember, SimMember]
    const ticket = sim.ticket()
    sim.tell(back, { kind: 'leave', ticket })
    sim.run(20_000, () => back.effects.some((effect) => effect.kind === 'done' && effect.ticket === ticket))
    sim.kill(back)
    sim.loss = 1
    sim.restart(back)
    sim.join(back, knowing)
    sim.run(100)
    assert.deepEqual(
      [knowing, late].map((member) => sees(member, 'n2')),
      ['alive', 'left'],
    )
    const LTime = back.serf.clocks().member
    const body = gossipCodec.encodeSerf({ type: 'join', LTime, Node: 'n2' })
    sim.tell(late, { kind: 'packet', from: back.address, messages: [{ type: 'user', body }] })
    assert.equal(sees(late, 'n2'), 'left')
    sim.join(late, knowing)
    sim.run(100)
    assert.deepEqual(
      [knowing, late].map((member) => sees(member, 'n2')),
      ['alive', 'alive'],
    )
  })

  test('a graceful leave is a leave for everybody, and never a failure', () => {
    const { sim, all } = pool(5)
    const ticket = sim.ticket()
    sim.tell(all[2]!, { kind: 'leave', ticket })
    const done = sim.run(20_000, () =>
      all[2]!.effects.some((effect) => effect.kind === 'done' && effect.ticket === ticket),
    )
    assert.notEqual(done, -1)
    sim.kill(all[2]!)
    sim.run(30_000)
    for (const member of all) {
      if (member === all[2]) continue
      assert.equal(sees(member, 'n2'), 'left')
      assert.ok(!member.events.some(({ text }) => text === 'failed n2'))
    }
  })

  test('a lone member leaves at once', () => {
    const sim = new Simulation({ seed: 1 })
    const lone = sim.add('a')
    sim.tell(lone, { kind: 'leave', ticket: 7 })
    assert.deepEqual(lone.effects, [{ kind: 'done', ticket: 7, joined: 0 }])
    assert.deepEqual(view(lone), { left: ['a'] })
  })

  test('a forced leave turns failed into left everywhere; pruning takes the member off the list', () => {
    const { sim, all } = pool(4)
    for (const [name, prune] of [
      ['n3', false],
      ['n2', true],
    ] as const) {
      sim.kill(sim.get(name))
      sim.run(60_000, () => all.every((member) => !member.up || sees(member, name) === 'failed'))
      sim.tell(all[0]!, { kind: 'force-leave', ticket: sim.ticket(), name, prune })
      sim.run(5000)
      for (const member of all) if (member.up) assert.equal(sees(member, name), prune ? undefined : 'left')
    }
    assert.ok(all[1]!.events.some(({ text }) => text === 'reap n2'))
  })

  test('a member that is said to have left says otherwise', () => {
    const { sim, all } = pool(3)
    sim.tell(all[0]!, { kind: 'force-leave', ticket: sim.ticket(), name: 'n1', prune: false })
    sim.run(10_000)
    for (const member of all) assert.equal(sees(member, 'n1'), 'alive')
  })

  test('tags that change are news to all', () => {
    const { sim, all } = pool(3)
    sim.tell(all[0]!, { kind: 'set-tags', ticket: sim.ticket(), tags: { role: 'db' } })
    sim.run(5000)
    for (const member of all) assert.deepEqual(member.serf.member('n0')!.tags, { role: 'db' })
    const tooMany = { kind: 'set-tags', ticket: 99, tags: { x: 'y'.repeat(600) } } as const
    sim.tell(all[0]!, tooMany)
    assert.ok(all[0]!.effects.some((effect) => effect.kind === 'refused' && effect.ticket === 99))
  })

  test('user events reach everybody once, newcomers not at all', () => {
    const { sim, all } = pool(10)
    for (const name of ['one', 'two']) {
      const event = { kind: 'user-event', ticket: sim.ticket(), name, payload: text('x'), coalesce: false } as const
      sim.tell(all[3]!, event)
    }
    sim.run(5000)
    const late = sim.add('late')
    sim.join(late, all[0]!)
    sim.run(60_000)
    const heard = (member: SimMember) =>
      member.effects.flatMap((effect) => (effect.kind === 'user-event' ? [effect.name] : [])).sort()
    for (const member of all) assert.deepEqual(heard(member), ['one', 'two'])
    assert.deepEqual(heard(late), [])
    const big = { kind: 'user-event', ticket: 77, name: 'big', payload: new Uint8Array(510), coalesce: false } as const
    sim.tell(all[0]!, big)
    const refused = all[0]!.effects.find((effect) => effect.kind === 'refused')
    assert.match(refused?.kind === 'refused' ? refused.message : '', /exceeds configured limit of 512 bytes/)
  })

  test('a question is answered by those it is meant for, acks included, relays or not', () => {
    const { sim, all } = pool(8)
    const ticket = sim.ticket()
    sim.tell(all[0]!, {
      kind: 'query',
      ticket,
      name: 'deploy',
      payload: text('now'),
      filters: [{ kind: 'nodes', names: ['n0', 'n3', 'n5'] }],
      wantAcks: true,
      relayFactor: 2,
    })
    const answered = new Set<SimMember>()
    const finished = sim.run(60_000, () => {
      for (const member of all) {
        const asked = member.effects.find((effect) => effect.kind === 'query')
        if (asked?.kind !== 'query' || answered.has(member)) continue
        answered.add(member)
        sim.tell(member, { kind: 'respond', query: asked.query, payload: text(member.name) })
      }
      return all[0]!.effects.some((effect) => effect.kind === 'done' && effect.ticket === ticket)
    })
    assert.notEqual(finished, -1)
    const from = (kind: 'query-ack' | 'query-response') =>
      all[0]!.effects.flatMap((effect) => (effect.kind === kind ? [effect.from] : [])).sort()
    assert.deepEqual(from('query-ack'), ['n0', 'n3', 'n5'])
    assert.deepEqual(from('query-response'), ['n0', 'n3', 'n5'])
  })

  test('a name that two claim: the newcomer that most others do not know gives way', () => {
    const { sim, all } = pool(4)
    const twin = sim.add('twin')
    twin.serf = makeSerf({
      name: 'n1',
      address: twin.address,
      tags: {},
      memberlist: LAN,
      serf: SERF,
      codec: gossipCodec,
      random: sim.random,
      now: sim.now,
    })
    sim.join(twin, all[0]!)
    sim.run(60_000)
    assert.ok(twin.effects.some((effect) => effect.kind === 'give-way'))
    assert.ok(!all[1]!.effects.some((effect) => effect.kind === 'give-way'))
    assert.equal(all[0]!.serf.member('n1')!.addr, all[1]!.address.host)
  })

  test('whom the owner refuses is not let in', () => {
    const sim = new Simulation({ seed: 1 })
    const other = sim.add('other', { dc: 'two' })
    const choosy = makeSerf({
      name: 'a',
      address: { host: '10.9.9.9', port: 1 },
      tags: { dc: 'one' },
      memberlist: LAN,
      serf: SERF,
      codec: gossipCodec,
      random: sim.random,
      now: 0,
      refusal: (candidates) => candidates.find(({ tags }) => tags.dc !== 'one') && 'wrong datacenter',
    })
    choosy.take()
    choosy.step(1, { kind: 'join', ticket: 1, addresses: [other.address], ignoreOldEvents: false })
    const [stream] = choosy.take()
    assert.equal(stream?.kind, 'open-stream')
    const asked = stream?.kind === 'open-stream' ? stream : undefined
    other.serf.step(1, { kind: 'stream-request', id: 1, from: { host: '10.9.9.9', port: 1 }, message: asked!.message })
    const answer = other.serf.take().find((effect) => effect.kind === 'answer-stream')
    const bytes = encodeStream(answer?.kind === 'answer-stream' ? answer.message! : asked!.message, true)
    choosy.step(2, { kind: 'stream-reply', id: asked!.id, message: new StreamReader().feed(bytes)! })
    const refused = choosy.take().find((effect) => effect.kind === 'refused')
    assert.match(refused?.kind === 'refused' ? refused.message : '', /wrong datacenter/)
    assert.equal(choosy.members().length, 1)
  })

  test('keys come, go and change places by query', () => {
    const ring = new GossipKeyring([new Uint8Array(16)])
    const lone = makeSerf({
      name: 'a',
      address: { host: '10.0.0.1', port: 1 },
      tags: {},
      memberlist: LAN,
      serf: SERF,
      codec: gossipCodec,
      random: new Simulation({ seed: 3 }).random,
      now: 0,
      keyring: ring,
    })
    const key = new Uint8Array(32).fill(7)
    const ask = (name: string, Key: Uint8Array) => {
      lone.take()
      lone.step(1, { kind: 'query', ticket: 1, name, payload: gossipCodec.encodeSerf({ type: 'keyRequest', Key }) })
      const effect = lone.take().find(({ kind }) => kind === 'query-response')
      const payload = effect?.kind === 'query-response' ? effect.payload! : new Uint8Array(0)
      const answer = gossipCodec.decodeSerf(payload)
      return answer.type === 'keyResponse' ? answer : undefined
    }
    assert.equal(ask('_serf_use-key', key)?.Message, 'Requested key is not in the keyring')
    assert.equal(ask('_serf_install-key', key)?.Result, true)
    assert.equal(ask('_serf_install-key', new Uint8Array(5))?.Result, false)
    assert.equal(ask('_serf_use-key', key)?.Result, true)
    assert.equal(ask('_serf_remove-key', key)?.Message, 'Removing the primary key is not allowed')
    assert.deepEqual(ask('_serf_list-keys', new Uint8Array(0))?.Keys?.length, 2)
    assert.equal(ask('_serf_remove-key', new Uint8Array(16))?.Result, true)
    assert.deepEqual(ring.keys, [key])
  })

  test('members forgotten in time: the failed and those that left', () => {
    const { sim, all } = pool(3, { serf: { reconnectTimeoutMs: 100_000, tombstoneTimeoutMs: 50_000 } })
    sim.kill(all[2]!)
    sim.run(60_000, () => sees(all[0]!, 'n2') === 'failed')
    const from = sim.now
    const gone = sim.run(200_000, () => sees(all[0]!, 'n2') === undefined)
    assert.ok(gone - from > 99_000 && gone - from < 120_000, String(gone - from))
    assert.equal(sees(all[0]!, 'n1'), 'alive')
  })
})
