/**
 * Agents as real processes on 127.0.0.1 with free ports: Proconsul's by `bin/consul`, the real Consul's by its binary.
 * Nothing here sleeps for a fixed time: a start is over when a leader answers, a stop when the process is gone.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export { realConsul } from './real-consul.ts'

export const ROOT = resolve(import.meta.dirname, '../..')
export const CONSUL = resolve(ROOT, 'bin/consul')
const START_TIMEOUT_MS = 60_000
const PRINTED_TIMEOUT_MS = 60_000
/** Of what an agent printed, at most so much is told of it when it failed. */
const TOLD_CHARS_MAX = 20_000
const POLL_MS = 10

export interface Ports {
  http: number
  dns: number
  server: number
  serfLan: number
  serfWan: number
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

export interface AgentProcess {
  child: ChildProcess
  ports: Ports
  /** Everything it printed so far, both streams. */
  output(): string
  /** Resolves with its exit code, or the signal that ended it. */
  exited: Promise<number | NodeJS.Signals>
  http(method: string, path: string, body?: string | Uint8Array, headers?: Record<string, string>): Promise<Answer>
  /**
   * Resolves when what it printed matches: what it prints comes by another way than its answers, and may come after them.
   * Rejects when it has ended, or a minute has passed, without that.
   */
  printed(pattern: RegExp): Promise<void>
  kill(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

/**
 * Below the range that the system takes for outgoing connections (32768 and up on Linux): of those, one may be gone again
 * by the time that the agent wants it.
 */
const PORTS = { from: 12_000, to: 31_999 }

/**
 * Test files run side by side, each in a process. Of so many ports in a row each process takes one alone, by its number,
 * and claims it from those with the like of its number: a port that was free when it was looked at must still be so when
 * the agent comes to it, or comes back to it.
 */
const SHARES = 50
const handedOut = new Set<number>()

export async function freePorts(): Promise<Ports> {
  const found = new Set<number>()
  const each = Math.floor((PORTS.to - PORTS.from + 1) / SHARES)
  while (found.size < 5) {
    const port = PORTS.from + randomInt(each) * SHARES + (process.pid % SHARES)
    if (handedOut.has(port)) continue
    handedOut.add(port)
    if (isOurs(port) && (await isFree(port))) found.add(port)
    if (handedOut.size > each / 2) handedOut.clear()
  }
  const [http, dns, server, serfLan, serfWan] = found
  return { http: http!, dns: dns!, server: server!, serfLan: serfLan!, serfWan: serfWan! }
}

/** Whose port is whose among those that run at the same time, by a file each; one whose process has ended counts no more. */
const CLAIMS = join(tmpdir(), 'proconsul-ports')
const claimed: string[] = []

/** Takes a port for this process until it ends. */
function isOurs(port: number): boolean {
  const path = join(CLAIMS, String(port))
  const own = String(process.pid)
  try {
    if (claimed.length === 0) {
      mkdirSync(CLAIMS, { recursive: true })
      process.once('exit', () => {
        for (const each of claimed) rmSync(each, { force: true })
      })
    }
    if (existsSync(path)) {
      const owner = readFileSync(path, 'utf8')
      if (owner === own) return true
      if (isAlive(Number(owner))) return false
      rmSync(path, { force: true })
    }
    writeFileSync(path, own, { flag: 'wx' })
    claimed.push(path)
    return true
  } catch (error) {
    // Another was quicker; or the folder is another user's, and nobody can be told.
    return (error as NodeJS.ErrnoException).code !== 'EEXIST'
  }
}

function isAlive(pid: number): boolean {
  try {
    return pid === 0 || process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** For TCP and for UDP: DNS and gossip want both. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const socket = createSocket('udp4')
  try {
    await new Promise<void>((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done))
    await new Promise<void>((done, fail) => socket.once('error', fail).bind(port, '127.0.0.1', done))
    return true
  } catch {
    return false
  } finally {
    server.close()
    socket.close()
  }
}

/**
 * @param args after `agent`, without the port flags
 * @param command whose `agent` it is
 */
export async function startAgentProcess(
  args: string[],
  {
    command = CONSUL,
    ports,
    wait = true,
    env = {},
  }: { command?: string; ports?: Ports; wait?: boolean; env?: Record<string, string> } = {},
): Promise<AgentProcess> {
  const own = ports ?? (await freePorts())
  const child = spawn(
    command,
    [
      'agent',
      ...args,
      `-http-port=${own.http}`,
      `-dns-port=${own.dns}`,
      `-server-port=${own.server}`,
      `-serf-lan-port=${own.serfLan}`,
      `-serf-wan-port=${own.serfWan}`,
      '-grpc-port=-1',
    ],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let printedSoFar = ''
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (data) => {
      printedSoFar += data
      for (const listener of listeners) listener()
    })
  }
  // Its pipes may still hold what it said last when the process is gone: nothing more comes once they are closed.
  let closed = false
  const exited = new Promise<number | NodeJS.Signals>((done) =>
    child.once('close', (code, signal) => {
      closed = true
      done(code ?? signal!)
      for (const listener of listeners) listener()
    }),
  )
  const tail = () => printedSoFar.slice(-TOLD_CHARS_MAX)
  const gone = () => child.exitCode !== null || child.signalCode !== null
  const agent: AgentProcess = {
    child,
    ports: own,
    output: () => printedSoFar,
    exited,
    http: (method, path, body, headers) => httpRequest(own.http, method, path, body, headers),
    printed: (pattern) =>
      new Promise((done, fail) => {
        let late = false
        const look = () => {
          if (pattern.test(printedSoFar)) done()
          else if (closed || late)
            fail(new Error(`the agent ${closed ? 'ended without printing' : 'has not printed'} ${pattern}:\n${tail()}`))
          else return
          clearTimeout(timer)
          listeners.delete(look)
        }
        const timer = setTimeout(() => {
          late = true
          look()
        }, PRINTED_TIMEOUT_MS)
        listeners.add(look)
        look()
      }),
    async kill(signal = 'SIGKILL') {
      if (!gone()) child.kill(signal)
      return exited
    },
  }
  if (!wait) return agent
  const until = Date.now() + START_TIMEOUT_MS
  while (!(await leads(agent))) {
    if (gone() || Date.now() > until) {
      await agent.kill()
      throw new Error(`the agent did not come up:\n${tail()}`)
    }
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
  return agent
}

async function leads(agent: AgentProcess): Promise<boolean> {
  try {
    const { status, body } = await agent.http('GET', '/v1/health/state/passing')
    return status === 200 && body.includes('serfHealth')
  } catch {
    return false
  }
}

/**
 * Waits until an agent has told the catalog what only it knows of its node, and has a coordinate: until then it is shown
 * without addresses and meta, and afterwards lists near it are in another order.
 * @param agent a server of one node, in dev mode
 */
export async function settled(agent: AgentProcess, node = 'x'): Promise<void> {
  const Coord = { Vec: Array(8).fill(0), Error: 1.5, Adjustment: 0, Height: 0.00001 }
  const { status, body } = await agent.http('PUT', '/v1/coordinate/update', JSON.stringify({ Node: node, Coord }))
  if (status !== 200) throw new Error(`no coordinate for ${node}: ${body}`)
  const told = async () => (await agent.http('GET', `/v1/catalog/node/${node}`)).body.includes('consul-network-segment')
  const placed = async () => (await agent.http('GET', `/v1/coordinate/node/${node}`)).status === 200
  while (!(await told()) || !(await placed())) await new Promise((done) => setTimeout(done, POLL_MS))
}

export function httpRequest(
  port: number,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((done, fail) => {
    const call = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', fail)
      response.on('end', () =>
        done({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() }),
      )
    })
    call.on('error', fail)
    // Cut off in the middle: neither an end nor, at times, an error follows. Without effect once answered.
    call.on('close', () => setImmediate(() => fail(new Error('the connection was closed before the answer was whole'))))
    call.end(body)
  })
}

/** Runs a command to its end, or until its time is up. */
export function runCommand(
  args: string[],
  {
    command = CONSUL,
    env = {},
    input,
    cwd,
    timeoutMs,
  }: { command?: string; env?: Record<string, string>; input?: string; cwd?: string; timeoutMs?: number } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: 'pipe', timeout: timeoutMs })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => (stdout += data))
    child.stderr.on('data', (data) => (stderr += data))
    child.on('error', fail)
    child.on('close', (code) => done({ code: code ?? -1, stdout, stderr }))
    // It may end before it has read what it was given.
    child.stdin.on('error', () => {})
    child.stdin.end(input ?? '')
  })
}
