import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { systemLibrary, tellReady, unixAddress } from './ready.ts'

const AF_UNIX = 1
const SOCK_DGRAM = 2
const MSG_DONTWAIT = 0x40

const library = systemLibrary()

suite('telling that all is ready', { skip: library === undefined && 'this Node cannot ask the system' }, () => {
  /** What has come to a socket of that name. A datagram is there as soon as it is sent. */
  function heardAt(path: string, run: (failed: (why: string) => void) => void): string {
    const { socket, bind, recv, close } = library!
    const fd = socket(AF_UNIX, SOCK_DGRAM, 0)
    try {
      const address = unixAddress(path)
      assert.equal(bind(fd, address, address.length), 0)
      run((why) => assert.fail(why))
      const bytes = new Uint8Array(100)
      return Buffer.from(bytes.subarray(0, Number(recv(fd, bytes, 100n, MSG_DONTWAIT)))).toString()
    } finally {
      close(fd)
    }
  }

  test('one datagram, to a socket in a folder or to an abstract one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-ready-'))
    for (const path of [join(folder, 'notify'), `@proconsul-ready-${process.pid}`]) {
      assert.equal(
        heardAt(path, (failed) => tellReady(path, failed)),
        'READY=1',
      )
    }
    rmSync(folder, { recursive: true })
  })

  test('where nobody listens, that is told; where nobody asks, nothing is', () => {
    const told: string[] = []
    tellReady('/nowhere/at/all', (why) => told.push(why))
    tellReady(`/${'x'.repeat(200)}`, (why) => told.push(why.slice(0, 24)))
    tellReady(undefined, (why) => told.push(why))
    tellReady('', (why) => told.push(why))
    assert.deepEqual(told, ['nobody listens at /nowhere/at/all', 'the path is too long for'])
  })
})
