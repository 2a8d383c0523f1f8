/**
 * What outlives a restart of `consul agent -server -bootstrap -data-dir=DIR`, whichever way it ended; and what is told to
 * whoever starts it on a directory that cannot serve: in use, foreign, read-only, broken, full.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type AgentProcess, freePorts, type Ports, startAgentProcess } from './support/process.ts'

/** Within it a disk that has room again is found out. */
const ROOM_MS = 60_000

let root: string
let ports: Ports
const running: AgentProcess[] = []
let folders = 0

before(async () => {
  root = mkdtempSync(join(tmpdir(), 'proconsul-durable-'))
})
beforeEach(async () => {
  ports = await freePorts()
})
after(async () => {
  await Promise.all(running.map((agent) => agent.kill()))
  rmSync(root, { recursive: true, force: true })
})

function folder(): string {
  return join(root, String(++folders))
}

function args(dataDir: string, settings: Record<string, unknown> = {}): string[] {
  const file = `${dataDir}.json`
  writeFileSync(file, JSON.stringify(settings))
  return ['-server', '-bootstrap', '-bind=127.0.0.1', '-node=lasting', `-data-dir=${dataDir}`, `-config-file=${file}`]
}

async function start(dataDir: string, settings?: Record<string, unknown>): Promise<AgentProcess> {
  const agent = await startAgentProcess(args(dataDir, settings), { ports })
  running.push(agent)
  return agent
}

/** Starts one that is to fail. @returns what it printed */
async function refused(dataDir: string): Promise<string> {
  const agent = await startAgentProcess(args(dataDir), { ports: await freePorts(), wait: false })
  running.push(agent)
  assert.equal(await agent.exited, 1)
  return agent.output()
}

async function put(agent: AgentProcess, path: string, body: unknown = ''): Promise<string> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await agent.http('PUT', path, text)
  assert.equal(answer.status, 200, `${path}: ${answer.body}`)
  return answer.body.trim()
}

async function get(agent: AgentProcess, path: string) {
  const { status, body } = await agent.http('GET', path)
  assert.equal(status, 200, `${path}: ${body}`)
  return JSON.parse(body)
}

const READS = [
  '/v1/kv/?recurse',
  '/v1/kv/gone/?recurse',
  '/v1/catalog/nodes',
  '/v1/catalog/services',
  '/v1/catalog/service/web',
  '/v1/catalog/service/db',
  '/v1/health/service/web',
  '/v1/health/node/outside',
  '/v1/session/list',
]

interface Seen {
  status: number
  body: string
  index: number
}

async function look(agent: AgentProcess): Promise<Map<string, Seen>> {
  const seen = new Map<string, Seen>()
  for (const path of READS) {
    const { status, body, headers } = await agent.http('GET', path)
    seen.set(path, { status, body, index: Number(headers['x-consul-index']) })
  }
  return seen
}

/** The same content, and no index lower than before: a blocking query of an old client goes on. */
function assertKept(before: Map<string, Seen>, after: Map<string, Seen>): void {
  for (const [path, { status, body, index }] of before) {
    const now = after.get(path)!
    assert.deepEqual([path, now.status, now.body], [path, status, body])
    assert.ok(now.index >= index, `${path}: index ${now.index} after ${index}`)
  }
}

/** Fills every part of the state that is to last. @returns the session's id */
async function fill(agent: AgentProcess): Promise<string> {
  for (let n = 0; n < 20; n++) await put(agent, `/v1/kv/app/${n}?flags=${n}`, `value ${n}`)
  await put(agent, '/v1/kv/gone/a', 'x')
  await agent.http('DELETE', '/v1/kv/gone/?recurse')
  const Service = { ID: 'db-1', Service: 'db', Port: 5432, Tags: ['primary'], Meta: { version: '9' } }
  const Check = { CheckID: 'db-alive', Name: 'alive', Status: 'warning', ServiceID: 'db-1' }
  await put(agent, '/v1/catalog/register', { Node: 'outside', Address: '10.1.2.3', Service, Check })
  await put(agent, '/v1/agent/service/register', { Name: 'web', Port: 80, Check: { TTL: '10m' } })
  await put(agent, '/v1/agent/check/pass/service:web?note=all+is+well')
  const { ID } = JSON.parse(await put(agent, '/v1/session/create', { Name: 'lasting', LockDelay: '0s', TTL: '1h' }))
  assert.equal(await put(agent, `/v1/kv/lock?acquire=${ID}`, 'mine'), 'true')
  await synced(agent, 'web', 'passing')
  return ID
}

/** Resolves once the catalog has what the agent knows of its own check. */
async function synced(agent: AgentProcess, service: string, status: string): Promise<void> {
  for (let index = 0; ; ) {
    const { body, headers } = await agent.http('GET', `/v1/health/checks/${service}?index=${index}&wait=10s`)
    if (JSON.parse(body)[0]?.Status === status) return
    index = Number(headers['x-consul-index'])
  }
}

