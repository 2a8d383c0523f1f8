/** Raft's messages as real servers sent them, read and written again byte by byte; and bytes that nobody would send. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RaftReply, RaftRequest } from '../core/raft/messages.ts'
import { encodeWith, MsgpackError, type Writer } from './msgpack.ts'
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  type RaftAnswer,
  type RaftIncoming,
  ReplyReader,
  RequestReader,
} from './raft.ts'
import { noVectors, vectorFile, vectors } from './testdata/vectors.ts'

interface Exchange {
  name: string
  made: string
  request: string
  response: string
  requestDecoded: Record<string, unknown>
  responseDecoded: Record<string, unknown>
}

const captured = (vectors('raft') as unknown as Exchange[]).filter((each) => each.request && each.response)

function readAll(bytes: Uint8Array, step = bytes.length): RaftIncoming[] {
  const reader = new RequestReader()
  const found: RaftIncoming[] = []
  for (let at = 0; at < bytes.length; at += step) found.push(...reader.push(bytes.subarray(at, at + step)))
  return found
}

function answers(bytes: Uint8Array, type: RaftRequest['type']): RaftAnswer[] {
  const found: RaftAnswer[] = []
  new ReplyReader().push(
    bytes,
    () => type,
    (answer) => found.push(answer),
  )
  return found
}

test('what real servers sent reads as the reference says, and writes back the same', { skip: noVectors }, () => {
  assert.ok(captured.length > 8)
  for (const { name, made, request, response, requestDecoded, responseDecoded } of captured) {
    const bytes = vectorFile('raft', request)
    const [first, ...rest] = readAll(bytes)
    assert.equal(first?.kind, 'request', name)
    const { body } = first as { body: RaftRequest }
    const head = encodeRequest(body)
    assert.deepEqual(Buffer.from(head), Buffer.from(bytes.subarray(0, head.length)), `${name}: request`)
    if (body.type === 'install') {
      assert.equal(body.size, requestDecoded.Size)
      const size = rest.reduce((sum, each) => sum + (each.kind === 'snapshot' ? each.bytes.length : 0), 0)
      assert.equal(size, body.size)
      assert.deepEqual(rest.at(-1)?.kind === 'snapshot' && (rest.at(-1) as { last: boolean }).last, true)
    } else assert.equal(head.length, bytes.length)
    if (body.type === 'append') {
      assert.equal(body.term, requestDecoded.Term)
      assert.equal(body.leader, requestDecoded.Leader)
      assert.equal(body.prevIndex, requestDecoded.PrevLogEntry)
      assert.equal(body.commit, requestDecoded.LeaderCommitIndex)
      assert.equal(body.entries?.length, (requestDecoded.Entries as unknown[] | null)?.length)
    }
    const back = vectorFile('raft', response)
    const [answer] = answers(back, body.type)
    assert.equal(answer?.ok, true, name)
    const reply = (answer as { body: RaftReply }).body
    // Answers written by hand have their fields in another order.
    if (!made.includes('hand-written')) {
      assert.deepEqual(Buffer.from(encodeReply(reply)), Buffer.from(back), `${name}: reply`)
    }
    if (reply.type !== 'timeout-now') assert.equal(reply.term, responseDecoded.Term)
  }
})

test('messages that the library itself wrote', { skip: noVectors }, () => {
  for (const file of ['lib-requestvote-transfer-req.bin', 'lib-timeoutnow-req.bin', 'lib-heartbeat-req.bin']) {
    const bytes = vectorFile('raft', file)
    // Some were written without the type byte that a connection has in front.
    const type = file.includes('vote') ? 1 : file.includes('timeout') ? 3 : 0
    const whole = bytes[0] === type ? bytes : Buffer.concat([Buffer.from([type]), bytes])
    const [found] = readAll(whole)
    assert.equal(found?.kind, 'request', file)
    assert.deepEqual(Buffer.from(encodeRequest((found as { body: RaftRequest }).body)), Buffer.from(whole), file)
  }
  assert.equal(answers(vectorFile('raft', 'lib-error-resp-nil.bin'), 'vote')[0]?.ok, false)
  assert.equal(answers(vectorFile('raft', 'lib-error-resp.bin'), 'append')[0]?.ok, false)
})

const append: RaftRequest = {
  type: 'append',
  term: 3,
  leader: '127.0.0.1:8300',
  prevIndex: 4,
  prevTerm: 2,
  entries: [
    { index: 5, term: 3, type: 'noop', data: new Uint8Array(), extensions: null },
    { index: 6, term: 3, type: 'command', data: new Uint8Array(5000).fill(7), extensions: new Uint8Array([1]) },
  ],
  commit: 4,
}
const install: RaftRequest = {
  type: 'install',
  term: 3,
  leader: '127.0.0.1:8300',
  lastIndex: 100,
  lastTerm: 2,
  configuration: { servers: [{ id: 'a', address: '127.0.0.1:8300', suffrage: 'voter' }] },
  configurationIndex: 1,
  size: 10,
}

const preVote: RaftRequest = { type: 'pre-vote', term: 4, candidate: '127.0.0.1:8300', lastIndex: 7, lastTerm: 3 }

test('a pre-vote has the type byte and the names that later versions of the library gave it', () => {
  const bytes = Buffer.from(encodeRequest(preVote))
  assert.equal(bytes[0], 4)
  for (const name of ['LastLogIndex', 'LastLogTerm', 'ProtocolVersion', 'Term']) assert(bytes.includes(name), name)
  assert.deepEqual(readAll(bytes), [{ kind: 'request', body: preVote }])
  const body: RaftReply = { type: 'pre-vote', term: 4, granted: true }
  assert.deepEqual(answers(encodeReply(body), 'pre-vote'), [{ ok: true, body }])
})

test('a word to stand carries its term, which a real server neither sends nor looks for', () => {
  const theirs = Buffer.from(encodeRequest({ type: 'timeout-now', term: null }))
  const ours = Buffer.from(encodeRequest({ type: 'timeout-now', term: 9 }))
  assert.deepEqual(readAll(theirs), [{ kind: 'request', body: { type: 'timeout-now', term: null } }])
  assert.deepEqual(readAll(ours), [{ kind: 'request', body: { type: 'timeout-now', term: 9 } }])
  // The same field and one more behind it.
  assert.deepEqual(ours.subarray(2, theirs.length), theirs.subarray(2))
})

test('a stream of requests and a snapshot between them, in pieces of any size', () => {
  const state = Uint8Array.from({ length: 10 }, (_, i) => i)
  const stream = Buffer.concat([encodeRequest(append), encodeRequest(install), state, encodeRequest(append)])
  for (const step of [1, 7, 100, stream.length]) {
    const found = readAll(stream, step)
    assert.deepEqual(
      found.filter((each) => each.kind === 'request').map((each) => each.body),
      [append, install, append],
    )
    const pieces = found.filter((each) => each.kind === 'snapshot')
    assert.deepEqual(Buffer.concat(pieces.map(({ bytes }) => bytes)), Buffer.from(state))
    assert.deepEqual(
      pieces.map(({ last }) => last),
      pieces.map((_, i) => i === pieces.length - 1),
    )
  }
})

test('a version that we do not speak is refused, a type that we do not know ends the connection', () => {
  const old = encodeRequest({ type: 'timeout-now', term: null })
  old[old.length - 1] = 1
  assert.deepEqual(readAll(old), [{ kind: 'refused', error: 'operation not supported with current protocol version' }])
  assert.throws(() => readAll(new Uint8Array([5, 0x80])), MsgpackError)
  const refused = answers(encodeRefusal('no'), 'append')
  assert.deepEqual(refused, [{ ok: false, error: 'no' }])
})

test('arbitrary and damaged bytes are refused or read, and never anything else', () => {
  const samples = [
    encodeRequest(append),
    encodeRequest(install),
    encodeRequest(preVote),
    encodeRequest({ type: 'timeout-now', term: null }),
  ]
  const attempt = (run: () => void) => {
    try {
      run()
    } catch (error) {
      assert.ok(error instanceof MsgpackError, String(error))
    }
  }
  fc.assert(
    fc.property(
      fc.constantFrom(...samples),
      fc.array(fc.tuple(fc.nat(6000), fc.nat(255)), { maxLength: 4 }),
      fc.uint8Array({ maxLength: 100 }),
      (sample, damage, noise) => {
        const bytes = new Uint8Array(sample)
        for (const [at, value] of damage) bytes[at % bytes.length] = value
        attempt(() => readAll(bytes, 50))
        attempt(() => readAll(noise))
        attempt(() => answers(noise, 'append'))
      },
    ),
    { numRuns: 1000 },
  )
})

const ENTRY_FIELDS: Record<string, (w: Writer) => void> = {
  Data: (w) => w.bytes(Uint8Array.of(7, 8)),
  Extensions: (w) => w.bytes(Uint8Array.of(9)),
  Index: (w) => w.int(5),
  Term: (w) => w.int(2),
  Type: (w) => w.int(0),
  Later: (w) => w.text('?'),
}

/** An append with one entry whose fields come in this order. */
function appendWith(names: string[]): RaftIncoming[] {
  const bytes = encodeWith((w) => {
    w.byte(0)
    w.mapHeader(2)
    w.text('ProtocolVersion')
    w.int(3)
    w.text('Entries')
    w.arrayHeader(1)
    w.mapHeader(names.length)
    for (const name of names) {
      w.text(name)
      ENTRY_FIELDS[name]!(w)
    }
  })
  return readAll(bytes)
}

