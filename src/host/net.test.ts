/** Real sockets on loopback: whole messages whatever the pieces, and peers that are silent, slow, rude or gone. */
import assert from 'node:assert/strict'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Address, MessageHandler } from './host.ts'
import { listenMessages, listenUdp, makeFrames } from './net.ts'

const LOOPBACK: Address = { host: '127.0.0.1', port: 0 }
const frame = (bytes: Uint8Array) => Buffer.concat([Buffer.from([bytes.length >>> 8, bytes.length & 0xff]), bytes])
const text = (value: string) => new Uint8Array(Buffer.from(value))

async function udpClient(type: 'udp4' | 'udp6' = 'udp4'): Promise<UdpSocket> {
  const socket = createSocket(type)
  socket.bind(0)
  await once(socket, 'listening')
  return socket
}

suite('udp', () => {
  for (const host of ['127.0.0.1', '::1']) {
    test(`packets come in, answers go out: ${host}`, async () => {
      const port = await listenUdp({ host, port: 0 }, (bytes, from, udp) => udp.send(bytes, from))
      const client = await udpClient(host === '::1' ? 'udp6' : 'udp4')
      client.send('ping', port.address.port, host)
      const [answer] = await once(client, 'message')
      assert.equal(String(answer), 'ping')
      assert.equal(port.address.host, host)
      client.close()
      await port.close()
    })
  }

  test('what cannot be sent is lost, and harms nothing', async () => {
    const port = await listenUdp(LOOPBACK, (_bytes, from, udp) => {
      udp.send(new Uint8Array(70_000), from)
      udp.send(text('to nobody'), { host: '127.0.0.1', port: 0 })
      udp.send(text('to no address'), { host: 'not an address', port: 9 })
      udp.send(text('to a closed port'), { host: '127.0.0.1', port: 1 })
      udp.send(text('still here'), from)
    })
    const client = await udpClient()
    for (let i = 0; i < 3; i++) {
      client.send('x', port.address.port, '127.0.0.1')
      const [answer] = await once(client, 'message')
      assert.equal(String(answer), 'still here')
    }
    client.close()
    await port.close()
    port.send(text('after the end'), LOOPBACK)
    await port.close()
  })

  test('a port in use is refused with the reason', async () => {
    const port = await listenUdp(LOOPBACK, () => {})
    await assert.rejects(
      listenUdp(port.address, () => {}),
      { code: 'EADDRINUSE' },
    )
    await port.close()
  })
})

/** Collects whole messages from a connection. */
function messagesOf(socket: Socket): { next(): Promise<string> } {
  const waiting: ((message: string) => void)[] = []
  const ready: string[] = []
  socket.on(
    'data',
    makeFrames((message) => {
      const value = Buffer.from(message).toString()
      const take = waiting.shift()
      if (take === undefined) ready.push(value)
      else take(value)
      return true
    }),
  )
  return {
    next: () => {
      const value = ready.shift()
      return value === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(value)
    },
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Closed, whether in peace or by a reset. */
const gone = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))

const echo: MessageHandler = (message) => message.slice()

