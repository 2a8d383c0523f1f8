import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { openLogFile } from './log-file.ts'

suite('the log in files', () => {
  let root = ''
  let now = 1_600_000_000_000
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'proconsul-log-'))
  })
  after(() => rmSync(root, { recursive: true, force: true }))

  function open(name: string, options: { rotateBytes?: number; rotateMs?: number; maxFiles?: number }) {
    const folder = mkdtempSync(join(root, 'x-'))
    const file = openLogFile({
      path: `${folder}/${name}`,
      rotateBytes: 0,
      rotateMs: 0,
      maxFiles: 0,
      clock: () => now++,
      ...options,
    })
    return {
      file,
      texts: () =>
        readdirSync(folder)
          .sort()
          .map((one) => [one, readFileSync(join(folder, one), 'utf8')]),
    }
  }

  test('a file is named after the moment it was begun, and after the program when only a folder is given', () => {
    for (const [given, shown] of [
      ['a.txt', /^a-\d{19}\.txt$/],
      ['a', /^a-\d{19}\.log$/],
      ['', /^consul-\d{19}\.log$/],
    ] as const) {
      const { file, texts } = open(given, {})
      file.write('one')
      file.close()
      const [only] = texts()
      assert.match(only![0]!, shown)
      assert.equal(only![1], 'one\n')
    }
  })

  test('a new file begins once the old one is full, and the oldest go', () => {
    const { file, texts } = open('a.log', { rotateBytes: 8, maxFiles: 2 })
    for (let i = 0; i < 10; i++) file.write(`line ${i}`)
    file.close()
    // Pruning comes before the new file: one more than are kept is there.
    assert.deepEqual(
      texts().map(([, text]) => text),
      ['line 4\nline 5\n', 'line 6\nline 7\n', 'line 8\nline 9\n'],
    )
  })

  test('a new file begins after its time; with fewer than no old ones, none is kept', () => {
    const { file, texts } = open('a.log', { rotateMs: 60_000, maxFiles: -1 })
    file.write('old')
    now += 60_000
    file.write('new')
    file.close()
    assert.deepEqual(
      texts().map(([, text]) => text),
      ['new\n'],
    )
  })

  test('a folder that is not there is told', () => {
    assert.throws(
      () => openLogFile({ path: `${root}/none/a.log`, rotateBytes: 0, rotateMs: 0, maxFiles: 0, clock: () => 0 }),
      /^Error: Failed to setup logging: open .*: no such file or directory$/,
    )
  })
})
