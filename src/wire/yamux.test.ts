/** One side of yamux against the other, against frames of real agents, and against bytes that nobody would send. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { noVectors, vectorFile, vectors } from './testdata/vectors.ts'
import { UNACCEPTED_MAX, WINDOW_BYTES, Yamux, YamuxError, type YamuxEvent } from './yamux.ts'
import { type Flags, type FrameType, FrameWriter } from './yamux-frame.ts'

const client = (now = 0) => new Yamux({ role: 'client', now, streamsMax: 0 })
const server = (streamsMax?: number) => new Yamux({ role: 'server', now: 0, ...(streamsMax && { streamsMax }) })

function drain(side: Yamux): Uint8Array {
  return new Uint8Array(Buffer.concat(side.take()))
}

/** Carries bytes both ways until both are silent. */
function settle(a: Yamux, b: Yamux): { a: YamuxEvent[]; b: YamuxEvent[] } {
  const events: { a: YamuxEvent[]; b: YamuxEvent[] } = { a: [], b: [] }
  for (;;) {
    const toB = drain(a)
    if (toB.length > 0) events.b.push(...b.receive(toB))
    const toA = drain(b)
    if (toA.length > 0) events.a.push(...a.receive(toA))
    if (toA.length === 0 && toB.length === 0) return events
  }
}

function frame(type: FrameType, flags: Flags, stream: number, length: number, payload?: Uint8Array): Uint8Array {
  const out = new FrameWriter()
  out.frame({ type, flags, stream, length })
  return Buffer.concat([...out.take(), ...(payload === undefined ? [] : [payload])])
}

const text = (events: YamuxEvent[]) =>
  Buffer.concat(events.map((event) => (event.kind === 'data' ? event.bytes : new Uint8Array()))).toString()
const size = (events: YamuxEvent[]) =>
  events.reduce((sum, event) => sum + (event.kind === 'data' ? event.bytes.length : 0), 0)
const kinds = (events: YamuxEvent[]) => events.map(({ kind }) => kind)

test('a stream is opened, used both ways, and ended by both', () => {
  const a = client()
  const b = server()
  const stream = a.open()!
  assert.equal(stream, 1)
  a.write(stream, Buffer.from('question'))
  const asked = settle(a, b)
  assert.deepEqual(kinds(asked.b), ['opened', 'data'])
  assert.equal(text(asked.b), 'question')
  b.write(stream, Buffer.from('answer'))
  assert.equal(text(settle(a, b).a), 'answer')
  a.end(stream)
  assert.deepEqual(kinds(settle(a, b).b), ['ended'])
  b.end(stream)
  assert.deepEqual(kinds(settle(a, b).a), ['ended'])
  assert.deepEqual([a.streams, b.streams], [0, 0])
})

test('no more is sent than the peer has a window for, and all of it arrives once it is freed', () => {
  const a = client()
  const b = server()
  const stream = a.open()!
  const sent = Buffer.alloc(WINDOW_BYTES * 3 + 5, 'x')
  a.write(stream, sent)
  a.end(stream)
  let got = 0
  let rounds = 0
  for (; rounds < 20; rounds++) {
    const { b: events } = settle(a, b)
    if (events.length === 0) break
    const arrived = size(events)
    assert.ok(arrived <= WINDOW_BYTES)
    got += arrived
    b.consumed(stream, arrived)
  }
  assert.equal(got, sent.length)
  assert.equal(rounds, 4)
  assert.equal(b.streams, 1, 'our side has not ended yet')
})

