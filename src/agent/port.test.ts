/** The servers' port from both ends, over real sockets: calls by the pool, plain calls, and what is turned away. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, suite, test } from 'node:test'
import { type LogRecord, makeLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import type { Host } from '../host/host.ts'
import { nodeHost } from '../host/node.ts'
import { ConsulError } from '../model/errors.ts'
import type { Caller, Gone, Method } from '../model/rpc.ts'
import { METHOD_CODECS } from '../wire/methods.ts'
import { AnswerReader, encodeCall } from '../wire/rpc.ts'
import { bindServerPort, type ServerPort } from './accept.ts'
import { ConnectionLost, makePool, type Pool } from './pool.ts'

interface Stage {
  host: Host
  port: ServerPort
  pool: Pool
  address: string
  log: LogRecord[]
  /** Calls that came in, each with what answers it. */
  calls: {
    method: Method
    args: unknown
    signal?: Gone
    resolve(reply: unknown): void
    reject(e: Error): void
  }[]
  raft: number
  close(): Promise<void>
}

async function openStage({
  peek = (): unknown => undefined,
  limits = { connsPerClientMax: 100, handshakeMs: 60_000 },
} = {}): Promise<Stage> {
  const log: LogRecord[] = []
  const host = nodeHost(
    makeLog(
      'agent',
      (record) => log.push(record),
      () => 'debug',
    ),
  )
  const port = await bindServerPort({ host, bind: { host: '127.0.0.1', port: 0 }, limits, log: host.log })
  const pool = makePool(host)
  const stage: Stage = {
    host,
    port,
    pool,
    address: `127.0.0.1:${port.address.port}`,
    log,
    calls: [],
    raft: 0,
    async close() {
      pool.stop()
      await port.close()
    },
  }
  const caller: Caller = {
    peek: peek as Caller['peek'],
    call: (method, args, context) =>
      new Promise((resolve, reject) => {
        stage.calls.push({ method, args, resolve: resolve as (reply: unknown) => void, reject, ...context })
      }),
  }
  port.open({
    caller,
    snapshot: () => Promise.reject(new Error('no state here')),
    raft(conn) {
      stage.raft++
      return { data: () => {}, end: () => conn.end(), close: () => {} }
    },
  })
  return stage
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setImmediate(done))
}

async function dial(stage: Stage, bytes: number[] | Uint8Array): Promise<Socket> {
  const socket = connect(stage.port.address.port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(Uint8Array.from(bytes))
  return socket
}

suite('calls over the pool', { timeout: 120_000 }, () => {
  const stages: Stage[] = []
  const open = async (options?: Parameters<typeof openStage>[0]) => {
    const stage = await openStage(options)
    stages.push(stage)
    return stage
  }
  after(() => Promise.all(stages.map((stage) => stage.close())))

  test('each is answered, in whatever order', async () => {
    const stage = await open()
    const asked = [1, 2, 3].map((n) =>
      stage.pool.call(stage.address, 'KVS.ListKeys', { Prefix: `${n}`, Seperator: '' }),
    )
    await until(() => stage.calls.length === 3)
    for (const { args, resolve } of stage.calls.reverse()) {
      const { Prefix } = args as { Prefix: string }
      resolve({ Index: Number(Prefix), LastContact: 0, KnownLeader: true, Keys: [Prefix] })
    }
    assert.deepEqual(
      (await Promise.all(asked)).map(({ Index, Keys }) => [Index, Keys]),
      [
        [1, ['1']],
        [2, ['2']],
        [3, ['3']],
      ],
    )
  })

  test('answers that can be had at once need no call; large ones pass the windows', async () => {
    const value = new Uint8Array(3 << 20).fill(7)
    const entry = { Key: 'k', Value: value, Flags: 1n, LockIndex: 0, Session: '', CreateIndex: 1, ModifyIndex: 1 }
    const stage = await open({ peek: () => ({ Index: 1, LastContact: 0, KnownLeader: true, Entries: [entry] }) })
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => stage.pool.call(stage.address, 'KVS.Get', { Key: 'k' })),
    )
    for (const { Entries } of replies) assert.deepEqual(Entries?.[0]?.Value?.length, value.length)
    assert.equal(stage.calls.length, 0)
  })

  test('large calls too', async () => {
    const stage = await open()
    const DirEnt = {
      Key: 'k',
      Value: new Uint8Array(2 << 20).fill(9),
      Flags: 0n,
      LockIndex: 0,
      Session: '',
      CreateIndex: 0,
      ModifyIndex: 0,
    }
    const asked = stage.pool.call(stage.address, 'KVS.Apply', { Op: 'set', DirEnt })
    await until(() => stage.calls.length === 1)
    assert.deepEqual((stage.calls[0]!.args as { DirEnt: unknown }).DirEnt, DirEnt)
    stage.calls[0]!.resolve(true)
    assert.equal(await asked, true)
  })

  test('errors come as the text says, and the next call is none the worse', async () => {
    const stage = await open()
    const refused = stage.pool.call(stage.address, 'Catalog.ListNodes', {})
    await until(() => stage.calls.length === 1)
    stage.calls[0]!.reject(new ConsulError('no-leader'))
    await assert.rejects(refused, { name: 'ConsulError', code: 'no-leader', message: 'No cluster leader' })
    const next = stage.pool.call(stage.address, 'Status.Leader', {})
    await until(() => stage.calls.length === 2)
    stage.calls[1]!.resolve('10.0.0.1:8300')
    assert.equal(await next, '10.0.0.1:8300')
  })

  test('a caller that goes away frees what its call holds at the server', async () => {
    const stage = await open()
    const gone = new AbortController()
    const asked = stage.pool.call(stage.address, 'KVS.Get', { Key: 'k', MinQueryIndex: 5 }, { signal: gone.signal })
    await until(() => stage.calls.length === 1)
    gone.abort()
    await assert.rejects(asked, ConnectionLost)
    await until(() => stage.calls[0]!.signal?.aborted === true)
  })

  test('a call without an answer in time is given up', async () => {
    const stage = await open()
    // The connection is there already: what is given up has been sent.
    const first = stage.pool.call(stage.address, 'Status.Ping', {})
    await until(() => stage.calls.length === 1)
    stage.calls[0]!.resolve({})
    await first
    const asked = stage.pool.call(stage.address, 'Status.Ping', {}, { timeoutMs: 20 })
    await assert.rejects(asked, { name: 'ConnectionLost', sent: true })
  })

  test('when the server goes away, its calls are told; when it is not there, that nothing was sent', async () => {
    const stage = await open()
    const asked = stage.pool.call(stage.address, 'Status.Ping', {})
    await until(() => stage.calls.length === 1)
    const rejected = assert.rejects(asked, { name: 'ConnectionLost', sent: true })
    await stage.port.close()
    await rejected
    await assert.rejects(stage.pool.call(stage.address, 'Status.Ping', {}), { name: 'ConnectionLost', sent: false })
  })
})

