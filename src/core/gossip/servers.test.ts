/** Which server is asked first, and when that changes. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import type { Coordinate } from '../../model/coordinate.ts'
import { originCoordinate } from './coordinate.ts'
import type { MemberEventKind, SerfMember } from './roster.ts'
import { datacenterMaps, datacentersByDistance, makeServers, type Places, serverInfo } from './servers.ts'

const MINUTE = 60_000

function member(name: string, dc = 'dc1', status: SerfMember['status'] = 'alive'): SerfMember {
  const tags = { role: 'consul', build: '1.8.7:', dc, id: `id-${name}`, port: '8300', vsn: '2' }
  return { name, addr: '10.0.0.1', port: 8301, tags, status, vsn: Uint8Array.of(1, 5, 2, 2, 5, 4) }
}

function startServers(seed = 1) {
  const servers = makeServers({ random: seededRandom(seed) })
  const tell = (event: MemberEventKind, whom: SerfMember, now = 0) =>
    servers.step(now, { kind: 'member', event, member: whom })
  const names = (dc = 'dc1') => servers.of(dc).map(({ name }) => name)
  return { servers, tell, names }
}

suite('the list of servers', () => {
  test('holds servers alone, in the order in which they came', () => {
    const { tell, names, servers } = startServers()
    for (const name of ['a', 'b', 'c']) tell('join', member(name))
    tell('join', { ...member('client'), tags: { role: 'node', dc: 'dc1' } })
    assert.deepEqual(names(), ['a', 'b', 'c'])
    tell('leave', member('a', 'dc1', 'left'))
    tell('reap', member('b', 'dc1', 'failed'))
    assert.deepEqual(names(), ['c'])
    tell('leave', member('c', 'dc1', 'left'))
    assert.deepEqual(servers.datacenters(), [])
  })

  test('puts who failed a call behind all others, and who failed in gossip behind those', () => {
    const { tell, names, servers } = startServers()
    for (const name of ['a', 'b', 'c']) tell('join', member(name))
    servers.failed(servers.of('dc1')[0]!)
    assert.deepEqual(names(), ['b', 'c', 'a'])
    tell('failed', member('b', 'dc1', 'failed'))
    assert.deepEqual(names(), ['c', 'a', 'b'])
    servers.failed(servers.of('dc1')[0]!)
    assert.deepEqual(names(), ['a', 'c', 'b'])
    tell('join', member('b'))
    assert.deepEqual(names(), ['a', 'c', 'b'])
    assert.ok(servers.of('dc1').every(({ failed }) => !failed))
  })

  test('learns where a server is now', () => {
    const { tell, servers } = startServers()
    tell('join', member('a'))
    tell('update', { ...member('a'), addr: 'fe80::1' })
    assert.equal(servers.of('dc1')[0]?.address, '[fe80::1]:8300')
  })

  test('is shuffled after some minutes, behind one that answers a ping', () => {
    const { tell, names, servers } = startServers(3)
    for (const name of ['a', 'b', 'c', 'd']) tell('join', member(name))
    const at = servers.wakeAt()!
    assert.ok(at >= 2 * MINUTE && at <= 3 * MINUTE)
    servers.step(at - 1, { kind: 'tick' })
    assert.deepEqual(servers.take(), [])
    servers.step(at, { kind: 'tick' })
    const [first] = servers.take()
    assert.deepEqual(names(), ['a', 'b', 'c', 'd'])
    servers.step(at, { kind: 'pinged', server: first!.server, alive: false })
    const [second] = servers.take()
    assert.notEqual(second!.server.name, first!.server.name)
    tell('join', member('late'), at)
    servers.step(at, { kind: 'pinged', server: second!.server, alive: true })
    assert.deepEqual(servers.take(), [])
    assert.equal(names()[0], second!.server.name)
    assert.equal(names().length, 5)
    assert.deepEqual([...names()].sort(), ['a', 'b', 'c', 'd', 'late'])
    assert.ok(servers.wakeAt()! > at + MINUTE)
  })

  test('stays as it is when nobody answers, and when who answers has gone', () => {
    const { tell, names, servers } = startServers(4)
    for (const name of ['a', 'b']) tell('join', member(name))
    servers.step(servers.wakeAt()!, { kind: 'tick' })
    for (let round = 0; round < 2; round++) {
      const [ping] = servers.take()
      servers.step(3 * MINUTE, { kind: 'pinged', server: ping!.server, alive: false })
    }
    assert.deepEqual(servers.take(), [])
    assert.deepEqual(names(), ['a', 'b'])
    servers.step(servers.wakeAt()!, { kind: 'tick' })
    const [ping] = servers.take()
    tell('leave', member(ping!.server.name, 'dc1', 'left'))
    servers.step(9 * MINUTE, { kind: 'pinged', server: ping!.server, alive: true })
    assert.equal(names().length, 1)
  })

  test('changes more seldom where many agents share few servers', () => {
    const { tell, servers } = startServers()
    servers.step(0, { kind: 'cluster-size', nodes: 100_000 })
    tell('join', member('a'))
    assert.ok(servers.wakeAt()! > 25 * MINUTE)
  })

  test('spreads agents over servers', () => {
    const firsts = new Map<string, number>()
    for (let seed = 1; seed <= 60; seed++) {
      const { tell, names, servers } = startServers(seed)
      for (const name of ['a', 'b', 'c']) tell('join', member(name))
      servers.step(3 * MINUTE, { kind: 'tick' })
      servers.step(3 * MINUTE, { kind: 'pinged', server: servers.take()[0]!.server, alive: true })
      firsts.set(names()[0]!, (firsts.get(names()[0]!) ?? 0) + 1)
    }
    for (const name of ['a', 'b', 'c']) assert.ok(firsts.get(name)! >= 8, `${name}: ${firsts.get(name)}`)
  })

  test('names the node without its datacenter', () => {
    assert.equal(serverInfo(member('a.dc2', 'dc2'))?.node, 'a')
    assert.equal(serverInfo(member('a.b', 'dc2'))?.node, 'a.b')
    assert.equal(serverInfo({ ...member('a'), tags: {} }), undefined)
  })
})

function at(seconds: number): Coordinate {
  const origin = originCoordinate()
  return { ...origin, Vec: [seconds, ...origin.Vec!.slice(1)] }
}

function places(
  found: Record<string, [dc: string, seconds: number | undefined, status?: SerfMember['status']]>,
): Places {
  return {
    members: () => Object.entries(found).map(([name, [dc, , status]]) => member(name, dc, status)),
    coordinate: () => at(0),
    coordinateOf: (name) => (found[name]?.[1] === undefined ? undefined : at(found[name][1])),
  }
}

suite('datacenters', () => {
  const wan = places({
    'own.dc1': ['dc1', 5],
    'x.far': ['far', 0.3],
    'a.near': ['near', 0.9],
    'b.near': ['near', 0.01],
    'c.near': ['near', 0.02],
    'y.unknown': ['unknown', undefined],
    'z.also': ['also', undefined],
    'gone.left': ['left', 0.001, 'left'],
    'down.failed': ['failed', 0.5, 'failed'],
  })

  test('are told by their median distance, one’s own first, unknown ones last by name', () => {
    assert.deepEqual(datacentersByDistance('dc1', [wan]), ['dc1', 'near', 'far', 'failed', 'also', 'unknown'])
  })

  test('are as near as the nearest way to them', () => {
    const lan = places({ own: ['dc1', 0], y: ['unknown', 0.001] })
    assert.equal(datacentersByDistance('dc1', [lan, wan])[1], 'unknown')
  })

  test('show where each of their servers stands, pool by pool', () => {
    const maps = datacenterMaps({ lan: places({ own: ['dc1', 0] }), wan, none: undefined })
    assert.deepEqual(
      maps.map(({ AreaID, Datacenter, Coordinates }) => `${AreaID} ${Datacenter} ${Coordinates?.length}`),
      ['lan dc1 1', 'wan dc1 1', 'wan far 1', 'wan near 3', 'wan failed 1'],
    )
    const alone = { ...places({}), members: () => [member('me.dc1')], coordinateOf: () => undefined }
    assert.deepEqual(datacenterMaps({ wan: alone }), [])
    const Coordinates = [{ Node: 'me', Segment: '', Coord: alone.coordinate() }]
    assert.deepEqual(datacenterMaps({ wan: alone }, 'me.dc1'), [{ Datacenter: 'dc1', AreaID: 'wan', Coordinates }])
  })
})
