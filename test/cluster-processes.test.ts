/** Three servers as processes that find one another by gossip: they begin together, outlive a kill, and let one go. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type AgentProcess, freePorts, type Ports, startAgentProcess } from './support/process.ts'

const WAIT_MS = 60_000
const LOOK_MS = 50

suite('servers that find one another', { timeout: 400_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-servers-'))
  let ports: Ports[] = []
  let agents: AgentProcess[] = []

  const start = (n: number) =>
    startAgentProcess(
      [
        '-server',
        '-bootstrap-expect=3',
        '-bind=127.0.0.1',
        `-node=s${n}`,
        `-data-dir=${join(folder, String(n))}`,
        `-config-file=${join(folder, 'settings.json')}`,
        ...ports.filter((_, other) => other !== n).map(({ serfLan }) => `-retry-join=127.0.0.1:${serfLan}`),
        '-retry-interval=1s',
      ],
      { ports: ports[n]!, wait: false },
    )

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + WAIT_MS
    while (!(await holds().catch(() => false))) {
      if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${agents.map((a) => a.output()).join('\n')}`)
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
  }
  const put = async (at: AgentProcess, key: string) =>
    (await at.http('PUT', `/v1/kv/${key}`, key)).body.trim() === 'true'
  const peers = async (at: AgentProcess) => JSON.parse((await at.http('GET', '/v1/status/peers')).body) as string[]
  /** Which one leads, once the first has heard of it. */
  async function leader(): Promise<number> {
    let found = -1
    await until('a leader', async () => {
      const address = JSON.parse((await agents[0]!.http('GET', '/v1/status/leader')).body) as string
      found = ports.findIndex(({ server }) => address === `127.0.0.1:${server}`)
      return found >= 0
    })
    return found
  }

  before(async () => {
    writeFileSync(join(folder, 'settings.json'), JSON.stringify({ performance: { raft_multiplier: 2 } }))
    ports = await Promise.all([freePorts(), freePorts(), freePorts()])
    agents = await Promise.all([0, 1, 2].map(start))
  })
  after(async () => {
    await Promise.all(agents.map((agent) => agent.kill()))
    rmSync(folder, { recursive: true, force: true })
  })

  test('begin together, once all three are there', async () => {
    for (const [n, agent] of agents.entries()) {
      await until('it takes writes', () => put(agent, `from/${n}`))
      await until('it knows of three', async () => (await peers(agent)).length === 3)
    }
    for (const agent of agents) {
      await until('it has what all were given', async () => {
        const { body } = await agent.http('GET', '/v1/kv/from/?keys')
        return JSON.parse(body).join() === 'from/0,from/1,from/2'
      })
    }
  })

  test('go on when the leader is killed, and take it back', async () => {
    const lost = await leader()
    const [one, other] = agents.filter((_, n) => n !== lost)
    await agents[lost]!.kill('SIGKILL')
    await until('another leads and takes writes', () => put(one!, 'after'))
    await until('the other tells of it', async () => (await other!.http('GET', '/v1/kv/after?raw')).body === 'after')
    agents[lost] = await start(lost)
    await until('it has caught up by itself', async () => {
      return (await agents[lost]!.http('GET', '/v1/kv/after?raw&stale')).body === 'after'
    })
  })

  test('let one go that leaves, and count on the others', async () => {
    const leading = await leader()
    const leaving = agents.findIndex((_, n) => n !== leading)
    const [one, other] = agents.filter((_, n) => n !== leaving)
    // Whether it still answers when all is done depends on who closes first.
    await agents[leaving]!.http('PUT', '/v1/agent/leave').catch(() => {})
    assert.equal(await agents[leaving]!.exited, 0)
    for (const stays of [one!, other!]) {
      await until('it is no longer one of them', async () => {
        const left = await peers(stays)
        return !left.includes(`127.0.0.1:${ports[leaving]!.server}`)
      })
      await until('it takes writes still', () => put(stays, 'still'))
    }
  })
})
