/** Pre-votes between two transports over real sockets: who is asked, who never is, and what becomes of each question. */
import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, suite, test } from 'node:test'
import { silentLog } from '../base/log.ts'
import type { PreVoteRequest, RaftInput, RaftReply } from '../core/raft/messages.ts'
import { nodeHost } from '../host/node.ts'
import { encodeReply, encodeRequest, RequestReader } from '../wire/raft.ts'
import { bindServerPort } from './accept.ts'
import { makeTransport, type Transport } from './transport.ts'

const PRE_VOTE: PreVoteRequest = { type: 'pre-vote', term: 8, candidate: '10.0.0.1:8300', lastIndex: 40, lastTerm: 7 }
const host = nodeHost(silentLog)
const closing: (() => Promise<void> | void)[] = []
after(async () => {
  for (const close of closing) await close()
})

/** A transport whose core only notes what it is told. */
function start() {
  const heard: RaftInput[] = []
  let wake = () => {}
  const tell = (input: RaftInput) => {
    heard.push(input)
    wake()
  }
  const transport: Transport = makeTransport({
    host,
    source: { open: async () => null, stop: () => {} },
    sink: () => {
      throw new Error('no snapshots here')
    },
    log: silentLog,
  })
  transport.start({ tell, tellNow: tell, installed: () => {} })
  closing.push(() => transport.stop())
  async function next(): Promise<RaftInput> {
    while (heard.length === 0) {
      await new Promise<void>((done) => {
        wake = done
      })
    }
    return heard.shift()!
  }
  const ask = (id: number, address: string) =>
    transport.send({ kind: 'send', id, peer: 'p', address, body: PRE_VOTE, heartbeat: false })
  return { transport, next, ask }
}

async function listen() {
  const end = start()
  const limits = { connsPerClientMax: 100, handshakeMs: 60_000 }
  const port = await bindServerPort({ host, bind: { host: '127.0.0.1', port: 0 }, limits, log: silentLog })
  port.open({ raft: end.transport.accept } as Parameters<typeof port.open>[0])
  closing.push(() => port.close())
  return { ...end, address: `127.0.0.1:${port.address.port}` }
}

/** A peer that knows what Consul 1.8.7 knows, and breaks off on anything else. */
async function listenAsOldPeer(answer: () => RaftReply | undefined, at = 0) {
  const types: number[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    const reader = new RequestReader()
    let first = true
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      const bytes = first ? data.subarray(1) : data
      first = false
      for (const incoming of reader.push(bytes)) {
        assert(incoming.kind === 'request')
        types.push(['append', 'vote', 'install', 'timeout-now', 'pre-vote'].indexOf(incoming.body.type))
        const reply = answer()
        if (reply === undefined) socket.destroy()
        else socket.write(encodeReply(reply))
      }
    })
  })
  await new Promise<void>((done) => server.listen(at, '127.0.0.1', done))
  const close = () => {
    for (const socket of sockets) socket.destroy()
    return new Promise<void>((done) => server.close(() => done()))
  }
  closing.push(() => void server.close())
  const { port } = server.address() as { port: number }
  return { types, address: `127.0.0.1:${port}`, port, close }
}