suite('messages over tcp', () => {
  test('messages are whole however the stream is cut', () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 })
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
        const stream = Buffer.concat(sent.map(frame))
        const received: Uint8Array[] = []
        const push = makeFrames((message) => received.push(Uint8Array.from(message)) > 0)
        for (let at = 0, i = 0; at < stream.length; i++) {
          const length = cuts[i % cuts.length]!
          push(stream.subarray(at, at + length))
          at += length
        }
        assert.deepEqual(
          received,
          sent.map((bytes) => Uint8Array.from(bytes)),
        )
      }),
    )
  })

  test('a stop leaves the rest of the chunk', () => {
    const received: string[] = []
    const read = makeFrames((message) => received.push(Buffer.from(message).toString()) % 2 === 1)
    const chunk = Buffer.concat(['a', 'b', 'c', 'd'].map((word) => frame(text(word))))
    const rest = read(chunk)
    assert.deepEqual([received, rest?.length], [['a', 'b'], 6])
    assert.equal(read(rest!), undefined)
    assert.deepEqual(received, ['a', 'b', 'c', 'd'])
  })

  test('many questions on one connection, answered as the answers are ready', async () => {
    const held: (() => void)[] = []
    const listener = await listenMessages(LOOPBACK, (message) => {
      const bytes = message.slice()
      if (bytes[0] !== 0x68) return bytes
      return new Promise((resolve) => held.push(() => resolve(bytes)))
    })
    const socket = await open(listener.address.port)
    const answers = messagesOf(socket)
    socket.write(Buffer.concat(['held', 'one', 'two'].map((word) => frame(text(word)))))
    assert.deepEqual([await answers.next(), await answers.next()], ['one', 'two'])
    // The asker has no more questions, and still gets its answer.
    socket.end()
    held[0]!()
    assert.equal(await answers.next(), 'held')
    await gone(socket)
    await listener.close()
  })

  test('a question without an answer leaves the connection as it is', async () => {
    const listener = await listenMessages(LOOPBACK, (message) => (message.length === 0 ? undefined : message.slice()))
    const socket = await open(listener.address.port)
    const answers = messagesOf(socket)
    socket.write(Buffer.concat([frame(text('')), frame(text('x'))]))
    assert.equal(await answers.next(), 'x')
    socket.destroy()
    await listener.close()
  })

  test('a connection that asks nothing, or never ends its question, is closed', async () => {
    const listener = await listenMessages(LOOPBACK, echo, 30)
    const silent = await open(listener.address.port)
    const slow = await open(listener.address.port)
    silent.resume()
    slow.resume()
    const drip = setInterval(() => slow.write('\0'), 5)
    slow.write(Buffer.from([0xff, 0xff]))
    await Promise.all([gone(silent), gone(slow)])
    clearInterval(drip)
    await listener.close()
  })

  test('while an answer is being made, its connection stays', async () => {
    let finish = () => {}
    const asked = Promise.withResolvers<void>()
    const listener = await listenMessages(
      LOOPBACK,
      () => {
        asked.resolve()
        return new Promise((resolve) => (finish = () => resolve(text('late'))))
      },
      300,
    )
    const ask = async () => {
      const socket = await open(listener.address.port)
      socket.write(frame(text('x')))
      return socket
    }
    let socket = await ask()
    let answers = messagesOf(socket)
    // A process that stands still may find the question only when the connection's time is up: then it asks again.
    while ((await Promise.race([asked.promise.then(() => 'asked'), gone(socket)])) !== 'asked') {
      socket = await ask()
      answers = messagesOf(socket)
    }
    // Idle ones that came later go by their time; the waiting one does not.
    for (let i = 0; i < 3; i++) {
      const idle = await open(listener.address.port)
      idle.resume()
      await gone(idle)
    }
    finish()
    assert.equal(await answers.next(), 'late')
    socket.destroy()
    await listener.close()
  })

  test('a peer that takes no answers is not read from without end, and is closed', async () => {
    let handled = 0
    const answer = new Uint8Array(60_000)
    const listener = await listenMessages(
      LOOPBACK,
      () => {
        handled += 1
        return answer
      },
      200,
    )
    const socket = await open(listener.address.port)
    socket.pause()
    // 400,000 questions ask for 24 GB of answers.
    const questions = Buffer.concat(Array.from({ length: 1000 }, () => frame(text('q'))))
    for (let i = 0; i < 400; i++) socket.write(questions)
    const closed = gone(socket)
    // Not reading, the peer would never learn of the end: writing tells it.
    const nudge = setInterval(() => socket.write('\0\0'), 10)
    await closed
    clearInterval(nudge)
    assert.ok(handled < 1000, `${handled} answered`)
    await listener.close()
  })

  test('a handler that fails costs its connection, not the listener', async () => {
    const listener = await listenMessages(LOOPBACK, (message) => {
      if (message[0] === 1) throw new Error('at once')
      if (message[0] === 2) return Promise.reject(new Error('later'))
      return message.slice()
    })
    for (const bad of [1, 2]) {
      const socket = await open(listener.address.port)
      socket.resume()
      socket.write(frame(Uint8Array.of(bad)))
      await gone(socket)
    }
    const socket = await open(listener.address.port)
    const answers = messagesOf(socket)
    socket.write(frame(text('fine')))
    assert.equal(await answers.next(), 'fine')
    // Closing ends what is open.
    const closed = gone(socket)
    await listener.close()
    await closed
    await assert.rejects(once(connect(listener.address.port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  })

  test('a port in use is refused with the reason', async () => {
    const listener = await listenMessages(LOOPBACK, echo)
    await assert.rejects(listenMessages(listener.address, echo), { code: 'EADDRINUSE' })
    await listener.close()
  })
})
