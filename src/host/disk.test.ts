import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { type LogRecord, makeLog, silentLog } from '../base/log.ts'
import { memoryDisk, openDisk } from './disk.ts'
import type { Disk, SnapshotDisk } from './host.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'proconsul-disk-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function withDisk<T>(path: string, use: (disk: Disk) => Promise<T>): Promise<T> {
  const disk = await openDisk(path, silentLog)
  try {
    return await use(disk)
  } finally {
    await disk.close()
  }
}

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString()
const bytes = (value: string) => new Uint8Array(Buffer.from(value))

suite('a data directory', () => {
  test('is made with the folders above it', async () => {
    const path = join(folder, 'a', 'b')
    await withDisk(path, async () => assert.equal(statSync(path).mode & 0o777, 0o755 & ~process.umask()))
  })

  test('is refused when it is a file, or below one', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, '')
    for (const each of [path, join(path, 'below')])
      await assert.rejects(openDisk(each, silentLog), {
        fault: 'not-a-directory',
        message: new RegExp(`^data directory "${each}": `),
      })
  })

  test('is refused without the permission to write', { skip: process.platform === 'win32' }, async () => {
    const restore = asNobody()
    chmodSync(folder, 0o500)
    try {
      for (const path of [folder, join(folder, 'below')])
        await assert.rejects(openDisk(path, silentLog), {
          fault: 'permission',
          message: `data directory "${path}": permission denied`,
        })
    } finally {
      restore()
      chmodSync(folder, 0o700)
    }
  })

  test('of HashiCorp Consul is refused untouched, with the way to move', async () => {
    mkdirSync(join(folder, 'raft'))
    writeFileSync(join(folder, 'raft', 'raft.db'), 'bolt')
    await assert.rejects(openDisk(folder, silentLog), (error: Error & { fault?: string }) => {
      assert.equal(error.fault, 'foreign')
      assert.ok(error.message.startsWith(`data directory "${folder}" belongs to a HashiCorp Consul server`))
      assert.match(error.message, /consul snapshot save/)
      return true
    })
    assert.deepEqual(readdirSync(folder), ['raft'])
  })

  test('of a later layout, or with an unreadable one, is refused and can be opened once that is mended', async () => {
    await withDisk(folder, async () => {})
    const file = join(folder, 'proconsul.json')
    const good = readFileSync(file)
    writeFileSync(file, '{"layout":2}')
    await assert.rejects(openDisk(folder, silentLog), { fault: 'foreign', message: /has layout 2/ })
    writeFileSync(file, '{')
    await assert.rejects(openDisk(folder, silentLog), { fault: 'corrupt', message: /proconsul\.json is unreadable/ })
    writeFileSync(file, good)
    await withDisk(folder, async () => {})
  })

  test('belongs to one at a time in a process', async () => {
    const first = await openDisk(folder, silentLog)
    await assert.rejects(openDisk(folder, silentLog), {
      fault: 'in-use',
      message: `data directory "${folder}" is in use by process ${process.pid}`,
    })
    await first.close()
    await withDisk(folder, async () => {})
  })

  test('belongs to one process, and is free when that was killed', async () => {
    const child = await holder(folder)
    try {
      await assert.rejects(openDisk(folder, silentLog), {
        fault: 'in-use',
        message: `data directory "${folder}" is in use by process ${child.pid}`,
      })
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await withDisk(folder, async (disk) => {
      const log = await disk.openLog()
      assert.equal(log.load().entries.length, 1)
    })
  })
})

