/** What the HTTP door itself decides of transactions and queries; all else is compared with the real one (test/interop). */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeDoor } from '../../../test/support/http-door.ts'
import { bodyBytesMax } from './index.ts'

const kv = (Verb: string, Key: string, more = {}) => ({ KV: { Verb, Key, ...more } })
const body = (...ops: object[]) => ({ body: JSON.stringify(ops) })

suite('transactions over HTTP', () => {
  test('bodies and values beyond their bounds are 413, with the bound', async () => {
    const limits = { kvMaxValueSize: 4, txnMaxReqLen: 1000 }
    const door = makeDoor(limits)
    const long = { tooLarge: true, headers: { 'Content-Length': '1001' } }
    const docs = 'See https://www.consul.io/docs/agent/options.html#txn_max_req_len.'
    const whole = await door.ask('PUT', '/v1/txn', long)
    assert.deepEqual(
      [whole.status, whole.text],
      [413, `Request body(1001 bytes) too large, max size: 1000 bytes. ${docs}`],
    )
    const piecemeal = await door.ask('PUT', '/v1/txn', { tooLarge: true })
    assert.equal(piecemeal.text, `Request body too large, max size: 1000 bytes. ${docs}`)
    const value = await door.ask('PUT', '/v1/txn', body(kv('set', 'a "b"', { Value: 'MTIzNDU=' })))
    assert.deepEqual([value.status, value.text], [413, 'Value for key "a \\"b\\"" is too large (5 > 4 bytes)'])
    assert.equal((await door.ask('PUT', '/v1/txn', body(kv('set', 'a', { Value: 'MTIzNA==' })))).status, 200)
    const many = Array.from({ length: 65 }, () => kv('get', 'a'))
    const counted = await door.ask('PUT', '/v1/txn', body(...many))
    assert.deepEqual([counted.status, counted.text], [413, 'Transaction contains too many operations (65 > 64)'])
  })

  test('whoever may write a large value may do so in a transaction', () => {
    const bound = (options: object) => bodyBytesMax(options)('PUT', '/v1/txn?dc=dc1')
    assert.equal(bound({}), 512 << 10)
    assert.equal(bound({ kvMaxValueSize: 10, txnMaxReqLen: 20 }), 20)
    assert.equal(bound({ kvMaxValueSize: 1 << 20, txnMaxReqLen: 20 }), 1 << 20)
  })

  test('what failed is a conflict and has changed nothing', async () => {
    const door = makeDoor()
    const failed = await door.ask('PUT', '/v1/txn', body(kv('set', 'a'), kv('get', 'none')))
    assert.equal(failed.status, 409)
    assert.deepEqual(JSON.parse(failed.text), {
      Results: null,
      Errors: [{ OpIndex: 1, What: 'key "none" doesn\'t exist' }],
    })
    assert.equal((await door.ask('GET', '/v1/kv/a')).status, 404)
  })

  test('flags keep all their bits', async () => {
    const door = makeDoor()
    const text = '[{"KV":{"Verb":"set","Key":"f","Flags":18446744073709551615}},{"KV":{"Verb":"get","Key":"f"}}]'
    assert.match((await door.ask('PUT', '/v1/txn', { body: text })).text, /"Flags": ?18446744073709551615/)
  })
})

suite('prepared queries over HTTP', () => {
  test('are made, run, changed and deleted', async () => {
    const door = makeDoor()
    const made = await door.ask('POST', '/v1/query', { body: '{"Name":"q","Service":{"Service":"web"}}' })
    const { ID } = JSON.parse(made.text) as { ID: string }
    const found = await door.ask('GET', '/v1/query/q/execute')
    assert.deepEqual(JSON.parse(found.text).Nodes, [])
    assert.equal(
      (await door.ask('PUT', `/v1/query/${ID}`, { body: '{"Name":"r","Service":{"Service":"db"}}' })).text,
      '',
    )
    assert.equal(JSON.parse((await door.ask('GET', '/v1/query/r/explain')).text).Query.Service.Service, 'db')
    const unknown = await door.ask('GET', '/v1/query/q/execute')
    assert.deepEqual([unknown.status, unknown.text], [404, 'Query not found'])
    assert.equal(unknown.headers.includes('X-Consul-Index'), false)
    assert.equal((await door.ask('DELETE', `/v1/query/${ID}`)).status, 200)
    assert.deepEqual(JSON.parse((await door.ask('GET', '/v1/query')).text), [])
  })
})
