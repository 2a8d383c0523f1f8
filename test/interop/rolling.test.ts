/**
 * A whole real datacenter, three servers and three client agents, becomes ours one node at a time, while an application
 * writes and discovers all the while: no acknowledged write may be lost, and no lookup may fail or come back empty.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { askDns } from '../support/dns-client.ts'
import { type AgentProcess, freePorts, type Ports, realConsul, startAgentProcess } from '../support/process.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

const WAIT_MS = 40_000
const LOOK_MS = 50

const SETTINGS = {
  performance: { raft_multiplier: 1, leave_drain_time: '100ms' },
  autopilot: { server_stabilization_time: '200ms' },
  retry_interval: '500ms',
}

interface Node {
  name: string
  server: boolean
  ports: Ports
  agent: AgentProcess
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WAIT_MS
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((done) => setTimeout(done, LOOK_MS))
  }
}

suite('a real datacenter becomes ours, node by node', { skip, timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-rolling-'))
  const settings = join(folder, 'settings.json')
  writeFileSync(settings, JSON.stringify(SETTINGS))
  const nodes: Node[] = []
  after(async () => {
    await Promise.all(nodes.map(({ agent }) => agent.kill()))
    rmSync(folder, { recursive: true, force: true })
  })

  function start(name: string, server: boolean, ports: Ports, kind: 'ours' | 'theirs', lan: number[]) {
    return startAgentProcess(
      [
        `-node=${name}`,
        '-bind=127.0.0.1',
        '-log-level=warn',
        `-data-dir=${join(folder, `${kind}-${name}`)}`,
        `-config-file=${settings}`,
        ...(server ? ['-server'] : []),
        ...(server && kind === 'theirs' ? ['-bootstrap-expect=3'] : []),
        ...lan.map((port) => `-retry-join=127.0.0.1:${port}`),
      ],
      { ports, wait: false, ...(kind === 'theirs' && { command: real! }) },
    )
  }

  /** The agents that an application may ask now: a client agent that is being replaced is down for a while. */
  const clients = () => nodes.filter(({ server }) => !server)

  /** Asks a client agent, the next one when that is not there at all. */
  async function ask<T>(turn: number, run: (agent: AgentProcess) => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      const { agent } = clients()[(turn + tries) % 3]!
      try {
        return await run(agent)
      } catch (error) {
        // Down, or cut off in the middle of an answer: as an application would, it goes to the next.
        const { code, message } = error as NodeJS.ErrnoException
        const down = code === 'ECONNREFUSED' || code === 'ECONNRESET' || /closed before|socket hang up/.test(message)
        if (!down || tries > 50) throw error
        await new Promise((done) => setTimeout(done, LOOK_MS))
      }
    }
  }

  async function register({ name, agent }: Node): Promise<void> {
    await until(`${name} takes a service`, async () => {
      const body = JSON.stringify({ Name: 'web', ID: `web-${name}`, Port: 80 })
      return (await agent.http('PUT', '/v1/agent/service/register', body)).status === 200
    })
    await until(`the service of ${name} is in the catalog`, async () =>
      (await agent.http('GET', '/v1/health/service/web?passing')).body.includes(`web-${name}`),
    )
  }

  const acknowledged: string[] = []
  const failed: string[] = []
  let running = true

  async function write(worker: number): Promise<void> {
    for (let n = 0; running; n++) {
      const key = `rolling/${worker}-${n}`
      const { status, body } = await ask(worker + n, (agent) => agent.http('PUT', `/v1/kv/${key}`, key))
      if (status === 200 && body.trim() === 'true') acknowledged.push(key)
    }
  }

  async function discover(worker: number): Promise<void> {
    for (let n = 0; running; n++) {
      const health = await ask(worker + n, (agent) => agent.http('GET', '/v1/health/service/web?passing'))
      if (health.status !== 200 || !health.body.includes('web-')) failed.push(`health: ${health.status} ${health.body}`)
      await ask(worker + n, async (agent) => {
        // UDP says nothing of an agent that is down, so that is asked first.
        await agent.http('GET', '/v1/agent/members')
        const { answers } = await askDns(agent.ports.dns, 'web.service.consul')
        if (answers?.length === 0) failed.push('dns: no answer')
      })
    }
  }

  async function replace(node: Node): Promise<void> {
    const others = nodes.filter((each) => each !== node)
    await node.agent.http('PUT', '/v1/agent/leave').catch(() => {})
    await node.agent.exited
    const lan = others.filter(({ server }) => server).map(({ ports }) => ports.serfLan)
    node.agent = await start(node.name, node.server, node.ports, 'ours', lan)
    if (node.server) {
      await until(`${node.name} is a voter again`, async () => {
        const { body } = await others[0]!.agent.http('GET', '/v1/operator/raft/configuration')
        const { Servers } = JSON.parse(body) as { Servers: { Node: string; Voter: boolean; Leader: boolean }[] }
        const voters = Servers.filter(({ Voter }) => Voter)
        return (
          voters.length === 3 && voters.some(({ Node }) => Node === node.name) && Servers.some(({ Leader }) => Leader)
        )
      })
    } else await register(node)
  }

  test('nothing is lost, and every lookup is answered', async () => {
    const names = ['s0', 's1', 's2', 'c0', 'c1', 'c2']
    const ports = await Promise.all(names.map(() => freePorts()))
    const lan = ports.slice(0, 3).map(({ serfLan }) => serfLan)
    await Promise.all(
      names.map(async (name, at) => {
        const server = name.startsWith('s')
        const agent = await start(name, server, ports[at]!, 'theirs', lan)
        nodes[at] = { name, server, ports: ports[at]!, agent }
      }),
    )
    await until('a leader', async () => (await nodes[3]!.agent.http('PUT', '/v1/kv/first', 'x')).status === 200)
    for (const client of clients()) await register(client)

    const work = Promise.all([write(0), write(1), discover(0), discover(1)])
    // Nobody may have to wait for it when something else fails first.
    work.catch(() => {})
    for (const node of [...nodes]) {
      await Promise.race([replace(node), work])
    }
    running = false
    await work

    assert.deepEqual(failed, [])
    assert.ok(acknowledged.length > 100, `only ${acknowledged.length} writes`)
    for (const { agent } of nodes) {
      await until('every node tells of all that was acknowledged', async () => {
        const keys = new Set(JSON.parse((await agent.http('GET', '/v1/kv/rolling/?keys')).body) as string[])
        return acknowledged.every((key) => keys.has(key))
      })
    }
    const { body } = await nodes[3]!.agent.http('GET', '/v1/agent/members')
    const members = JSON.parse(body) as { Name: string; Status: number }[]
    assert.deepEqual(
      members
        .filter(({ Status }) => Status === 1)
        .map(({ Name }) => Name)
        .sort(),
      [...names].sort(),
    )
  })
})