suite('a snapshot for a follower', { timeout: 120_000 }, () => {
  const CHUNKS = 64
  const CHUNK = new Uint8Array(64 * 1024)

  /** @returns how long the leader rested each time, by a clock that goes on 7 ms with each look at it */
  async function rests(busy: boolean): Promise<number[]> {
    const found: number[] = []
    let now = 0
    const clock = {
      ...host,
      now: () => (now += 7),
      wake: (at: number, run: () => void) => {
        // Connections look after themselves now and then, many seconds later.
        if (at - now > 1000) return () => {}
        found.push(at - now)
        now = at
        setImmediate(run)
        return () => {}
      },
    }
    const follower = await listen()
    let received = 0
    const sink = {
      write: (bytes: Uint8Array) => {
        received += bytes.length
        return true
      },
      finish: async () => () => {},
      abort: () => {},
    }
    const taking = makeTransport({
      host,
      source: { open: async () => null, stop: () => {} },
      sink: () => sink,
      log: silentLog,
    })
    const tell = (input: RaftInput) => {
      if (input.kind !== 'request') return
      if (input.body.type !== 'install') return
      const { lastIndex: index, lastTerm: term, configuration, configurationIndex } = input.body
      const meta = { index, term, configuration, configurationIndex }
      taking.restore({ kind: 'restore', id: input.id, meta, alone: false })
      taking.answer(input.id, { type: 'install', term: 1, success: true })
    }
    taking.start({ tell, tellNow: tell, installed: () => {} })
    closing.push(() => taking.stop())
    const port = await bindServerPort({
      host,
      bind: { host: '127.0.0.1', port: 0 },
      limits: { connsPerClientMax: 100, handshakeMs: 60_000 },
      log: silentLog,
    })
    port.open({ raft: taking.accept } as Parameters<typeof port.open>[0])
    closing.push(() => port.close())
    const leader: Transport = makeTransport({
      host: clock as typeof host,
      source: {
        open: async () => ({ size: CHUNKS * CHUNK.length, chunks, release: () => {} }),
        stop: () => {},
      },
      sink: () => sink,
      log: silentLog,
    })
    closing.push(() => leader.stop())
    async function* chunks() {
      for (let n = 0; n < CHUNKS; n++) {
        if (busy) {
          const entries = [{ index: n + 1, term: 1, type: 'noop' as const, data: new Uint8Array(), extensions: null }]
          const body = {
            type: 'append' as const,
            term: 1,
            leader: 'x:1',
            prevIndex: n,
            prevTerm: 1,
            entries,
            commit: 0,
          }
          leader.send({ kind: 'send', id: 100 + n, peer: 'q', address: follower.address, body, heartbeat: false })
        }
        yield CHUNK
      }
    }
    const answered = new Promise<void>((done) => {
      const hear = (input: RaftInput) => {
        if (input.kind === 'reply' && input.id === 1) done()
      }
      leader.start({ tell: hear, tellNow: hear, installed: () => {} })
    })
    leader.send({
      kind: 'send',
      id: 1,
      peer: 'p',
      address: `127.0.0.1:${port.address.port}`,
      heartbeat: false,
      body: {
        type: 'install',
        term: 1,
        leader: 'x:1',
        lastIndex: 9,
        lastTerm: 1,
        configuration: { servers: [{ id: 'a', address: 'x:1', suffrage: 'voter' }] },
        configurationIndex: 1,
        size: 0,
      },
    })
    await answered
    assert.equal(received, CHUNKS * CHUNK.length)
    return found
  }

  test('is sent with rests while the leader has writes to spread, and without where it has none', async () => {
    assert.deepEqual(await rests(false), [])
    const found = await rests(true)
    assert.equal(found.length, 8, 'one after each half of a megabyte')
    for (const ms of found) assert(ms > 0 && ms <= 100, `a rest of ${ms} ms`)
  })
})

suite('a word to stand, on the wire', { timeout: 120_000 }, () => {
  const header = encodeRequest({ type: 'timeout-now', term: null })
  const heartbeat = (term: number) =>
    encodeRequest({ type: 'append', term, leader: 'x:1', prevIndex: 0, prevTerm: 0, entries: null, commit: 0 })

  /** @returns what terms the core hears of, after these bytes on one connection */
  async function heard(...requests: Uint8Array[]): Promise<(number | null)[]> {
    const follower = await listen()
    const [host, port] = follower.address.split(':')
    const socket = connect(Number(port), host)
    socket.on('error', () => {})
    socket.write(Buffer.concat([Buffer.from([1]), ...requests]))
    const terms: (number | null)[] = []
    for (let n = 0; n < requests.length; n++) {
      const input = await follower.next()
      assert(input.kind === 'request')
      if (input.body.type === 'timeout-now') terms.push(input.body.term)
    }
    socket.destroy()
    return terms
  }

  test('of one that does not say its term: the newest that came before it on its connection', async () => {
    assert.deepEqual(await heard(header), [null])
    assert.deepEqual(await heard(heartbeat(5), header, heartbeat(7), heartbeat(6), header), [5, 7])
  })

  test('of one that does: that', async () => {
    assert.deepEqual(await heard(heartbeat(7), encodeRequest({ type: 'timeout-now', term: 6 })), [6])
  })
})

