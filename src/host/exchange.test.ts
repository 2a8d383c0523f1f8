/** One question, one answer, over both transports. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { exchangeMessage } from './exchange.ts'
import { listenMessages, listenUdp } from './net.ts'

const QUESTION = Uint8Array.of(0, 9, 1, 2, 3)
const ANSWER = Uint8Array.of(0, 9, 7)
const LOOPBACK = { host: '127.0.0.1', port: 0 }
const LONG_MS = 60_000

suite('exchange', () => {
  test('UDP: the answer with the same id is taken, another is passed over', async () => {
    const server = await listenUdp(LOOPBACK, (bytes, from, port) => {
      assert.deepEqual(new Uint8Array(bytes), QUESTION)
      port.send(Uint8Array.of(0, 8, 7), from)
      port.send(ANSWER, from)
    })
    assert.deepEqual(new Uint8Array(await exchangeMessage('udp', server.address, QUESTION, LONG_MS)), ANSWER)
    await server.close()
  })

  test('TCP: the answer comes back without its length', async () => {
    const server = await listenMessages(LOOPBACK, () => ANSWER)
    assert.deepEqual(new Uint8Array(await exchangeMessage('tcp', server.address, QUESTION, LONG_MS)), ANSWER)
    await server.close()
  })

  test('who does not answer is given up after the time', async () => {
    const server = await listenUdp(LOOPBACK, () => {})
    await assert.rejects(exchangeMessage('udp', server.address, QUESTION, 1), { code: 'ETIMEDOUT' })
    await server.close()
  })

  test('where nobody listens it fails at once', async () => {
    const [udp, tcp] = [await listenUdp(LOOPBACK, () => {}), await listenMessages(LOOPBACK, () => undefined)]
    await Promise.all([udp.close(), tcp.close()])
    await assert.rejects(exchangeMessage('udp', udp.address, QUESTION, LONG_MS), { code: 'ECONNREFUSED' })
    await assert.rejects(exchangeMessage('tcp', tcp.address, QUESTION, LONG_MS), { code: 'ECONNREFUSED' })
  })
})
