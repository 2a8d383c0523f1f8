/** Serf's snapshot file: what is written is read back, what others wrote too, and nonsense is passed over. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { SnapshotLog } from './snapshot.ts'

function replayed(text: string, rejoinAfterLeave = false) {
  const log = new SnapshotLog(rejoinAfterLeave)
  const remarks = log.replay(text).map(({ message }) => message)
  return { log, remarks, names: log.alive.map(({ name, address }) => `${name} ${address}`), clocks: log.clocks }
}

/** As the real one wrote it in a pool of three. */
const REAL = `alive: s1 127.0.0.1:8301
alive: my node [::1]:8302
clock: 1
alive: s3 127.0.0.3:8301
clock: 4
event-clock: 2
not-alive: s3
query-clock: 7
clock: 6
`

suite('the snapshot of a pool', () => {
  test('is read as the real one writes it', () => {
    const { names, clocks, remarks } = replayed(REAL)
    assert.deepEqual(names, ['s1 127.0.0.1:8301', 'my node [::1]:8302'])
    assert.deepEqual(clocks, { member: 6, event: 2, query: 7 })
    assert.deepEqual(remarks, [])
  })

  test('line by line and rewritten whole, it says the same', () => {
    const log = new SnapshotLog(false)
    let text = log.joined('a', '10.0.0.1:8301') + log.joined('b', '10.0.0.2:8301')
    text +=
      log.passed({ member: 3, event: 0, query: 0 }) + log.gone('b') + log.passed({ member: 3, event: 5, query: 2 })
    assert.equal(
      text,
      'alive: a 10.0.0.1:8301\nalive: b 10.0.0.2:8301\nclock: 3\nnot-alive: b\nevent-clock: 5\nquery-clock: 2\n',
    )
    const fromLines = replayed(text)
    const fromWhole = replayed(log.whole())
    assert.deepEqual(fromLines.names, fromWhole.names)
    assert.deepEqual(fromLines.clocks, fromWhole.clocks)
  })

  test('a leave forgets all, unless its node may come back', () => {
    const log = new SnapshotLog(false)
    const text = log.joined('a', '10.0.0.1:8301') + log.passed({ member: 9, event: 1, query: 1 }) + log.leave()
    // What happens during the leave is not remembered any more.
    assert.equal(log.gone('a') + log.joined('b', 'x:1') + log.passed({ member: 10, event: 1, query: 1 }), '')
    assert.deepEqual(replayed(text).names, [])
    assert.deepEqual(replayed(text).clocks, { member: 0, event: 0, query: 0 })
    const back = replayed(text, true)
    assert.deepEqual(back.names, ['a 10.0.0.1:8301'])
    assert.deepEqual(back.clocks, { member: 9, event: 1, query: 1 })
    assert.deepEqual(back.remarks, ['serf: Ignoring previous leave in snapshot'])
    assert.deepEqual(replayed(log.whole()).names, [])
  })

  test('comments, old coordinates and nonsense are passed over, nonsense with a word', () => {
    const { names, remarks } = replayed(
      '# hello\ncoordinate: {"Vec":[]}\nalive: a 10.0.0.1:1\nalive: \nclock: x\nwhat?\nalive: b 10.0.',
    )
    assert.deepEqual(names, ['a 10.0.0.1:1'])
    assert.deepEqual(remarks, [
      'serf: Failed to parse address: alive: ',
      'serf: Failed to convert clock time: x',
      'serf: Unrecognized snapshot line: what?',
    ])
  })

  test('its bound grows with the pool', () => {
    const log = new SnapshotLog(false)
    assert.equal(log.bytesMax, 131_072)
    for (let i = 0; i < 1000; i++) log.joined(`n${i}`, '10.0.0.1:8301')
    assert.equal(log.bytesMax, 256_000)
  })
})
