/**
 * Agents of both makers for tests of gossip: each a process with a loopback address of its own and the same ports, asked
 * over HTTP, and waited for by asking again.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONSUL, realConsul } from '../support/process.ts'

export const REAL = realConsul()
const PORT_BASE = 26_000
/** What gossip has missed comes with a push/pull: every half minute, and perhaps the one that is asked has missed it, too. */
const WAIT_MS = 120_000
const POLL_MS = 25
/** In dev mode a third of a second of silence is a death, in either pool: too little on a busy machine. */
const PATIENT = ['lan', 'wan'].map(
  (pool) => `-hcl=gossip_${pool} { probe_interval = "300ms" probe_timeout = "300ms" suspicion_mult = 12 }`,
)
export const KEY = 'MDEyMzQ1Njc4OWFiY2RlZg=='

export interface Member {
  Name: string
  Addr: string
  Port: number
  Status: number
  Tags: Record<string, string>
}

export interface TestAgent {
  name: string
  host: string
  /** Its data directory; "" in dev mode. */
  folder: string
  /** Where others join it. */
  lan: string
  output(): string
  /** Its exit code, once it has ended by itself. */
  exited(): Promise<number | null>
  kill(signal: NodeJS.Signals): Promise<void>
  get<T>(path: string): Promise<T>
  ask(method: string, path: string, body?: string): Promise<{ status: number; body: string }>
  put(path: string, body?: string): Promise<{ status: number; body: string }>
  members(): Promise<Record<string, string>>
}

const STATUS = ['none', 'alive', 'leaving', 'left', 'failed']
const started: TestAgent[] = []
const folders = new Set<string>()
/** Of this process alone: others are tested at the same time. */
const NETWORK = `127.${randomInt(20, 250)}.${randomInt(1, 250)}`
let nextHost = 1

export type Kind = 'ours' | 'real' | 'ours-client' | 'real-client' | 'ours-durable' | 'real-durable'

export interface StartOptions {
  /** One that was killed: started anew with its address, ports and folder. */
  again?: TestAgent
  /** Returns at once: it may come up and end before anybody has looked. */
  brief?: boolean
}

/** @param kind whose agent: a server in dev mode, a client, or a server with a data directory */
export async function start(
  kind: Kind,
  name: string,
  extra: string[] = [],
  { again, brief = false }: StartOptions = {},
): Promise<TestAgent> {
  const host = again?.host ?? `${NETWORK}.${nextHost++}`
  const ports = { http: PORT_BASE, dns: PORT_BASE + 1, server: PORT_BASE + 2, lan: PORT_BASE + 3, wan: PORT_BASE + 4 }
  const dev = kind === 'ours' || kind === 'real'
  const folder = dev ? '' : (again?.folder ?? mkdtempSync(join(tmpdir(), 'proconsul-gossip-')))
  const server = [`-serf-wan-port=${ports.wan}`, ...(dev ? ['-dev', '-grpc-port=-1'] : ['-server', '-bootstrap'])]
  const args = [
    'agent',
    ...(kind.endsWith('-client') ? [] : server),
    ...(dev ? [] : [`-data-dir=${folder}`]),
    `-node=${name}`,
    `-bind=${host}`,
    `-client=${host}`,
    `-http-port=${ports.http}`,
    `-dns-port=${ports.dns}`,
    `-server-port=${ports.server}`,
    `-serf-lan-port=${ports.lan}`,
    '-log-level=debug',
    ...(dev ? PATIENT : []),
    ...extra,
  ]
  const child: ChildProcess = spawn(kind.startsWith('ours') ? CONSUL : REAL!, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (data) => {
      output += data
    })
  const exited = new Promise<void>((done) => child.once('close', () => done()))
  if (folder !== '') folders.add(folder)
  const ask = (method: string, path: string, body?: string) =>
    new Promise<{ status: number; body: string }>((done, fail) => {
      const headers = { 'Content-Length': Buffer.byteLength(body ?? '') }
      const call = request({ host, port: ports.http, method, path, headers, agent: false }, (response) => {
        let text = ''
        response.on('data', (data) => {
          text += data
        })
        response.on('end', () => done({ status: response.statusCode!, body: text }))
      })
      call.on('error', fail)
      call.end(body)
    })
  const agent: TestAgent = {
    name,
    host,
    folder,
    lan: `${host}:${ports.lan}`,
    output: () => output,
    exited: () => exited.then(() => child.exitCode),
    async kill(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await exited
    },
    get: async (path) => JSON.parse((await ask('GET', path)).body),
    ask,
    put: (path, body) => ask('PUT', path, body),
    async members() {
      const members: Member[] = await this.get('/v1/agent/members')
      return Object.fromEntries(members.map(({ Name, Status }) => [Name, STATUS[Status] ?? String(Status)]))
    },
  }
  started.push(agent)
  if (!brief) await eventually(`${name} to come up`, async () => 'alive' === (await agent.members())[name])
  return agent
}

/** Asks again until it is so; fails with what the agents said after two minutes. */
export async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + WAIT_MS
  for (;;) {
    if (await isSo().catch(() => false)) return
    if (Date.now() > until) {
      const said = started.map(({ name, output }) => `--- ${name}\n${output().slice(-3000)}`)
      assert.fail(`waited in vain for ${what}\n${said.join('\n')}`)
    }
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
}

/** Waits for what an agent has printed; it comes by another way than its answers. */
export async function says(agent: TestAgent, words: RegExp): Promise<void> {
  await eventually(`${agent.name} to say ${words}`, async () => words.test(agent.output()))
}

export async function allSee(agents: TestAgent[], expected: Record<string, string>): Promise<void> {
  for (const agent of agents) {
    await eventually(`${agent.name} to see ${JSON.stringify(expected)}`, async () => {
      const found = await agent.members()
      return Object.entries(expected).every(([name, status]) => found[name] === status)
    })
  }
}

export interface UserEvent {
  Name: string
  Payload: string | null
}

export async function hears(agent: TestAgent, name: string, payload: string): Promise<void> {
  await eventually(`${agent.name} to hear ${name}`, async () => {
    const events = await agent.get<UserEvent[]>(`/v1/event/list?name=${name}`)
    return events.some(({ Payload }) => Payload === Buffer.from(payload).toString('base64'))
  })
}

export async function stopAll(): Promise<void> {
  await Promise.all(started.splice(0).map((agent) => agent.kill('SIGKILL')))
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  folders.clear()
}
