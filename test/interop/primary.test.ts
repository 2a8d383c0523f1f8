/**
 * A primary datacenter and a secondary, one of them real and the other ours: configuration entries and intentions that
 * are written in either are written in the primary, and come to the secondary.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type AgentProcess, realConsul, startAgentProcess } from '../support/process.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

const WAIT_MS = 60_000
const LOOK_MS = 50

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WAIT_MS
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((done) => setTimeout(done, LOOK_MS))
  }
}

const ROLES = [
  { primary: real, secondary: undefined, named: 'a real primary, our secondary', intentions: true },
  // The real secondary takes intentions over only once it has a certificate authority of the primary's making.
  { primary: undefined, secondary: real, named: 'our primary, a real secondary', intentions: false },
]

suite('a primary datacenter', { skip, timeout: 400_000 }, () => {
  for (const { primary, secondary, named, intentions } of ROLES) {
    test(named, async () => {
      const agents: AgentProcess[] = []
      const start = async (datacenter: string, command: string | undefined) => {
        const hcl = '-hcl=primary_datacenter = "first"'
        // In dev mode a third of a second of silence is a death: too little on a busy machine.
        const patient = '-hcl=gossip_wan { probe_interval = "500ms" probe_timeout = "500ms" suspicion_mult = 6 }'
        const args = ['-dev', `-node=s-${datacenter}`, `-datacenter=${datacenter}`, '-log-level=err', hcl, patient]
        const agent = await startAgentProcess(args, command === undefined ? {} : { command })
        agents.push(agent)
        return agent
      }
      try {
        const first = await start('first', primary)
        const second = await start('second', secondary)
        await second.http('PUT', `/v1/agent/join/127.0.0.1:${first.ports.serfWan}?wan=1`)
        const protocolAt = async (agent: AgentProcess, name: string) => {
          const { status, body } = await agent.http('GET', `/v1/config/service-defaults/${name}`)
          return status === 200 ? JSON.parse(body).Protocol : status
        }
        const put = (agent: AgentProcess, Protocol: string, Name = 'web') =>
          agent.http('PUT', '/v1/config', JSON.stringify({ Kind: 'service-defaults', Name, Protocol }))
        await until('a write in the secondary arrives in the primary', async () => {
          return (await put(second, 'http')).body.trim() === 'true' && (await protocolAt(first, 'web')) === 'http'
        })
        assert.equal((await put(first, 'grpc', 'api')).status, 200)
        for (const [name, protocol] of [
          ['web', 'http'],
          ['api', 'grpc'],
        ] as const) {
          await until(`${name} comes to the secondary`, async () => (await protocolAt(second, name)) === protocol)
        }
        assert.equal((await put(first, 'tcp')).status, 200)
        await until('a change comes', async () => (await protocolAt(second, 'web')) === 'tcp')
        assert.equal((await second.http('DELETE', '/v1/config/service-defaults/web')).status, 200)
        assert.equal(await protocolAt(first, 'web'), 404)
        await until('what is gone goes', async () => (await protocolAt(second, 'web')) === 404)
        if (!intentions) return
        const wish = JSON.stringify({ SourceName: 'a', DestinationName: 'b', Action: 'deny' })
        const { body } = await second.http('POST', '/v1/connect/intentions', wish)
        const path = `/v1/connect/intentions/${JSON.parse(body).ID}`
        assert.equal(JSON.parse((await first.http('GET', path)).body).Action, 'deny')
        await until('the intention comes', async () => (await second.http('GET', path)).status === 200)
        assert.equal((await first.http('DELETE', path)).status, 200)
        await until('the intention goes', async () => (await second.http('GET', path)).status === 404)
      } finally {
        await Promise.all(agents.map((agent) => agent.kill()))
      }
    })
  }
})
