/**
 * The agent's log as syslog receives it: through the real `logger`, at a socket of the test's own. A wrapper of the same
 * name leads it there, since `/dev/log` belongs to the machine.
 */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { openSyslog } from './syslog.ts'

const LOGGER = '/usr/bin/logger'
const skip = !existsSync(LOGGER) && `${LOGGER} is not here`
/** local3, notice: eight to a facility, of which the first of the local ones is the sixteenth. */
const LOCAL3_NOTICE = (16 + 3) * 8 + 5

suite('the log for syslog', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-syslog-'))
  const socket = join(folder, 'log')
  const path = process.env.PATH
  let server: Server
  let received = ''
  let heard = (): void => {}

  before(async () => {
    server = createServer((conn) => {
      conn.on('error', () => {})
      conn.on('data', (bytes) => {
        received += bytes
        heard()
      })
    })
    await new Promise<void>((done) => server.listen(socket, done))
    const wrapper = join(folder, 'logger')
    writeFileSync(wrapper, `#!/bin/sh\nexec ${LOGGER} -u '${socket}' "$@"\n`)
    chmodSync(wrapper, 0o755)
  })
  after(() => {
    process.env.PATH = path
    server.close()
    rmSync(folder, { recursive: true })
  })

  /** @returns what stands before each line: the priority, and the tag with what is between */
  async function written(lines: number): Promise<string[]> {
    const found = () => [...received.matchAll(/<\d+>[^<]*/g)].map(([each]) => each.replaceAll('\0', '').trimEnd())
    while (found().length < lines) {
      await new Promise<void>((resolve) => {
        heard = resolve
      })
    }
    return found()
  }

  test('each line comes with the facility that was asked for, and the tag', async () => {
    process.env.PATH = `${folder}${delimiter}${path}`
    const faults: string[] = []
    const log = openSyslog('LOCAL3', (why) => faults.push(why))
    log.write('[INFO]  agent: first — é')
    log.write('[WARN]  agent: second')
    const lines = await written(2)
    log.close()
    assert.equal(lines.length, 2)
    for (const [i, text] of ['[INFO]  agent: first — é', '[WARN]  agent: second'].entries()) {
      assert.match(lines[i]!, new RegExp(`^<${LOCAL3_NOTICE}>.*\\bconsul: `))
      assert.ok(lines[i]!.endsWith(text), lines[i]!)
    }
    assert.deepEqual(faults, [])
  })

  test('a facility that there is not, and a program that is not there, are told', async () => {
    assert.throws(() => openSyslog('LOCAL9', () => {}), /^Error: invalid syslog facility: LOCAL9$/)
    process.env.PATH = join(folder, 'nowhere')
    const why = await new Promise<string>((resolve) => openSyslog('LOCAL0', resolve).write('lost'))
    assert.match(why, /ENOENT/)
  })
})