describe('a durable server', () => {
  test('has its identity and all its state again, after SIGTERM and after SIGKILL', async () => {
    const dataDir = folder()
    let agent = await start(dataDir)
    const { Config } = await get(agent, '/v1/agent/self')
    const session = await fill(agent)
    let seen = await look(agent)
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      assert.equal(await agent.kill(signal), signal === 'SIGTERM' ? 1 : 'SIGKILL')
      agent = await start(dataDir)
      assert.equal((await get(agent, '/v1/agent/self')).Config.NodeID, Config.NodeID)
      const now = await look(agent)
      assertKept(seen, now)
      seen = now
      const { web } = await get(agent, '/v1/agent/services')
      assert.deepEqual([web.Service, web.Port], ['web', 80])
      const check = (await get(agent, '/v1/agent/checks'))['service:web']
      assert.deepEqual([check.Status, check.Output], ['passing', 'all is well'])
      // The lock is still held: nobody else takes it, its holder may.
      const other = JSON.parse(await put(agent, '/v1/session/create')).ID
      assert.equal(await put(agent, `/v1/kv/lock?acquire=${other}`, 'stolen'), 'false')
      assert.equal(await put(agent, `/v1/session/destroy/${other}`), 'true')
      assert.equal(await put(agent, `/v1/kv/lock?acquire=${session}`, 'mine'), 'true')
      // The check can still be told how things are.
      await put(agent, '/v1/agent/check/fail/service:web')
      await synced(agent, 'web', 'critical')
      await put(agent, '/v1/agent/check/pass/service:web?note=all+is+well')
      await synced(agent, 'web', 'passing')
      seen = await look(agent)
    }
    assert.equal(await agent.kill('SIGTERM'), 1)
  })

  test('what was deregistered stays so', async () => {
    const dataDir = folder()
    let agent = await start(dataDir)
    await fill(agent)
    await put(agent, '/v1/agent/service/deregister/web')
    await put(agent, '/v1/catalog/deregister', { Node: 'outside' })
    await agent.http('DELETE', '/v1/kv/app/?recurse')
    await agent.kill('SIGKILL')
    agent = await start(dataDir)
    assert.deepEqual(Object.keys(await get(agent, '/v1/agent/services')), [])
    // The agent may have been killed before it had told the catalog: then it does so now.
    for (let index = 0; (await get(agent, '/v1/catalog/service/web')).length > 0; ) {
      const { headers } = await agent.http('GET', `/v1/catalog/service/web?index=${index}&wait=10s`)
      index = Number(headers['x-consul-index'])
    }
    assert.deepEqual(await get(agent, '/v1/catalog/service/db'), [])
    assert.equal((await agent.http('GET', '/v1/kv/app/?recurse')).status, 404)
    await agent.kill()
  })

  describe('takes snapshots', () => {
    const OFTEN = { raft_snapshot_threshold: 15, raft_snapshot_interval: '10ms' }
    const NEVER = { raft_snapshot_threshold: 1_000_000 }
    const snapshots = (dataDir: string) => join(dataDir, 'raft', 'snapshots')

    /** With two snapshots on disk, and later writes in the log alone. */
    async function filled(dataDir: string): Promise<Map<string, Seen>> {
      const agent = await start(dataDir, OFTEN)
      await fill(agent)
      while (readdirSync(snapshots(dataDir)).filter((name) => !name.includes('.')).length < 2) {
        await put(agent, '/v1/kv/counter', `${Math.random()}`)
      }
      await agent.kill('SIGTERM')
      const second = await start(dataDir, NEVER)
      for (let n = 0; n < 5; n++) await put(second, `/v1/kv/tail/${n}`, 'after the snapshots')
      const seen = await look(second)
      await second.kill('SIGKILL')
      return seen
    }

    test('and starts again from the newest and the log behind it', async () => {
      const dataDir = folder()
      const seen = await filled(dataDir)
      const agent = await start(dataDir, NEVER)
      await agent.printed(/restored from snapshot: id=\S+ index=\d+/)
      assertKept(seen, await look(agent))
      const info = await get(agent, '/v1/agent/self')
      assert.ok(Number(info.Stats.raft.last_snapshot_index) > 0)
      await agent.kill()
    })

    test('and from the one before it when the newest is broken', async () => {
      const dataDir = folder()
      const seen = await filled(dataDir)
      const [newest] = newestFirst(snapshots(dataDir))
      truncateSync(join(snapshots(dataDir), newest!, 'state.bin'), 10)
      const agent = await start(dataDir, NEVER)
      await agent.printed(new RegExp(`skipping a snapshot that cannot be used: path=\\S*${newest}`))
      assertKept(seen, await look(agent))
      await agent.kill()
    })

    test('and refuses to start with a hole in its past when both are broken', async () => {
      const dataDir = folder()
      await filled(dataDir)
      for (const name of newestFirst(snapshots(dataDir))) rmSync(join(snapshots(dataDir), name, 'meta'))
      const told = await refused(dataDir)
      assert.match(told, /incomplete: no snapshot can be used, and the raft log begins with entry \d+\. Restore it/)
    })

    /** But for one that the end of an agent left half written. */
    function newestFirst(path: string): string[] {
      const index = (name: string) => Number(name.split('-')[1])
      const whole = readdirSync(path).filter((name) => !name.includes('.'))
      return whole.sort((a, b) => index(b) - index(a))
    }
  })
})

