/**
 * `npm run bench:cluster`: three durable servers of the real Consul and three of Proconsul, in turn on the same machine:
 * writes at the leader, reads at a follower, how long writes stand still when the leader is killed, a follower far behind,
 * and, on request, a restart and the memory with a million keys.
 *
 *   node bench/cluster.ts [--pairs 1] [--seconds 4] [--kills 3] [--behind 100000] [--keys 0] [--only put,get,kill,lag,keys]
 *                         [--who consul,proconsul] [--command PATH] [--consul PATH]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { pipeline, put } from './pipeline.ts'
import { findConsul, freePorts, residentMb, stagePackage, type TargetName } from './targets.ts'

const CACHE = resolve(import.meta.dirname, '../.cache')
const START_TIMEOUT_MS = 60_000
const SETTLE_MS = 1000
/** Connections, and requests under way on each, to fill a store. */
const LOADERS: [number, number] = [32, 4]
/** A write that is not answered by then is tried elsewhere. */
const ATTEMPT_MS = 250
/** A load that lasts until something else is done ends by then in any case. */
const LOAD_SECONDS_MAX = 60
/** Between two questions whether a follower has caught up: seldom enough to cost it next to nothing. */
const BACK_LOOK_MS = 50
/** Linux counts processor time in hundredths of a second. */
const MS_PER_TICK = 10

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '4' },
    kills: { type: 'string', default: '3' },
    behind: { type: 'string', default: '100000' },
    keys: { type: 'string', default: '0' },
    only: { type: 'string', default: 'put,get,kill,lag,keys' },
    who: { type: 'string', default: 'consul,proconsul' },
    command: { type: 'string' },
    consul: { type: 'string' },
  },
})
const wanted = new Set(options.only.split(','))
const KEYS = Number(options.keys)

interface Metric {
  name: string
  unit: string
  less?: true
  goal?: number
}
const METRICS: Metric[] = [
  { name: 'KV put at the leader, 32 connections', unit: '/s' },
  { name: 'KV put at the leader, 128 connections', unit: '/s', goal: 1.5 },
  { name: 'default get at a follower, 32 connections', unit: '/s', goal: 1.5 },
  { name: 'stale get at a follower, 32 connections', unit: '/s' },
  { name: 'kill -9 of the leader to the next write', unit: 'ms', less: true, goal: 1 },
  { name: 'catching up: rate of puts meanwhile, of before', unit: '%' },
  { name: 'catching up: rate of puts meanwhile, of after', unit: '%' },
  { name: "catching up: the leader's CPU for a put, of before", unit: '%', less: true },
  { name: 'catching up: time', unit: 'ms', less: true },
  { name: 'memory of the leader after that', unit: 'MB', less: true },
  { name: 'memory of a follower after that', unit: 'MB', less: true },
  { name: 'restart of a follower with all keys', unit: 'ms', less: true },
  { name: 'memory of the leader with all keys', unit: 'MB', less: true },
  { name: 'memory of a follower with all keys', unit: 'MB', less: true },
]

interface Node {
  http: number
  server: number
  child: ChildProcess
  pid: number
  start(): Promise<void>
  kill(): Promise<void>
}

type Cluster = Node[]

