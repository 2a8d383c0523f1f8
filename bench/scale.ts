/**
 * `npm run bench:scale`: a durable one-server agent, as a real process, with a million keys and a hundred thousand
 * service instances: how long its event loop is held by anything, how long a restart takes, how much memory it needs.
 *
 *   node bench/scale.ts [--keys 1000000] [--instances 100000] [--writes 8] [--data DIR]
 *
 * What it means: docs/scale.md. A data directory that is given is kept, and a later run on it begins with the restart.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { get } from 'node:http'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { pipeline, put } from './pipeline.ts'
import type { StallFigures } from './stalls.ts'
import { freePorts, residentMb } from './targets.ts'

const ROOT = resolve(import.meta.dirname, '..')
const VALUE_BYTES = 100
const NODES = 1000
const NAMES = 1000
const START_TIMEOUT_MS = 120_000

const { values: options } = parseArgs({
  options: {
    keys: { type: 'string', default: '1000000' },
    instances: { type: 'string', default: '100000' },
    writes: { type: 'string', default: '8' },
    data: { type: 'string' },
  },
})
const KEYS = Number(options.keys)
const INSTANCES = Number(options.instances)

interface Agent {
  port: number
  child: ChildProcess
  /** From the start of the process until a leader answered. */
  startMs: number
  output(): string
  stalls(request: 'reset' | 'read'): Promise<StallFigures>
  kill(): Promise<void>
}

async function start(folder: string, ports: number[]): Promise<Agent> {
  const [http, dns, server, lan, wan] = ports as [number, number, number, number, number]
  const began = performance.now()
  const child = spawn(
    process.execPath,
    [
      '--import',
      join(import.meta.dirname, 'stalls.ts'),
      join(ROOT, 'src/cli/main.ts'),
      'agent',
      '-server',
      '-bootstrap',
      `-data-dir=${folder}`,
      '-bind=127.0.0.1',
      '-node=bench',
      `-http-port=${http}`,
      `-dns-port=${dns}`,
      `-server-port=${server}`,
      `-serf-lan-port=${lan}`,
      `-serf-wan-port=${wan}`,
      '-grpc-port=-1',
    ],
    { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  )
  // However the measuring ends (its reader gone, an interrupt), the agent ends with it.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  child.once('exit', () => process.off('exit', end))
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data) => (output += data))
  const exited = new Promise<void>((done) => child.once('exit', () => done()))
  while (!(await answers(http))) {
    if (child.exitCode !== null || performance.now() - began > START_TIMEOUT_MS) {
      child.kill('SIGKILL')
      throw new Error(`the agent did not start:\n${output}`)
    }
    await wait(2)
  }
  return {
    port: http,
    child,
    startMs: performance.now() - began,
    output: () => output,
    stalls(request) {
      child.send(request)
      if (request === 'reset') return Promise.resolve({ clockMs: 0, processorMs: 0, busyMs: 0, residentMb: 0 })
      return new Promise((done) => child.once('message', (figures) => done(figures as StallFigures)))
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    get({ host: '127.0.0.1', port, path: '/v1/catalog/nodes', agent: false }, (response) => {
      response.resume().on('end', () => done(response.statusCode === 200))
    }).on('error', () => done(false))
  })
}

/** Bytes and milliseconds of one whole answer, and until its first byte. */
function fetchAll(port: number, path: string): Promise<{ bytes: number; ms: number; firstMs: number }> {
  const began = performance.now()
  return new Promise((done, fail) => {
    get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let bytes = 0
      const firstMs = performance.now() - began
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.on('end', () => done({ bytes, ms: performance.now() - began, firstMs }))
      response.on('error', fail)
    }).on('error', fail)
  })
}

/** Asks a tiny question again and again; `stop` gives the longest answer time. */
function probe(port: number): { stop(): Promise<number> } {
  let worst = 0
  let stopped = false
  const running = (async () => {
    while (!stopped) {
      worst = Math.max(worst, (await fetchAll(port, '/v1/status/leader')).ms)
      await wait(1)
    }
  })()
  return {
    async stop() {
      stopped = true
      await running
      return worst
    },
  }
}

const keyOf = (n: number) => `service/config/${String(n).padStart(9, '0')}`

function padded(n: number): Buffer {
  const value = Buffer.alloc(VALUE_BYTES, 'v')
  value.write(String(n))
  return value
}

function setKey(n: number, value: number): Buffer {
  return put(`/v1/kv/${keyOf(n)}`, padded(value))
}

function register(n: number): Buffer {
  const node = `node-${n % NODES}`
  const name = `service-${Math.floor(n / (INSTANCES / NAMES))}`
  const id = `${name}-${n}`
  const Service = { ID: id, Service: name, Tags: ['v1', 'primary'], Address: `10.1.${n & 255}.1`, Port: 8080 }
  const Check = { CheckID: `check-${n}`, Name: 'alive', Status: 'passing', ServiceID: id }
  return put('/v1/catalog/register', JSON.stringify({ Node: node, Address: '10.0.0.1', Service, Check }))
}

function upTo(count: number, make: (n: number) => Buffer): () => Buffer | undefined {
  let n = 0
  return () => (n < count ? make(n++) : undefined)
}

