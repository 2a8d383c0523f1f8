/** The leader's clocks: sessions, tombstones, lock delays. Time is a number here and passes when told to. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { anEntry, aRegistration, aSession, makeCluster, type TestCluster } from '../../../test/support/cluster.ts'
import { NANOS_PER_SECOND } from '../../base/units.ts'
import type { Session } from '../../model/session.ts'
import { makeLockDelays } from './lock-delay.ts'
import { makeSessionTimers } from './sessions.ts'
import { makeTombstoneClock, TOMBSTONE_BIN_MS, TOMBSTONE_TTL_MS } from './tombstones.ts'

const TICK = { kind: 'tick' } as const

function clusterWithNode(): TestCluster {
  const cluster = makeCluster()
  cluster.call('Catalog.Register', aRegistration({ Node: 'a' }))
  return cluster
}

function createSession(cluster: TestCluster, fields: Partial<Session>): Session {
  const id = cluster.call('Session.Apply', { Op: 'create', Session: aSession({ Node: 'a', ...fields }) })
  return cluster.call('Session.Get', { SessionID: id }).Sessions![0]!
}

suite('session timers', () => {
  /** A leading core that hears the commits of a cluster. */
  function leading() {
    const cluster = clusterWithNode()
    const timers = makeSessionTimers('dc1')
    const clock = { now: 0 }
    timers.step(0, { kind: 'lead', sessions: [] })
    cluster.store.onCommit(({ changes }) => timers.step(clock.now, { kind: 'commit', changes }))
    return { cluster, timers, clock }
  }

  test('a session ends twice its TTL after it was created, and its row by the command', () => {
    const { cluster, timers, clock } = leading()
    const session = createSession(cluster, { TTL: '10s' })
    assert.equal(timers.wakeAt(), 20_000)
    timers.step(19_999, TICK)
    assert.deepEqual(timers.take(), [])
    clock.now = 20_000
    timers.step(20_000, TICK)
    const [expiry, ...others] = timers.take()
    assert.deepEqual([expiry?.id, others.length, timers.wakeAt()], [session.ID, 0, null])
    cluster.apply(expiry!.command)
    assert.equal(cluster.call('Session.Get', { SessionID: session.ID }).Sessions, null)
    assert.deepEqual(timers.take(), [])
  })

  test('no TTL, no timer', () => {
    const { cluster, timers } = leading()
    for (const TTL of ['', '0s', '0']) createSession(cluster, { TTL })
    assert.equal(timers.wakeAt(), null)
  })

  test('a renewal sets the timer back, an end takes it away', () => {
    const { cluster, timers } = leading()
    const session = createSession(cluster, { TTL: '10s' })
    timers.step(15_000, { kind: 'renew', session })
    timers.step(20_000, TICK)
    assert.deepEqual([timers.take(), timers.wakeAt()], [[], 35_000])
    cluster.call('Session.Apply', { Op: 'destroy', Session: aSession({ ID: session.ID }) })
    assert.equal(timers.wakeAt(), null)
  })

  test('a new leader grants every session its whole time', () => {
    const timers = makeSessionTimers('dc1')
    const sessions = [aSession({ ID: 'x', TTL: '10s' }), aSession({ ID: 'y', TTL: '1m' }), aSession({ ID: 'z' })]
    timers.step(1_000_000, { kind: 'lead', sessions })
    assert.equal(timers.wakeAt(), 1_020_000)
    timers.step(2_000_000, TICK)
    assert.deepEqual(
      timers.take().map((expiry) => expiry.id),
      ['x', 'y'],
    )
  })

  test('who does not lead has no timers', () => {
    const { cluster, timers } = leading()
    createSession(cluster, { TTL: '10s' })
    timers.step(1, { kind: 'follow' })
    createSession(cluster, { TTL: '10s' })
    timers.step(100_000, TICK)
    assert.deepEqual([timers.take(), timers.wakeAt()], [[], null])
  })

  test('a failed proposal is tried again after 10, 20, 40 s..., six times in all', () => {
    const timers = makeSessionTimers('dc1')
    timers.step(0, { kind: 'lead', sessions: [aSession({ ID: 'x', TTL: '10s' })] })
    const waits: number[] = []
    for (let at = timers.wakeAt(), before = 0; at !== null; at = timers.wakeAt()) {
      waits.push(at - before)
      before = at
      timers.step(at, TICK)
      assert.equal(timers.take().length, 1)
      timers.step(at, { kind: 'failed', id: 'x' })
    }
    assert.deepEqual(waits, [20_000, 10_000, 20_000, 40_000, 80_000, 160_000])
  })
})