async function startCluster(name: TargetName, command: string): Promise<{ nodes: Cluster; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(CACHE, 'cluster-'))
  const settings = join(folder, 'settings.json')
  writeFileSync(settings, JSON.stringify({ performance: { raft_multiplier: 1 } }))
  const ports = await freePorts(15)
  const lan = (n: number) => ports[n * 5 + 3]!
  const nodes = [0, 1, 2].map((n): Node => {
    const [http, dns, server, , wan] = ports.slice(n * 5, n * 5 + 5) as [number, number, number, number, number]
    const args = [
      'agent',
      '-server',
      '-bootstrap-expect=3',
      `-data-dir=${join(folder, String(n))}`,
      `-config-file=${settings}`,
      '-bind=127.0.0.1',
      `-node=bench-${n}`,
      '-log-level=err',
      `-http-port=${http}`,
      `-dns-port=${dns}`,
      `-server-port=${server}`,
      `-serf-lan-port=${lan(n)}`,
      `-serf-wan-port=${wan}`,
      '-grpc-port=-1',
      ...[0, 1, 2].filter((other) => other !== n).map((other) => `-retry-join=127.0.0.1:${lan(other)}`),
      '-retry-interval=1s',
    ]
    const node: Node = {
      http,
      server,
      child: undefined as unknown as ChildProcess,
      pid: 0,
      async start() {
        const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
        const end = () => child.kill('SIGKILL')
        process.once('exit', end)
        child.once('exit', () => process.off('exit', end))
        node.child = child
        node.pid = child.pid!
      },
      async kill() {
        const { child } = node
        if (child.exitCode !== null || child.signalCode !== null) return
        const gone = new Promise<void>((done) => child.once('exit', () => done()))
        child.kill('SIGKILL')
        await gone
      },
    }
    return node
  })
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.kill()))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.all(nodes.map((node) => node.start()))
    await until(`${name} takes writes at every server`, async () => {
      const done = await Promise.all(nodes.map((node, n) => ask(node, 'PUT', `/v1/kv/bench/start/${n}`, 'x')))
      return done.every(({ body }) => body.trim() === 'true')
    })
    await wait(SETTLE_MS)
    return { nodes, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function ask(
  { http }: Node,
  method: string,
  path: string,
  body?: string,
  timeoutMs = 10_000,
): Promise<{ status: number; body: string }> {
  return new Promise((done, fail) => {
    const call = request(
      { host: '127.0.0.1', port: http, method, path, agent: false, timeout: timeoutMs },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (data) => (text += data))
        answer.on('end', () => done({ status: answer.statusCode!, body: text }))
        answer.on('error', fail)
      },
    )
    call.on('timeout', () => call.destroy(new Error('timeout')))
    call.on('error', fail)
    call.end(body)
  })
}

