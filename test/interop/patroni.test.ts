/**
 * Patroni, as Debian has it, keeps two PostgreSQL servers with Proconsul as its store: one leads, the other follows; when the
 * first is killed, the second is promoted and our DNS names it. It takes root (PostgreSQL wants a user of its own) and half
 * a minute, so it runs where it is asked for: INTEROP_PATRONI=1.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { debianPackage } from '../support/debian.ts'
import { type AgentProcess, freePorts, startAgentProcess } from '../support/process.ts'

const run = promisify(execFile)
const BIN = '/usr/lib/postgresql/15/bin'
const PACKAGES = [
  ...['patroni', 'python3-consul', 'python3-psycopg2', 'python3-dateutil', 'python3-click', 'python3-prettytable'],
  ...['python3-psutil', 'python3-urllib3', 'python3-cdiff', 'python3-wcwidth', 'python3-requests', 'python3-chardet'],
  ...['python3-idna', 'python3-certifi', 'python3-six', 'python3-yaml', 'python3-pkg-resources', 'libpq5'],
]
const POLL_MS = 300
const PATIENCE_MS = 90_000

function obstacle(): string | undefined {
  if (process.env.INTEROP_PATRONI !== '1') return 'takes long: INTEROP_PATRONI=1 runs it'
  if (process.getuid?.() !== 0) return 'needs root'
  if (!existsSync(join(BIN, 'postgres'))) return `no PostgreSQL at ${BIN}`
  return undefined
}

interface PgNode {
  name: string
  pgPort: number
  process: ChildProcess
  log(): string
}

function configuration(name: string, folder: string, consul: number, rest: number, pg: number): string {
  const sockets = join(folder, 'sockets')
  return `scope: demo
name: ${name}
restapi: {listen: '127.0.0.1:${rest}', connect_address: '127.0.0.1:${rest}'}
consul: {host: '127.0.0.1:${consul}', register_service: true, service_check_interval: 1s}
bootstrap:
  dcs: {ttl: 20, loop_wait: 1, retry_timeout: 3, maximum_lag_on_failover: 1048576}
  initdb: [{encoding: UTF8}, {auth: trust}]
  pg_hba: ['local all all trust', 'host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust']
postgresql:
  listen: '127.0.0.1:${pg}'
  connect_address: '127.0.0.1:${pg}'
  data_dir: ${join(folder, name)}
  bin_dir: ${BIN}
  pgpass: ${join(folder, `${name}.pgpass`)}
  authentication:
    replication: {username: replicator, password: x}
    superuser: {username: postgres, password: x}
  parameters: {unix_socket_directories: '${sockets}', fsync: 'off', max_connections: 20}
`
}

/** By the health that Patroni's service has in the catalog, as any application would look. */
async function waitFor<T>(what: string, look: () => Promise<T | undefined>, logs: () => string): Promise<T> {
  const until = Date.now() + PATIENCE_MS
  for (;;) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    assert.ok(Date.now() < until, `${what} did not happen:\n${logs()}`)
    await delay(POLL_MS)
  }
}

async function leaderPort(agent: AgentProcess): Promise<number | undefined> {
  const { body } = await agent.http('GET', '/v1/health/service/demo?tag=master&passing')
  const rows = JSON.parse(body) as { Service: { Port: number } }[]
  return rows.length === 1 ? rows[0]!.Service.Port : undefined
}

async function query(port: number, sql: string): Promise<string> {
  const args = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-d', 'postgres', '-Atqc', sql]
  return (await run(join(BIN, 'psql'), args, { timeout: 5_000 })).stdout.trim()
}

test('Patroni fails over between two PostgreSQL servers', {
  skip: obstacle() ?? false,
  timeout: 280_000,
}, async (t) => {
  const roots = PACKAGES.map(debianPackage)
  const missing = PACKAGES.filter((_, i) => roots[i] === undefined)
  if (missing.length > 0) return t.skip(`no ${missing.join(', ')}: there is no apt here, or no network`)
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-patroni-'))
  const nodes: PgNode[] = []
  const agent = await startAgentProcess(['-dev', '-node=x', '-log-level=err'])
  const logs = () => nodes.map(({ name, log }) => `--- ${name}\n${log().slice(-3000)}`).join('\n')
  try {
    chmodSync(folder, 0o755)
    mkdirSync(join(folder, 'sockets'))
    const env = {
      PATH: process.env.PATH,
      HOME: folder,
      PYTHONPATH: roots.map((root) => join(root!, 'usr/lib/python3/dist-packages')).join(':'),
      LD_LIBRARY_PATH: join(roots.at(-1)!, 'usr/lib/x86_64-linux-gnu'),
    }
    for (const name of ['pg1', 'pg2']) {
      const { http: rest, dns: pgPort } = await freePorts()
      const file = join(folder, `${name}.yml`)
      writeFileSync(file, configuration(name, folder, agent.ports.http, rest, pgPort))
      execFileSync('chown', ['-R', 'postgres', folder])
      const command = ['-u', 'postgres', '--', '/usr/bin/python3', join(roots[0]!, 'usr/bin/patroni'), file]
      const child = spawn('runuser', command, { cwd: folder, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
      let log = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          log += chunk
        })
      }
      nodes.push({ name, pgPort, process: child, log: () => log })
      if (name === 'pg1') await waitFor('a leader', () => leaderPort(agent), logs)
    }
    const first = await waitFor('a leader', () => leaderPort(agent), logs)
    const [leader, follower] = nodes.toSorted((a, b) => Number(b.pgPort === first) - Number(a.pgPort === first))
    await query(first, "create table t as select 'kept' as v")
    const follows = async () => ((await query(follower!.pgPort, 'select v from t')) === 'kept' ? true : undefined)
    await waitFor('the follower', follows, logs)
    assert.equal(await query(follower!.pgPort, 'select pg_is_in_recovery()'), 't')

    process.kill(-leader!.process.pid!, 'SIGKILL')
    const second = await waitFor(
      'the failover',
      async () => ((await leaderPort(agent)) === follower!.pgPort ? follower!.pgPort : undefined),
      logs,
    )
    assert.equal(await query(second, 'select pg_is_in_recovery()'), 'f')
    assert.equal(await query(second, 'select v from t'), 'kept')
    await query(second, "insert into t values ('after')")
    const { body } = await agent.http('GET', '/v1/kv/service/demo/leader?raw')
    assert.equal(body, follower!.name)
  } finally {
    for (const { process: child } of nodes) {
      try {
        process.kill(-child.pid!, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    }
    await agent.kill()
    rmSync(folder, { recursive: true, force: true })
  }
})