suite('tombstone clock', () => {
  const stone = { table: 'tombstones' as const, key: 'k', after: { Key: 'k', Index: 1 } }
  const reaps = (clock: ReturnType<typeof makeTombstoneClock>) =>
    clock.take().map(({ command }) => command.type === 'Tombstone' && command.body.ReapIndex)

  test('a delete is reaped a quarter of an hour later, at the end of its bin', () => {
    const cluster = makeCluster()
    const clock = makeTombstoneClock('dc1')
    clock.step(0, { kind: 'lead', lastIndex: 0 })
    cluster.store.onCommit((commit) => clock.step(1_000, { kind: 'commit', ...commit }))
    cluster.call('KVS.Apply', { Op: 'set', DirEnt: anEntry({ Key: 'k' }) })
    assert.equal(clock.wakeAt(), null)
    cluster.call('KVS.Apply', { Op: 'delete', DirEnt: anEntry({ Key: 'k' }) })
    const due = TOMBSTONE_TTL_MS + TOMBSTONE_BIN_MS
    assert.equal(clock.wakeAt(), due)
    clock.step(due - 1, TICK)
    assert.deepEqual(reaps(clock), [])
    clock.step(due, TICK)
    const [{ command } = { command: undefined }] = clock.take()
    cluster.apply(command!)
    cluster.store.read((txn) => assert.deepEqual([...txn.prefix('tombstones', '')], []))
    assert.equal(clock.wakeAt(), null)
  })

  test('the deletes of half a minute make one command, with the highest index', () => {
    const clock = makeTombstoneClock('dc1')
    clock.step(0, { kind: 'lead', lastIndex: 0 })
    for (const [at, index] of [
      [0, 7],
      [29_999, 9],
      [30_000, 12],
    ] as const) {
      clock.step(at, { kind: 'commit', index, changes: [stone] })
    }
    clock.step(TOMBSTONE_TTL_MS + 30_000, TICK)
    assert.deepEqual(reaps(clock), [9])
    clock.step(TOMBSTONE_TTL_MS + 60_000, TICK)
    assert.deepEqual(reaps(clock), [12])
  })

  test('a new leader answers for the deletes of the old; a follower for none', () => {
    const clock = makeTombstoneClock('dc1')
    clock.step(0, { kind: 'lead', lastIndex: 41 })
    clock.step(TOMBSTONE_TTL_MS + TOMBSTONE_BIN_MS, TICK)
    assert.deepEqual(reaps(clock), [41])
    clock.step(0, { kind: 'lead', lastIndex: 50 })
    clock.step(1, { kind: 'follow' })
    clock.step(2, { kind: 'commit', index: 51, changes: [stone] })
    clock.step(TOMBSTONE_TTL_MS * 2, TICK)
    assert.deepEqual([reaps(clock), clock.wakeAt()], [[], null])
  })
})

suite('lock delays', () => {
  const MAX_MS = 60_000

  function endSession(lockDelaySeconds: number, behavior: string) {
    const cluster = clusterWithNode()
    const delays = makeLockDelays()
    cluster.store.onCommit(({ changes }) => delays.step(500, { kind: 'commit', changes }))
    const LockDelay = lockDelaySeconds * NANOS_PER_SECOND
    const session = createSession(cluster, { LockDelay, Behavior: behavior })
    cluster.call('KVS.Apply', { Op: 'lock', DirEnt: anEntry({ Key: 'k', Session: session.ID }) })
    assert.equal(delays.delayed(500, 'k'), false)
    cluster.call('Session.Apply', { Op: 'destroy', Session: aSession({ ID: session.ID }) })
    return delays
  }

  for (const behavior of ['release', 'delete']) {
    test(`a key rests after its session ended (${behavior})`, () => {
      const delays = endSession(15, behavior)
      assert.equal(delays.delayed(15_499, 'k'), true)
      assert.equal(delays.delayed(15_500, 'k'), false)
      assert.equal(delays.delayed(500, 'other'), false)
      assert.equal(delays.wakeAt(), 15_500)
      delays.step(15_500, TICK)
      assert.equal(delays.wakeAt(), null)
    })
  }

  test('never for longer than a minute, and not at all without a delay', () => {
    const long = endSession(3600, 'release')
    assert.deepEqual([long.delayed(499 + MAX_MS, 'k'), long.delayed(500 + MAX_MS, 'k')], [true, false])
    assert.equal(endSession(0, 'release').wakeAt(), null)
  })

  test('a key that its holder gave back does not rest', () => {
    const cluster = clusterWithNode()
    const delays = makeLockDelays()
    cluster.store.onCommit(({ changes }) => delays.step(0, { kind: 'commit', changes }))
    const session = createSession(cluster, { LockDelay: 15 * NANOS_PER_SECOND })
    const DirEnt = anEntry({ Key: 'k', Session: session.ID })
    cluster.call('KVS.Apply', { Op: 'lock', DirEnt })
    cluster.call('KVS.Apply', { Op: 'unlock', DirEnt })
    cluster.call('Session.Apply', { Op: 'destroy', Session: aSession({ ID: session.ID }) })
    assert.equal(delays.delayed(0, 'k'), false)
  })

  test('a restored state starts without delays', () => {
    const delays = endSession(15, 'release')
    delays.step(600, { kind: 'restored' })
    assert.equal(delays.delayed(600, 'k'), false)
  })
})
