/**
 * Patroni, unchanged, keeps one PostgreSQL leading and another following by our agent, through python3-consul: sessions,
 * locks, blocking queries, service registration with HTTP checks, DNS. The leader is killed without a word, the follower
 * takes over, DNS names it, and the killed one comes back behind it. About a minute, most of it the TTL of the dead
 * leader's session: `npm run soak:patroni`, no part of the usual tests.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { debianPackages } from '../../support/debian.ts'
import { askDns } from '../../support/dns-client.ts'
import { type AgentProcess, freePorts, runCommand, startAgentProcess } from '../../support/process.ts'

const PACKAGES = [
  ...['patroni', 'python3-consul', 'python3-requests', 'python3-six', 'python3-urllib3', 'python3-certifi'],
  ...['python3-idna', 'python3-chardet', 'python3-charset-normalizer', 'python3-psycopg2', 'python3-psutil'],
  ...['python3-yaml', 'python3-dateutil', 'python3-click', 'python3-prettytable', 'python3-cdiff', 'python3-wcwidth'],
]
/** PostgreSQL refuses to run as root. */
const USER = 'postgres'
const SERVERS = '/usr/lib/postgresql'
const PYTHON = '/usr/bin/python3'
const SCOPE = 'pc'
/** The time that a session of Patroni's lives without renewal is this; Consul's least TTL is half of it. */
const TTL_SECONDS = 20
const WAIT_MS = 120_000
const LOOK_MS = 250

const roots = debianPackages(PACKAGES)
const skip = whyNot()

function whyNot(): string | false {
  if (roots === undefined) return "Debian's patroni cannot be had: there is no apt here, or no network"
  if (!existsSync(PYTHON)) return `${PYTHON}, for which Debian's modules are built, is not here`
  if (binaries() === undefined) return `no PostgreSQL in ${SERVERS}`
  if (process.getuid?.() === 0 && ids() === undefined)
    return `PostgreSQL will not run as root, and there is no user ${USER}`
  return false
}

/** The folder of the newest PostgreSQL's programs. */
function binaries(): string | undefined {
  if (!existsSync(SERVERS)) return undefined
  const newest = readdirSync(SERVERS).sort((a, b) => Number(b) - Number(a))[0]
  return newest === undefined ? undefined : join(SERVERS, newest, 'bin')
}

