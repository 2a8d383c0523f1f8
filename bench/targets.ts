/**
 * The two things that are measured: the real Consul and Proconsul, started the same way on the same machine, each on
 * free ports of 127.0.0.1 and, when durable, on a fresh directory.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { realConsul } from '../test/support/real-consul.ts'

const ROOT = resolve(import.meta.dirname, '..')
const START_TIMEOUT_MS = 60_000

export type Mode = 'dev' | 'durable'
export type TargetName = 'consul' | 'proconsul'

export interface Target {
  name: TargetName
  http: string
  httpPort: number
  dnsPort: number
  pid: number
  /** From the start of the process until a leader answered a read. */
  startMs: number
  stop(): Promise<void>
}

/** The path of the real Consul: given, or unpacked by the reference tools beside the checkout. */
export function findConsul(given: string | undefined): string {
  const found = given ?? realConsul()
  if (found === undefined) throw new Error('no real Consul to compare with: give its path with --consul PATH')
  return found
}

/** Proconsul as its users have it: the published package's files, built from this checkout. @returns the command */
export function stagePackage(): string {
  execFileSync('npm', ['run', 'build'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] })
  const folder = join(ROOT, '.cache/package')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const name of ['bin', 'dist', 'package.json']) cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  return join(folder, 'bin/consul')
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((done) => {
          const server = createServer().listen(0, '127.0.0.1', () => done(server))
        }),
    ),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

/** One agent of a kind, its ports with it. */
export interface StartedAgent extends Target {
  serverPort: number
  serfLanPort: number
}

export async function startTarget(name: TargetName, command: string, mode: Mode): Promise<Target> {
  const folder = mode === 'durable' ? mkdtempSync(join(ROOT, '.cache/bench-')) : undefined
  const args = folder === undefined ? ['-dev'] : ['-server', '-bootstrap', `-data-dir=${folder}`, '-bind=127.0.0.1']
  const removeFolder = () => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
  const agent = await startAgent(name, command, ['-node=bench', ...args]).catch((error: unknown) => {
    removeFolder()
    throw error
  })
  return {
    ...agent,
    async stop() {
      await agent.stop()
      removeFolder()
    },
  }
}

/** @param args without the ports; the name of the node has "bench" in it */
export async function startAgent(name: TargetName, command: string, args: string[]): Promise<StartedAgent> {
  const [http, dns, server, lan, wan] = (await freePorts(5)) as [number, number, number, number, number]
  const ports = [
    `-http-port=${http}`,
    `-dns-port=${dns}`,
    `-server-port=${server}`,
    `-serf-lan-port=${lan}`,
    `-serf-wan-port=${wan}`,
    '-grpc-port=-1',
  ]
  const began = performance.now()
  const child = spawn(command, ['agent', '-log-level=err', ...args, ...ports], { stdio: ['ignore', 'pipe', 'pipe'] })
  // However the measuring ends (an interrupt, an error), what it started ends with it.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
  const base = `http://127.0.0.1:${http}`
  const stop = () => stopChild(child)
  while (!(await leaderAnswers(base))) {
    if (child.exitCode !== null || performance.now() - began > START_TIMEOUT_MS) {
      await stop()
      throw new Error(`${name} did not start:\n${output}`)
    }
    await new Promise((done) => setTimeout(done, 2))
  }
  return {
    name,
    http: base,
    httpPort: http,
    dnsPort: dns,
    serverPort: server,
    serfLanPort: lan,
    pid: child.pid!,
    startMs: performance.now() - began,
    stop,
  }
}

function leaderAnswers(base: string): Promise<boolean> {
  return new Promise((done) => {
    get(`${base}/v1/catalog/nodes`, { agent: false }, (response) => {
      let body = ''
      response
        .on('data', (data) => (body += data))
        .on('end', () => done(response.statusCode === 200 && body.includes('bench')))
    }).on('error', () => done(false))
  })
}

function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((done) => {
    child.once('exit', () => done())
    child.kill('SIGKILL')
  })
}

/** Resident memory in MB: all of it, and the part that is not mapped from files. */
export function residentMb(pid: number): { all: number; anonymous: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024
  return { all: field('VmRSS'), anonymous: field('RssAnon') }
}
