/**
 * Holds the two engines of the state store against each other at the size that counts: a million KV keys and a hundred
 * thousand service instances, while writes go on in batches of 32. Each engine runs in a process of its own.
 *
 *   node bench/store.ts [keys] [instances]      a table; what it means is in docs/state-engine.md
 *
 * A "stall" is the time between two turns of the event loop, so it holds the batch itself, the collector, and page
 * faults; beside it stands the processor time that the thread spent in such a turn, which other programs on the machine
 * do not lengthen. All other times are by the wall clock: run it on a quiet machine.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { seededRandom } from '../src/base/random.ts'
import { kvGet } from '../src/core/store/kv.ts'
import { memoryRows } from '../src/core/store/memory.ts'
import type { Rows, TableName, Tables } from '../src/core/store/rows.ts'
import { sampleCheck, sampleService } from '../src/core/store/samples.ts'
import { makeStore, type Store } from '../src/core/store/store.ts'
import { serviceNamePrefix, TABLE_NAMES } from '../src/core/store/tables.ts'
import { openLmdbRows } from '../src/host/lmdb.ts'
import { decodeEntry, decodeRow, encodeEntry, encodeRow } from '../src/host/row-codec.ts'
import type { Command } from '../src/model/command.ts'

const BATCH = 32
const NAMES = 1000
const VALUE_BYTES = 100
const SLICE_MS = 4
const MIXED_TURNS = 12_000

type Figures = Record<string, number>

const random = seededRandom(5)
/** Fresh each time, as a request brings it: not the very string object that the tree holds. */
const keyOf = (n: number) => Buffer.from(`service/config/${String(n).padStart(9, '0')}`, 'latin1').toString('latin1')

function setCommand(n: number): Command {
  const Value = random.bytes(4)
  const value = new Uint8Array(VALUE_BYTES)
  value.set(Value)
  const DirEnt = { Key: keyOf(n), Value: value, Flags: 0n, Session: '', LockIndex: 0, CreateIndex: 0, ModifyIndex: 0 }
  return { type: 'KVS', body: { Op: 'set', DirEnt } }
}

function registerCommand(n: number, instances: number, status: string): Command {
  const node = `node-${Math.floor(n / (instances / NAMES))}`
  const name = `service-${n % NAMES}`
  const { Service } = sampleService(node, name, `${name}-${n}`)
  const Check = sampleCheck(node, `check-${n}`, { ServiceID: Service.ID, ServiceName: name, Status: status })
  return { type: 'Register', body: { Node: node, Address: '10.0.0.1', Service, Check } }
}

/** Longest time between two turns since the last call, by the clock and by the thread's processor time. */
class StallMeter {
  private last = 0
  private lastCpu = 0
  private worst = 0
  private worstCpu = 0

  private spent(): number {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }

  tick(): void {
    const now = performance.now()
    const cpu = this.spent()
    this.worst = Math.max(this.worst, now - this.last)
    this.worstCpu = Math.max(this.worstCpu, cpu - this.lastCpu)
    this.last = now
    this.lastCpu = cpu
  }

  reset(): void {
    this.last = performance.now()
    this.lastCpu = this.spent()
    this.worst = 0
    this.worstCpu = 0
  }

  into(figures: Figures, phase: string): void {
    figures[`${phase}: longest stall, ms`] = this.worst
    figures[`${phase}: longest stall, ms of processor`] = this.worstCpu
  }
}

class Samples {
  private readonly micros: number[] = []
  add(ms: number): void {
    this.micros.push(ms * 1000)
  }
  at(fraction: number): number {
    this.micros.sort((a, b) => a - b)
    return this.micros[Math.floor(this.micros.length * fraction)] ?? Number.NaN
  }
}

const stalls = new StallMeter()

async function build(store: Store, count: number, make: (n: number) => Command): Promise<number> {
  const start = performance.now()
  for (let n = 0; n < count; ) {
    store.batch(() => {
      for (let i = 0; i < BATCH && n < count; i++, n++) store.apply(store.applied + 1, make(n))
    })
    await turn()
    stalls.tick()
  }
  return ((performance.now() - start) * 1000) / count
}

