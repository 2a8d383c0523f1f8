/**
 * Names outside of Consul's domain, and aliases that lead there: asked of the real Consul and of ours with the same two
 * recursors, the first of which is gone. Then with none that answers.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { describeAnswer, parseQuestion } from '../../src/serve/dns-questions.testing.ts'
import { askOver } from '../support/dns-bytes.ts'
import { type AgentProcess, realConsul, startAgentProcess } from '../support/process.ts'
import { fakeRecursor } from '../support/recursor.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

const NAMES = [
  'one',
  'many',
  'chain',
  'text',
  'nobody',
  'failing',
  'refused',
  'cut',
  'garbage',
  'short',
  'silent',
  'other-id',
]
const QUESTIONS = [
  ...NAMES.flatMap((name) => [`${name}.example. A`, `${name}.example. A edns=4096`, `${name}.Example. AAAA tcp`]),
  '9.9.9.9.in-addr.arpa. PTR',
  'x.service.consul. DS',
  'x.service.other. A',
  ...NAMES.flatMap((name) => [
    `to-${name}.service.consul. A`,
    `to-${name}.service.consul. A edns=4096`,
    `to-${name}.service.consul. SRV tcp`,
    `node-${name}.node.consul. A`,
    `to-${name}.service.alt. ANY`,
  ]),
  'loop.service.consul. A',
  'hop.service.consul. A',
]
const EXTERNAL = [
  ...NAMES.flatMap((name) => [
    { Node: `n-${name}`, Address: '10.1.1.1', Service: { Service: `to-${name}`, Address: `${name}.example`, Port: 1 } },
    { Node: `node-${name}`, Address: `${name}.example` },
  ]),
  { Node: 'n-loop', Address: '10.1.1.1', Service: { Service: 'loop', Address: 'hop.service.consul' } },
  { Node: 'n-hop', Address: '10.1.1.1', Service: { Service: 'hop', Address: 'loop.service.consul' } },
]

/** A busy machine may take longer than the recursors are given: what differs is asked again, so many times in all. */
const TRIES = 10

/** @returns what ours has told */
async function assertAlike<T>(what: string, agents: AgentProcess[], ask: (agent: AgentProcess) => Promise<T>) {
  for (let tries = 1; ; tries++) {
    const told: T[] = []
    for (const agent of agents) told.push(await ask(agent))
    const [ours, theirs] = told as [T, T]
    if (tries < TRIES && !isDeepStrictEqual(ours, theirs)) continue
    assert.deepEqual(ours, theirs, what)
    return ours
  }
}

test('names outside are answered alike', { skip }, async () => {
  const [gone, recursor] = [await fakeRecursor(), await fakeRecursor()]
  await gone.close()
  const args = ['-dev', '-node=x', '-log-level=err', '-alt-domain=alt', `-recursor=127.0.0.1:${gone.port}`]
  const config = ['-hcl', 'dns_config { recursor_timeout = "200ms" }']
  const agents: AgentProcess[] = []
  try {
    for (const command of [undefined, real]) {
      const full = [...args, `-recursor=127.0.0.1:${recursor.port}`, ...config]
      agents.push(await startAgentProcess(full, command === undefined ? {} : { command }))
    }
    for (const agent of agents) {
      for (const entry of EXTERNAL) {
        const { status } = await agent.http('PUT', '/v1/catalog/register', JSON.stringify(entry))
        assert.equal(status, 200)
      }
    }
    const ask = async (agent: AgentProcess, line: string) => {
      recursor.asked.length = 0
      const answer = await askOver(`127.0.0.1:${agent.ports.dns}`, parseQuestion(line))
      return { told: describeAnswer(answer, false), asked: [...recursor.asked] }
    }
    let asked = 0
    for (const line of QUESTIONS) {
      const ours = await assertAlike(line, agents, (agent) => ask(agent, line))
      asked += ours.asked.length
    }
    assert.ok(asked > NAMES.length)
    await recursor.close()
    for (const line of QUESTIONS) await assertAlike(`${line}, with no recursor`, agents, (agent) => ask(agent, line))
  } finally {
    await Promise.all(agents.map((agent) => agent.kill()))
    await recursor.close()
  }
})
