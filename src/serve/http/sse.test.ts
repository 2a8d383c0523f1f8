import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { aRequest, makeDoor } from '../../../test/support/http-door.ts'
import { ConsulError } from '../../model/errors.ts'
import { Exchange } from './exchange.ts'
import { NO_PARAMS } from './params.ts'
import { openStream } from './stream.ts'

const EVENTS = { headers: { Accept: 'text/event-stream' } }

/** A door whose reads are answered by the test, and a reader of what comes. */
function watch(url: string, headers: Record<string, string> = {}) {
  const door = makeDoor()
  door.local = false
  const asked: Record<string, unknown>[] = []
  const waiting: ((reply: unknown) => void)[] = []
  door.answers.set('Catalog.ListNodes', (args) => {
    asked.push(args)
    return new Promise((resolve) => waiting.push(resolve))
  })
  let leave: () => void = () => {}
  const request = aRequest('GET', url, {
    headers: { accept: 'text/event-stream', ...headers },
    onGone: (run) => {
      const before = leave
      leave = () => {
        before()
        run()
      }
    },
  })
  const settle = () => new Promise<void>((done) => setImmediate(done))
  return {
    response: Promise.resolve(door.handle(request)),
    asked,
    async answer(reply: unknown) {
      await settle()
      waiting.shift()!(
        reply instanceof Error ? Promise.reject(reply) : { KnownLeader: true, LastContact: 0, ...(reply as object) },
      )
      await settle()
    },
    leave: () => leave(),
    settle,
  }
}

function reader(body: unknown) {
  const pieces = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  return async () => {
    const { value, done } = await pieces.next()
    return done ? undefined : Buffer.from(value).toString()
  }
}

suite('event streams', () => {
  test('tell what is there, and again at each change', async () => {
    const { response, asked, answer, leave } = watch('/v1/catalog/nodes?token=t')
    await answer({ Index: 5, Nodes: [] })
    const { status, headers, live, body } = await response
    assert.deepEqual([status, live, headers[3]], [200, true, 'text/event-stream'])
    const next = reader(body)
    assert.equal(await next(), 'id: 5\ndata: []\n\n')
    assert.deepEqual([asked[1]!.MinQueryIndex, asked[1]!.Token], [5, 't'])
    await answer({ Index: 8, Nodes: null })
    assert.equal(await next(), 'id: 8\ndata: []\n\n')
    assert.equal(asked[2]!.MinQueryIndex, 8)
    leave()
    assert.equal(await next(), undefined)
  })

  test('go on after the last event that a client has seen', async () => {
    const { response, answer, asked } = watch('/v1/catalog/nodes', { 'last-event-id': '5' })
    await answer({ Index: 5, Nodes: [] })
    const next = reader((await response).body)
    await answer({ Index: 6, Nodes: [] })
    assert.equal(await next(), 'id: 6\ndata: []\n\n')
    assert.equal(asked[1]!.MinQueryIndex, 5)
  })

  test('end with a failure that comes later', async () => {
    const { response, answer } = watch('/v1/catalog/nodes')
    await answer({ Index: 5, Nodes: [] })
    const next = reader((await response).body)
    await next()
    await answer(new ConsulError('no-leader'))
    assert.equal(await next(), 'event: failure\ndata: No cluster leader\n\n')
    assert.equal(await next(), undefined)
  })

  test('are for what can be waited for; all else answers as ever', async () => {
    const door = makeDoor()
    const plain = await door.ask('GET', '/v1/status/leader', EVENTS)
    assert.deepEqual([plain.status, plain.live, plain.text], [200, undefined, '"127.0.0.1:8300"\n'])
    assert.equal((await door.ask('GET', '/v1/health/service/', EVENTS)).status, 400)
    assert.equal((await door.ask('PUT', '/v1/kv/a', { ...EVENTS, body: 'x' })).text, 'true\n')
  })

  test('do not hold what is too large, nor more than a little for who does not read', async () => {
    const door = makeDoor()
    const row = { ID: 'x'.repeat(3000), Node: 'n', Address: '', Datacenter: '', TaggedAddresses: null, Meta: null }
    const rows = Array.from({ length: 2000 }, () => ({ ...row, CreateIndex: 1, ModifyIndex: 1 }))
    door.answers.set('Catalog.ListNodes', () => ({ Index: 5, KnownLeader: true, LastContact: 0, Nodes: rows }))
    const response = await door.ask('GET', '/v1/catalog/nodes', EVENTS)
    assert.deepEqual([response.status, response.text], [500, 'the result is too large to be followed as events'])

    const stream = openStream(new Exchange({} as never, aRequest('GET', '/'), '/', NO_PARAMS, ''), 10)
    assert.equal(stream.push('x'.repeat(2 << 20)), true)
    assert.equal(stream.push('y'), false)
    await stream.body[Symbol.asyncIterator]().next()
    for (let i = 0; i < 10; i++) assert.equal(stream.push('z'), true)
    assert.equal(stream.push('z'), false)
  })

  test('are for those who would rather have them than JSON', async () => {
    const door = makeDoor()
    const typeFor = async (accept: string) => {
      let leave = () => {}
      const request = aRequest('GET', '/v1/catalog/nodes', { headers: { accept } })
      request.onGone = (run) => {
        leave = run
      }
      const { headers } = await door.handle(request)
      leave()
      return headers[headers.indexOf('Content-Type') + 1]
    }
    const events = ['text/event-stream', '*/*, text/event-stream', 'application/json;q=0.5, text/event-stream;q=0.9']
    for (const accept of events) assert.equal(await typeFor(accept), 'text/event-stream', accept)
    const json = [
      'application/json, text/event-stream',
      'text/event-stream; q=0.1, application/json',
      'text/event-stream;q=0',
    ]
    for (const accept of json) assert.equal(await typeFor(accept), 'application/json', accept)
  })

  test('tell that a key is not there', async () => {
    const door = makeDoor()
    const response = await door.handle(
      aRequest('GET', '/v1/kv/none', { headers: { accept: 'a/b, text/event-stream' } }),
    )
    assert.match((await reader(response.body)())!, /^event: not-found\nid: \d+\ndata: \n\n/)
  })
})
