/** The file of what a pool remembers: appended in batches, rewritten when long or broken, closed by a leave. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type LogRecord, makeLog } from '../base/log.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import { memoryDisk } from '../host/disk.ts'
import type { Disk } from '../host/host.ts'
import { openSerfSnapshot } from './serf-snapshot.ts'

const FILE = 'serf/local.snapshot'

/** A host whose timers run when told. */
function clock() {
  const waiting = new Set<{ at: number; run: () => void }>()
  let now = 0
  return {
    host: {
      now: () => now,
      wake(at: number, run: () => void) {
        const timer = { at, run }
        waiting.add(timer)
        return () => void waiting.delete(timer)
      },
    },
    async pass(ms: number) {
      now += ms
      for (const timer of [...waiting]) {
        if (timer.at > now) continue
        waiting.delete(timer)
        timer.run()
      }
      await new Promise((done) => setImmediate(done))
    },
  }
}

async function open(disk: Disk, rejoinAfterLeave = false) {
  const { host, pass } = clock()
  const records: LogRecord[] = []
  const log = makeLog(
    'serf',
    (record) => records.push(record),
    () => 'debug',
  )
  const snapshot = await openSerfSnapshot({ pool: 'lan', disk, host, rejoinAfterLeave, log })
  return { snapshot, pass, records }
}

const member = (name: string): SerfMember => ({
  name,
  addr: '10.0.0.1',
  port: 8301,
  tags: {},
  status: 'alive',
  vsn: new Uint8Array(6),
})
const content = async (disk: Disk) => Buffer.from((await disk.readFile(FILE)) ?? []).toString()

suite('what a pool remembers, on disk', () => {
  test('comes in batches, and is there again after a restart', async () => {
    const disk = memoryDisk()
    const { snapshot, pass } = await open(disk)
    snapshot.onMember('join', member('a'))
    snapshot.onMember('join', member('b'))
    snapshot.onClocks({ member: 4, event: 0, query: 0 })
    assert.equal(await content(disk), '')
    await pass(500)
    assert.equal(await content(disk), 'alive: a 10.0.0.1:8301\nalive: b 10.0.0.1:8301\nclock: 4\n')
    snapshot.onMember('failed', member('b'))
    snapshot.onMember('update', member('a'))
    await snapshot.stop()
    const again = (await open(disk)).snapshot
    assert.deepEqual(again.previous, [{ name: 'a', address: '10.0.0.1:8301' }])
    assert.deepEqual(again.clocks, { member: 4, event: 0, query: 0 })
  })

  test('after a leave nothing is left, unless one may come back', async () => {
    const disk = memoryDisk()
    const { snapshot } = await open(disk)
    snapshot.onMember('join', member('a'))
    await snapshot.leave()
    snapshot.onMember('leave', member('a'))
    await snapshot.stop()
    assert.match(await content(disk), /leave\n$/)
    assert.deepEqual((await open(disk)).snapshot.previous, [])

    const other = memoryDisk()
    const staying = (await open(other, true)).snapshot
    staying.onMember('join', member('a'))
    await staying.leave()
    await staying.stop()
    const back = await open(other, true)
    assert.deepEqual(back.snapshot.previous, [{ name: 'a', address: '10.0.0.1:8301' }])
    assert.deepEqual(
      back.records.map(({ message }) => message),
      ['serf: Ignoring previous leave in snapshot'],
    )
  })

  test('does not grow for ever', async () => {
    const disk = memoryDisk()
    const { snapshot, pass } = await open(disk)
    let longest = 0
    for (let round = 0; round < 300; round++) {
      for (let i = 0; i < 40; i++) {
        snapshot.onMember('join', member(`n${i}`))
        if (i > 0) snapshot.onMember('failed', member(`n${i}`))
      }
      await pass(500)
      longest = Math.max(longest, (await content(disk)).length)
    }
    assert.ok(longest > 100_000 && longest <= 131_072, String(longest))
    await snapshot.stop()
    assert.deepEqual(
      (await open(disk)).snapshot.previous.map(({ name }) => name),
      ['n0'],
    )
  })

  test('a file that ends within a line is written anew before it is appended to', async () => {
    const disk = memoryDisk()
    await disk.writeFile(FILE, Buffer.from('alive: a 10.0.0.1:8301\nalive: b 10.'))
    const { snapshot, pass } = await open(disk)
    snapshot.onMember('join', member('c'))
    await pass(500)
    assert.deepEqual((await content(disk)).split('\n').slice(0, 2), [
      'alive: a 10.0.0.1:8301',
      'alive: c 10.0.0.1:8301',
    ])
    await snapshot.stop()
  })

  test('a disk that refuses is told of, and tried again with all that is known', async () => {
    const inner = memoryDisk()
    let refusing = true
    const disk: Disk = {
      ...inner,
      appendFile: async (name, bytes) => {
        if (refusing) throw new Error('no space left on device')
        await inner.appendFile(name, bytes)
      },
    }
    const { snapshot, pass, records } = await open(disk)
    snapshot.onMember('join', member('a'))
    await pass(500)
    assert.deepEqual(
      records.map(({ level, fields }) => [level, fields.error]),
      [['error', 'no space left on device']],
    )
    refusing = false
    await pass(30_000)
    assert.match(await content(inner), /^alive: a 10\.0\.0\.1:8301\n/)
    await snapshot.stop()
  })
})
