/** When a cluster begins by itself (`bootstrap_expect`): whom the servers ask first, and what they do with silence. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Log } from '../base/log.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import type { Configuration } from '../core/raft/messages.ts'
import { makeFounding } from './autopilot.ts'

const settled = () => new Promise<void>((done) => setImmediate(done))

function memberOf(n: number, status: SerfMember['status'] = 'alive'): SerfMember {
  const tags = { role: 'consul', dc: 'dc1', port: '8300', id: `id${n}`, raft_vsn: '3', expect: '3' }
  return { name: `s${n}`, addr: `10.0.0.${n}`, port: 8301, tags, status } as unknown as SerfMember
}

/** A server that expects three, a clock to turn, and peers that answer as the test says. */
class Meeting {
  now = 0
  lastIndex = 0
  members = [memberOf(1), memberOf(2), memberOf(3)]
  readonly begun: Configuration[] = []
  readonly lines: string[] = []
  /** What each address answers; an error for those that are not in it. */
  readonly peers = new Map<string, string[]>()
  readonly asked: string[] = []
  private timers: { at: number; run: () => void }[] = []
  readonly founding = makeFounding({
    config: { datacenter: 'dc1', bootstrapExpect: 3 },
    nodeId: 'id1',
    host: {
      now: () => this.now,
      wake: (at: number, run: () => void) => {
        const timer = { at, run }
        this.timers.push(timer)
        return () => {
          this.timers = this.timers.filter((other) => other !== timer)
        }
      },
    },
    replica: {
      status: () => ({ lastIndex: this.lastIndex }),
      begin: (first: Configuration) => void this.begun.push(first),
    },
    pool: {
      call: async (address: string) => {
        this.asked.push(address)
        const peers = this.peers.get(address)
        if (peers === undefined) throw new Error('no answer')
        return peers
      },
    },
    members: () => this.members,
    log: this.log(),
  } as unknown as Parameters<typeof makeFounding>[0])

  private log(): Log {
    const say = (message: string, fields?: Record<string, unknown>) =>
      void this.lines.push(`${message} ${String(fields?.retry_interval ?? fields?.server ?? '')}`.trim())
    return { info: say, error: say, warn: say, debug: say } as unknown as Log
  }

  /** Turns the clock to each timer in turn, for so long. */
  async wait(ms: number): Promise<void> {
    const until = this.now + ms
    await settled()
    for (;;) {
      const next = this.timers.toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined || next.at > until) break
      this.timers = this.timers.filter((other) => other !== next)
      this.now = next.at
      next.run()
      await settled()
    }
    this.now = until
  }

  get idle(): boolean {
    return this.timers.length === 0
  }
}

const ADDRESSES = ['10.0.0.1:8300', '10.0.0.2:8300', '10.0.0.3:8300']

suite('the founding of a cluster', () => {
  test('begins at once when the others say that they are in none', async () => {
    const meeting = new Meeting()
    for (const address of ADDRESSES) meeting.peers.set(address, [])
    meeting.founding.look()
    await meeting.wait(0)
    assert.deepEqual(meeting.asked, ADDRESSES.slice(1), 'nobody asks himself')
    assert.deepEqual(
      meeting.begun.map(({ servers }) => servers.map(({ address }) => address)),
      [ADDRESSES],
    )
    meeting.founding.look()
    await meeting.wait(100_000)
    assert.equal(meeting.begun.length, 1)
  })

  test('waits until all that are expected have met', async () => {
    const meeting = new Meeting()
    meeting.members.pop()
    meeting.founding.look()
    await meeting.wait(100_000)
    assert.deepEqual([meeting.asked, meeting.begun], [[], []])
    meeting.members.push(memberOf(3))
    for (const address of ADDRESSES) meeting.peers.set(address, [])
    meeting.founding.look()
    await meeting.wait(0)
    assert.equal(meeting.begun.length, 1)
  })

  test('asks a silent server six times, with pauses that double, and then begins with it all the same', async () => {
    const meeting = new Meeting()
    meeting.members[2] = memberOf(3, 'failed')
    meeting.peers.set(ADDRESSES[1]!, [])
    meeting.founding.look()
    await meeting.wait(62_999)
    assert.deepEqual(
      meeting.lines,
      [1, 2, 4, 8, 16, 32].map((s) => `Failed to confirm peer status for server (will retry). ${s}s`),
    )
    assert.equal(meeting.begun.length, 0)
    assert.equal(
      meeting.asked.filter((address) => address === ADDRESSES[1]).length,
      1,
      'who answered is not asked again',
    )
    await meeting.wait(1)
    assert.deepEqual(
      meeting.begun[0]?.servers.map(({ address }) => address),
      ADDRESSES,
    )
  })

  test('stays out of it when a server has a cluster already, also one that says so late', async () => {
    const meeting = new Meeting()
    meeting.peers.set(ADDRESSES[1]!, [])
    meeting.founding.look()
    await meeting.wait(2_500)
    meeting.peers.set(ADDRESSES[2]!, ['10.0.0.9:8300'])
    await meeting.wait(200_000)
    assert.equal(meeting.lines.at(-1), 'Existing Raft peers reported by server, disabling bootstrap mode s3')
    assert.equal(meeting.begun.length, 0)
    assert(meeting.idle)
  })

  test('begins nothing when entries of a leader came while it waited', async () => {
    const meeting = new Meeting()
    meeting.peers.set(ADDRESSES[1]!, [])
    meeting.founding.look()
    await meeting.wait(2_500)
    meeting.lastIndex = 7
    await meeting.wait(200_000)
    assert.equal(meeting.begun.length, 0)
  })

  test('a server that stops leaves no timer behind', async () => {
    const meeting = new Meeting()
    meeting.founding.look()
    await meeting.wait(10)
    assert(!meeting.idle)
    meeting.founding.stop()
    await meeting.wait(200_000)
    assert(meeting.idle)
    assert.equal(meeting.begun.length, 0)
  })
})
