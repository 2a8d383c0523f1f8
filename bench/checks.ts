/**
 * `npm run bench:checks`: an agent with many HTTP checks, ours and the real one in turn. What it costs (processor time,
 * memory), whether every check is tried as often as it should be, and how soon a change of what is checked can be seen.
 *
 *   npm run bench:checks -- [--checks 1000] [--seconds 20] [--changes 20] [--consul PATH]
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { findConsul, residentMb, stagePackage, startTarget, type Target } from './targets.ts'

const { values } = parseArgs({
  options: {
    checks: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
    changes: { type: 'string', default: '20' },
    consul: { type: 'string' },
  },
})
const CHECKS = Number(values.checks)
const SECONDS = Number(values.seconds)
const CHANGES = Number(values.changes)
/** Clock ticks a second in /proc, on every Linux that Node.js runs on. */
const TICKS = 100

/** Everything that is checked, in this process: how often it was asked, and when it last told of a change. */
let asked = 0
let healthy = true
let told = 0
const target = createServer(({ url }, response) => {
  asked += 1
  if (url === '/watched') {
    response.statusCode = healthy ? 200 : 503
    response.once('finish', () => {
      told = performance.now()
    })
  }
  response.end('ok')
})
await new Promise<void>((done) => target.listen(0, '127.0.0.1', done))
const at = `http://127.0.0.1:${(target.address() as AddressInfo).port}`

const rows: Record<string, Record<string, string>> = {}
for (const [name, command] of [
  ['consul', findConsul(values.consul)],
  ['proconsul', stagePackage()],
] as const) {
  const agent = await startTarget(name, command, 'dev')
  try {
    rows[name] = await measure(agent)
  } finally {
    await agent.stop()
  }
}
target.closeAllConnections()
target.close()
console.table(rows)

async function measure(agent: Target): Promise<Record<string, string>> {
  for (let i = 0; i < CHECKS; i++) await register(agent, { Name: `check-${i}`, HTTP: `${at}/`, Interval: '1s' })
  await pause(3)
  const [before, asksBefore] = [spentSeconds(agent.pid), asked]
  await pause(SECONDS)
  const cores = (spentSeconds(agent.pid) - before) / SECONDS
  const tries = (asked - asksBefore) / SECONDS / CHECKS
  const resident = residentMb(agent.pid).all
  const delays = await changeDelays(agent)
  return {
    checks: String(CHECKS),
    'tries of each a second': tries.toFixed(3),
    'processor, % of a core': (cores * 100).toFixed(1),
    'memory, MB': resident.toFixed(0),
    'change until seen, median ms': delays[delays.length >> 1]!.toFixed(1),
    'the longest, ms': delays.at(-1)!.toFixed(1),
  }
}

/** From the answer that told of a change to the blocked query that returns with it, in order of length. */
async function changeDelays(agent: Target): Promise<number[]> {
  const Check = { Name: 'watched', HTTP: `${at}/watched`, Interval: '1s' }
  await put(agent, '/v1/agent/service/register', { Name: 'watched', Check })
  const delays: number[] = []
  healthy = true
  let index = await until(agent, 'passing', '0')
  for (let i = 0; i < CHANGES; i++) {
    healthy = !healthy
    index = await until(agent, healthy ? 'passing' : 'critical', index)
    delays.push(performance.now() - told)
  }
  return delays.sort((a, b) => a - b)
}

async function until(agent: Target, status: string, from: string): Promise<string> {
  for (let index = from; ; ) {
    const response = await fetch(`${agent.http}/v1/health/checks/watched?index=${index}&wait=60s`)
    const checks = (await response.json()) as { Status: string }[]
    index = response.headers.get('X-Consul-Index') ?? '0'
    if (checks[0]?.Status === status) return index
  }
}

function register(agent: Target, check: Record<string, unknown>): Promise<void> {
  return put(agent, '/v1/agent/check/register', check)
}

async function put(agent: Target, path: string, body: unknown): Promise<void> {
  const response = await fetch(agent.http + path, { method: 'PUT', body: JSON.stringify(body) })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
}

/** Processor time of the process so far. Source: proc(5), fields 14 and 15 of /proc/PID/stat. */
function spentSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

function pause(seconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, seconds * 1000))
}
