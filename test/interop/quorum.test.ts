/**
 * Proconsul and the real Consul in one quorum: two of them and one of ours, one and two, each kind leading in turn, with
 * the same data on every server; and three real servers replaced by ours one by one under writes, and back again.
 * The way back takes as long as the way there, so it is gone only with PROCONSUL_LONG_TESTS set.
 */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { type Load, startLoad, untilWritable } from '../support/chaos.ts'
import { realConsul } from '../support/process.ts'
import { ANSWER_MS, type Kind, type Quorum, type QuorumServer, SERVER_PORT, startQuorum } from '../support/quorum.ts'

const skip = realConsul() === undefined && 'the real Consul is not here'
const LONG = process.env.PROCONSUL_LONG_TESTS !== undefined
const QUICK_AUTOPILOT = { autopilot: { server_stabilization_time: '200ms', cleanup_dead_servers: true } }

/** Stops leaders of the other kind until one of this kind leads. */
async function letLead(quorum: Quorum, kind: Kind): Promise<QuorumServer> {
  for (;;) {
    const leader = await quorum.leader()
    if (leader.kind === kind) return leader
    leader.signal('SIGSTOP')
    const others = quorum.servers.filter((server) => server !== leader)
    await quorum.until('another leads', async () => {
      const { body } = await others[0]!.ask('GET', '/v1/status/leader', undefined, ANSWER_MS)
      return others.some(({ host }) => JSON.parse(body) === `${host}:${SERVER_PORT}`)
    })
    leader.signal('SIGCONT')
  }
}

/** Everything that a server has, by its own state. */
const ALL = ['/v1/kv/?recurse', '/v1/catalog/nodes', '/v1/catalog/services', '/v1/session/list', '/v1/health/state/any']

async function sameEverywhere(quorum: Quorum): Promise<void> {
  let told: string[] = []
  await quorum
    .until('all servers show the same', async () => {
      const states = await Promise.all(
        quorum.servers.map(async (server) => {
          const replies = await Promise.all(
            ALL.map((path) => server.ask('GET', `${path}${path.includes('?') ? '&' : '?'}stale`)),
          )
          return replies.map(({ index, body }) => `${index} ${canonical(body)}`).join('\n')
        }),
      )
      told = states
      return states.every((state) => state === states[0])
    })
    .catch((error: unknown) => {
      for (const state of told) assert.equal(state, told[0])
      throw error
    })
}

/** Objects' fields in order: both kinds have an order of their own. */
function canonical(body: string): string {
  return JSON.stringify(JSON.parse(body), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}

/** One of each sort of write, asked of each server in turn. */
async function writeAll(quorum: Quorum, mark: string): Promise<void> {
  for (const server of quorum.servers) {
    const at = `${mark}/${server.name}`
    const send = async (method: string, path: string, body: unknown, expected: string | RegExp) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const wanted = typeof expected === 'string' ? new RegExp(expected) : expected
      // On a busy machine the leader may change at any moment: then it is asked again.
      let told = { status: 0, body: '' }
      await quorum.until(`${method} ${path} is answered`, async () => {
        told = await server.ask(method, path, text)
        return told.status === 200 || !/leader/.test(told.body)
      })
      assert.match(`${told.status} ${told.body}`, wanted, path)
      return told.body
    }
    const put = (path: string, body: unknown, expected: string | RegExp) => send('PUT', path, body, expected)
    await put(`/v1/kv/${at}/a?flags=18446744073709551615`, 'a value', '200 true')
    await put(`/v1/kv/${at}/gone/1`, '1', '200 true')
    await put(`/v1/kv/${at}/gone/2`, '2', '200 true')
    await send('DELETE', `/v1/kv/${at}/gone?recurse`, '', '200 true')
    await put(`/v1/kv/${at}/a?cas=1`, 'not this', '200 false')
    const Node = `node-${at.replace('/', '-')}`
    const Service = { ID: 'web-1', Service: 'web', Tags: [mark], Port: 80, Meta: { by: server.name } }
    const Check = { CheckID: 'alive', Name: 'alive', Status: 'passing', ServiceID: 'web-1' }
    await put('/v1/catalog/register', { Node, Address: '10.0.0.9', Service, Check }, '200 true')
    const session = { Node, LockDelay: '0s', Checks: [], Behavior: 'delete', TTL: '600s' }
    const { ID } = JSON.parse(await put('/v1/session/create', session, /^200 \{"ID"/)) as { ID: string }
    await put(`/v1/kv/${at}/lock?acquire=${ID}`, 'held', '200 true')
    const value = Buffer.from('of a transaction').toString('base64')
    const KV = (Verb: string, Key: string) => ({ KV: { Verb, Key: `${at}/${Key}`, Value: value } })
    await put('/v1/txn', [KV('set', 't1'), KV('set', 't2'), KV('delete', 'a')], '^200 ')
    await put(`/v1/kv/${at}/big`, 'x'.repeat(300_000), '200 true')
  }
}

for (const kinds of [
  ['real', 'real', 'ours'],
  ['ours', 'real', 'ours'],
] as Kind[][]) {
  suite(`a quorum of ${kinds.join(', ')}`, { skip, timeout: 400_000 }, () => {
    let quorum: Quorum | undefined
    after(() => quorum?.stop())

    test('has the same data on each server, whichever kind leads', async () => {
      quorum = await startQuorum(kinds)
      for (const kind of ['real', 'ours'] as const) {
        const leader = await letLead(quorum, kind)
        await untilWritable(quorum)
        await writeAll(quorum, `led-by-${leader.name}`)
        await sameEverywhere(quorum)
      }
    })
  })
}

suite('three servers replaced one by one under writes', { skip, timeout: LONG ? 900_000 : 400_000 }, () => {
  let quorum: Quorum | undefined
  let load: Load | undefined
  after(async () => {
    await load?.stop()
    await quorum?.stop()
  })

  async function replaceAll(by: Kind): Promise<void> {
    for (const old of quorum!.servers.filter(({ up }) => up)) {
      const fresh = quorum!.add(by, `${by}-${quorum!.servers.length + 1}`)
      fresh.start()
      await quorum!.until(`${fresh.name} votes`, async () => (await voters(quorum!)).includes(fresh.name))
      await old.leave()
      await quorum!.until(`${old.name} is let go`, async () => !(await voters(quorum!)).includes(old.name))
      await untilWritable(quorum!)
      await load!.goesOn()
    }
  }

  test(`real ones by ours${LONG ? ', and back' : ''}: no acknowledged write is lost`, async (context) => {
    quorum = await startQuorum(['real', 'real', 'real'], { settings: QUICK_AUTOPILOT })
    load = startLoad(quorum, 4, true)
    await load.goesOn()
    await replaceAll('ours')
    if (LONG) {
      await replaceAll('real')
    }
    const found = await load.judge()
    context.diagnostic(JSON.stringify(found))
  })
})

async function voters(quorum: Quorum): Promise<string[]> {
  const server = quorum.servers.find(({ up }) => up)!
  const { body } = await server.ask('GET', '/v1/operator/raft/configuration', undefined, ANSWER_MS)
  const { Servers } = JSON.parse(body) as { Servers: { Node: string; Voter: boolean }[] }
  return Servers.filter(({ Voter }) => Voter).map(({ Node }) => Node)
}
