/**
 * A whole real datacenter, three servers and three client agents, becomes ours one node at a time, while an application
 * writes and discovers all the while: no acknowledged write may be lost, and no lookup may fail or come back empty.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { inspect } from 'node:util'
import type { DecodedPacket } from 'dns-packet'
import { askDns } from '../support/dns-client.ts'
import {
  type AgentProcess,
  type Answer,
  freePorts,
  type Ports,
  realConsul,
  startAgentProcess,
} from '../support/process.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

const WAIT_MS = 60_000
const LOOK_MS = 50
/**
 * News of who came back goes by gossip, which misses a node now and then (in one of some three hundred returns to a pool
 * of six, with the real one's rules). What it has missed a node learns when it next tells another all it knows, and is
 * told: every 30 seconds, and perhaps the other has missed it, too.
 */
const KNOWN_MS = 120_000
const WRITES_EACH = 25
/** A member's status. */
const ALIVE = 1

const SETTINGS = {
  // An election takes its time on a busy machine: who looks up meanwhile waits for as long as it may take.
  performance: { raft_multiplier: 1, leave_drain_time: '100ms', rpc_hold_timeout: '30s' },
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

suite('a real datacenter becomes ours, node by node', { skip, timeout: 580_000 }, () => {
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

  const clients = () => nodes.filter(({ server }) => !server)

  /** Nodes that were told to leave, or are not back yet: what they say or do not say meanwhile is nobody's answer. */
  const away = new Set<Node>()

  /** Asks a client agent that is there, and the next one when it goes away while it is asked. */
  async function ask<T>(turn: number, run: (agent: AgentProcess) => Promise<T>, good: (answer: T) => boolean) {
    for (let tries = 0; ; tries++) {
      const there = clients().filter((each) => !away.has(each))
      const node = there[(turn + tries) % there.length]!
      const { agent } = node
      const answer = await run(agent).catch((error: Error) => error)
      const stayed = !away.has(node) && node.agent === agent
      if (!(answer instanceof Error) && (stayed || good(answer))) return answer
      if (stayed) throw answer
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
      const good = ({ status, body }: Answer) => status === 200 && body.trim() === 'true'
      const answer = await ask(worker + n, (agent) => agent.http('PUT', `/v1/kv/${key}`, key), good)
      if (good(answer)) acknowledged.push(key)
    }
  }

  async function discover(worker: number): Promise<void> {
    const found = ({ status, body }: Answer) => status === 200 && body.includes('web-')
    const resolved = ({ answers }: DecodedPacket) => answers !== undefined && answers.length > 0
    for (let n = 0; running; n++) {
      const health = await ask(worker + n, (agent) => agent.http('GET', '/v1/health/service/web?passing'), found)
      if (!found(health)) failed.push(`health: ${health.status} ${health.body}`)
      const dns = await ask(worker + n, (agent) => askDns(agent.ports.dns, 'web.service.consul'), resolved)
      if (!resolved(dns)) failed.push(`dns: ${JSON.stringify(dns)}`)
    }
  }

  /** Until the application has gone on for a while with the nodes as they are now. */
  async function goesOn(): Promise<void> {
    const before = acknowledged.length
    await until('writes are acknowledged', async () => acknowledged.length >= before + WRITES_EACH)
  }

  /** @returns what resolves when it does its part again; another may be replaced meanwhile, since it is up */
  async function replace(node: Node): Promise<() => Promise<void>> {
    const others = nodes.filter((each) => each !== node)
    away.add(node)
    await node.agent.http('PUT', '/v1/agent/leave').catch(() => {})
    await node.agent.exited
    const lan = others.filter(({ server }) => server).map(({ ports }) => ports.serfLan)
    node.agent = await start(node.name, node.server, node.ports, 'ours', lan)
    if (!node.server) return () => register(node).then(() => void away.delete(node))
    return () =>
      until(`${node.name} is a voter again`, async () => {
        const { body } = await others[0]!.agent.http('GET', '/v1/operator/raft/configuration')
        const { Servers } = JSON.parse(body) as { Servers: { Node: string; Voter: boolean; Leader: boolean }[] }
        const voters = Servers.filter(({ Voter }) => Voter)
        return (
          voters.length === 3 && voters.some(({ Node }) => Node === node.name) && Servers.some(({ Leader }) => Leader)
        )
      })
  }

  /** Until every node counts all of them as alive. Rejects with what each node says of the others otherwise. */
  async function allKnown(names: readonly string[]): Promise<void> {
    const end = Date.now() + KNOWN_MS
    const wanted = [...names].sort().join(' ')
    for (;;) {
      const said = await Promise.all(
        nodes.map(async ({ name, agent }) => {
          const answer = await agent.http('GET', '/v1/agent/members').catch((error: Error) => error)
          if (answer instanceof Error || answer.status !== 200) return { name, alive: '', text: inspect(answer) }
          const members = JSON.parse(answer.body) as { Name: string; Status: number }[]
          const alive = members.filter(({ Status }) => Status === ALIVE).map(({ Name }) => Name)
          const text = members
            .map(({ Name, Status }) => `${Name} ${Status}`)
            .sort()
            .join(', ')
          return { name, alive: alive.sort().join(' '), text }
        }),
      )
      if (said.every(({ alive }) => alive === wanted)) return
      if (Date.now() > end) {
        assert.fail(`not all are known as alive (1):\n${said.map(({ name, text }) => `${name}: ${text}`).join('\n')}`)
      }
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
  }

  test('nothing is lost, and every lookup is answered', async () => {
    const names = ['s0', 's1', 's2', 'c0', 'c1', 'c2']
    // Without a WAN, which has no part in this, real servers leave in half the time.
    const ports = await Promise.all(names.map(async () => ({ ...(await freePorts()), serfWan: -1 })))
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
    for (const at of [0, 1, 2]) {
      const again = await replace(nodes[at]!)
      await (await replace(nodes[at + 3]!))()
      await again()
      await goesOn()
    }
    running = false
    await work

    assert.deepEqual(failed, [])
    for (const { agent } of nodes) {
      await until('every node tells of all that was acknowledged', async () => {
        const keys = new Set(JSON.parse((await agent.http('GET', '/v1/kv/rolling/?keys')).body) as string[])
        return acknowledged.every((key) => keys.has(key))
      })
    }
    await allKnown(names)
  })
})
