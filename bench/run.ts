/**
 * `npm run bench`: the real Consul and Proconsul in turn, under the same load, as a table of ratios.
 *
 * Machines are noisy, so the two alternate (pair by pair, the order turning each time) and the median of the pairs'
 * ratios is what counts. The load comes from `wrk` and `dnsperf` (packages of most Linux distributions): both cost far
 * less than what they measure.
 *
 *   npm run bench -- [--pairs 3] [--seconds 3] [--only dev|durable] [--consul PATH]
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import {
  findConsul,
  type Mode,
  residentMb,
  stagePackage,
  startTarget,
  type Target,
  type TargetName,
} from './targets.ts'

const ROOT = resolve(import.meta.dirname, '..')
const CACHE = join(ROOT, '.cache')
const HEALTH_INSTANCES = 20
const DNS_INSTANCES = 3
const MANY_INSTANCES = 500
const MANY_SERVICES = 1000
const SETTLE_MS = 3000

interface Metric {
  name: string
  unit: string
  /** Less is better: start-up, memory. The ratio is then ours to theirs, and at most 1 is good. */
  less?: boolean
  goal?: number
}

type Measured = Map<string, number>

const METRICS: Record<Mode, Metric[]> = {
  dev: [
    { name: 'start until a leader answers', unit: 'ms', less: true, goal: 1 },
    { name: 'memory, idle', unit: 'MB', less: true, goal: 1 },
    { name: 'KV get, 32 connections', unit: '/s', goal: 1.5 },
    { name: 'KV put, 1 connection', unit: '/s' },
    { name: 'KV put, 32 connections', unit: '/s', goal: 1.5 },
    { name: 'KV put, 128 connections', unit: '/s' },
    { name: `service health, ${HEALTH_INSTANCES} instances`, unit: '/s', goal: 5 },
    { name: `service health, ${MANY_INSTANCES} instances`, unit: '/s', goal: 10 },
    { name: `catalog of ${MANY_SERVICES} services`, unit: '/s', goal: 3 },
    { name: 'DNS service A', unit: '/s', goal: 3 },
    { name: 'DNS service SRV', unit: '/s' },
    { name: 'memory, after the load', unit: 'MB', less: true },
  ],
  durable: [
    { name: 'start until a leader answers', unit: 'ms', less: true, goal: 1 },
    { name: 'KV put, 1 connection', unit: '/s' },
    { name: 'KV put, 32 connections', unit: '/s', goal: 1 },
    { name: 'KV put, 128 connections', unit: '/s' },
    { name: 'KV get, 32 connections', unit: '/s', goal: 1.3 },
    { name: 'memory, after the load', unit: 'MB', less: true },
  ],
}

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    only: { type: 'string' },
    consul: { type: 'string' },
  },
})
const seconds = options.seconds

function requireTool(name: string): void {
  try {
    execFileSync('which', [name], { stdio: 'ignore' })
  } catch {
    console.error(`bench: ${name} is needed for the load (Debian and Ubuntu: apt-get install wrk dnsperf)`)
    process.exit(1)
  }
}

/** Runs a program without holding up this one. */
function run(command: string, args: string[]): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    child.stderr.on('data', (data) => (output += data))
    child.on('error', fail)
    child.on('exit', (code) => (code === 0 ? done(output) : fail(new Error(`${command} failed:\n${output}`))))
  })
}

