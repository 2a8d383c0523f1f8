import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import fc from 'fast-check'
import { open } from 'lmdb'
import { silentLog } from '../base/log.ts'
import type { Entry, HardState } from '../core/raft/messages.ts'
import { openLogDisk } from './disk-log.ts'
import type { LogDisk } from './host.ts'

const NO_STATE: HardState = { term: 0, votedTerm: 0, votedFor: '', floor: null }
const STATE: HardState = { term: 3, votedTerm: 2, votedFor: '10.0.0.1:8300', floor: null }

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'proconsul-log-'))
  path = join(folder, 'log.mdb')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const openLog = () => openLogDisk(path, silentLog)

function entry(index: number, size = 20, term = 1): Entry {
  return { index, term, type: 'command', data: new Uint8Array(size).fill(index), extensions: null }
}

function entries(from: number, to: number, size?: number, term?: number): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, size, term))
}

type Change = Parameters<LogDisk['write']>[0]
const change = (part: Partial<Change>): Change => ({
  truncateFrom: null,
  entries: [],
  hardState: null,
  compactTo: null,
  ...part,
})

/** Closes the log and reads what a restart would find. */
async function reload(log: LogDisk): Promise<{ hardState: HardState; entries: Entry[] }> {
  await log.close()
  const again = await openLog()
  const found = again.load()
  await again.close()
  return { hardState: found.hardState, entries: found.entries.map(plain) }
}

/** Without Node's Buffers, as strict comparison wants. */
function plain(each: Entry): Entry {
  return { ...each, data: new Uint8Array(each.data), extensions: each.extensions && new Uint8Array(each.extensions) }
}

const indexes = (found: { entries: Entry[] }) => found.entries.map((each) => each.index)