suite('small files', () => {
  test('come back as they were written last', async () => {
    await withDisk(folder, async (disk) => {
      assert.equal(await disk.readFile('node-id'), undefined)
      await disk.writeFile('node-id', bytes('one'))
      await Promise.all(['two', 'three', 'four'].map((value) => disk.writeFile('node-id', bytes(value))))
      assert.equal(text(await disk.readFile('node-id')), 'four')
    })
    assert.equal(statSync(join(folder, 'node-id')).mode & 0o777, 0o600)
    await withDisk(folder, async (disk) => {
      assert.equal(text(await disk.readFile('node-id')), 'four')
      await disk.removeFile('node-id')
      await disk.removeFile('node-id')
      assert.equal(await disk.readFile('node-id'), undefined)
    })
  })

  test('grow by what is appended, in order', async () => {
    await withDisk(folder, async (disk) => {
      await Promise.all(['a', 'b', 'c'].map((part) => disk.appendFile('serf/log', bytes(part))))
      assert.equal(text(await disk.readFile('serf/log')), 'abc')
      await disk.writeFile('serf/log', bytes('anew'))
      await disk.appendFile('serf/log', bytes('!'))
      assert.equal(text(await disk.readFile('serf/log')), 'anew!')
    })
    assert.equal(statSync(join(folder, 'serf', 'log')).mode & 0o777, 0o600)
  })

  test('are listed by folder, without what is unfinished', async () => {
    await withDisk(folder, async (disk) => {
      assert.deepEqual(await disk.listFiles('services'), [])
      await disk.writeFile('services/b', bytes('1'))
      await disk.writeFile('services/a', bytes('2'))
      await disk.writeFile('checks/state/c', bytes('3'))
      writeFileSync(join(folder, 'services', 'c.tmp'), 'half')
      assert.deepEqual(await disk.listFiles('services'), ['a', 'b'])
      assert.deepEqual(await disk.listFiles('checks'), [])
      assert.deepEqual(await disk.listFiles('checks/state'), ['c'])
    })
    assert.equal(statSync(join(folder, 'services')).mode & 0o777, 0o700)
  })

  test('stay as they were when they cannot be written, and nothing is left over', async () => {
    await withDisk(folder, async (disk) => {
      mkdirSync(join(folder, 'taken', 'inside'), { recursive: true })
      await assert.rejects(disk.writeFile('taken', bytes('x')), { name: 'DiskError', message: /taken/ })
      await assert.rejects(disk.readFile('taken'), { name: 'DiskError', message: /taken/ })
      assert.ok(existsSync(join(folder, 'taken', 'inside')))
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.endsWith('.tmp')),
        [],
      )
    })
  })

  test('have names inside the directory', async () => {
    await withDisk(folder, async (disk) => {
      for (const name of ['../x', '/etc/x', 'a/../../x', '', 'a//b', '.'])
        await assert.rejects(async () => disk.writeFile(name, bytes('x')), { name: 'InvariantError' })
    })
  })
})

