/**
 * `npm run bench:clients`: client agents of the real Consul and of Proconsul, each before a server of its own kind, in
 * turn on the same machine: reads and writes through a client agent, how soon a write at one is seen by a query that
 * waits at another, what a thousand such queries cost the server in connections, and what an idle client agent holds.
 *
 *   node bench/clients.ts [--pairs 3] [--seconds 3] [--wakes 200] [--who consul,proconsul] [--command PATH] [--consul PATH]
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get, request } from 'node:http'
import { cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findConsul, residentMb, stagePackage, startAgent, type TargetName } from './targets.ts'

const CACHE = resolve(import.meta.dirname, '../.cache')
const SETTLE_MS = 2000
const WAITING_QUERIES = 1000

const { values: options } = parseArgs({
  options: {
    pairs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    wakes: { type: 'string', default: '200' },
    who: { type: 'string', default: 'consul,proconsul' },
    command: { type: 'string' },
    consul: { type: 'string' },
  },
})

interface Metric {
  name: string
  unit: string
  less?: true
  goal?: number
}
const METRICS: Metric[] = [
  { name: 'memory of a client agent, idle', unit: 'MB', less: true },
  { name: 'default get through a client, 32 connections', unit: '/s', goal: 1.5 },
  { name: 'stale get through a client, 32 connections', unit: '/s' },
  { name: 'put through a client, 32 connections', unit: '/s' },
  { name: 'write at one client to wake at another, median', unit: 'ms', less: true, goal: 1 },
  { name: `connections to the server, ${WAITING_QUERIES} queries waiting`, unit: '', less: true, goal: 1 },
]

type Measured = Map<string, number>

async function measure(who: TargetName, command: string): Promise<Measured> {
  const found: Measured = new Map()
  const folder = mkdtempSync(join(CACHE, 'bench-clients-'))
  const settings = join(folder, 'settings.json')
  writeFileSync(settings, JSON.stringify({ limits: { http_max_conns_per_client: 2 * WAITING_QUERIES } }))
  const server = await startAgent(who, command, ['-dev', '-node=bench'])
  const client = (name: string) =>
    startAgent(who, command, [
      `-node=${name}`,
      '-bind=127.0.0.1',
      `-data-dir=${join(folder, name)}`,
      `-config-file=${settings}`,
      `-retry-join=127.0.0.1:${server.serfLanPort}`,
    ])
  const [one, other] = [await client('bench-one'), await client('bench-other')]
  try {
    await ask(one.httpPort, 'PUT', '/v1/kv/bench', 'x'.repeat(64))
    await wait(SETTLE_MS)
    found.set(METRICS[0]!.name, residentMb(one.pid).all)
    found.set(METRICS[1]!.name, wrk(`${one.http}/v1/kv/bench`))
    found.set(METRICS[2]!.name, wrk(`${one.http}/v1/kv/bench?stale`))
    found.set(METRICS[3]!.name, wrk(`${one.http}/v1/kv/bench`, 'wrk.method = "PUT"\nwrk.body = string.rep("x", 64)\n'))
    await wait(SETTLE_MS)
    found.set(METRICS[4]!.name, await medianWakeMs(one.httpPort, other.httpPort))
    found.set(METRICS[5]!.name, await connectionsWaiting(other.httpPort, server.serverPort))
  } finally {
    await Promise.all([one, other, server].map((agent) => agent.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
  return found
}

/** Requests a second. */
function wrk(url: string, script?: string): number {
  const args = ['-t1', '-c32', `-d${options.seconds}s`, url]
  if (script !== undefined) {
    const file = join(CACHE, 'bench-clients.lua')
    writeFileSync(file, script)
    args.unshift('-s', file)
  }
  const output = execFileSync('wrk', args, { encoding: 'utf8' })
  const failed = /Non-2xx.*: (\d+)/.exec(output)
  if (failed !== null) throw new Error(`${url}: ${failed[0]}`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)![1])
}

const keepAlive = new Agent({ keepAlive: true })

