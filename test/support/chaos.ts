/**
 * What is done to a cluster of processes while clients write down what they see, and what must hold afterwards: each key's
 * history has an order that explains it, and what was acknowledged is there on every server.
 */
import assert from 'node:assert/strict'
import { describe, History } from '../../src/sim/history.ts'
import { checkLinearizable } from '../../src/sim/linearizable.ts'
import { ANSWER_MS, HistoryClient, type Quorum, type QuorumServer } from './quorum.ts'

export const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))

let loads = 0
/** What each stage of a test must have seen at least, however slow the machine: too little would prove nothing. */
const ANSWERS_EACH = 60
const ACKNOWLEDGED_EACH = 6

export interface Load {
  /** Waits until clients were answered for a while longer. */
  goesOn(): Promise<void>
  stop(): Promise<void>
  /** Stops the clients, waits until all is well, and judges. @returns how much was asked and acknowledged */
  judge(): Promise<{ operations: number; unknown: number; acknowledged: number }>
}

/** @param clients each asks one thing at a time */
export function startLoad(quorum: Quorum, clients: number, onlyConsistent = false): Load {
  const history = new History()
  const pick = (): QuorumServer => {
    const up = quorum.servers.filter((server) => server.up)
    const among = up.length > 0 ? up : quorum.servers
    return among[Math.floor(Math.random() * among.length)]!
  }
  const keys = `history-${++loads}`
  const all = Array.from(
    { length: clients },
    (_, n) => new HistoryClient({ name: `c${n + 1}`, history, keys, pick, onlyConsistent }),
  )
  const running = all.map((client) => client.run())
  const stop = async () => {
    for (const client of all) client.stopped = true
    await Promise.all(running)
  }
  const answered = () => history.operations.filter(({ answer }) => answer !== undefined).length
  const acknowledged = () => all.reduce((sum, client) => sum + client.acknowledged.length, 0)
  return {
    stop,
    async goesOn() {
      const [answeredMin, acknowledgedMin] = [answered() + ANSWERS_EACH, acknowledged() + ACKNOWLEDGED_EACH]
      await quorum.until('clients are answered', () => answered() >= answeredMin && acknowledged() >= acknowledgedMin)
    },
    async judge() {
      await stop()
      const leader = await quorum.leader()
      const reader = new HistoryClient({ name: 'reader', history, keys, pick: () => leader })
      await reader.readAll(new Set(history.operations.map(({ key }) => key)))
      const verdict = checkLinearizable(history.operations)
      if (verdict.kind === 'violated') {
        const told = verdict.operations.map(describe).join('\n')
        assert.fail(`no order explains what ${verdict.key} showed; stuck at\n${verdict.stuck.join('\n')}\nof\n${told}`)
      }
      assert.equal(verdict.kind, 'linearizable')
      const acknowledged = all.flatMap((client) => client.acknowledged)
      for (const server of quorum.servers.filter(({ up }) => up)) {
        await quorum.until(`${server.name} has all that was acknowledged`, async () => {
          const { body } = await server.ask('GET', '/v1/kv/acknowledged/?keys&stale')
          const there = new Set(JSON.parse(body) as string[])
          return acknowledged.every((key) => there.has(key))
        })
      }
      const unknown = history.operations.filter(({ answer }) => answer === undefined).length
      return { operations: history.operations.length, unknown, acknowledged: acknowledged.length }
    },
  }
}

/** A server that is stopped or cut off is passed over after it. */
const LEADER_MS = 2_000

/** Writes succeed: the cluster has found a leader among those that run. */
export async function untilWritable(quorum: Quorum): Promise<void> {
  await quorum.until('writes succeed', () =>
    anyTakes(
      quorum.servers.filter((server) => server.up),
      'well',
    ),
  )
}

/** @returns whether one of them has taken a write, without waiting for those that do not answer then */
export function anyTakes(servers: readonly QuorumServer[], key: string): Promise<boolean> {
  const takes = async (server: QuorumServer) => {
    const { body } = await server.ask('PUT', `/v1/kv/${key}`, 'x', ANSWER_MS)
    if (body.trim() !== 'true') throw new Error(body)
    return true
  }
  return Promise.any(servers.map(takes)).catch(() => false)
}

/** The one that leads as far as anybody says, asked at any that runs. */
export async function anyLeader(quorum: Quorum): Promise<QuorumServer> {
  let found: QuorumServer | undefined
  await quorum.until('somebody names a leader', async () => {
    for (const server of quorum.servers.filter(({ up }) => up)) {
      const reply = await server.ask('GET', '/v1/status/leader', undefined, LEADER_MS).catch(() => undefined)
      const address = reply === undefined ? '' : (JSON.parse(reply.body) as string)
      found = quorum.servers.find(({ host, up }) => up && address.startsWith(`${host}:`))
      if (found !== undefined) return true
    }
    return false
  })
  return found!
}
