/**
 * Thousands of spoilt requests to a live agent, from a seed (PROCONSUL_FUZZ_SEED; PROCONSUL_FUZZ_COUNT for more): each
 * must get an answer that is HTTP, and afterwards the agent must be as before: alive, answering, no failure of its own in
 * its log, its memory bounded.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { seededRandom } from '../src/base/random.ts'
import type { RawRequest } from './interop/raw-http.ts'
import { AGENT_REQUESTS } from './interop/requests/agent.ts'
import { CATALOG_REQUESTS } from './interop/requests/catalog.ts'
import { CONFIG_REQUESTS } from './interop/requests/config.ts'
import { FILTER_REQUESTS } from './interop/requests/filter.ts'
import { HEALTH_REQUESTS } from './interop/requests/health.ts'
import { INTENTION_REQUESTS } from './interop/requests/intention.ts'
import { KV_REQUESTS } from './interop/requests/kv.ts'
import { OPERATOR_REQUESTS } from './interop/requests/operator.ts'
import { OVERVIEW_REQUESTS } from './interop/requests/overview.ts'
import { PROTOCOL_REQUESTS } from './interop/requests/protocol.ts'
import { QUERY_REQUESTS } from './interop/requests/query.ts'
import { SESSION_REQUESTS } from './interop/requests/session.ts'
import { TXN_REQUESTS } from './interop/requests/txn.ts'
import { Fuzzer } from './support/fuzz.ts'
import { type AgentProcess, startAgentProcess } from './support/process.ts'

const SEED = Number(process.env.PROCONSUL_FUZZ_SEED ?? 1)
const COUNT = Number(process.env.PROCONSUL_FUZZ_COUNT ?? 4000)
const CONNECTIONS = 8
/** Far above what any of these takes, and below what a test may take. */
const ANSWER_MS = 60_000
/** What an agent may have grown by, with all that was written meanwhile. */
const GROWTH_BYTES_MAX = 300 << 20

const BROKEN_QUERY = /\?[\s\S]*%(?![0-9a-f]{2})/i

const SEEDS: RawRequest[] = [
  ...[AGENT_REQUESTS, CATALOG_REQUESTS, CONFIG_REQUESTS, FILTER_REQUESTS, HEALTH_REQUESTS, INTENTION_REQUESTS],
  ...[
    KV_REQUESTS,
    OPERATOR_REQUESTS,
    OVERVIEW_REQUESTS,
    PROTOCOL_REQUESTS,
    QUERY_REQUESTS,
    SESSION_REQUESTS,
    TXN_REQUESTS,
  ],
].flat()

/** Sends one request and reads until the server has closed: what follows an answer is of no interest. */
function answerTo(port: number, { method, url, body, headers = {} }: RawRequest): Promise<string> {
  const bytes = Buffer.from(body ?? '')
  const lines = [`${method} ${url} HTTP/1.1`, 'Host: consul', 'Connection: close']
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
  if (body !== undefined) lines.push(`Content-Length: ${bytes.length}`)
  return new Promise((done, fail) => {
    const socket: Socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    const timer = setTimeout(() => {
      fail(new Error('no end of an answer'))
      socket.destroy()
    }, ANSWER_MS)
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    // Refused in the middle of a body: what came before the reset counts.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      done(Buffer.concat(chunks).toString('latin1'))
    })
    socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]))
  })
}

function residentBytes({ child }: AgentProcess): number {
  const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
  return Number(found![1]) * 1024
}

suite(`requests that nobody meant, seed ${SEED}`, {
  skip: process.platform !== 'linux' && 'memory is read from /proc',
}, () => {
  let agent: AgentProcess
  before(async () => {
    agent = await startAgentProcess(['-dev', '-node=x', '-log-level=info'])
  })
  after(() => agent?.kill())

  test(`${COUNT} of them harm nobody`, async () => {
    const fuzzer = new Fuzzer(seededRandom(SEED), SEEDS)
    const before = residentBytes(agent)
    await agent.http('PUT', '/v1/kv/kept', 'as it was')
    const faults: string[] = []
    const statuses = new Map<string, number>()
    let left = COUNT
    const work = async () => {
      while (left-- > 0) {
        const request = fuzzer.request()
        const told = JSON.stringify(request).slice(0, 2000)
        const answer = await answerTo(agent.ports.http, request).catch((error: Error) => String(error))
        const status = /^HTTP\/1\.1 (\d\d\d) /.exec(answer)?.[1]
        statuses.set(status ?? 'none', (statuses.get(status ?? 'none') ?? 0) + 1)
        if (status === undefined) faults.push(`no answer: ${answer.slice(0, 200)}\n  ${told}`)
        // A handler that threw, which the host answers without a word. So does Consul when a query cannot be decoded.
        const silent = status === '500' && /\r\nContent-Length: 0\r\n/i.test(answer)
        if (silent && !BROKEN_QUERY.test(request.url)) faults.push(`an empty 500\n  ${told}`)
      }
    }
    await Promise.all(Array.from({ length: CONNECTIONS }, work))
    assert.deepEqual(faults, [])
    // Had all been refused alike, nothing would have been tried.
    assert.equal((statuses.get('200') ?? 0) > COUNT / 20, true, JSON.stringify([...statuses]))
    assert.equal((statuses.get('400') ?? 0) > COUNT / 20, true, JSON.stringify([...statuses]))
    assert.equal(agent.child.exitCode, null)
    // What it has to say of them comes by another way than the answers, in order: it all comes before this.
    assert.equal((await agent.http('PATCH', '/v1/agent/self?last-of-all')).status, 405)
    await agent.printed(/last-of-all/)
    const own = agent
      .output()
      .match(/^.*(Unexpected failure|\[ERR\] |TypeError|RangeError|ReferenceError|at .*\.ts:\d+).*$/gm)
    assert.deepEqual(own?.slice(0, 10) ?? [], [])
    assert.equal((await agent.http('GET', '/v1/status/leader')).status, 200)
    assert.equal((await agent.http('PUT', '/v1/kv/after', 'v')).body.trim(), 'true')
    assert.equal((await agent.http('GET', '/v1/catalog/nodes')).status, 200)
    const growth = residentBytes(agent) - before
    assert.equal(growth < GROWTH_BYTES_MAX, true, `grew by ${growth >> 20} MiB`)
  })
})
