/** Whatever is asked, in whatever bytes: the door answers, and makes no mistake of its own. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { headerOf, makeDoor } from '../../../test/support/http-door.ts'

suite('whatever is asked', () => {
  const BODIES = ['/v1/catalog/register', '/v1/catalog/deregister', '/v1/session/create', '/v1/agent/service/register']
  BODIES.push('/v1/agent/check/register', '/v1/agent/check/update/c')

  /** JSON whose names are often those that the endpoints know. */
  const names = fc.constantFrom(
    ...[
      'Node',
      'Name',
      'ID',
      'Service',
      'Address',
      'Check',
      'Checks',
      'TTL',
      'Tags',
      'Meta',
      'Port',
      'Weights',
      'Proxy',
    ],
    ...[
      'Connect',
      'Definition',
      'Interval',
      'Upstreams',
      'Config',
      'LockDelay',
      'NodeChecks',
      'ServiceChecks',
      'Status',
    ],
    ...['Expose', 'Paths', 'TaggedAddresses', 'Header', 'args', 'sidecar_service', '__proto__', 'constructor', 'x'],
  )
  const { json } = fc.letrec((tie) => ({
    json: fc.oneof(
      { maxDepth: 5 },
      fc.string(),
      fc.integer(),
      fc.double(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('1s', 'passing', 'x', '1.1.1.1'),
      fc.array(tie('json'), { maxLength: 3 }),
      fc.array(fc.tuple(names, tie('json')), { maxLength: 8 }).map((pairs) => Object.fromEntries(pairs)),
    ),
  }))

  test('no JSON body makes the door fail', async () => {
    const door = makeDoor()
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...BODIES), json, async (url, value) => {
        assert.ok((await door.ask('PUT', url, { body: JSON.stringify(value) ?? '' })).status < 600)
        assert.deepEqual(door.mistakes, [])
      }),
      { numRuns: 1500 },
    )
    for (const url of ['/v1/catalog/nodes', '/v1/agent/services', '/v1/agent/checks', '/v1/session/list']) {
      const { status, text } = await door.ask('GET', url)
      assert.equal(status, 200)
      JSON.parse(text)
    }
  })

  test('no bytes as body make the door fail', async () => {
    const door = makeDoor()
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...BODIES), fc.uint8Array({ maxLength: 40 }), async (url, body) => {
        assert.ok((await door.ask('PUT', url, { body })).status < 600)
        assert.deepEqual(door.mistakes, [])
      }),
      { numRuns: 500 },
    )
  })

  test('no path and no query make the door fail, or an answer that is no JSON', async () => {
    const door = makeDoor()
    const prefix = fc.constantFrom('/v1/kv/', '/v1/health/service/', '/v1/catalog/node/', '/v1/agent/service/', '/', '')
    const part = fc.oneof(
      fc.constantFrom(
        '..',
        '.',
        '',
        'a',
        '%',
        '%zz',
        '%ff',
        '%00',
        '%2F',
        'é',
        '?',
        '&',
        'index=',
        'wait=1',
        'recurse',
      ),
      fc.constantFrom('cas=1', 'keys', 'raw', 'pretty', 'near=', 'node-meta=', 'tag=', ';', '#', '+', ' ', '\u0080'),
    )
    const url = fc.tuple(prefix, fc.array(part, { maxLength: 8 }), fc.constantFrom('', '/', '?'))
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('GET', 'PUT', 'DELETE', 'POST'), url, async (method, [start, parts, glue]) => {
        const response = await door.ask(method, start + parts.join(glue), { body: 'x' })
        assert.ok(response.status < 600)
        assert.deepEqual(door.mistakes, [])
        if (headerOf(response, 'Content-Type') === 'application/json') JSON.parse(response.text)
      }),
      { numRuns: 1500 },
    )
  })
})