suite('the first byte', { timeout: 120_000 }, () => {
  let stage: Stage
  test('opens', async () => {
    stage = await openStage()
  })
  after(() => stage.close())

  test('0 is calls on the connection itself, one after the other', async () => {
    const ping = METHOD_CODECS['Status.Ping'].args
    const call = (seq: number, method: string) => encodeCall(seq, method, (w) => ping.write(w, {}))
    const socket = await dial(
      stage,
      Buffer.concat([Buffer.from([0]), call(1, 'Status.Leader'), call(2, 'Status.Ping')]),
    )
    const answers = new AnswerReader()
    const seen: string[] = []
    socket.on('data', (chunk: Buffer) => {
      for (const { header } of answers.push(chunk)) seen.push(`${header.Seq} ${header.ServiceMethod} ${header.Error}`)
    })
    await until(() => stage.calls.length === 1)
    stage.calls[0]!.resolve('here')
    await until(() => stage.calls.length === 2)
    stage.calls[1]!.resolve({})
    await until(() => seen.length === 2)
    socket.write(call(3, 'Nope.Nothing'))
    await once(socket, 'end')
    assert.deepEqual(seen, [
      '1 Status.Leader ',
      '2 Status.Ping ',
      "3 Nope.Nothing rpc: can't find service Nope.Nothing",
    ])
    socket.destroy()
  })

  test('1 is Raft', async () => {
    const socket = await dial(stage, [1])
    await until(() => stage.raft === 1)
    socket.destroy()
  })

  test('others are turned away, with a line in the log', async () => {
    for (const byte of [2, 3, 6, 7, 99]) {
      const socket = await dial(stage, [byte])
      socket.on('error', () => {})
      await once(socket, 'close')
      assert.ok(stage.log.some(({ level, fields }) => level === 'error' && fields.byte === byte))
    }
  })

  test('rubbish on a multiplexed connection ends it', async () => {
    const socket = await dial(stage, Buffer.concat([Buffer.from([4]), Buffer.alloc(12, 0xff)]))
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'close')
  })

  test('one client has so many connections and no more', async () => {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => dial(stage, [1])))
    const opened = stage.raft
    await until(() => stage.raft >= 101)
    const tooMany = await dial(stage, [1])
    tooMany.on('error', () => {})
    await once(tooMany, 'close')
    assert.ok(stage.log.some(({ message }) => message === 'too many RPC connections of one client'))
    assert.ok(opened <= stage.raft)
    for (const socket of sockets) socket.destroy()
  })
})