suite('the raft log on disk', () => {
  test('is empty when new', async () => {
    assert.deepEqual(await reload(await openLog()), { hardState: NO_STATE, entries: [] })
  })

  test('holds what was written', async () => {
    const log = await openLog()
    const odd: Entry = { index: 3, term: 2, type: 'noop', data: new Uint8Array(), extensions: Uint8Array.of(8, 1) }
    await log.write(change({ entries: [entry(1), entry(2, 100_000), odd], hardState: STATE }))
    assert.deepEqual(await reload(log), { hardState: STATE, entries: [entry(1), entry(2, 100_000), odd] })
  })

  test('leaves out what a snapshot covers, and still says where it ends', async () => {
    const log = await openLog()
    assert.equal(log.load().last, 0)
    await log.write(change({ entries: entries(1, 9), hardState: STATE }))
    await log.write(change({ compactTo: 3 }))
    for (const [from, first] of [
      [1, 4],
      [4, 4],
      [8, 8],
    ] as const) {
      const found = log.load(from)
      assert.deepEqual([found.entries[0]?.index, found.entries.at(-1)?.index, found.last], [first, 9, 9])
    }
    assert.deepEqual([log.load(10).entries, log.load(10).last, log.load(99).last], [[], 9, 9])
    await log.close()
  })

  test('keeps the order of writes handed in together', async () => {
    const log = await openLog()
    const done: number[] = []
    const writes = entries(1, 50).map((each) =>
      log.write(change({ entries: [each] })).then(() => done.push(each.index)),
    )
    await Promise.all(writes)
    assert.deepEqual(
      done,
      Array.from({ length: 50 }, (_, i) => i + 1),
    )
    assert.equal((await reload(log)).entries.length, 50)
  })

  test('replaces its tail', async () => {
    const log = await openLog()
    await log.write(change({ entries: entries(1, 10) }))
    await log.write(change({ truncateFrom: 6, entries: entries(6, 7, 20, 2) }))
    const found = await reload(log)
    assert.deepEqual(found.entries, [...entries(1, 5), ...entries(6, 7, 20, 2)])
  })

  test('forgets its head, and may then go on behind a snapshot far ahead', async () => {
    const log = await openLog()
    await log.write(change({ entries: entries(1, 10), compactTo: 4 }))
    assert.deepEqual(indexes(await reload(log)), [5, 6, 7, 8, 9, 10])
    const again = await openLog()
    await again.write(change({ truncateFrom: 5, compactTo: 500 }))
    await again.write(change({ entries: entries(501, 502) }))
    assert.deepEqual(indexes(await reload(again)), [501, 502])
  })

  test('deletes in the end what no longer counts', async () => {
    const log = await openLog()
    await log.write(change({ entries: entries(1, 5000) }))
    await log.write(change({ truncateFrom: 4001, compactTo: 3000 }))
    await log.write(change({ entries: [entry(4001)] }))
    await log.close()
    const again = await openLog()
    await again.write(change({ hardState: STATE }))
    await again.close()
    const last = await openLog()
    await last.write(change({ hardState: STATE }))
    // Slices go on by themselves while the log is open.
    while (keys().length > 1002) await last.write(change({ hardState: STATE }))
    assert.deepEqual(
      indexes(await reload(last)),
      Array.from({ length: 1001 }, (_, i) => 3001 + i),
    )
    assert.deepEqual(keys().slice(0, 2), [0, 3001])
  })

  test('refuses entries that leave a gap, and whatever was handed in behind them', async () => {
    const log = await openLog()
    await log.write(change({ entries: entries(1, 3) }))
    const gap = log.write(change({ entries: [entry(5)] }))
    const behind = log.write(change({ hardState: STATE }))
    await assert.rejects(gap, { fault: 'out-of-order', message: /entry 5 does not follow 3/ })
    await assert.rejects(behind, { fault: 'out-of-order' })
    await assert.rejects(log.write(change({ entries: [entry(4), entry(6)] })), { fault: 'out-of-order' })
    await assert.rejects(log.write(change({ entries: [entry(3)] })), { fault: 'out-of-order' })
    await log.write(change({ entries: [entry(4)] }))
    assert.deepEqual(await reload(log), { hardState: NO_STATE, entries: entries(1, 4) })
  })

  test('finishes what was handed in before it closes, and takes no more', async () => {
    const log = await openLog()
    const write = log.write(change({ entries: entries(1, 3) }))
    await log.close()
    await write
    await assert.rejects(log.write(change({ entries: [entry(4)] })), { fault: 'closed' })
    await log.close()
    assert.deepEqual(indexes(await reload(await openLog())), [1, 2, 3])
  })

  test('is at every restart what a plain list of its changes says', async () => {
    const step = fc.record({
      append: fc.nat(40),
      cut: fc.option(fc.nat(30)),
      compact: fc.option(fc.nat(30)),
      state: fc.boolean(),
      restart: fc.boolean(),
      apart: fc.boolean(),
    })
    const property = fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      rmSync(folder, { recursive: true, force: true })
      folder = mkdtempSync(join(tmpdir(), 'proconsul-log-'))
      path = join(folder, 'log.mdb')
      let log = await openLog()
      let model: Entry[] = []
      let [last, hardState, term] = [0, NO_STATE, 1]
      let writes: Promise<void>[] = []
      for (const each of steps) {
        term += 1
        const truncateFrom =
          each.cut === null || model.length === 0 ? null : Math.max(model[0]!.index, last - each.cut + 1)
        if (truncateFrom !== null) {
          model = model.filter(({ index }) => index < truncateFrom)
          last = Math.min(last, truncateFrom - 1)
        }
        const added = entries(last + 1, last + each.append, 10, term)
        model = [...model, ...added]
        last += added.length
        if (each.state) hardState = { term, votedTerm: term, votedFor: `n${term}`, floor: null }
        const compactTo = each.compact === null ? null : Math.max(0, last - each.compact)
        if (compactTo !== null) model = model.filter(({ index }) => index > compactTo)
        writes.push(log.write({ truncateFrom, entries: added, hardState: each.state ? hardState : null, compactTo }))
        if (each.apart) await Promise.all(writes)
        if (each.restart) {
          await Promise.all(writes)
          writes = []
          assert.deepEqual(await reload(log), { hardState, entries: model })
          log = await openLog()
        }
      }
      await Promise.all(writes)
      assert.deepEqual(await reload(log), { hardState, entries: model })
    })
    await fc.assert(property, { numRuns: 25 })
  })
})

