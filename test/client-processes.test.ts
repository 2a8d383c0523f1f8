/**
 * A client agent and three servers as processes of their own, of which servers are killed, stopped and started again
 * while the client is asked: what is safe to ask again is answered, and what was registered stays.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type AgentProcess, freePorts, type Ports, startAgentProcess } from './support/process.ts'

const WAIT_MS = 60_000
const LOOK_MS = 50
/** Statuses of members. */
const LEFT = 3
const FAILED = 4

const SETTINGS = {
  // An election takes its time on a busy machine: who reads meanwhile waits for as long as it may take.
  performance: { raft_multiplier: 2, rpc_hold_timeout: '30s' },
  retry_interval: '500ms',
  // Quick to find a death, and not so quick that a busy machine looks dead.
  gossip_lan: { probe_interval: '300ms', probe_timeout: '300ms', suspicion_mult: 4 },
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WAIT_MS
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
    await new Promise((done) => setTimeout(done, LOOK_MS))
  }
}

suite('a client agent whose servers fail', { timeout: 400_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-client-'))
  const settings = join(folder, 'settings.json')
  const ports: Ports[] = []
  const servers: AgentProcess[] = []
  let client: AgentProcess

  function start(name: string, own: Ports, more: string[]) {
    return startAgentProcess(
      [
        `-node=${name}`,
        '-bind=127.0.0.1',
        '-log-level=warn',
        `-data-dir=${join(folder, name)}`,
        `-config-file=${settings}`,
        ...ports.slice(0, 3).map(({ serfLan }) => `-retry-join=127.0.0.1:${serfLan}`),
        ...more,
      ],
      { ports: own, wait: false },
    )
  }
  const startServer = (at: number) => start(`s${at}`, ports[at]!, ['-server', '-bootstrap-expect=3'])
  const startClient = () => start('c', ports[3]!, [])
  const ask = (method: string, path: string, body?: string) => client.http(method, path, body)

  async function leader(): Promise<number> {
    let at = -1
    await until('a leader', async () => {
      const { status, body } = await ask('GET', '/v1/status/leader')
      at = ports.findIndex(({ server }) => body.includes(`:${server}"`))
      return status === 200 && at >= 0 && (await ask('PUT', '/v1/kv/led', 'x')).body.trim() === 'true'
    })
    return at
  }

  before(async () => {
    writeFileSync(settings, JSON.stringify(SETTINGS))
    for (let at = 0; at < 4; at++) ports.push(await freePorts())
    servers.push(...(await Promise.all([0, 1, 2].map(startServer))))
    client = await startClient()
    await leader()
    await ask('PUT', '/v1/agent/service/register', JSON.stringify({ Name: 'web', ID: 'web', Port: 80 }))
    await until('it is in the catalog', async () =>
      (await ask('GET', '/v1/health/service/web?passing')).body.includes('"web"'),
    )
  })
  after(async () => {
    for (const agent of [...servers, client]) agent?.child.kill('SIGCONT')
    await Promise.all([...servers, client].map((agent) => agent?.kill()))
    rmSync(folder, { recursive: true, force: true })
  })

  /** Reads without a pause until told to stop. @returns what went wrong, and how many went well */
  function readAllTheWhile() {
    const failed: string[] = []
    let well = 0
    let running = true
    const over = (async () => {
      while (running) {
        const { status, body } = await ask('GET', '/v1/health/service/web?passing')
        if (status === 200 && body.includes('"web"')) well += 1
        else failed.push(`${status} ${body}`)
      }
    })()
    return async () => {
      running = false
      await over
      return { failed, well }
    }
  }

  test('reads are answered while the leader is killed, and a query that waits there is not lost', async () => {
    const at = await leader()
    const { headers } = await ask('GET', '/v1/kv/watched')
    const waiting = ask('GET', `/v1/kv/watched?raw&index=${headers['x-consul-index']}`)
    const reads = readAllTheWhile()
    await servers[at]!.kill()
    await leader()
    await until('it is written', async () => (await ask('PUT', '/v1/kv/watched', 'woken')).body.trim() === 'true')
    assert.equal((await waiting).body, 'woken')
    const { failed, well } = await reads()
    assert.deepEqual(failed, [])
    assert.ok(well > 0)
    servers[at] = await startServer(at)
    await until('three servers again', async () => {
      const { body } = await ask('GET', '/v1/health/service/consul?passing')
      return (JSON.parse(body) as unknown[]).length === 3
    })
  })

  test('a leader that only stops is left for another as soon as gossip has found out', async () => {
    const at = await leader()
    const reads = readAllTheWhile()
    servers[at]!.child.kill('SIGSTOP')
    await until('another leads', async () => {
      const other = servers[(at + 1) % 3]!
      const { body } = await other.http('GET', '/v1/status/leader')
      return body.length > 4 && !body.includes(`:${ports[at]!.server}"`)
    })
    await leader()
    servers[at]!.child.kill('SIGCONT')
    const { failed, well } = await reads()
    assert.deepEqual(failed, [])
    assert.ok(well > 0)
  })

  test('when all servers only stop, whoever asks is told so as soon as gossip has found out', async () => {
    for (const { child } of servers) child.kill('SIGSTOP')
    await until('all have failed', async () => {
      const members = JSON.parse((await ask('GET', '/v1/agent/members')).body) as { Name: string; Status: number }[]
      return members.filter(({ Status }) => Status === FAILED).length === 3
    })
    const answers = await Promise.all([ask('GET', '/v1/kv/led?index=1'), ask('PUT', '/v1/kv/led', 'y')])
    for (const { status, body } of answers) assert.deepEqual([status, body.trim()], [500, 'No known Consul servers'])
    for (const { child } of servers) child.kill('SIGCONT')
    await leader()
  })

  test('a client that is killed and started again has what it had, and says so to the catalog', async () => {
    await client.kill()
    // Somebody else takes it out of the catalog meanwhile.
    await until('it is gone', async () => {
      const body = JSON.stringify({ Node: 'c', ServiceID: 'web' })
      const { status } = await servers[0]!.http('PUT', '/v1/catalog/deregister', body)
      return status === 200 && !(await servers[0]!.http('GET', '/v1/catalog/service/web')).body.includes('"web"')
    })
    client = await startClient()
    await until('it is back', async () =>
      (await servers[0]!.http('GET', '/v1/health/service/web?passing')).body.includes('"web"'),
    )
    assert.match((await ask('GET', '/v1/agent/services')).body, /"web"/)
  })

  test('told to end, it leaves, and its node leaves the catalog', async () => {
    client.child.kill('SIGTERM')
    assert.equal(await client.exited, 0)
    await until('it is gone', async () => (await servers[0]!.http('GET', '/v1/catalog/node/c')).body.trim() === 'null')
    // The leader, who took it out, may have heard of it before this one.
    await until('it has left', async () => {
      const { body } = await servers[0]!.http('GET', '/v1/agent/members')
      const members = JSON.parse(body) as { Name: string; Status: number }[]
      return members.find(({ Name }) => Name === 'c')?.Status === LEFT
    })
  })
})