/** One turn's writes: mostly changes of keys that are there, some keys come, some go, some checks change. */
function writeBatch(store: Store, keys: number, instances: number, apply?: Samples): void {
  store.batch(() => {
    for (let i = 0; i < BATCH; i++) {
      const command =
        i < 2
          ? registerCommand(random.int(instances), instances, ['passing', 'warning'][random.int(2)]!)
          : setCommand(i < 4 ? keys + random.int(keys) : random.int(keys))
      const start = performance.now()
      store.apply(store.applied + 1, command)
      if (i >= 4) apply?.add(performance.now() - start)
    }
  })
}

async function measure(engine: string, keys: number, instances: number): Promise<Figures> {
  const figures: Figures = {}
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-bench-'))
  const path = join(folder, 'rows.mdb')
  const open = async (): Promise<Rows> => (engine === 'memory' ? memoryRows() : openLmdbRows(path))
  const base = process.memoryUsage().rss
  let store = makeStore(await open())
  const shuffled = (n: number) => (n * 7919) % keys

  stalls.reset()
  figures['build: KV set, µs'] = await build(store, keys, (n) => setCommand(shuffled(n)))
  figures['build: register, µs'] = await build(store, instances, (n) => registerCommand(n, instances, 'passing'))
  stalls.into(figures, 'build')
  figures['RSS after build, MB'] = (process.memoryUsage().rss - base) / 1e6

  const gets = new Samples()
  const applies = new Samples()
  const lists = new Samples()
  const batches = new Samples()
  stalls.reset()
  for (let i = 0; i < MIXED_TURNS; i++) {
    const before = performance.now()
    writeBatch(store, keys, instances, applies)
    batches.add((performance.now() - before) / BATCH)
    for (let j = 0; j < 8; j++) {
      const key = keyOf(random.int(keys))
      const start = performance.now()
      store.read((txn) => kvGet(txn, key))
      gets.add(performance.now() - start)
    }
    if (i % 16 === 0) {
      const prefix = serviceNamePrefix(`service-${random.int(NAMES)}`)
      const start = performance.now()
      store.read((txn) => [...txn.by('services-by-name', prefix)])
      lists.add(performance.now() - start)
    }
    await turn()
    stalls.tick()
  }
  figures['get p50, µs'] = gets.at(0.5)
  figures['get p99, µs'] = gets.at(0.99)
  figures['apply KV set p50, µs'] = applies.at(0.5)
  figures['apply KV set p99, µs'] = applies.at(0.99)
  figures['batch of 32, commit included, µs per command'] = batches.at(0.5)
  figures['list of 100 instances p50, µs'] = lists.at(0.5)
  stalls.into(figures, 'mixed load')
  figures['RSS after load, MB'] = (process.memoryUsage().rss - base) / 1e6

  stalls.reset()
  const encoded = await walkSnapshot(store, keys, instances)
  stalls.into(figures, 'snapshot while writing')
  figures['snapshot while writing, ms'] = encoded.ms
  figures['RSS during snapshot, MB'] = (encoded.rss - base) / 1e6

  if (engine === 'memory') {
    await store.close()
    store = makeStore(await open())
    await turn()
    const start = performance.now()
    const cpu = process.threadCpuUsage()
    const replacement = store.replace()
    encoded.rows.load((table, row) => replacement.txn.put(table, row))
    replacement.commit(1)
    figures['restart, ms'] = performance.now() - start
    figures['restart, ms of processor'] = process.threadCpuUsage(cpu).user / 1000
  } else {
    const applied = store.applied
    await store.close()
    const start = performance.now()
    store = makeStore(await open())
    store.read((txn) => kvGet(txn, keyOf(1)))
    figures['restart, ms'] = performance.now() - start
    if (store.applied !== applied) throw new Error('the rows lost writes')
    figures['file, MB'] = statSync(path).size / 1e6
  }
  await store.close()
  rmSync(folder, { recursive: true, force: true })
  return figures
}