test('more than the window ends the session', () => {
  const b = server()
  b.receive(frame('window', { syn: true }, 1, 0))
  assert.throws(() => b.receive(frame('data', {}, 1, WINDOW_BYTES + 1)), YamuxError)
  const farewell = drain(b).subarray(-12)
  assert.deepEqual([...farewell], [0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
})

test('the same stream opened twice, and a second end, end the session', () => {
  const twice = server()
  twice.receive(frame('window', { syn: true }, 1, 0))
  assert.throws(() => twice.receive(frame('window', { syn: true }, 1, 0)), YamuxError)
  const ended = server()
  ended.receive(frame('window', { syn: true }, 1, 0))
  assert.deepEqual(kinds(ended.receive(frame('window', { fin: true }, 1, 0))), ['ended'])
  assert.throws(() => ended.receive(frame('window', { fin: true }, 1, 0)), YamuxError)
})

test('what comes for streams that are gone is passed over', () => {
  const b = server()
  assert.deepEqual(b.receive(frame('data', {}, 9, 5, Buffer.from('bytes'))), [])
  assert.deepEqual(b.receive(frame('window', { fin: true }, 9, 0)), [])
  assert.deepEqual(b.receive(frame('window', { rst: true }, 9, 0)), [])
  assert.deepEqual(kinds(b.receive(frame('data', { syn: true }, 1, 2, Buffer.from('ok')))), ['opened', 'data'])
  b.reset(1)
  assert.deepEqual(b.receive(frame('data', {}, 1, 2, Buffer.from('no'))), [])
})

test('flags may ride on data: opening, and ending', () => {
  const b = server()
  const events = b.receive(frame('data', { syn: true, fin: true }, 1, 2, Buffer.from('ok')))
  assert.deepEqual(kinds(events), ['opened', 'data', 'ended'])
})

test('streams past the bound are reset, also all of those for a side that accepts none', () => {
  const b = server(1)
  const a = client()
  const [first, second] = [a.open()!, a.open()!]
  const { a: heard } = settle(a, b)
  assert.deepEqual(heard, [{ kind: 'reset', stream: second }])
  a.end(first)
  b.end(first)
  settle(a, b)
  a.open()
  assert.deepEqual(kinds(settle(a, b).b), ['opened'], 'a stream that ended makes room')
})

test('streams that are not accepted yet are bounded; the others wait for them', () => {
  const a = client()
  const ids = Array.from({ length: UNACCEPTED_MAX + 2 }, () => a.open()!)
  const last = ids.at(-1)!
  a.write(last, Buffer.from('late'))
  const opening = drain(a)
  assert.equal(opening.length, UNACCEPTED_MAX * 12)
  a.receive(frame('window', { ack: true }, ids[0]!, 0))
  assert.equal(drain(a).length, 12)
  a.reset(ids[1]!)
  const rest = drain(a)
  assert.equal(rest.length, 12 + 12 + 12 + 4, 'a reset, then the last stream with its bytes')
})

test('pings are answered with their value; a peer that does not answer ours is given up', () => {
  const b = server()
  b.receive(frame('ping', { syn: true }, 0, 77))
  assert.deepEqual([...drain(b)], [0, 2, 0, 2, 0, 0, 0, 0, 0, 0, 0, 77])
  const a = client(1000)
  a.tick(2000)
  assert.equal(drain(a).length, 0)
  assert.equal(a.wakeAt(), 31_000)
  a.tick(31_000)
  assert.deepEqual([...drain(a)], [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])
  assert.equal(a.wakeAt(), 41_000)
  a.receive(frame('ping', { ack: true }, 0, 0))
  a.tick(61_000)
  assert.deepEqual([...drain(a)].slice(-1), [1], 'the next value')
  assert.throws(() => a.tick(71_000), YamuxError)
})

test('a peer that goes away gets no new streams', () => {
  const a = client()
  const b = server()
  const stream = a.open()!
  b.goAway('normal')
  assert.deepEqual(settle(a, b).a.at(0), { kind: 'go-away', code: 'normal' })
  assert.equal(a.open(), undefined)
  a.write(stream, Buffer.from('still'))
  assert.equal(text(settle(a, b).b), 'still')
})

test('a session of real agents, from both ends', { skip: noVectors }, () => {
  const [session] = vectors('yamux').filter(({ name }) => name === 'session')
  const fromClient = vectorFile('yamux', String(session!.client)).subarray(1)
  const fromServer = vectorFile('yamux', String(session!.server))
  const count = (frames: unknown) =>
    (frames as { type: string; length: number }[]).reduce((sum, f) => sum + (f.type === 'data' ? f.length : 0), 0)

  const b = server()
  const heard = b.receive(fromClient)
  assert.equal(kinds(heard)[0], 'opened')
  assert.equal(size(heard), count(session!.clientFrames))

  const a = client()
  a.open()
  drain(a)
  assert.equal(size(a.receive(fromServer)), count(session!.serverFrames))
})

test('bytes in any pieces mean the same', () => {
  const a = client()
  const streams = [a.open()!, a.open()!]
  for (const stream of streams) a.write(stream, Buffer.alloc(300, stream))
  a.end(streams[0]!)
  const bytes = drain(a)
  const summary = (events: YamuxEvent[]) => {
    const perStream = new Map<number, string>()
    for (const event of events) {
      if (event.kind === 'go-away') continue
      const what = event.kind === 'data' ? Buffer.from(event.bytes).toString('hex') : event.kind
      perStream.set(event.stream, (perStream.get(event.stream) ?? '') + what)
    }
    return perStream
  }
  const whole = summary(server().receive(bytes))
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      const b = server()
      const events: YamuxEvent[] = []
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length]!
        events.push(...b.receive(bytes.subarray(at, at + size)))
        at += size
      }
      assert.deepEqual(summary(events), whole)
    }),
    { numRuns: 50 },
  )
})

test('arbitrary frames end the session by a YamuxError, or are lived with', () => {
  const frames = fc.array(
    fc.record({
      type: fc.integer({ min: 0, max: 4 }),
      flags: fc.integer({ min: 0, max: 17 }),
      stream: fc.integer({ min: 0, max: 4 }),
      length: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(0xffff_ffff)),
    }),
    { maxLength: 30 },
  )
  fc.assert(
    fc.property(frames, fc.uint8Array({ maxLength: 60 }), (list, noise) => {
      const b = server(3)
      try {
        for (const { type, flags, stream, length } of list) {
          const bytes = Buffer.alloc(12)
          bytes[1] = type
          bytes[3] = flags
          bytes.writeUInt32BE(stream, 4)
          bytes.writeUInt32BE(length, 8)
          b.receive(bytes)
          b.write(stream, noise)
        }
        b.receive(noise)
        assert.ok(b.streams <= 3)
      } catch (error) {
        assert.ok(error instanceof YamuxError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
