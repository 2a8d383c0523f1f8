/**
 * The table of DNS questions (src/serve/testdata/dns/questions.txt), asked of the real Consul and of ours over UDP and TCP
 * while both hold the same catalog. Only the ports of the servers may differ.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { type AgentProcess, realConsul, runCommand, settled, startAgentProcess } from '../support/process.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

test('DNS questions are answered alike', { skip }, async () => {
  const args = ['-dev', '-node=x', '-log-level=err']
  const agents: AgentProcess[] = []
  try {
    agents.push(await startAgentProcess(args), await startAgentProcess(args, { command: real }))
    await Promise.all(agents.map((agent) => settled(agent)))
    const addresses = agents.flatMap(({ ports }) => [`http://127.0.0.1:${ports.http}`, `127.0.0.1:${ports.dns}`])
    const script = join(import.meta.dirname, 'dns.ts')
    const { stdout, stderr } = await runCommand([script, 'compare', ...addresses], { command: process.execPath })
    const lines = stdout.trimEnd().split('\n')
    assert.match(lines.pop()!, /^\d{3,} questions, \d+ answered differently$/, stderr)
    // Lines of ours begin with a minus, those of the real one with a plus: with the ports gone, they cancel out.
    const told = (sign: string, { ports }: AgentProcess) =>
      lines
        .filter((line) => line.startsWith(`  ${sign} `))
        .map((line) => line.slice(4).replace(` ${ports.server} `, ' <server> '))
    assert.deepEqual(told('-', agents[0]!), told('+', agents[1]!))
  } finally {
    await Promise.all(agents.map((agent) => agent.kill()))
  }
})
