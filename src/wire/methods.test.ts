/** Calls and answers of real agents, read and written again byte by byte; and bytes that nobody would send. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Method } from '../model/rpc.ts'
import { isService, METHOD_CODECS, methodCodec } from './methods.ts'
import { MsgpackError } from './msgpack.ts'
import { AnswerReader, CallReader, encodeAnswer, encodeCall, encodeErrorAnswer, unknownMethod } from './rpc.ts'
import { noVectors, says, vectorFile, vectors } from './testdata/vectors.ts'

interface Exchange {
  name: string
  request: string
  response: string
  requestHeader: { Seq: number; ServiceMethod: string }
  requestBody: unknown
  responseHeader: { Error: string }
  responseBody: unknown
}

const all = vectors('rpc') as unknown as Exchange[]
const ours = all.filter(({ requestHeader }) => methodCodec(requestHeader.ServiceMethod) !== undefined)

/** Go writes maps in any order, so only messages without larger ones can be compared byte by byte. */
function hasMap(value: unknown): boolean {
  return /"(NodeMeta|Meta|Services|TaggedAddresses|ServiceMeta|ServiceTaggedAddresses|Header|Config)":\{("[^"]*":.*?,")/.test(
    JSON.stringify(value),
  )
}

test('what real agents sent and got reads as the reference says', { skip: noVectors }, () => {
  assert.ok(ours.length > 40, `only ${ours.length} exchanges are of methods that we have`)
  let rewritten = 0
  for (const vector of ours) {
    const codec = methodCodec(vector.requestHeader.ServiceMethod)!
    const request = vectorFile('rpc', vector.request)
    const [call] = new CallReader().push(request)
    assert.deepEqual(call!.header, vector.requestHeader)
    const args = codec.args.read(call!.body)
    if (isRaw(vector.requestBody)) {
      const { Seq, ServiceMethod } = vector.requestHeader
      const again = encodeCall(Seq, ServiceMethod, (w) => codec.args.write(w, args))
      // An entry that does not say its kind again is given it.
      const silent = JSON.stringify(vector.requestBody).includes('"Kind":""') ? 'service-defaults'.length : 0
      assert.equal(again.length, request.length + silent, `${vector.name}: request`)
      assert.deepEqual(codec.args.read(new CallReader().push(again)[0]!.body), args)
      rewritten++
    } else {
      assert.ok(says(args, vector.requestBody), `${vector.name}: request reads as ${JSON.stringify(args, bigints)}`)
    }
    if (!isRaw(vector.requestBody) && !hasMap(vector.requestBody)) {
      const { Seq, ServiceMethod } = vector.requestHeader
      const again = encodeCall(Seq, ServiceMethod, (w) => codec.args.write(w, args))
      assert.deepEqual(Buffer.from(again), Buffer.from(request), `${vector.name}: request`)
      rewritten++
    }

    const response = vectorFile('rpc', vector.response)
    const [answer] = new AnswerReader().push(response)
    const { Error: error, Seq, ServiceMethod } = answer!.header
    assert.equal(error, vector.responseHeader.Error)
    if (error !== '') {
      assert.deepEqual(Buffer.from(encodeErrorAnswer(Seq, ServiceMethod, error)), Buffer.from(response), vector.name)
      continue
    }
    const reply = codec.reply.read(answer!.body)
    if (isRaw(vector.responseBody)) {
      const again = encodeAnswer(Seq, ServiceMethod, (w) => codec.reply.write(w, reply))
      assert.equal(again.length, response.length, `${vector.name}: reply`)
      assert.deepEqual(codec.reply.read(new AnswerReader().push(again)[0]!.body), reply)
      rewritten++
      continue
    }
    assert.ok(
      says(reply, withoutNilChecks(vector.responseBody)),
      `${vector.name}: reply reads as ${JSON.stringify(reply, bigints)}`,
    )
    if (hasMap(vector.responseBody)) continue
    const again = encodeAnswer(Seq, ServiceMethod, (w) => codec.reply.write(w, reply))
    assert.deepEqual(Buffer.from(again), Buffer.from(response), `${vector.name}: reply`)
    rewritten++
  }
  assert.ok(rewritten > 50, `only ${rewritten} messages could be compared byte by byte`)
})

/** An instance without checks has an empty list of them with us. */
function withoutNilChecks(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body).replaceAll('"Checks":null,"Node"', '"Checks":[],"Node"'))
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

test('calls are cut out of a stream, however it comes in', () => {
  const codec = METHOD_CODECS['KVS.Get']
  const calls = [1, 2, 3].map((seq) =>
    encodeCall(seq, 'KVS.Get', (w) => codec.args.write(w, { Key: 'k'.repeat(seq * 100), MinQueryIndex: seq })),
  )
  const stream = Buffer.concat(calls)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (sizes) => {
      const reader = new CallReader()
      const seen: [number, string, number | undefined][] = []
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = sizes[turn % sizes.length]!
        for (const { header, body } of reader.push(stream.subarray(at, at + size))) {
          const args = codec.args.read(body)
          seen.push([header.Seq, args.Key, args.MinQueryIndex])
        }
        at += size
      }
      assert.deepEqual(seen, [
        [1, 'k'.repeat(100), 1],
        [2, 'k'.repeat(200), 2],
        [3, 'k'.repeat(300), 3],
      ])
      assert.ok(reader.between)
    }),
    { numRuns: 50 },
  )
})

test('a nil body is the zero value, and a header that is too long is refused', () => {
  const nilBody = encodeCall(7, 'Status.Ping', (w) => w.nil())
  const [call] = new CallReader().push(nilBody)
  assert.deepEqual(METHOD_CODECS['Status.Ping'].args.read(call!.body), {})
  assert.throws(() => new CallReader().push(encodeCall(1, 'x'.repeat(5000), (w) => w.nil())), MsgpackError)
})

test('names of no method get the answers of net/rpc', () => {
  assert.equal(unknownMethod('KVS.Nope', isService), "rpc: can't find method KVS.Nope")
  assert.equal(unknownMethod('Nope.Get', isService), "rpc: can't find service Nope.Get")
  assert.equal(unknownMethod('Nope', isService), 'rpc: service/method request ill-formed: Nope')
  assert.equal(methodCodec('toString'), undefined)
})

test('arbitrary bytes are refused or read, and never anything else', () => {
  const names = Object.keys(METHOD_CODECS) as Method[]
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
      const header = encodeCall(1, name, (w) => w.append(bytes))
      try {
        for (const { header: found, body } of new CallReader().push(header)) {
          methodCodec(found.ServiceMethod)?.args.read(body)
        }
        for (const { body } of new AnswerReader().push(bytes)) METHOD_CODECS[name].reply.read(body)
      } catch (error) {
        assert.ok(error instanceof MsgpackError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})

test('damaged calls of real agents are refused or read', { skip: noVectors }, () => {
  const files = ours.map((vector) => vectorFile('rpc', vector.request))
  fc.assert(
    fc.property(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 4 }),
      (file, damage) => {
        const bytes = new Uint8Array(file)
        for (const [at, value] of damage) bytes[at % bytes.length] = value
        try {
          for (const { header, body } of new CallReader().push(bytes)) {
            methodCodec(header.ServiceMethod)?.args.read(body)
          }
        } catch (error) {
          assert.ok(error instanceof MsgpackError, String(error))
        }
      },
    ),
    { numRuns: 1000 },
  )
})

/** A body that is one raw string with more inside (msgpack-dialect.md section 6). */
function isRaw(body: unknown): boolean {
  return typeof body === 'object' && body !== null && '$bytesOf' in body
}
