/**
 * What the cache of a client agent answers once its servers are gone, ours against the real one: what is still told, as
 * hit or miss, and in which words the rest fails. How old an answer is differs by a moment, so only that it grows counts.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type AgentProcess, realConsul, startAgentProcess } from '../support/process.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

const LOOK_MS = 100
const WAIT_MS = 120_000
/** Soon enough found out, but not by a moment's silence on a busy machine. */
const GOSSIP = '-hcl=gossip_lan { probe_interval = "500ms" probe_timeout = "300ms" suspicion_mult = 8 }'

/** Kept fresh by a query in the background. */
const REFRESHED = ['health/service/cc-web', 'catalog/services', 'catalog/service/cc-web', 'discovery-chain/cc-web']
/** Asked for anew when too old. */
const ASKED_ANEW = ['catalog/datacenters', 'query/cc-query/execute']
const NEVER_ASKED = ['health/service/never', 'catalog/service/never', 'query/never/execute', 'discovery-chain/never']
const NO_SERVERS = 'No known Consul servers'

interface Seen {
  status: number
  cache: string | undefined
  /** "old" above a second. */
  age: string | undefined
  text: string
}

async function look({ http }: AgentProcess, path: string, control = ''): Promise<Seen> {
  const { status, headers, body } = await http('GET', `/v1/${path}`, undefined, { 'Cache-Control': control })
  const age = headers.age === undefined ? undefined : Number(headers.age) > 1 ? 'old' : 'new'
  const cache = headers['x-cache'] as string | undefined
  return { status, cache, age, text: status === 200 ? '' : body }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + WAIT_MS; !(await holds()); await delay(LOOK_MS)) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
  }
}

suite('a client agent’s cache without servers, beside the real one’s', { skip, timeout: 400_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-cache-'))
  const servers: AgentProcess[] = []
  const clients: AgentProcess[] = []

  before(async () => {
    for (const [i, client] of [{}, { command: real! }].entries()) {
      const server = await startAgentProcess(['-dev', '-node=s', '-log-level=err', GOSSIP], { command: real! })
      servers.push(server)
      const join0 = `-retry-join=127.0.0.1:${server.ports.serfLan}`
      const args = [
        '-node=x',
        '-bind=127.0.0.1',
        `-data-dir=${join(folder, String(i))}`,
        join0,
        '-log-level=err',
        GOSSIP,
      ]
      clients.push(await startAgentProcess(args, client))
      const node = { Node: 'cc', Address: '10.7.0.1', Service: { Service: 'cc-web', Port: 80 } }
      await server.http('PUT', '/v1/catalog/register', JSON.stringify(node))
      await server.http('POST', '/v1/query', JSON.stringify({ Name: 'cc-query', Service: { Service: 'cc-web' } }))
    }
    for (const client of clients) {
      for (const path of [...REFRESHED, ...ASKED_ANEW]) {
        assert.deepEqual(await look(client, `${path}?cached`), { status: 200, cache: 'MISS', age: undefined, text: '' })
      }
    }
    await Promise.all(servers.map((server) => server.kill('SIGKILL')))
    for (const client of clients) {
      await until('gossip has found it out', async () => (await look(client, 'catalog/nodes')).text === NO_SERVERS)
      for (const path of [...REFRESHED, ...ASKED_ANEW]) {
        await until(`${path} is old`, async () => (await look(client, `${path}?cached`)).age === 'old')
      }
    }
  })
  after(async () => {
    await Promise.all([...servers, ...clients].map((agent) => agent.kill()))
    rmSync(folder, { recursive: true, force: true })
  })

  const hit: Seen = { status: 200, cache: 'HIT', age: 'old', text: '' }
  const miss: Seen = { status: 200, cache: 'MISS', age: undefined, text: '' }
  const refused: Seen = { status: 500, cache: undefined, age: undefined, text: NO_SERVERS }

  async function both(path: string, control: string, expected: Seen): Promise<void> {
    const [ours, theirs] = await Promise.all(clients.map((client) => look(client, path, control)))
    assert.deepEqual(theirs, expected, `theirs: ${path} ${control}`)
    assert.deepEqual(ours, expected, `ours: ${path} ${control}`)
  }

  test('what is kept fresh is told on, whatever was asked of its age, but not to those who wait for the next', async () => {
    for (const path of REFRESHED) {
      for (const control of ['', 'max-age=60', 'max-age=1', 'max-age=0', 'must-revalidate', 'no-cache']) {
        await both(`${path}?cached`, control, hit)
      }
      await both(`${path}?cached`, 'max-age=0, stale-if-error=60', hit)
      for (const control of ['', 'stale-if-error=3600']) {
        await both(`${path}?cached&index=1000000&wait=60s`, control, refused)
        await both(path, control, refused)
      }
    }
  })

  test('what is asked for anew is told on unless too old; looked at again in vain, it is a miss', async () => {
    for (const path of ASKED_ANEW) {
      for (const control of ['', 'max-age=3600', 'no-cache', 'stale-if-error=60'])
        await both(`${path}?cached`, control, hit)
      for (const control of [
        'max-age=0',
        'must-revalidate',
        'max-age=0, stale-if-error=60',
        'max-age=3600, must-revalidate',
      ]) {
        await both(`${path}?cached`, control, miss)
      }
      // That an old one would do is read, and does nothing.
      for (const control of ['max-age=1', 'max-age=1, stale-if-error=3600'])
        await both(`${path}?cached`, control, refused)
      await both(path, 'max-age=3600', refused)
    }
  })

  test('what was never asked for fails', async () => {
    for (const path of NEVER_ASKED) {
      for (const control of ['', 'stale-if-error=60', 'max-age=0']) await both(`${path}?cached`, control, refused)
      await both(`${path}?cached&wait=60s`, '', refused)
    }
    await both('health/service/cc-web?cached&dc=elsewhere', '', refused)
  })
})