async function wrk(target: Target, path: string, connections: number, script?: string): Promise<number> {
  const args = [
    '-t1',
    '--timeout=20s',
    `-c${connections}`,
    `-d${seconds}`,
    ...(script === undefined ? [] : ['-s', script]),
    target.http + path,
  ]
  const output = await run('wrk', args)
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`${target.name} failed requests to ${path}:\n${output}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)![1])
}

async function dnsperf(target: Target, question: string): Promise<number> {
  const file = join(CACHE, 'questions.txt')
  writeFileSync(file, `${question}\n`)
  const output = await run('dnsperf', [
    '-s',
    '127.0.0.1',
    '-p',
    String(target.dnsPort),
    '-d',
    file,
    '-l',
    seconds,
    '-q',
    '64',
  ])
  if (!/NOERROR \d+ \(100\.00%\)/.test(output)) throw new Error(`${target.name} failed ${question}:\n${output}`)
  return Number(/Queries per second:\s+([\d.]+)/.exec(output)![1])
}

async function put(target: Target, path: string, body: string): Promise<void> {
  const response = await fetch(target.http + path, { method: 'PUT', body })
  if (!response.ok) throw new Error(`${target.name}: PUT ${path}: ${response.status} ${await response.text()}`)
}

async function fill(target: Target): Promise<void> {
  await put(target, '/v1/kv/bench/get', 'x'.repeat(100))
  for (let i = 0; i < HEALTH_INSTANCES; i++) {
    const services = i < DNS_INSTANCES ? ['web', 'api'] : ['web']
    for (const service of services) {
      const body = {
        Node: `node-${i}`,
        Address: `10.0.0.${i + 1}`,
        Service: { Service: service, Tags: ['v1', 'eu'], Port: 8000 + i, Meta: { version: '1.2.3' } },
        Check: { Name: `${service} alive`, Status: 'passing', ServiceID: service, Output: 'HTTP GET: 200 OK' },
      }
      await put(target, '/v1/catalog/register', JSON.stringify(body))
    }
  }
}

/** A service of many instances, and many services: each on a node of its own, or all on one. */
async function fillMany(target: Target): Promise<void> {
  const register = (node: string, service: string, port: number) => ({
    Node: node,
    Address: '10.1.0.1',
    Service: { Service: service, Tags: ['v1', 'eu'], Port: port, Meta: { version: '1.2.3' } },
    Check: { CheckID: `${service}-alive`, Name: 'alive', Status: 'passing', ServiceID: service, Output: '200 OK' },
  })
  const bodies = [
    ...Array.from({ length: MANY_INSTANCES }, (_, i) => register(`many-${i}`, 'many', 9000 + i)),
    ...Array.from({ length: MANY_SERVICES }, (_, i) => register('all', `service-${i}`, 9000)),
  ]
  const next = bodies.values()
  const work = async () => {
    for (const body of next) await put(target, '/v1/catalog/register', JSON.stringify(body))
  }
  await Promise.all([work(), work(), work(), work()])
}

async function measure(name: TargetName, command: string, mode: Mode): Promise<Measured> {
  const target = await startTarget(name, command, mode)
  try {
    const found: Measured = new Map([['start until a leader answers', target.startMs]])
    await new Promise((done) => setTimeout(done, SETTLE_MS))
    found.set('memory, idle', residentMb(target.pid).all)
    await fill(target)
    const script = join(CACHE, 'put.lua')
    for (const connections of [1, 32, 128]) {
      const plural = connections === 1 ? '' : 's'
      found.set(
        `KV put, ${connections} connection${plural}`,
        await wrk(target, '/v1/kv/bench/put', connections, script),
      )
    }
    found.set('KV get, 32 connections', await wrk(target, '/v1/kv/bench/get', 32))
    if (mode === 'dev') {
      found.set(`service health, ${HEALTH_INSTANCES} instances`, await wrk(target, '/v1/health/service/web', 32))
      await fillMany(target)
      found.set(`service health, ${MANY_INSTANCES} instances`, await wrk(target, '/v1/health/service/many', 32))
      found.set(`catalog of ${MANY_SERVICES} services`, await wrk(target, '/v1/catalog/services', 32))
      found.set('DNS service A', await dnsperf(target, 'api.service.consul A'))
      found.set('DNS service SRV', await dnsperf(target, 'api.service.consul SRV'))
    }
    found.set('memory, after the load', residentMb(target.pid).all)
    return found
  } finally {
    await target.stop()
  }
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

function show(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(1)}k` : value.toFixed(value >= 100 ? 0 : 1)
}

function print(mode: Mode, pairs: { consul: Measured; proconsul: Measured }[]): void {
  console.log(`\n${mode} (median of ${pairs.length} pairs)`)
  console.log(`  ${'what'.padEnd(32)}${'Consul'.padStart(10)}${'Proconsul'.padStart(11)}${'ratio'.padStart(8)}   goal`)
  for (const { name, unit, less, goal } of METRICS[mode]) {
    const of = (who: TargetName) => pairs.map((pair) => pair[who].get(name)!)
    const ratio = median(pairs.map((pair) => pair.proconsul.get(name)! / pair.consul.get(name)!))
    const met =
      goal === undefined ? '' : `${less ? '≤' : '≥'} ${goal}${(less ? ratio <= goal : ratio >= goal) ? '' : '  missed'}`
    const [theirs, ours] = [median(of('consul')), median(of('proconsul'))].map((value) => show(value) + unit)
    console.log(
      `  ${name.padEnd(32)}${theirs!.padStart(10)}${ours!.padStart(11)}${ratio.toFixed(2).padStart(8)}   ${met}`,
    )
  }
}

mkdirSync(CACHE, { recursive: true })
requireTool('wrk')
requireTool('dnsperf')
writeFileSync(
  join(CACHE, 'put.lua'),
  `local n = 0
wrk.method = "PUT"
wrk.body = string.rep("x", 100)
request = function() n = n + 1; return wrk.format(nil, "/v1/kv/bench/put/" .. (n % 1000)) end
`,
)
const commands: Record<TargetName, string> = { consul: findConsul(options.consul), proconsul: stagePackage() }
console.log(`${cpus().length} × ${cpus()[0]!.model}, ${seconds} s a measurement`)
for (const mode of ['dev', 'durable'] as const) {
  if (options.only !== undefined && options.only !== mode) continue
  const pairs: { consul: Measured; proconsul: Measured }[] = []
  for (let i = 0; i < Number(options.pairs); i++) {
    const order: TargetName[] = i % 2 === 0 ? ['consul', 'proconsul'] : ['proconsul', 'consul']
    const pair = {} as { consul: Measured; proconsul: Measured }
    for (const name of order) pair[name] = await measure(name, commands[name], mode)
    pairs.push(pair)
  }
  print(mode, pairs)
}
