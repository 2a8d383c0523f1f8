/**
 * Servers of one cluster as processes, ours and real ones mixed at will, each on an address of its own with a data
 * directory that outlives it: to be killed, stopped, cut off and started again. And clients that write down what they
 * saw, for the judges in src/sim.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Action, Answer, History, Value } from '../../src/sim/history.ts'
import { CONSUL, realConsul } from './process.ts'

export type Kind = 'ours' | 'real'

export interface Reply {
  status: number
  index: number
  body: string
}

export interface QuorumServer {
  readonly name: string
  readonly kind: Kind
  readonly host: string
  readonly up: boolean
  start(): void
  signal(signal: NodeJS.Signals): void
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>
  leave(): Promise<void>
  ask(method: string, path: string, body?: string, timeoutMs?: number): Promise<Reply>
  output(): string
}

export interface Quorum {
  servers: QuorumServer[]
  /** Adds a server that joins the others. */
  add(kind: Kind, name: string): QuorumServer
  /** The one that all running servers name, once they agree. */
  leader(): Promise<QuorumServer>
  until(what: string, holds: () => Promise<boolean> | boolean, timeoutMs?: number): Promise<void>
  stop(): Promise<void>
}

export interface QuorumOptions {
  /** The network's first three numbers, and which last ones servers get. Loopback unless given. */
  network?: string
  /** Wraps the command, to run it elsewhere. */
  within?(host: string, command: string, args: string[]): { command: string; args: string[] }
  /** Override DEFAULTS, each key as a whole. */
  settings?: Record<string, unknown>
}

/**
 * Whom a test keeps away for long must not be removed unless it says so. Two voters would be left, also for a while after
 * the third is back, and of two neither can be spared: nobody could lead where the next one is cut off.
 */
const DEFAULTS = { performance: { raft_multiplier: 1 }, autopilot: { cleanup_dead_servers: false } }

const PORTS = { http: 24_000, dns: 24_001, server: 24_002, lan: 24_003, wan: 24_004 }
export const SERVER_PORT = PORTS.server
export const LAN_PORT = PORTS.lan
const WAIT_MS = 120_000
const LOOK_MS = 20
/** Far more than an answer takes that comes at all; one that does not come is asked for again. */
export const ANSWER_MS = 5_000
const EXPECTED = 3