/** A frame's header. */
function head(type: number, flags: number, stream: number, length: number): Buffer {
  const bytes = Buffer.alloc(12)
  bytes[1] = type
  bytes.writeUInt16BE(flags, 2)
  bytes.writeUInt32BE(stream, 4)
  bytes.writeUInt32BE(length, 8)
  return bytes
}

suite('peers that mean no good, or are not well', { timeout: 120_000 }, () => {
  const stages: Stage[] = []
  const open = async (options: Parameters<typeof openStage>[0]) => {
    const stage = await openStage(options)
    stages.push(stage)
    return stage
  }
  after(() => Promise.all(stages.map((stage) => stage.close())))

  test('a connection that does not say what it is for is closed', async () => {
    const stage = await open({ limits: { connsPerClientMax: 100, handshakeMs: 20 } })
    const socket = connect(stage.port.address.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'close')
    // On a busy machine the first one to say it at once may still be too late.
    while (stage.raft === 0) {
      const inTime = await dial(stage, [1])
      inTime.on('error', () => {})
      await Promise.race([once(inTime, 'close'), until(() => stage.raft > 0 || inTime.destroyed)])
      inTime.destroy()
    }
  })

  test('a limit of 0 is none, and what is closed makes room', async () => {
    const stage = await open({ limits: { connsPerClientMax: 2, handshakeMs: 0 } })
    const sockets = [await dial(stage, [1]), await dial(stage, [1])]
    await until(() => stage.raft === 2)
    sockets[0]!.destroy()
    let raft = 2
    while (raft === 2) {
      const again = await dial(stage, [1])
      again.on('error', () => {})
      await Promise.race([once(again, 'close'), until(() => stage.raft === 3 || again.destroyed)])
      raft = stage.raft
      sockets.push(again)
    }
    for (const socket of sockets) socket.destroy()
  })

  test('bytes that nobody would send, cut and damaged calls: the port answers the next as ever', async () => {
    const stage = await open({ peek: () => ({}) })
    const random = seededRandom(7)
    const ping = METHOD_CODECS['Status.Ping'].args
    const call = Buffer.from(encodeCall(1, 'Status.Ping', (w) => ping.write(w, {})))
    // Opens stream 1, and brings a call on it.
    const whole = Buffer.concat([Buffer.from([4]), head(1, 1, 1, 0), head(0, 0, 1, call.length), call])
    const plain = Buffer.concat([Buffer.from([0]), call])
    for (let n = 0; n < 300; n++) {
      const bytes = Buffer.from(random.int(2) === 0 ? whole : plain)
      for (let hits = random.int(4); hits > 0; hits--) bytes[1 + random.int(bytes.length - 1)] = random.int(256)
      const cut = random.int(3) === 0 ? bytes.subarray(0, 1 + random.int(bytes.length)) : bytes
      const socket = await dial(stage, cut)
      socket.on('error', () => {})
      socket.resume()
      if (random.int(2) === 0) socket.end()
      else socket.destroy()
    }
    assert.deepEqual(await stage.pool.call(stage.address, 'Status.Ping', {}), {})
    const faults = stage.log.filter(({ message }) => message === 'RPC failed')
    assert.deepEqual(faults, [])
  })

  for (const carried of ['on a connection of its own', 'on a stream'] as const) {
    test(`a peer that takes no answers is held back until it does, and costs the others nothing: ${carried}`, async () => {
      const large = { Index: 1, LastContact: 0, KnownLeader: true, Keys: ['k'.repeat(1 << 20)] }
      let answered = 0
      const stage = await open({
        peek() {
          answered += 1
          return large
        },
      })
      const list = METHOD_CODECS['KVS.ListKeys'].args
      const call = encodeCall(1, 'KVS.ListKeys', (w) => list.write(w, { Prefix: '', Seperator: '' }))
      const asked = Buffer.concat(Array.from({ length: 50 }, () => call))
      const opened =
        carried === 'on a stream'
          ? [Buffer.from([4]), head(1, 1, 1, 0), head(0, 0, 1, asked.length)]
          : [Buffer.from([0])]
      const slow = await dial(stage, Buffer.concat([...opened, asked]))
      slow.on('error', () => {})
      slow.pause()
      await until(() => answered > 0)
      const { Keys } = await stage.pool.call(stage.address, 'KVS.ListKeys', { Prefix: '', Seperator: '' })
      assert.equal(Keys![0]!.length, 1 << 20)
      assert.ok(answered < 25, `${answered} answers were made`)
      if (carried === 'on a connection of its own') {
        slow.resume()
        await until(() => answered === 51)
      }
      slow.destroy()
    })
  }
})