function ask(port: number, method: string, path: string, body = ''): Promise<{ index: string; body: string }> {
  return new Promise((done, fail) => {
    const call = request({ host: '127.0.0.1', port, method, path, agent: keepAlive }, (response) => {
      let text = ''
      response
        .on('data', (data) => (text += data))
        .on('end', () => {
          if (response.statusCode === 200) done({ index: String(response.headers['x-consul-index'] ?? ''), body: text })
          else fail(new Error(`${method} ${path}: ${response.statusCode} ${text}`))
        })
        .on('error', fail)
    })
    call.on('error', fail)
    call.end(body)
  })
}

async function medianWakeMs(writer: number, waiter: number): Promise<number> {
  const times: number[] = []
  let { index } = await ask(waiter, 'GET', '/v1/kv/bench')
  for (let n = 0; n < Number(options.wakes); n++) {
    const waiting = ask(waiter, 'GET', `/v1/kv/bench?index=${index}`).then((answer) => {
      index = answer.index
      return performance.now()
    })
    // So that it waits at the server by then.
    await wait(10)
    const began = performance.now()
    await ask(writer, 'PUT', '/v1/kv/bench', `value ${n}`)
    times.push((await waiting) - began)
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)]!
}

/** Connections to the server's RPC port, of all agents, while so many queries wait at one of them. */
async function connectionsWaiting(client: number, serverPort: number): Promise<number> {
  const { index } = await ask(client, 'GET', '/v1/kv/bench')
  const agent = new Agent({ keepAlive: false, maxSockets: WAITING_QUERIES })
  const gone = new AbortController()
  let answered = 0
  for (let n = 0; n < WAITING_QUERIES; n++) {
    const path = `/v1/kv/bench?index=${index}&wait=60s`
    get({ host: '127.0.0.1', port: client, path, agent, signal: gone.signal }, () => (answered += 1)).on(
      'error',
      () => {},
    )
  }
  await wait(SETTLE_MS)
  const connections = established(serverPort)
  if (answered > 0) throw new Error(`${answered} queries did not wait`)
  gone.abort()
  agent.destroy()
  return connections
}

/** As the kernel counts them on the server's side. */
function established(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readFileSync(file, 'utf8').split('\n'))
  return lines.filter((line) => new RegExp(`^ *\\d+: \\w+:${hex} \\w+:\\w+ 01 `).test(line)).length
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!

mkdirSync(CACHE, { recursive: true })
const consul = findConsul(options.consul)
const commands: Record<TargetName, string> = {
  consul,
  proconsul: options.command ?? (options.who.includes('proconsul') ? stagePackage() : ''),
}
const names = options.who.split(',') as TargetName[]
const runs = new Map<TargetName, Measured[]>(names.map((name) => [name, []]))
for (let pair = 0; pair < Number(options.pairs); pair++) {
  for (const name of pair % 2 === 0 ? names : names.toReversed())
    runs.get(name)!.push(await measure(name, commands[name]))
}

console.log(`\n${cpus()[0]?.model}, ${cpus().length} cores; ${options.pairs} pairs\n`)
console.log(`| | ${names.join(' | ')} | ratio | goal |`)
console.log(`|---|${names.map(() => '---:').join('|')}|---:|---:|`)
for (const { name, unit, less, goal } of METRICS) {
  const values = names.map((who) => runs.get(who)!.map((run) => run.get(name)!))
  const ratios = names.length < 2 ? [] : values[1]!.map((value, at) => value / values[0]![at]!)
  const shown = values.map((each) =>
    `${median([...each]).toFixed(unit === '/s' || unit === '' ? 0 : 2)} ${unit}`.trim(),
  )
  const ratio = ratios.length === 0 ? '' : median(ratios).toFixed(2)
  const wanted = goal === undefined ? '' : `${less ? '≤' : '≥'} ${goal}`
  console.log(`| ${name} | ${shown.join(' | ')} | ${ratio} | ${wanted} |`)
}