/** @param kinds of the servers that begin the cluster, three of them */
export async function startQuorum(kinds: Kind[], options: QuorumOptions = {}): Promise<Quorum> {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-quorum-'))
  const settings = join(folder, 'settings.json')
  writeFileSync(settings, JSON.stringify({ ...DEFAULTS, ...options.settings }))
  const network = options.network ?? `127.${randomInt(20, 250)}.${randomInt(1, 250)}`
  const servers: QuorumServer[] = []

  const add = (kind: Kind, name: string): QuorumServer => {
    const host = `${network}.${servers.length + 1}`
    const args = [
      'agent',
      '-server',
      `-data-dir=${join(folder, name)}`,
      `-config-file=${settings}`,
      `-node=${name}`,
      `-bind=${host}`,
      `-client=${host}`,
      `-http-port=${PORTS.http}`,
      `-dns-port=${PORTS.dns}`,
      `-server-port=${PORTS.server}`,
      `-serf-lan-port=${PORTS.lan}`,
      `-serf-wan-port=${PORTS.wan}`,
      '-grpc-port=-1',
      '-retry-interval=1s',
      ...(servers.length < EXPECTED ? [`-bootstrap-expect=${EXPECTED}`] : []),
      ...Array.from(
        { length: Math.max(EXPECTED, servers.length) },
        (_, n) => `-retry-join=${network}.${n + 1}:${PORTS.lan}`,
      ),
    ]
    const binary = kind === 'ours' ? CONSUL : realConsul()!
    const server = makeServer(kind, name, host, options.within?.(host, binary, args) ?? { command: binary, args })
    servers.push(server)
    return server
  }

  async function until(what: string, holds: () => Promise<boolean> | boolean, timeoutMs = WAIT_MS): Promise<void> {
    const end = performance.now() + timeoutMs
    for (;;) {
      try {
        if (await holds()) return
      } catch {
        // Not yet.
      }
      if (performance.now() > end) {
        const tails = servers.map((server) => `${server.name}:\n${server.output().slice(-3000)}`)
        throw new Error(`waited in vain: ${what}\n${tails.join('\n')}`)
      }
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
  }

  const quorum: Quorum = {
    servers,
    add,
    until,
    async leader() {
      let found: QuorumServer | undefined
      await until('all name one leader', async () => {
        const up = servers.filter((server) => server.up)
        const named = await Promise.all(
          up.map((server) => server.ask('GET', '/v1/status/leader', undefined, ANSWER_MS)),
        )
        const [first] = named
        found = servers.find(({ host }) => JSON.parse(first!.body) === `${host}:${PORTS.server}`)
        return found?.up === true && named.every(({ body }) => body === first!.body)
      })
      return found!
    },
    async stop() {
      await Promise.all(servers.map((server) => server.kill()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
  for (const [n, kind] of kinds.entries()) add(kind, `${kind}-${n + 1}`).start()
  try {
    await until('the cluster takes writes at each server', async () => {
      const puts = servers.map((server) => server.ask('PUT', `/v1/kv/started/${server.name}`, 'yes', ANSWER_MS))
      return (await Promise.all(puts)).every(({ body }) => body.trim() === 'true')
    })
    return quorum
  } catch (error) {
    await quorum.stop()
    throw error
  }
}

function makeServer(
  kind: Kind,
  name: string,
  host: string,
  { command, args }: { command: string; args: string[] },
): QuorumServer {
  let child: ChildProcess | undefined
  let exited: Promise<void> = Promise.resolve()
  let output = ''
  let agent = new Agent({ keepAlive: true })
  const end = () => void child?.kill('SIGKILL')
  return {
    name,
    kind,
    host,
    get up() {
      return child !== undefined
    },
    start() {
      const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
      child = started
      process.once('exit', end)
      for (const stream of [started.stdout, started.stderr]) {
        stream.on('data', (data: Buffer) => {
          output = (output + data.toString()).slice(-200_000)
        })
      }
      exited = new Promise((done) =>
        started.once('close', () => {
          if (child === started) child = undefined
          process.off('exit', end)
          done()
        }),
      )
    },
    signal: (signal) => void child?.kill(signal),
    async kill() {
      child?.kill('SIGKILL')
      await exited
      agent.destroy()
      agent = new Agent({ keepAlive: true })
    },
    async leave() {
      // Whether it still answers when all is done depends on who closes first.
      await this.ask('PUT', '/v1/agent/leave', undefined, 30_000).catch(() => {})
      await exited
    },
    ask: (method, path, body, timeoutMs = 10_000) =>
      new Promise((done, fail) => {
        const call = request({ host, port: PORTS.http, method, path, agent }, (answer) => {
          let text = ''
          answer.setEncoding('utf8')
          answer.on('data', (data) => {
            text += data
          })
          answer.on('error', fail)
          answer.on('end', () => {
            clearTimeout(timer)
            done({ status: answer.statusCode!, index: Number(answer.headers['x-consul-index'] ?? 0), body: text })
          })
        })
        const timer = setTimeout(() => call.destroy(new Error('timeout')), timeoutMs)
        call.on('error', (error) => {
          clearTimeout(timer)
          fail(error)
        })
        call.on('close', () => fail(new Error('the connection was closed')))
        call.end(body)
      }),
    output: () => output,
  }
}

interface Read {
  value: Value
  session: string
  index: number
}

/** Each waits this long for an answer, then turns elsewhere. */
const PATIENCE_MS = 1500
const KEY_LIFE_MS = 1000
const KEYS = 3
/** After an answer, so that histories stay short enough to be judged and the machine is not worn out. */
const THINK_MS = 8

export interface ClientOptions {
  name: string
  history: History
  /** What the keys of this history begin with: another history of the same cluster has other keys. */
  keys: string
  /** Whom it asks next. */
  pick(): QuorumServer
  /** All its reads ask a quorum: real leaders read by a lease that is not always good. */
  onlyConsistent?: boolean
}

/** A client of many servers; it writes down what it saw. */
export class HistoryClient {
  stopped = false
  /** Keys whose write was acknowledged. */
  readonly acknowledged: string[] = []
  private readonly options: ClientOptions
  private readonly seen = new Map<string, Read>()
  private session = ''
  private values = 0

  constructor(options: ClientOptions) {
    this.options = options
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      if (this.session === '' && this.values % 20 === 0) await this.openSession()
      await this.step()
      await new Promise((done) => setTimeout(done, Math.random() * 2 * THINK_MS))
    }
  }

  async readAll(keys: Iterable<string>): Promise<void> {
    for (const key of keys) while (!(await this.read(key, '?consistent'))) {}
  }

  private async step(): Promise<void> {
    const { keys, onlyConsistent } = this.options
    const key = `${keys}/${Math.floor(performance.now() / KEY_LIFE_MS)}.${randomInt(KEYS)}`
    const plainRead = onlyConsistent ? '?consistent' : ''
    const draw = Math.random()
    if (draw < 0.15) await this.acknowledge()
    else if (draw < 0.35) await this.write(key, '', { kind: 'put', value: this.fresh() })
    else if (draw < 0.6) await this.read(key, plainRead)
    else if (draw < 0.7) await this.read(key, '?consistent')
    else if (draw < 0.85) await this.cas(key, plainRead)
    else if (draw < 0.9) await this.remove(key)
    else if (this.session !== '') {
      const { session } = this
      const value = this.fresh()
      if (draw < 0.96) await this.write(key, `?acquire=${session}`, { kind: 'lock', session, value })
      else await this.write(key, `?release=${session}`, { kind: 'unlock', session, value })
    }
  }

  private fresh(): string {
    return `${this.options.name}:${++this.values}`
  }

  private async acknowledge(): Promise<void> {
    const { keys, name } = this.options
    const key = `acknowledged/${keys}/${this.fresh()}`
    const reply = await this.ask('PUT', `/v1/kv/${key}`, name)
    if (reply !== 'refused' && reply !== 'unknown') this.acknowledged.push(key)
  }

  private async cas(key: string, plainRead: string): Promise<void> {
    const known = this.seen.get(key)
    if (known === undefined) {
      await this.read(key, plainRead)
      return
    }
    await this.write(key, `?cas=${known.index}`, { kind: 'cas', expected: known.value, value: this.fresh() })
  }

  private async write(key: string, query: string, action: Action & { value: string }): Promise<void> {
    await this.record(key, action, 'PUT', query, action.value)
  }

  private async remove(key: string): Promise<void> {
    await this.record(key, { kind: 'delete' }, 'DELETE', '')
  }

  private async read(key: string, query: string): Promise<boolean> {
    return this.record(key, { kind: 'get' }, 'GET', query)
  }

  private async record(key: string, action: Action, method: string, query: string, body?: string): Promise<boolean> {
    const { history, name } = this.options
    const pending = history.begin(name, key, action, performance.now())
    const reply = await this.ask(method, `/v1/kv/${key}${query}`, body)
    if (reply === 'refused') pending.refused()
    if (reply === 'refused' || reply === 'unknown') return false
    pending.answered(method === 'GET' ? this.seenAt(key, reply) : answerOf(reply), performance.now())
    return true
  }

  private seenAt(key: string, { status, body }: Reply): Answer {
    let read: Read = { value: null, session: '', index: 0 }
    if (status === 200) {
      const [row] = JSON.parse(body) as [{ Value: string | null; Session?: string; ModifyIndex: number }]
      const value = Buffer.from(row.Value ?? '', 'base64').toString()
      read = { value, session: row.Session ?? '', index: row.ModifyIndex }
    }
    this.seen.set(key, read)
    return { value: read.value, session: read.session }
  }

  private async openSession(): Promise<void> {
    const Node = `client-${this.options.name}`
    const registered = await this.ask('PUT', '/v1/catalog/register', JSON.stringify({ Node, Address: '10.9.9.9' }))
    if (typeof registered === 'string') return
    const wanted = { Node, LockDelay: '0s', NodeChecks: [] }
    const reply = await this.ask('PUT', '/v1/session/create', JSON.stringify(wanted))
    if (typeof reply !== 'string') this.session = (JSON.parse(reply.body) as { ID: string }).ID
  }

  /** An error tells nothing about a write, unless nobody listened at all. */
  private async ask(method: string, path: string, body?: string): Promise<Reply | 'refused' | 'unknown'> {
    try {
      const reply = await this.options.pick().ask(method, path, body, PATIENCE_MS)
      return reply.status === 200 || (method === 'GET' && reply.status === 404) ? reply : 'unknown'
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'refused' : 'unknown'
    }
  }
}

function answerOf({ body }: Reply): Answer {
  return body.trim() === 'true'
}
