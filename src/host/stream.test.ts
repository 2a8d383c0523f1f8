/** Real sockets on loopback: bytes in order under backpressure, halves that end apart, deadlines, refusals, closing. */
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { suite, test } from 'node:test'
import type { Address, Conn } from './host.ts'
import { dialStream, listenStream } from './stream.ts'

const LOOPBACK: Address = { host: '127.0.0.1', port: 0 }

/** Both ends of one connection. */
async function pair(): Promise<{ ours: Conn; theirs: Conn; close(): Promise<void> }> {
  let accept = (_conn: Conn) => {}
  const accepted = new Promise<Conn>((resolve) => {
    accept = resolve
  })
  const listener = await listenStream(LOOPBACK, (conn) => accept(conn))
  const ours = await dialStream(listener.address)
  return { ours, theirs: await accepted, close: () => listener.close() }
}

/** Resolves with all that came, when the peer has ended or the connection broke. */
function readAll(conn: Conn, atEnd = () => conn.end()): Promise<{ bytes: Buffer; error: Error | undefined }> {
  const chunks: Uint8Array[] = []
  return new Promise((resolve) => {
    conn.open({
      data: (chunk) => chunks.push(chunk),
      end: atEnd,
      close: (error) => resolve({ bytes: Buffer.concat(chunks), error }),
    })
  })
}

suite('streams', () => {
  for (const host of ['127.0.0.1', '::1']) {
    test(`both ends know each other: ${host}`, async () => {
      let accept = (_conn: Conn) => {}
      const accepted = new Promise<Conn>((resolve) => {
        accept = resolve
      })
      const listener = await listenStream({ host, port: 0 }, (conn) => accept(conn))
      const ours = await dialStream(listener.address)
      const theirs = await accepted
      assert.deepEqual(ours.remote, listener.address)
      assert.deepEqual(theirs.remote, ours.local)
      assert.equal(theirs.remote.host, host)
      await listener.close()
    })
  }

  test('bytes come in order, whole, and each half ends by itself', async () => {
    const { ours, theirs, close } = await pair()
    const question = Buffer.alloc(3_000_000, 'abcdefg')
    const answered = readAll(ours, () => {})
    const asked = readAll(theirs, () => {
      theirs.write(Buffer.from('answer'))
      theirs.end()
    })
    for (let at = 0; at < question.length; at += 65_536) ours.write(question.subarray(at, at + 65_536))
    ours.end()
    assert.ok((await asked).bytes.equals(question))
    assert.equal((await answered).bytes.toString(), 'answer')
    await close()
  })

  test('a writer is told to wait while the reader pauses, and when to go on', async () => {
    const { ours, theirs, close } = await pair()
    let received = 0
    const closed = new Promise<void>((resolve) => {
      theirs.open({
        data(chunk) {
          received += chunk.length
        },
        end: () => theirs.end(),
        close: () => resolve(),
      })
    })
    theirs.pause()
    const chunk = Buffer.alloc(1 << 20)
    let sent = 0
    const drained = new Promise<void>((resolve) => {
      ours.open({ data: () => {}, end: () => {}, close: () => {}, drain: resolve })
    })
    do sent += chunk.length
    while (ours.write(chunk))
    assert.ok(ours.unsent > 0)
    theirs.resume()
    await drained
    assert.equal(ours.unsent, 0)
    ours.end()
    await closed
    assert.equal(received, sent)
    await close()
  })

  test('nothing is read before the owner opens', async () => {
    const { ours, theirs, close } = await pair()
    ours.write(Buffer.from('early'))
    ours.end()
    const read = readAll(theirs)
    assert.equal((await read).bytes.toString(), 'early')
    await close()
  })

  test('a deadline breaks a silent connection, on both ends', async () => {
    const { ours, theirs, close } = await pair()
    const mine = readAll(ours)
    const other = readAll(theirs)
    ours.deadline(performance.now() + 60_000)
    ours.deadline(null)
    ours.deadline(performance.now() - 1)
    assert.equal(((await mine).error as NodeJS.ErrnoException).code, 'ETIMEDOUT')
    await other
    await close()
  })

  test('destroying gives the reason to whoever waits; later words are harmless', async () => {
    const { ours, theirs, close } = await pair()
    const read = readAll(ours)
    void readAll(theirs)
    ours.destroy(new Error('enough'))
    assert.equal((await read).error?.message, 'enough')
    assert.equal(ours.write(Buffer.from('x')), false)
    ours.end()
    ours.destroy()
    ours.deadline(0)
    const late = await readAll(ours)
    assert.equal(late.error?.message, 'enough')
    await close()
  })

  test('closing a listener breaks its connections and frees its port', async () => {
    const { ours, theirs, close } = await pair()
    const mine = readAll(ours)
    void readAll(theirs)
    const port = theirs.local.port
    await close()
    await mine
    await assert.rejects(dialStream({ host: '127.0.0.1', port }), { code: 'ECONNREFUSED' })
    const again = await listenStream({ host: '127.0.0.1', port }, () => {})
    await assert.rejects(
      listenStream(again.address, () => {}),
      { code: 'EADDRINUSE' },
    )
    await again.close()
    await again.close()
  })

  test('connections beyond the limit are closed', async () => {
    const listener = await listenStream(LOOPBACK, (conn) => void readAll(conn), { connectionsMax: 1 })
    const first = await dialStream(listener.address)
    const second = await dialStream(listener.address)
    await readAll(second)
    assert.equal(first.write(Buffer.from('still open')), true)
    await listener.close()
  })
})