suite('snapshots', () => {
  const chunks = async function* (...parts: string[]) {
    for (const part of parts) yield bytes(part)
  }

  async function found(snapshots: SnapshotDisk): Promise<[string | undefined, string] | null> {
    const open = await snapshots.open()
    if (open === null) return null
    const parts: Uint8Array[] = []
    for await (const chunk of open.state) parts.push(chunk)
    return [text(open.meta), Buffer.concat(parts).toString()]
  }

  const names = () => readdirSync(join(folder, 'raft', 'snapshots')).sort()

  test('come back with their meta data, the newest first, and two are kept', async () => {
    await withDisk(folder, async (disk) => {
      const snapshots = await disk.openSnapshots()
      assert.equal(await found(snapshots), null)
      await snapshots.save('2-9-1000', bytes('first'), chunks('a', 'b'))
      assert.deepEqual(await found(snapshots), ['first', 'ab'])
      await snapshots.save('2-100-1500', bytes('second'), chunks('c'.repeat(1e6), 'd'))
      await snapshots.save('10-101-900', bytes('third'), chunks())
      assert.deepEqual(names(), ['10-101-900', '2-100-1500'])
    })
    await withDisk(folder, async (disk) => assert.deepEqual(await found(await disk.openSnapshots()), ['third', '']))
  })

  test('from beyond the newest are of a history that lost: they go, and never stand in for it', async () => {
    await withDisk(folder, async (disk) => {
      const snapshots = await disk.openSnapshots()
      await snapshots.save('1-50-1', bytes('lost'), chunks('a'))
      await snapshots.save('2-40-2', bytes('good'), chunks('b'))
      assert.deepEqual(names(), ['2-40-2'])
      await snapshots.save('1-60-3', bytes('late'), chunks('c'))
      assert.deepEqual(names(), ['2-40-2'])
    })
  })

  test('may be kept alone: then none is found but that one, also after a restart, and none that began before', async () => {
    await withDisk(folder, async (disk) => {
      const snapshots = await disk.openSnapshots()
      await snapshots.save('3-40-1', bytes('before'), chunks('a'))
      await snapshots.save('3-50-2', bytes('lost'), chunks('b'))
      let go = () => {}
      const held = new Promise<void>((done) => {
        go = done
      })
      async function* slow() {
        await held
        yield bytes('late')
      }
      const late = snapshots.save('3-60-3', bytes('late'), slow())
      await snapshots.save('2-10-4', bytes('theirs'), chunks('c'), true)
      assert(names().includes('2-10-4') && !names().includes('3-50-2'), names().join())
      go()
      await assert.rejects(late, /another state took the place of this one/)
      assert.deepEqual(names(), ['2-10-4'])
      assert.deepEqual(await found(snapshots), ['theirs', 'c'])
      await snapshots.save('4-12-5', bytes('next'), chunks('d'))
      assert.deepEqual(names(), ['2-10-4', '4-12-5'])
    })
    await withDisk(folder, async (disk) => assert.deepEqual(await found(await disk.openSnapshots()), ['next', 'd']))
  })

  test('that are broken are skipped, and named in the log', async () => {
    const records: LogRecord[] = []
    const log = makeLog(
      '',
      (record) => void records.push(record),
      () => 'warn',
    )
    const disk = await openDisk(folder, log)
    const snapshots = await disk.openSnapshots()
    await snapshots.save('1-1-1', bytes('good'), chunks('state'))
    await snapshots.save('1-2-2', bytes('bad'), chunks('state'))
    const broken = join(folder, 'raft', 'snapshots', '1-2-2')
    writeFileSync(join(broken, 'state.bin'), 'stale')
    assert.deepEqual(await found(snapshots), ['good', 'state'])
    assert.deepEqual(
      records.map(({ level, fields }) => [level, fields.path]),
      [['warn', broken]],
    )
    rmSync(join(broken, 'state.bin'))
    assert.deepEqual(await found(snapshots), ['good', 'state'])
    rmSync(join(folder, 'raft', 'snapshots', '1-1-1', 'SHA256SUMS'))
    assert.equal(await found(snapshots), null)
    await disk.close()
  })

  test('that could not be finished leave the old ones and no trace', async () => {
    await withDisk(folder, async (disk) => {
      const snapshots = await disk.openSnapshots()
      await snapshots.save('1-1-1', bytes('good'), chunks('state'))
      const failing = async function* () {
        yield bytes('half')
        throw new Error('no more')
      }
      await assert.rejects(snapshots.save('1-2-2', bytes('bad'), failing()), { name: 'DiskError', message: /no more/ })
      assert.deepEqual(names(), ['1-1-1'])
      mkdirSync(join(folder, 'raft', 'snapshots', '1-3-3.tmp'))
      await disk.openSnapshots()
      assert.deepEqual(names(), ['1-1-1'])
    })
  })

  test('replace one of the same name', async () => {
    await withDisk(folder, async (disk) => {
      const snapshots = await disk.openSnapshots()
      await snapshots.save('1-1-1', bytes('old'), chunks('old'))
      await snapshots.save('1-1-1', bytes('new'), chunks('new'))
      assert.deepEqual(await found(snapshots), ['new', 'new'])
      assert.deepEqual(names(), ['1-1-1'])
    })
  })
})

test('the disk of dev mode accepts all and keeps only small files', async () => {
  const disk = memoryDisk()
  await disk.writeFile('services/a', bytes('1'))
  await disk.writeFile('services/below/b', bytes('2'))
  assert.equal(text(await disk.readFile('services/a')), '1')
  assert.deepEqual(await disk.listFiles('services'), ['a'])
  await disk.removeFile('services/a')
  assert.equal(await disk.readFile('services/a'), undefined)
  const log = await disk.openLog()
  await log.write({ truncateFrom: null, entries: [], hardState: null, compactTo: null })
  assert.deepEqual(log.load().entries, [])
  const snapshots = await disk.openSnapshots()
  assert.equal(await snapshots.open(), null)
  await log.close()
  await disk.close()
})

/** Another process that has the directory, and has written one entry to its log. */
async function holder(path: string): Promise<ChildProcess> {
  const module = JSON.stringify(new URL('./disk.ts', import.meta.url))
  const logModule = JSON.stringify(new URL('../base/log.ts', import.meta.url))
  const script = `
    const { openDisk } = await import(${module})
    const { silentLog } = await import(${logModule})
    const disk = await openDisk(${JSON.stringify(path)}, silentLog)
    const entry = { index: 1, term: 1, type: 'noop', data: new Uint8Array(), extensions: null }
    await (await disk.openLog()).write({ truncateFrom: null, entries: [entry], hardState: null, compactTo: null })
    console.log('held')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

/** Root may do anything, so the test gives that up for a moment. */
function asNobody(): () => void {
  if (process.geteuid?.() !== 0) return () => {}
  chmodSync(folder, 0o777)
  process.seteuid!(65534)
  const mine = mkdtempSync(join(tmpdir(), 'proconsul-disk-'))
  const before = folder
  folder = mine
  return () => {
    process.seteuid!(0)
    rmSync(before, { recursive: true, force: true })
  }
}