/** All rows as a file would hold them: for each its table, key and bytes, the last two behind their lengths. */
class Pages {
  readonly pages: Buffer[] = []
  private page = Buffer.alloc(0)
  private at = 0

  add(table: TableName, row: Tables[TableName]): void {
    const isEntry = table === 'kvs'
    const bytes = isEntry ? encodeEntry(row as Tables['kvs']) : encodeRow(row)
    const key = isEntry ? (row as Tables['kvs']).Key : ''
    const size = 9 + key.length + bytes.length
    if (this.at + size > this.page.length) {
      this.page = Buffer.alloc(Math.max(1 << 20, size))
      this.pages.push(this.page)
      this.at = 0
    }
    this.at = this.page.writeUInt8(TABLE_NAMES.indexOf(table) + 1, this.at)
    this.at = this.page.writeUInt32LE(key.length, this.at)
    this.at += this.page.write(key, this.at, 'latin1')
    this.at = this.page.writeUInt32LE(bytes.length, this.at)
    this.page.set(bytes, this.at)
    this.at += bytes.length
  }

  load(put: (table: TableName, row: Tables[TableName]) => void): void {
    for (const page of this.pages) {
      for (let at = 0; at < page.length && page[at] !== 0; ) {
        const table = TABLE_NAMES[page[at]! - 1]!
        const keyEnd = at + 5 + page.readUInt32LE(at + 1)
        const end = keyEnd + 4 + page.readUInt32LE(keyEnd)
        const bytes = page.subarray(keyEnd + 4, end)
        const key = page.toString('latin1', at + 5, keyEnd)
        put(table, table === 'kvs' ? decodeEntry(key, bytes) : (decodeRow(bytes) as Tables[TableName]))
        at = end
      }
    }
  }
}

/** Goes through everything in slices, a batch of writes between two slices, and keeps the rows as bytes. */
async function walkSnapshot(
  store: Store,
  keys: number,
  instances: number,
): Promise<{ rows: Pages; ms: number; rss: number }> {
  const start = performance.now()
  const { rows: view } = store.snapshot()
  const rows = new Pages()
  let rss = 0
  for (const table of TABLE_NAMES) {
    const iterator = view.prefix(table, '')[Symbol.iterator]()
    for (let done = false; !done; ) {
      const until = performance.now() + SLICE_MS
      while (!done && performance.now() < until) {
        for (let i = 0; i < 16 && !done; i++) {
          const step = iterator.next()
          done = step.done === true
          if (!step.done) rows.add(table, step.value)
        }
      }
      rss = Math.max(rss, process.memoryUsage.rss())
      await turn()
      stalls.tick()
      writeBatch(store, keys, instances)
      await turn()
      stalls.tick()
    }
  }
  view.release()
  return { rows, ms: performance.now() - start, rss }
}

function show(results: Record<string, Figures>): void {
  const engines = Object.keys(results)
  const names = [...new Set(engines.flatMap((engine) => Object.keys(results[engine]!)))]
  const width = Math.max(...names.map((name) => name.length))
  console.log(`${''.padEnd(width)}  ${engines.map((engine) => engine.padStart(10)).join('')}`)
  for (const name of names) {
    const cells = engines.map((engine) => {
      const value = results[engine]![name]
      return (value === undefined ? '-' : value.toFixed(value < 100 ? 1 : 0)).padStart(10)
    })
    console.log(`${name.padEnd(width)}  ${cells.join('')}`)
  }
}

const [first = '1000000', second = '100000', engine] = process.argv.slice(2)
if (engine !== undefined) {
  console.log(JSON.stringify(await measure(engine, Number(first), Number(second))))
} else {
  const results: Record<string, Figures> = {}
  for (const name of ['memory', 'lmdb']) {
    const run = spawnSync(process.execPath, [import.meta.filename, first, second, name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    if (run.status !== 0) throw new Error(`the run of ${name} failed`)
    results[name] = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as Figures
  }
  show(results)
}