test('an entry reads the same in whatever order its fields come, and with unknown ones', () => {
  const usual = ['Data', 'Extensions', 'Index', 'Term', 'Type']
  const entry = { index: 5, term: 2, type: 'command', data: Uint8Array.of(7, 8), extensions: Uint8Array.of(9) }
  const orders = usual.map((_, turn) => [...usual.slice(turn), ...usual.slice(0, turn)])
  for (const names of [...orders, [...usual, 'Later'], ['Later', ...usual]]) {
    const [only] = appendWith(names)
    assert.ok(only?.kind === 'request' && only.body.type === 'append')
    assert.deepEqual(only.body.entries, [entry], names.join())
  }
  const [fewer] = appendWith(['Index', 'Term'])
  assert.ok(fewer?.kind === 'request' && fewer.body.type === 'append')
  assert.deepEqual(fewer.body.entries, [{ ...entry, data: new Uint8Array(), extensions: null }])
})

test('entries of a message that came in pieces keep no other bytes alive', () => {
  const data = new Uint8Array(200).fill(3)
  const bytes = encodeRequest({
    type: 'append',
    term: 1,
    leader: 'a',
    prevIndex: 0,
    prevTerm: 0,
    entries: [{ index: 1, term: 1, type: 'command', data, extensions: null }],
    commit: 0,
  })
  const [only] = readAll(bytes, 100)
  assert.ok(only?.kind === 'request' && only.body.type === 'append')
  const kept = only.body.entries![0]!.data
  assert.deepEqual(kept, data)
  assert.ok(kept.buffer.byteLength <= bytes.length)
})
