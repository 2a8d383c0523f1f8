/** How often coordinates are sent, to whom not, and what a refusal does. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type LogRecord, makeLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import { ConsulError } from '../model/errors.ts'
import type { Caller } from '../model/rpc.ts'
import { sendCoordinates, updateIntervalMs } from './coordinates.ts'

const COORD = { Vec: [1, 2], Error: 0.5, Adjustment: 0, Height: 0.001 }

function member(tags: Record<string, string>): SerfMember {
  return { name: 'n', addr: '10.0.0.1', port: 8301, tags, status: 'alive', vsn: new Uint8Array(6) }
}
const SERVER = member({ role: 'consul', vsn_min: '2', vsn_max: '3' })
const OLD_SERVER = member({ role: 'consul', vsn_min: '1', vsn_max: '2' })

function start(members: readonly SerfMember[], answer: () => Promise<unknown> = async () => ({})) {
  const sent: { at: number; method: string; args: unknown }[] = []
  const records: LogRecord[] = []
  let now = 0
  let timer: { at: number; run: () => void } | undefined
  const stop = sendCoordinates({
    host: {
      now: () => now,
      random: seededRandom(1),
      wake(at, run) {
        timer = { at, run }
        return () => {
          timer = undefined
        }
      },
    },
    datacenter: 'dc1',
    nodeName: 'n1',
    members: () => members,
    coordinate: () => COORD,
    call: (async (method: string, args: unknown) => {
      sent.push({ at: now, method, args })
      return answer()
    }) as unknown as Caller['call'],
    log: makeLog(
      'agent',
      (record) => records.push(record),
      () => 'debug',
    ),
  })
  return {
    sent,
    records,
    stop,
    waiting: () => timer !== undefined,
    async next() {
      const due = timer!
      timer = undefined
      now = due.at
      due.run()
      await new Promise((done) => setImmediate(done))
    },
  }
}

suite('sending coordinates', () => {
  test('four a minute at most, fewer in large clusters', () => {
    assert.deepEqual([1, 960, 1920, 6400].map(updateIntervalMs), [15_000, 15_000, 30_000, 100_000])
  })

  test('goes on and on, with pauses of one to two intervals', async () => {
    const { sent, next } = start([SERVER])
    for (let i = 0; i < 20; i++) await next()
    assert.equal(sent.length, 20)
    assert.deepEqual(sent[0], {
      at: sent[0]!.at,
      method: 'Coordinate.Update',
      args: { Datacenter: 'dc1', Node: 'n1', Segment: '', Coord: COORD },
    })
    const pauses = sent.map(({ at }, i) => at - (sent[i - 1]?.at ?? 0))
    assert.ok(
      pauses.every((pause) => pause >= 15_000 && pause <= 30_000),
      String(pauses),
    )
    assert.ok(new Set(pauses).size > 10)
  })

  test('waits for servers that know what it is', async () => {
    for (const members of [[], [SERVER, OLD_SERVER]]) {
      const { sent, next, waiting } = start(members)
      await next()
      assert.equal(sent.length, 0)
      assert.equal(waiting(), true)
    }
  })

  test('a refusal is told of, and does not end it', async () => {
    for (const [error, level, message] of [
      [new ConsulError('permission-denied'), 'warn', 'Coordinate update blocked by ACLs'],
      [new ConsulError('no-leader'), 'error', 'Coordinate update error'],
    ] as const) {
      const { records, next, waiting, stop } = start([SERVER], () => Promise.reject(error))
      await next()
      assert.deepEqual(
        records.map((record) => [record.level, record.message]),
        [[level, message]],
      )
      assert.equal(waiting(), true)
      stop()
      assert.equal(waiting(), false)
    }
  })
})
