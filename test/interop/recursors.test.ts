/**
 * Names outside of Consul's domain, and aliases that lead there: asked of the real Consul and of ours with the same two
 * recursors, the first of which is gone. Then with none that answers.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
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

test('names outside are answered alike', { skip }, async () => {
  const [gone, recursor] = [await fakeRecursor(), await fakeRecursor()]
  await gone.close()
  const args = ['-dev', '-node=x', '-log-level=err', '-alt-domain=alt', `-recursor=127.0.0.1:${gone.port}`]
  const config = ['-hcl', 'dns_config { recursor_timeout = "200ms" }']
  const agents: AgentProcess[] = []
  const asked: string[][] = []
  try {
    for (const command of [undefined, real]) {
      const full = [...args, `-recursor=127.0.0.1:${recursor.port}`, ...config]
      agents.push(await startAgentProcess(full, command === undefined ? {} : { command }))
    }
    const answers: string[][][] = []
    for (const agent of agents) {
      for (const entry of EXTERNAL) {
        const { status } = await agent.http('PUT', '/v1/catalog/register', JSON.stringify(entry))
        assert.equal(status, 200)
      }
      recursor.asked.length = 0
      const told: string[][] = []
      for (const line of QUESTIONS) {
        const question = parseQuestion(line)
        told.push([line, ...describeAnswer(await askOver(`127.0.0.1:${agent.ports.dns}`, question), false)])
      }
      answers.push(told)
      asked.push([...recursor.asked])
    }
    for (const [i, line] of QUESTIONS.entries()) assert.deepEqual(answers[0]![i], answers[1]![i], line)
    assert.deepEqual(asked[0], asked[1])
    assert.ok(asked[0]!.length > NAMES.length)
    await recursor.close()
    for (const line of QUESTIONS) {
      const question = parseQuestion(line)
      const both = await Promise.all(agents.map(({ ports }) => askOver(`127.0.0.1:${ports.dns}`, question)))
      const [ours, theirs] = both.map((answer) => describeAnswer(answer, false))
      assert.deepEqual(ours, theirs, `${line}, with no recursor`)
    }
  } finally {
    await Promise.all(agents.map((agent) => agent.kill()))
    await recursor.close()
  }
})
