/**
 * Elections among our servers and real ones, as processes and under load: each is told to stand at once, as a leader that
 * hands over tells it, a stopped follower comes back, and leaders leave. Nothing acknowledged may be lost, and no real
 * server may have got a message that it does not know.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { suite, test } from 'node:test'
import { encodeRequest } from '../../src/wire/raft.ts'
import { realConsul } from '../support/process.ts'
import { ANSWER_MS, type Kind, type Quorum, type QuorumServer, SERVER_PORT, startQuorum } from '../support/quorum.ts'

const skip =
  realConsul() === undefined &&
  'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'
/** After each change among the servers at least so many writes more must be acknowledged. */
const WRITES_EACH = 20
/** Longer than any wait for a leader. */
const STOPPED_MS = 3000
const ROUNDS_MAX = 6

/** As the leader's last message says it: ours has the term in it, which real servers must pass over. */
async function tellToStand(server: QuorumServer): Promise<void> {
  const request = encodeRequest({ type: 'timeout-now', term: Number(await termOf(server)) })
  const socket = connect(SERVER_PORT, server.host)
  await once(socket, 'connect')
  socket.write(Buffer.concat([Buffer.from([1]), request]))
  // Its answer, or the end of a server that gives connections up as it changes its office.
  await Promise.race([once(socket, 'data'), once(socket, 'close')])
  socket.destroy()
}

/** Writes at all servers in turn until stopped. */
function load({ servers, until }: Quorum) {
  const acknowledged: string[] = []
  let running = true
  const write = async (writer: number) => {
    for (let n = 0; running; n++) {
      const up = servers.filter((server) => server.up)
      const key = `load/${writer}/${n}`
      const answer = await up[(writer + n) % up.length]!.ask('PUT', `/v1/kv/${key}`, key, 5000).catch(() => undefined)
      if (answer?.status === 200 && answer.body.trim() === 'true') acknowledged.push(key)
      await new Promise((done) => setTimeout(done, 5))
    }
  }
  const writers = [0, 1, 2].map(write)
  return {
    /** Until the servers as they are now have taken some writes. */
    async goesOn(): Promise<void> {
      const before = acknowledged.length
      await until('writes are acknowledged', () => acknowledged.length >= before + WRITES_EACH)
    },
    async stop(): Promise<string[]> {
      running = false
      await Promise.all(writers)
      return acknowledged
    },
  }
}

async function allThere(quorum: Quorum, keys: string[]): Promise<void> {
  let found = new Set<string>()
  await quorum.until('a leader tells of all keys for certain', async () => {
    const { status, body } = await (await quorum.leader()).ask('GET', '/v1/kv/load/?keys&consistent')
    found = new Set(JSON.parse(body) as string[])
    return status === 200
  })
  assert.deepEqual(
    keys.filter((key) => !found.has(key)),
    [],
  )
}

async function termOf(server: QuorumServer): Promise<string> {
  const { body } = await server.ask('GET', '/v1/agent/self')
  return (JSON.parse(body) as { Stats: { raft: { term: string } } }).Stats.raft.term
}

function understoodAll({ servers }: Quorum): void {
  // A connection that broke in the middle is no message that it does not know.
  const unknown = /unknown rpc type|failed to decode incoming command: error="(?!read tcp )/
  for (const { kind, name, output } of servers) {
    if (kind === 'real') assert.doesNotMatch(output(), unknown, name)
  }
}

const casts: Kind[][] = [
  ['ours', 'ours', 'real'],
  ['real', 'real', 'ours'],
]
for (const cast of casts) {
  suite(`elections among ${cast.join(', ')}`, { skip, timeout: 300_000 }, () => {
    test('each leads when it is told to stand, then leaders leave, and nothing is lost', async () => {
      const quorum = await startQuorum(cast)
      try {
        const writing = load(quorum)
        for (const server of quorum.servers) {
          await quorum.until(`${server.name} leads`, async () => {
            if ((await quorum.leader()) === server) return true
            await tellToStand(server)
            return false
          })
          await writing.goesOn()
        }
        // Ours loses its leader and must ask both kinds before it stands.
        for (const server of quorum.servers) {
          if ((await quorum.leader()) !== server) continue
          await server.kill()
          await quorum.leader()
          await writing.goesOn()
          server.start()
          await quorum.until('it is back', async () => (await server.ask('GET', '/v1/status/leader')).body.length > 5)
        }
        const leaving = await quorum.leader()
        await leaving.leave()
        await quorum.until('another leads', async () => (await quorum.leader()) !== leaving)
        await writing.goesOn()
        await allThere(quorum, await writing.stop())
      } finally {
        await quorum.stop()
      }
      // They have said all that they will.
      understoodAll(quorum)
    })
  })
}

test('a follower that stood still comes back without deposing the leader', { timeout: 180_000 }, async () => {
  const quorum = await startQuorum(['ours', 'ours', 'ours'])
  try {
    // A leader may also lose its office because the machine is busy: the same must not come about each time.
    let kept = 0
    for (let round = 0; kept < 2; round++) {
      assert.ok(round < ROUNDS_MAX, `the leader stayed in ${kept} of ${round} rounds`)
      const leader = await quorum.leader()
      const term = await termOf(leader)
      const [follower] = quorum.servers.filter((server) => server !== leader) as [QuorumServer]
      follower.signal('SIGSTOP')
      await new Promise((done) => setTimeout(done, STOPPED_MS))
      follower.signal('SIGCONT')
      await quorum.until('the follower has what was written after it', async () => {
        await leader.ask('PUT', '/v1/kv/after', String(round), ANSWER_MS)
        const { body } = await follower.ask('GET', '/v1/kv/after?raw&stale', undefined, ANSWER_MS)
        return body === String(round)
      })
      if ((await quorum.leader()) === leader && (await termOf(follower)) === term) kept += 1
    }
  } finally {
    await quorum.stop()
  }
})