/** Whose processes these are to be; undefined for a root without such a user. */
function ids(): { uid: number; gid: number } | undefined {
  const { uid, gid } = userInfo()
  if (uid !== 0) return { uid, gid }
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${USER}:`))
  if (line === undefined) return undefined
  const [, , user, group] = line.split(':')
  return { uid: Number(user), gid: Number(group) }
}

interface Node {
  name: string
  address: string
  data: string
  patroni: ChildProcess | undefined
  output: string
}

/** One PostgreSQL with its Patroni, on a loopback address of its own: DNS names addresses. */
class Pair {
  readonly nodes: Node[] = []
  readonly #folder: string
  readonly #agent: AgentProcess
  readonly #ports: { postgres: number; rest: number }

  constructor(folder: string, agent: AgentProcess, ports: { postgres: number; rest: number }) {
    this.#folder = folder
    this.#agent = agent
    this.#ports = ports
    for (const [i, name] of ['pg1', 'pg2'].entries()) {
      const address = `127.0.0.${i + 2}`
      this.nodes.push({ name, address, data: join(folder, name, 'data'), patroni: undefined, output: '' })
      this.#configure(this.nodes[i]!)
    }
  }

  #configure({ name, address, data }: Node): void {
    const home = join(this.#folder, name)
    const { uid, gid } = ids()!
    mkdirSync(home)
    const { postgres, rest } = this.#ports
    const settings = {
      scope: SCOPE,
      name,
      restapi: { listen: `${address}:${rest}`, connect_address: `${address}:${rest}` },
      consul: { host: `127.0.0.1:${this.#agent.ports.http}`, register_service: true, service_check_interval: '1s' },
      bootstrap: {
        dcs: { ttl: TTL_SECONDS, loop_wait: 1, retry_timeout: 3, maximum_lag_on_failover: 1_048_576 },
        initdb: [{ encoding: 'UTF8' }, { locale: 'C' }, 'data-checksums'],
      },
      postgresql: {
        listen: `${address}:${postgres}`,
        connect_address: `${address}:${postgres}`,
        data_dir: data,
        bin_dir: binaries(),
        pgpass: join(home, 'pgpass'),
        use_pg_rewind: true,
        remove_data_directory_on_diverged_timelines: true,
        authentication: {
          superuser: { username: 'postgres', password: 'secret' },
          replication: { username: 'replicator', password: 'secret' },
        },
        parameters: { unix_socket_directories: home, fsync: 'off', shared_buffers: '16MB', max_connections: 20 },
        pg_hba: ['local all all trust', 'host all all 127.0.0.0/8 md5', 'host replication all 127.0.0.0/8 md5'],
      },
    }
    // JSON is YAML.
    writeFileSync(join(home, 'patroni.yml'), JSON.stringify(settings))
    for (const path of [home, join(home, 'patroni.yml')]) chownSync(path, uid, gid)
    chmodSync(home, 0o700)
  }

  start(node: Node): void {
    const path = roots!.map((root) => join(root, 'usr/lib/python3/dist-packages')).join(':')
    const home = join(this.#folder, node.name)
    const child = spawn(PYTHON, ['-m', 'patroni', join(home, 'patroni.yml')], {
      env: { PATH: process.env.PATH, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1', HOME: home, LC_ALL: 'C' },
      cwd: home,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...ids()!,
    })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (node.output += data))
    node.patroni = child
  }

  /** Patroni and PostgreSQL, at once and without a word. */
  kill({ patroni, data }: Node): void {
    patroni?.kill('SIGKILL')
    const file = join(data, 'postmaster.pid')
    const pid = existsSync(file) ? Number(readFileSync(file, 'utf8').split('\n')[0]) : 0
    if (pid > 0) process.kill(pid, 'SIGKILL')
  }

  async sql({ name, address }: Node, query: string): Promise<string> {
    const { code, stdout, stderr } = await runCommand(
      ['-h', address, '-p', String(this.#ports.postgres), '-U', 'postgres', '-Atc', query],
      { command: join(binaries()!, 'psql'), env: { PGPASSWORD: 'secret', PGCONNECT_TIMEOUT: '2' } },
    )
    if (code !== 0) throw new Error(`${name}: ${stderr}`)
    return stdout.trim()
  }

  async until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
    const end = Date.now() + WAIT_MS
    for (let why: unknown; ; ) {
      try {
        const found = await look()
        if (found !== undefined) return found
      } catch (error) {
        why = error
      }
      if (Date.now() > end) {
        const told = this.nodes.map(({ name, output }) => `--- ${name}\n${output.slice(-3000)}`).join('\n')
        throw new Error(`waited in vain: ${what}\n${told}`, { cause: why })
      }
      await delay(LOOK_MS)
    }
  }

  /** Who holds the leader's key; it names the session that acquired it. */
  leader(): Promise<Node> {
    return this.until('a leader', async () => {
      const { body, status } = await this.#agent.http('GET', `/v1/kv/service/${SCOPE}/leader`)
      const [row] = status === 200 ? (JSON.parse(body) as { Value: string; Session?: string }[]) : []
      if (row?.Session === undefined) return undefined
      return this.nodes.find(({ name }) => name === Buffer.from(row.Value, 'base64').toString())
    })
  }

  /** The address that DNS gives for a role, once it gives one alone. */
  named(role: string, address: string): Promise<true> {
    return this.until(`${role}.${SCOPE} is ${address}`, async () => {
      const { answers } = await askDns(this.#agent.ports.dns, `${role}.${SCOPE}.service.consul`)
      const found = answers?.flatMap((answer) => (answer.type === 'A' ? [answer.data] : [])) ?? []
      return found.join() === address ? true : undefined
    })
  }
}

test('Patroni fails over from one PostgreSQL to another through our agent', {
  skip,
  timeout: 6 * WAIT_MS,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-patroni-'))
  chmodSync(folder, 0o755)
  const agent = await startAgentProcess(['-dev', '-node=x', '-log-level=warn'])
  const { http: rest, server: postgres } = await freePorts()
  const pair = new Pair(folder, agent, { postgres, rest })
  const [first, second] = pair.nodes as [Node, Node]
  try {
    pair.start(first)
    assert.equal((await pair.leader()).name, 'pg1')
    await pair.until('pg1 takes writes', () =>
      pair.sql(first, 'CREATE TABLE IF NOT EXISTS t (v int); INSERT INTO t VALUES (1); SELECT 1'),
    )
    pair.start(second)
    await pair.until('pg2 follows', async () =>
      (await pair.sql(second, 'SELECT sum(v) FROM t')) === '1' ? true : undefined,
    )
    await pair.named('master', first.address)
    await pair.named('replica', second.address)

    pair.kill(first)
    await pair.until('pg2 leads', async () => ((await pair.leader()) === second ? true : undefined))
    await pair.until('pg2 takes writes', () => pair.sql(second, 'INSERT INTO t VALUES (10); SELECT 1'))
    await pair.named('master', second.address)
    assert.equal(await pair.sql(second, 'SELECT sum(v) FROM t'), '11')

    pair.start(first)
    await pair.until('pg1 follows', async () =>
      (await pair.sql(first, 'SELECT sum(v), pg_is_in_recovery() FROM t')) === '11|t' ? true : undefined,
    )
    await pair.named('replica', first.address)
    assert.equal((await pair.leader()).name, 'pg2')
    // python3-consul 0.7.1 asks for deregistration by GET, which Consul has refused since 1.0.
    const faults = agent.output().match(/^.*\[ERROR\].*$/gm) ?? []
    assert.deepEqual(
      faults.filter((line) => !line.includes('method GET not allowed')),
      [],
    )
  } finally {
    for (const node of pair.nodes) pair.kill(node)
    await agent.kill()
    rmSync(folder, { recursive: true, force: true })
  }
})