suite('pre-votes on the wire', { timeout: 120_000 }, () => {
  test('one of ours is asked, and its answer comes back', async () => {
    const [candidate, voter] = [start(), await listen()]
    for (const id of [1, 2]) {
      candidate.ask(id, voter.address)
      const asked = await voter.next()
      assert(asked.kind === 'request')
      assert.deepEqual(asked.body, PRE_VOTE)
      voter.transport.answer(asked.id, { type: 'pre-vote', term: 7, granted: id === 2 })
      assert.deepEqual(await candidate.next(), {
        kind: 'reply',
        id,
        body: { type: 'pre-vote', term: 7, granted: id === 2 },
      })
    }
  })

  test('a real one never sees one: it is asked what it knows, and has nothing against an election', async () => {
    const candidate = start()
    for (const reply of [
      { type: 'append', term: 7, lastIndex: 40, success: false, noRetryBackoff: false },
      // Without a term of its own.
      { type: 'append', term: 0, lastIndex: 0, success: true, noRetryBackoff: false },
    ] as const) {
      const peer = await listenAsOldPeer(() => reply)
      candidate.ask(1, peer.address)
      assert.deepEqual(await candidate.next(), { kind: 'lost', id: 1, unknownType: true })
      candidate.ask(2, peer.address)
      assert.deepEqual(await candidate.next(), { kind: 'lost', id: 2, unknownType: true })
      assert.deepEqual(peer.types, [0, 0])
    }
  })

  test('whoever does not answer has not granted anything', async () => {
    const candidate = start()
    const peer = await listenAsOldPeer(() => undefined)
    candidate.ask(1, peer.address)
    assert.deepEqual(await candidate.next(), { kind: 'lost', id: 1, unknownType: false })
    await peer.close()
    candidate.ask(2, peer.address)
    assert.deepEqual(await candidate.next(), { kind: 'lost', id: 2, unknownType: false })
  })

  test('a real server in the place of one of ours is asked anew what it knows', async () => {
    const candidate = start()
    const known: RaftReply = { type: 'append', term: 0, lastIndex: 0, success: false, noRetryBackoff: true }
    const granted: RaftReply = { type: 'pre-vote', term: 7, granted: true }
    const answers = [known, granted]
    const ours = await listenAsOldPeer(() => answers.shift())
    candidate.ask(1, ours.address)
    assert.equal((await candidate.next()).kind, 'reply')
    assert.deepEqual(ours.types, [0, 4])
    await ours.close()
    const real = await listenAsOldPeer(
      () => ({ type: 'append', term: 7, lastIndex: 40, success: false, noRetryBackoff: false }),
      ours.port,
    )
    // What went out before the end of the old connection was noticed is lost with it.
    for (let id = 2, heard: RaftInput | undefined; !(heard?.kind === 'lost' && heard.unknownType); id++) {
      assert(id < 10)
      candidate.ask(id, real.address)
      heard = await candidate.next()
    }
    assert.deepEqual(new Set(real.types), new Set([0]))
  })

  test('the question is answered by the transport: the core of a peer hears of no leader by it', async () => {
    const [candidate, voter] = [start(), await listen()]
    candidate.ask(1, voter.address)
    const first = await voter.next()
    assert(first.kind === 'request')
    assert.equal(first.body.type, 'pre-vote')
  })
})
