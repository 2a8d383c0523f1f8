/** Coming back after a restart: with the clocks of before, and by asking those who were known then. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type SimMember, Simulation } from './simulation.suite.ts'

function pool(size: number): { sim: Simulation; all: SimMember[] } {
  const sim = new Simulation({ seed: 3 })
  const all = Array.from({ length: size }, (_, i) => sim.add(`n${i}`))
  for (const member of all.slice(1)) sim.join(member, all[0]!)
  sim.run(5000)
  return { sim, all }
}

const heard = ({ effects }: SimMember) => effects.flatMap((effect) => (effect.kind === 'user-event' ? effect.name : []))

const previous = (member: SimMember) => ({
  name: member.name,
  text: `${member.address.host}:${member.address.port}`,
  address: member.address,
})

suite('after a restart', () => {
  test('those who were known are asked one after the other, until one answers', () => {
    const { sim, all } = pool(4)
    const [back, dead, living, other] = all as [SimMember, SimMember, SimMember, SimMember]
    sim.kill(back)
    sim.kill(dead)
    sim.restart(back)
    back.log.length = 0
    sim.tell(back, { kind: 'rejoin', previous: [back, dead, living, other].map(previous) })
    sim.run(15_000, () => back.serf.members().length === 4)
    assert.deepEqual(
      back.log.filter((line) => line.includes('e-join')),
      [
        'serf: Attempting re-join to previously known node: n1: 10.0.0.1:8301',
        'serf: Attempting re-join to previously known node: n2: 10.0.0.2:8301',
        'serf: Re-joined to previously known node: n2: 10.0.0.2:8301',
      ],
    )
    assert.equal(back.serf.member('n3')?.status, 'alive')
  })

  test('with nobody left it says so, and stays alone', () => {
    const { sim, all } = pool(2)
    const [back, dead] = all as [SimMember, SimMember]
    sim.kill(back)
    sim.kill(dead)
    sim.restart(back)
    sim.tell(back, { kind: 'rejoin', previous: [dead].map(previous) })
    sim.run(15_000)
    assert.ok(back.log.includes('serf: Failed to re-join any previously known node'))
    assert.equal(back.serf.members().length, 1)
  })

  test('events that were handed on before are not handed on again; without the clocks they would be', () => {
    for (const remembers of [true, false]) {
      const { sim, all } = pool(3)
      const [back, living] = all as [SimMember, SimMember, SimMember]
      const fire = (name: string) => {
        sim.tell(living, { kind: 'user-event', ticket: sim.ticket(), name, payload: null, coalesce: false })
        sim.run(3000)
      }
      fire('first')
      fire('second')
      assert.deepEqual(heard(back), ['first', 'second'])
      const clocks = back.serf.clocks()
      assert.equal(clocks.event, 2)
      sim.kill(back)
      sim.run(1000)
      fire('missed')
      back.effects.length = 0
      sim.restart(back, remembers ? clocks : undefined)
      sim.tell(back, { kind: 'rejoin', previous: [living].map(previous) })
      sim.run(15_000, () => heard(back).includes('missed'))
      assert.deepEqual(heard(back), remembers ? ['missed'] : ['first', 'second', 'missed'])
      assert.ok(back.serf.clocks().member >= clocks.member)
    }
  })
})