async function until(
  what: string,
  holds: () => Promise<boolean>,
  timeoutMs = START_TIMEOUT_MS,
  lookMs = 5,
): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`)
    await wait(lookMs)
  }
}

async function roles(nodes: Cluster, up: Cluster = nodes): Promise<{ leader: Node; followers: Node[] }> {
  let address = ''
  await until('a leader', async () => {
    address = JSON.parse((await ask(up[0]!, 'GET', '/v1/status/leader')).body) as string
    return nodes.some(({ server }) => address === `127.0.0.1:${server}`)
  })
  const leader = nodes.find(({ server }) => address === `127.0.0.1:${server}`)!
  return { leader, followers: nodes.filter((node) => node !== leader) }
}

async function applied(node: Node): Promise<number> {
  const { body } = await ask(node, 'GET', '/v1/agent/self')
  const { Stats } = JSON.parse(body) as { Stats: { raft: { applied_index: string } } }
  return Number(Stats.raft.applied_index)
}

/** @param until then it is interrupted, and tells what it has found so far */
function run(command: string, args: string[], until?: Promise<void>): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    until?.then(() => child.kill('SIGINT'), fail)
    let output = ''
    child.stdout.on('data', (data) => (output += data))
    child.stderr.on('data', (data) => (output += data))
    child.on('error', fail)
    child.on('exit', (code) => (code === 0 ? done(output) : fail(new Error(`${command} failed:\n${output}`))))
  })
}

async function wrk(
  node: Node,
  path: string,
  connections: number,
  seconds: string,
  script?: string,
  until?: Promise<void>,
): Promise<number> {
  const args = ['-t1', `-c${connections}`, `-d${seconds}`, ...(script === undefined ? [] : ['-s', script])]
  const output = await run('wrk', [...args, `http://127.0.0.1:${node.http}${path}`], until)
  if (/Non-2xx/.test(output)) throw new Error(`failed requests to ${path}:\n${output}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)![1])
}

/** Writes at the survivors in turn, as clients do, until one is acknowledged. @returns milliseconds since the kill */
async function failover(nodes: Cluster): Promise<number> {
  const { leader, followers } = await roles(nodes)
  const killed = leader.kill()
  const began = performance.now()
  let acknowledged = false
  for (let n = 0; !acknowledged; n++) {
    const answer = await ask(followers[n % 2]!, 'PUT', `/v1/kv/bench/after/${n}`, 'x', ATTEMPT_MS).catch(
      () => undefined,
    )
    acknowledged = answer?.body.trim() === 'true'
    if (!acknowledged) await wait(2)
  }
  const took = performance.now() - began
  await killed
  await leader.start()
  await until('it is back', async () => {
    const here = await applied(leader)
    return here > 0 && here >= (await applied(followers[0]!)) - 10
  })
  await wait(SETTLE_MS)
  return took
}

/** Writes so many keys. Should the leader change under the load, what was under way is written again. */
async function fill(up: Cluster, count: number, pathOf: (n: number) => string): Promise<void> {
  const body = 'x'.repeat(100)
  for (let n = 0; n < count; ) {
    const { leader } = await roles(up)
    await pipeline(leader.http, ...LOADERS, () => (n < count ? put(pathOf(n++), body) : undefined)).finished.catch(
      () => {
        n = Math.max(0, n - LOADERS[0] * LOADERS[1])
      },
    )
  }
}

/** Time on the processors that a process has used so far, its own and the kernel's for it. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}

interface Puts {
  rate: number
  /** Processor time of each server, microseconds for a put. */
  cpu: number[]
}

/** @param until ends it before the usual seconds are over, or after them */
async function putLoad(leader: Node, watched: Cluster, script: string, until?: Promise<void>): Promise<Puts> {
  const began = watched.map(({ pid }) => cpuMs(pid))
  const start = performance.now()
  const seconds = until === undefined ? options.seconds : String(LOAD_SECONDS_MAX)
  const rate = await wrk(leader, '/v1/kv/bench/put', 32, seconds, script, until)
  const puts = (rate * (performance.now() - start)) / 1000
  return { rate, cpu: watched.map(({ pid }, n) => ((cpuMs(pid) - began[n]!) * 1000) / puts) }
}

interface CaughtUp {
  before: Puts
  /** From the follower's start until it had caught up. */
  during: Puts
  /** All three at work, none behind. */
  after: Puts
  ms: number
}

/** A follower that was away for many entries comes back under load. */
async function catchUp(nodes: Cluster, script: string): Promise<CaughtUp> {
  const away = (await roles(nodes)).followers[0]!
  const count = Number(options.behind)
  await away.kill()
  const up = nodes.filter((node) => node !== away)
  await fill(up, count, (n) => `/v1/kv/bench/behind/${n % 50_000}`)
  const { leader } = await roles(up)
  const other = up.find((node) => node !== leader)!
  const before = await putLoad(leader, [leader, other], script)
  const target = await applied(leader)
  await away.start()
  const began = performance.now()
  let caughtUpMs = 0
  const back = until('it has caught up', async () => (await applied(away)) >= target, 180_000, BACK_LOOK_MS).then(
    () => {
      caughtUpMs = performance.now() - began
    },
  )
  const during = await putLoad(leader, [leader, other, away], script, back)
  const after = await putLoad(leader, [leader, other, away], script)
  return { before, during, after, ms: caughtUpMs }
}

function describe({ rate, cpu }: Puts): string {
  return `${rate.toFixed(0)}/s (${cpu.map((us) => us.toFixed(0)).join(' + ')} µs)`
}

async function withKeys(nodes: Cluster, found: Map<string, number>): Promise<void> {
  await fill(nodes, KEYS, (n) => `/v1/kv/bench/many/${n}`)
  const { leader, followers } = await roles(nodes)
  const target = await applied(leader)
  for (const node of followers) await until('all have all keys', async () => (await applied(node)) >= target, 300_000)
  await wait(10 * SETTLE_MS)
  found.set('memory of the leader with all keys', residentMb(leader.pid).all)
  found.set('memory of a follower with all keys', residentMb(followers[0]!.pid).all)
  const restarted = followers[0]!
  await restarted.kill()
  const began = performance.now()
  await restarted.start()
  await until('it answers', async () => {
    const { status } = await ask(restarted, 'GET', `/v1/kv/bench/many/${KEYS - 1}?stale`)
    return status === 200
  })
  found.set('restart of a follower with all keys', performance.now() - began)
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1]!
}

async function measure(name: TargetName, command: string, script: string): Promise<Map<string, number>> {
  const { nodes, stop } = await startCluster(name, command)
  const found = new Map<string, number>()
  try {
    const { leader, followers } = await roles(nodes)
    if (wanted.has('put')) {
      for (const connections of [32, 128]) {
        const rate = await wrk(leader, '/v1/kv/bench/put', connections, options.seconds, script)
        found.set(`KV put at the leader, ${connections} connections`, rate)
      }
    }
    if (wanted.has('get')) {
      await ask(leader, 'PUT', '/v1/kv/bench/get', 'x'.repeat(100))
      await wait(SETTLE_MS)
      for (const [how, query] of [
        ['default', ''],
        ['stale', '?stale'],
      ] as const) {
        const rate = await wrk(followers[0]!, `/v1/kv/bench/get${query}`, 32, options.seconds)
        found.set(`${how} get at a follower, 32 connections`, rate)
      }
    }
    if (wanted.has('kill')) {
      const times: number[] = []
      for (let n = 0; n < Number(options.kills); n++) times.push(await failover(nodes))
      console.log(`  ${name}: after a kill ${times.map((ms) => ms.toFixed(0)).join(', ')} ms`)
      found.set('kill -9 of the leader to the next write', median(times))
    }
    if (wanted.has('lag')) {
      const { before, during, after, ms } = await catchUp(nodes, script)
      const phases = [before, during, after].map(describe)
      console.log(
        `  ${name}: puts before, while a follower caught up in ${ms.toFixed(0)} ms, after: ${phases.join(', ')}`,
      )
      found.set('catching up: rate of puts meanwhile, of before', (during.rate / before.rate) * 100)
      found.set('catching up: rate of puts meanwhile, of after', (during.rate / after.rate) * 100)
      found.set("catching up: the leader's CPU for a put, of before", (during.cpu[0]! / before.cpu[0]!) * 100)
      found.set('catching up: time', ms)
      const now = await roles(nodes)
      found.set('memory of the leader after that', residentMb(now.leader.pid).all)
      found.set('memory of a follower after that', residentMb(now.followers[1]!.pid).all)
    }
    if (wanted.has('keys') && KEYS > 0) await withKeys(nodes, found)
    return found
  } finally {
    await stop()
  }
}

function show(value: number | undefined, unit: string): string {
  if (value === undefined) return '-'
  return (value >= 10_000 ? `${(value / 1000).toFixed(1)}k` : value.toFixed(value >= 100 ? 0 : 1)) + unit
}

function print(pairs: Record<TargetName, Map<string, number>>[]): void {
  console.log(`\nthree durable servers (median of ${pairs.length} pairs)`)
  console.log(`  ${'what'.padEnd(52)}${'Consul'.padStart(10)}${'Proconsul'.padStart(11)}${'ratio'.padStart(8)}   goal`)
  for (const { name, unit, less, goal } of METRICS) {
    const of = (who: TargetName) => pairs.flatMap((pair) => pair[who]?.get(name) ?? [])
    const [theirs, ours] = [of('consul'), of('proconsul')].map((all) => (all.length === 0 ? undefined : median(all)))
    if (theirs === undefined && ours === undefined) continue
    const ratio = theirs === undefined || ours === undefined ? undefined : ours / theirs
    const met =
      goal === undefined || ratio === undefined
        ? ''
        : `${less ? '≤' : '≥'} ${goal}${(less ? ratio <= goal : ratio >= goal) ? '' : '  missed'}`
    console.log(
      `  ${name.padEnd(52)}${show(theirs, unit).padStart(10)}${show(ours, unit).padStart(11)}${(ratio?.toFixed(2) ?? '-').padStart(8)}   ${met}`,
    )
  }
}

mkdirSync(CACHE, { recursive: true })
execFileSync('which', ['wrk'], { stdio: 'ignore' })
const script = join(CACHE, 'put.lua')
writeFileSync(
  script,
  `local n = 0
wrk.method = "PUT"
wrk.body = string.rep("x", 100)
request = function() n = n + 1; return wrk.format(nil, "/v1/kv/bench/put/" .. (n % 1000)) end
`,
)
const who = options.who.split(',') as TargetName[]
const commands: Partial<Record<TargetName, string>> = {}
for (const name of who)
  commands[name] = name === 'consul' ? findConsul(options.consul) : (options.command ?? stagePackage())
console.log(`${cpus().length} × ${cpus()[0]!.model}, ${options.seconds} s a measurement`)
const pairs: Record<TargetName, Map<string, number>>[] = []
for (let i = 0; i < Number(options.pairs); i++) {
  const pair = {} as Record<TargetName, Map<string, number>>
  for (const name of i % 2 === 0 ? who : who.toReversed()) pair[name] = await measure(name, commands[name]!, script)
  pairs.push(pair)
}
print(pairs)
