/** Clusters after a disaster: the quorum is gone for good, or all servers were down at once. Real processes, real disks. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type AgentProcess, freePorts, type Ports, runCommand, startAgentProcess } from './support/process.ts'

const WAIT_MS = 60_000

/** Three servers that know of one another; `start` starts one, on the disk that it had. */
async function threeServers(settings: Record<string, unknown> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-recovery-'))
  const ports: Ports[] = await Promise.all([freePorts(), freePorts(), freePorts()])
  const file = join(folder, 'settings.json')
  writeFileSync(file, JSON.stringify({ performance: { raft_multiplier: 2 }, ...settings }))
  const agents: (AgentProcess | undefined)[] = []
  const dataDir = (n: number) => join(folder, String(n))
  return {
    agents,
    ports,
    dataDir,
    async start(n: number) {
      const joins = ports.map(({ serfLan }) => `-retry-join=127.0.0.1:${serfLan}`)
      const args = ['-server', '-bind=127.0.0.1', `-node=s${n}`, `-data-dir=${dataDir(n)}`, `-config-file=${file}`]
      agents[n] = await startAgentProcess([...args, '-bootstrap-expect=3', '-retry-interval=1s', ...joins], {
        ports: ports[n]!,
        wait: false,
      })
      return agents[n]
    },
    async until(what: string, holds: () => Promise<boolean>) {
      const end = Date.now() + WAIT_MS
      while (!(await holds().catch(() => false))) {
        if (Date.now() > end) {
          throw new Error(`waited in vain: ${what}\n${agents.map((each) => each?.output().slice(-3000)).join('\n')}`)
        }
        await new Promise((done) => setTimeout(done, 30))
      }
    },
    async kill(n: number) {
      await agents[n]?.kill()
      agents[n] = undefined
    },
    async end() {
      await Promise.all(agents.map((agent) => agent?.kill()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const storedAt = async (agent: AgentProcess, key: string) => (await agent.http('GET', `/v1/kv/${key}?raw`)).body

test('all servers down at once; then one alone, by peers.json', { timeout: 400_000 }, async () => {
  const cluster = await threeServers({ autopilot: { server_stabilization_time: '10ms' } })
  const { agents, ports, dataDir, start, until, kill } = cluster
  try {
    for (const n of [0, 1, 2]) await start(n)
    await until('a leader', async () => (await agents[0]!.http('PUT', '/v1/kv/a', 'before')).status === 200)
    assert.ok(existsSync(join(dataDir(0), 'raft', 'peers.info')))
    for (const n of [0, 1, 2]) await kill(n)

    for (const n of [0, 1, 2]) await start(n)
    await until('the same cluster again', async () => (await storedAt(agents[2]!, 'a')) === 'before')
    await until('it takes writes', async () => (await agents[1]!.http('PUT', '/v1/kv/b', 'after')).status === 200)
    for (const n of [0, 1, 2]) await kill(n)

    const id = readFileSync(join(dataDir(1), 'node-id'), 'utf8').trim()
    const peers = join(dataDir(1), 'raft', 'peers.json')
    writeFileSync(peers, '[{"id": 5}]')
    const confused = await start(1)
    assert.equal(await confused!.exited, 1)
    assert.match(confused!.output(), /recovery failed to parse peers.json/)
    assert.ok(existsSync(peers), 'what could not be read stays')

    writeFileSync(peers, JSON.stringify([{ id, address: `127.0.0.1:${ports[1]!.server}`, non_voter: false }]))
    await start(1)
    await until('it leads alone', async () => (await storedAt(agents[1]!, 'b')) === 'after')
    assert.ok(!existsSync(peers), 'what was used is gone')
    await agents[1]!.printed(/deleted peers.json file after successful recovery/)
    const { body } = await agents[1]!.http('GET', '/v1/operator/raft/configuration')
    assert.deepEqual(
      JSON.parse(body).Servers.map(({ Node, Leader }: { Node: string; Leader: boolean }) => [Node, Leader]),
      [['s1', true]],
    )

    // A server whose disk was lost comes back under its old name, with a new id.
    rmSync(dataDir(2), { recursive: true })
    await start(2)
    await until('the newcomer votes', async () => {
      const { body: listed } = await agents[1]!.http('GET', '/v1/operator/raft/configuration')
      const servers = JSON.parse(listed).Servers as { Node: string; Voter: boolean }[]
      return servers.some(({ Node, Voter }) => Node === 's2' && Voter)
    })
    await until('it tells what was stored', async () => (await storedAt(agents[2]!, 'a')) === 'before')
  } finally {
    await cluster.end()
  }
})

test('servers of Raft protocol 2 are known by their addresses', { timeout: 180_000 }, async () => {
  const cluster = await threeServers({ raft_protocol: 2 })
  const { agents, ports, dataDir, start, until, kill } = cluster
  try {
    for (const n of [0, 1, 2]) await start(n)
    await until('a leader', async () => (await agents[0]!.http('PUT', '/v1/kv/a', 'x')).status === 200)
    // The leader tells of a server's version what it has heard by gossip.
    await until('all are known by their addresses', async () => {
      const { body } = await agents[0]!.http('GET', '/v1/operator/raft/configuration')
      const listed = JSON.parse(body).Servers as Record<string, unknown>[]
      const told = listed.map(
        ({ ID, Address, ProtocolVersion, Voter }) => ID === Address && ProtocolVersion === '2' && Voter,
      )
      return told.length === 3 && told.every((each) => each === true)
    })
    const health = await agents[0]!.http('GET', '/v1/operator/autopilot/health')
    assert.match(health.body, /all servers must have raft_protocol set to 3 or higher to use this endpoint/)
    for (const n of [0, 1, 2]) await kill(n)
    writeFileSync(join(dataDir(0), 'raft', 'peers.json'), JSON.stringify([`127.0.0.1:${ports[0]!.server}`]))
    await start(0)
    await until('it leads alone', async () => (await storedAt(agents[0]!, 'a')) === 'x')
  } finally {
    await cluster.end()
  }
})

test('a leader that leaves hands on a cluster of two; a dead server is removed by hand', {
  timeout: 180_000,
}, async () => {
  const cluster = await threeServers()
  const { agents, ports, start, until, kill } = cluster
  try {
    for (const n of [0, 1, 2]) await start(n)
    await until('a leader', async () => (await agents[0]!.http('PUT', '/v1/kv/a', 'x')).status === 200)
    const leaderAt = async (n: number) => {
      const { body } = await agents[n]!.http('GET', '/v1/status/leader')
      return ports.findIndex(({ server }) => body.includes(`:${server}"`))
    }
    let leader = -1
    await until('it is known', async () => {
      leader = await leaderAt(0)
      return leader >= 0
    })
    const [other, dead] = [0, 1, 2].filter((n) => n !== leader) as [number, number]
    const left = await runCommand(['leave', `-http-addr=127.0.0.1:${ports[leader]!.http}`])
    assert.equal(left.code, 0, left.stderr)
    const servers = async () =>
      JSON.parse((await agents[other]!.http('GET', '/v1/operator/raft/configuration')).body).Servers as unknown[]
    await until('two are left', async () => (await servers()).length === 2)
    await until('they take writes', async () => (await agents[other]!.http('PUT', '/v1/kv/b', 'y')).status === 200)

    let stays = -1
    await until('one of them leads', async () => {
      stays = await leaderAt(other)
      return stays === other || stays === dead
    })
    const gone = stays === dead ? other : dead
    const address = `127.0.0.1:${ports[gone]!.server}`
    const removed = await runCommand([
      ...['operator', 'raft', 'remove-peer', `-address=${address}`],
      `-http-addr=127.0.0.1:${ports[stays]!.http}`,
    ])
    assert.equal(removed.stdout, `Removed peer with address "${address}"\n`, removed.stderr)
    await kill(gone)
    await until('it takes writes alone', async () => (await agents[stays]!.http('PUT', '/v1/kv/c', 'z')).status === 200)
  } finally {
    await cluster.end()
  }
})