function show(what: string, text: string): void {
  console.log(`${what.padEnd(44)} ${text}`)
}

const round = (value: number) => value.toFixed(value < 100 ? 1 : 0)

/** Runs `work` with the stall meters on, under steady writes of keys that are there. */
async function measured(agent: Agent, what: string, work: () => Promise<string>): Promise<void> {
  const writes = pipeline(agent.port, Number(options.writes), 1, () =>
    setKey(Math.floor(Math.random() * KEYS), Date.now()),
  )
  const outside = probe(agent.port)
  await wait(200)
  await agent.stalls('reset')
  const before = writes.done()
  const began = performance.now()
  const said = await work()
  const seconds = (performance.now() - began) / 1000
  const { clockMs, processorMs, residentMb: resident } = await agent.stalls('read')
  const rate = (writes.done() - before) / seconds
  const slowest = await outside.stop()
  await writes.stop()
  show(
    what,
    `${said}; stall ${round(processorMs)} ms processor, ${round(clockMs)} ms clock; slowest tiny answer ${round(slowest)} ms; ${round(rate)} writes/s; ${round(resident)} MB`,
  )
}

async function load(agent: Agent, what: string, count: number, make: (n: number) => Buffer): Promise<void> {
  await agent.stalls('reset')
  const began = performance.now()
  await pipeline(agent.port, 32, 4, upTo(count, make)).finished
  const seconds = (performance.now() - began) / 1000
  const { clockMs, processorMs, residentMb: resident } = await agent.stalls('read')
  show(
    what,
    `${round(seconds)} s, ${round(count / seconds)}/s; stall ${round(processorMs)} ms processor, ${round(clockMs)} ms clock; ${round(resident)} MB`,
  )
}

const snapshots = (agent: Agent) => agent.output().split('snapshot complete up to').length - 1

async function wholeSnapshot(agent: Agent): Promise<string> {
  const before = agent.output().length
  const began = performance.now()
  // A snapshot that began before is not what is measured.
  for (;;) {
    const since = agent.output().slice(before)
    const at = since.indexOf('starting snapshot up to')
    if (at >= 0 && since.indexOf('snapshot complete up to', at) >= 0) break
    if (performance.now() - began > START_TIMEOUT_MS) throw new Error('no snapshot was taken')
    await wait(10)
  }
  return `took ${/.*snapshot complete.*ms=(\d+)/s.exec(agent.output())?.[1]} ms`
}

async function steady(): Promise<string> {
  await wait(5000)
  return '5 s'
}

/** By hand: the answer is awaited on a connection of its own. */
async function deleteTree(): Promise<string> {
  const began = performance.now()
  const request = Buffer.from('DELETE /v1/kv/service/?recurse HTTP/1.1\r\nHost: bench\r\n\r\n')
  await pipeline(
    agent.port,
    1,
    1,
    upTo(1, () => request),
  ).finished
  return `${round(performance.now() - began)} ms`
}

async function restart(agent: Agent, what: string, folder: string, ports: number[]): Promise<Agent> {
  await agent.kill()
  const next = await start(folder, ports)
  const { clockMs, processorMs, busyMs } = await next.stalls('read')
  show(
    what,
    `${round(next.startMs)} ms until a leader answers, ${round(busyMs)} ms processor; stall ${round(processorMs)} ms processor, ${round(clockMs)} ms clock; ${round(residentMb(next.child.pid!).all)} MB`,
  )
  return next
}

async function answer(agent: Agent, path: string): Promise<void> {
  await measured(agent, `GET ${path}`, async () => {
    const { bytes, ms, firstMs } = await fetchAll(agent.port, path)
    return `${round(bytes / 1e6)} MB in ${round(ms)} ms, first byte ${round(firstMs)} ms`
  })
}

mkdirSync(join(ROOT, '.cache'), { recursive: true })
const folder = options.data ?? mkdtempSync(join(ROOT, '.cache/scale-'))
process.on('exit', () => {
  if (options.data === undefined) rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1))
const loaded = existsSync(join(folder, 'raft'))
const ports = await freePorts(5)
let agent = await start(folder, ports)
try {
  if (!loaded) {
    await load(agent, `put ${KEYS} keys of ${VALUE_BYTES} bytes`, KEYS, (n) => setKey((n * 7919) % KEYS, n))
    show('snapshots meanwhile', String(snapshots(agent)))
    await load(agent, `register ${INSTANCES} instances`, INSTANCES, register)
    await measured(agent, 'steady writes for 5 s', steady)
    await load(agent, 'change 20000 keys', 20_000, (n) => setKey(n, n + 1))
    await measured(agent, 'a snapshot', () => wholeSnapshot(agent))
  }
  agent = await restart(agent, 'kill -9, restart', folder, ports)
  await measured(agent, 'steady writes for 5 s', steady)
  for (const path of ['/v1/kv/?keys', '/v1/kv/?recurse', '/v1/health/state/any', '/v1/catalog/services']) {
    await answer(agent, path)
  }
  if (options.data === undefined) await measured(agent, 'DELETE /v1/kv/service/?recurse', deleteTree)
} finally {
  await agent.kill()
  if (options.data === undefined) rmSync(folder, { recursive: true, force: true })
}