describe('a data directory is refused', () => {
  test('while another process uses it', async () => {
    const dataDir = folder()
    const agent = await start(dataDir)
    assert.match(
      await refused(dataDir),
      new RegExp(`data directory "${dataDir}" is in use by process ${agent.child.pid}`),
    )
    await put(agent, '/v1/kv/still', 'served')
    await agent.kill()
  })

  test('when it is of HashiCorp Consul', async () => {
    const dataDir = folder()
    mkdirSync(join(dataDir, 'raft'), { recursive: true })
    writeFileSync(join(dataDir, 'raft', 'raft.db'), 'bolt')
    assert.match(await refused(dataDir), /belongs to a HashiCorp Consul server/)
    assert.deepEqual([readdirSync(dataDir), readdirSync(join(dataDir, 'raft'))], [['raft'], ['raft.db']])
  })

  test('when it is a file', async () => {
    const dataDir = folder()
    writeFileSync(dataDir, '')
    assert.match(await refused(dataDir), new RegExp(`data_dir "${dataDir}" is not a directory`))
  })

  test('when it is read-only', async (t) => {
    const dataDir = folder()
    mkdirSync(dataDir)
    if (!mount(dataDir, 'ro')) return t.skip('only root may mount a read-only file system')
    try {
      assert.match(await refused(dataDir), new RegExp(`data directory "${dataDir}": the file system is read-only`))
    } finally {
      execFileSync('umount', [dataDir])
    }
  })

  test('when the end of its log is not what was written', async () => {
    const dataDir = folder()
    const agent = await start(dataDir)
    for (let n = 0; n < 10; n++) await put(agent, `/v1/kv/n${n}`, `distinctive ${n}`)
    await agent.kill('SIGKILL')
    const path = join(dataDir, 'raft', 'log.mdb')
    const bytes = readFileSync(path)
    const last = Buffer.from('distinctive 9')
    for (let at = bytes.indexOf(last); at >= 0; at = bytes.indexOf(last, at + 1)) bytes[at]! ^= 1
    writeFileSync(path, bytes)
    assert.match(await refused(dataDir), new RegExp(`raft log "${path}".* entry \\d+ is corrupt`))
  })
})

describe('a full disk', () => {
  test('refuses writes clearly, serves reads, recovers with room, and loses nothing acknowledged', async (t) => {
    const mounted = folder()
    mkdirSync(mounted)
    if (!mount(mounted, 'size=12m')) return t.skip('only root may mount a small file system')
    try {
      const dataDir = join(mounted, 'data')
      const settings = args(folder()).slice(0, -2)
      const begin = async () => {
        const agent = await startAgentProcess([...settings, `-data-dir=${dataDir}`], { ports })
        running.push(agent)
        return agent
      }
      const ballast = join(mounted, 'ballast')
      let agent = await begin()
      const acknowledged: string[] = []
      const write = async (n: number) => {
        const answer = await agent.http('PUT', `/v1/kv/full/${n}`, 'x'.repeat(20_000))
        if (answer.status === 200) acknowledged.push(`full/${n}`)
        return answer
      }
      assert.equal((await write(0)).status, 200)
      fillUp(ballast)
      let n = 1
      let answer = await write(n)
      // What the log file has free in itself can still be used.
      while (answer.status === 200 && n < 1000) answer = await write(++n)
      assert.equal(answer.status, 500)
      assert.match(answer.body, /no space|disk is full/i)
      await agent.printed(/\[ERROR\] agent\.server\.raft: failed to write the raft log: error=.*no space left/)
      const keys = async () => (await get(agent, '/v1/kv/full/?keys')).sort()
      assert.deepEqual(await keys(), [...acknowledged].sort())
      rmSync(ballast)
      // The disk is looked at again after a moment, without being told.
      const end = Date.now() + ROOM_MS
      do answer = await write(++n)
      while (answer.status !== 200 && Date.now() < end)
      assert.equal(answer.status, 200, answer.body)
      await agent.kill('SIGKILL')
      agent = await begin()
      const found = await keys()
      assert.deepEqual(
        acknowledged.filter((key) => !found.includes(key)),
        [],
      )
      await agent.kill()
    } finally {
      await Promise.all(running.map((each) => each.kill()))
      execFileSync('umount', [mounted])
    }
  })
})

/** A file system in memory over an empty folder. @returns whether it could be had */
function mount(path: string, options: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Writes until nothing fits any more. */
function fillUp(path: string): void {
  const block = Buffer.alloc(4096)
  try {
    for (;;) writeFileSync(path, block, { flag: 'a' })
  } catch (error) {
    assert.equal(error instanceof Error && 'code' in error && error.code, 'ENOSPC')
  }
}