suite('a damaged raft log', () => {
  const DATA = Buffer.from('a value that is easily found in the file')

  async function written(): Promise<Buffer> {
    const log = await openLog()
    await log.write(change({ entries: entries(1, 30), hardState: STATE }))
    await log.write(change({ entries: [{ ...entry(31), data: DATA }] }))
    await log.close()
    return readFileSync(path)
  }

  async function refused(message: RegExp): Promise<void> {
    const attempt = async () => {
      const log = await openLog()
      try {
        log.load()
      } finally {
        await log.close()
      }
    }
    await assert.rejects(attempt, (error: Error & { fault?: string }) => {
      assert.equal(error.fault, 'corrupt')
      assert.match(error.message, message)
      assert.ok(error.message.includes(path))
      return true
    })
  }

  test('with a changed byte in its tail is refused, naming file and entry', async () => {
    const file = await written()
    for (let at = file.indexOf(DATA); at >= 0; at = file.indexOf(DATA, at + 1)) file[at + 5]! ^= 1
    writeFileSync(path, file)
    await refused(/entry 31 is corrupt: its checksum does not match/)
  })

  test('with a changed vote is refused', async () => {
    const file = await written()
    const vote = Buffer.from(STATE.votedFor)
    for (let at = file.indexOf(vote); at >= 0; at = file.indexOf(vote, at + 1)) file[at]! ^= 1
    writeFileSync(path, file)
    await refused(/the record of the vote is corrupt/)
  })

  test('with an entry missing is refused', async () => {
    await written()
    const database = open<Uint8Array, number>({ path, noSubdir: true, encoding: 'binary', cache: false })
    await database.remove(17)
    await database.close()
    await refused(/entry 17 is missing/)
    const again = open<Uint8Array, number>({ path, noSubdir: true, encoding: 'binary', cache: false })
    for (let index = 18; index <= 31; index++) await again.remove(index)
    await again.close()
    await refused(/entry 17 is missing/)
  })

  test('without its record of the vote is refused', async () => {
    await written()
    const database = open<Uint8Array, number>({ path, noSubdir: true, encoding: 'binary', cache: false })
    await database.remove(0)
    await database.close()
    await refused(/it has entry 1, but not the vote/)
  })

  test('cut short is refused, and does not take the process down', async () => {
    const log = await openLog()
    await log.write(change({ entries: entries(1, 500, 400) }))
    await log.close()
    const { size } = statSync(path)
    for (const part of [0.6, 0.4, 0.2, 0.02]) {
      truncateSync(path, Math.floor(size * part))
      await refused(/raft log/)
    }
  })

  test('that is empty or gone is not taken for a new one', async () => {
    await written()
    truncateSync(path, 0)
    await refused(/it is gone or empty/)
    rmSync(path)
    await refused(/it is gone or empty/)
  })

  test('that is no log at all is refused', async () => {
    for (const content of ['x', 'not a log '.repeat(2000)]) {
      writeFileSync(path, content)
      await refused(/its first pages are not those of a log/)
    }
  })
})

suite('a disk that refuses', () => {
  test('leaves the log as it was, and takes writes again when there is room', { skip: noLimits() }, async () => {
    const log = await openLog()
    await log.write(change({ entries: entries(1, 10), hardState: STATE }))
    const lifted = limitFiles(statSync(path).size)
    try {
      const big = log.write(change({ entries: [entry(11, 4 << 20)], hardState: { ...STATE, term: 9 } }))
      const behind = log.write(change({ entries: [entry(12)] }))
      await assert.rejects(big, { name: 'DiskError' })
      await assert.rejects(behind, { name: 'DiskError' })
      await assert.rejects(log.write(change({ entries: [entry(12)] })), { fault: 'out-of-order' })
    } finally {
      lifted()
    }
    await log.write(change({ entries: [entry(11, 4 << 20)] }))
    const found = await reload(log)
    assert.deepEqual(found.hardState, STATE)
    assert.deepEqual(
      indexes(found),
      Array.from({ length: 11 }, (_, i) => i + 1),
    )
  })
})

function keys(): number[] {
  const database = open<Uint8Array, number>({ path, noSubdir: true, encoding: 'binary', readOnly: true })
  const found = [...database.getKeys()]
  void database.close()
  return found
}

function noLimits(): string | false {
  try {
    execFileSync('prlimit', ['--version'], { stdio: 'ignore' })
    return false
  } catch {
    return 'prlimit is not here'
  }
}

/** Files of this process may not grow beyond `size` bytes, as if the disk were full. @returns lifts the limit */
function limitFiles(size: number): () => void {
  const ignore = () => {}
  process.on('SIGXFSZ', ignore)
  const set = (limit: string) => execFileSync('prlimit', [`--pid=${process.pid}`, `--fsize=${limit}`])
  set(`${size}:unlimited`)
  return () => {
    set('unlimited')
    process.off('SIGXFSZ', ignore)
  }
}
