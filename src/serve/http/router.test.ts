import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeRouter } from './router.ts'
import { ROUTES } from './routes.ts'

const router = makeRouter(ROUTES)

/** The rules of Go's mux, said the slow way. */
function expected(path: string): string | undefined {
  const fitting = ROUTES.map(({ pattern }) => pattern).filter(
    (pattern) => path === pattern || (pattern.endsWith('/') && path.startsWith(pattern)),
  )
  if (!fitting.includes(path) && ROUTES.some(({ pattern }) => pattern === `${path}/`)) return undefined
  return fitting.sort((a, b) => b.length - a.length)[0]
}

test('whole paths, prefixes, and the longest of several', () => {
  const cases: [string, string | undefined][] = [
    ['/v1/kv/', '/v1/kv/'],
    ['/v1/kv/a/b', '/v1/kv/'],
    ['/v1/kv', undefined],
    ['/v1/query', '/v1/query'],
    ['/v1/query/x/execute', '/v1/query/'],
    ['/v1/acl/policy/name/x', '/v1/acl/policy/name/'],
    ['/v1/acl/policy/x', '/v1/acl/policy/'],
    ['/v1/agent/service/register', '/v1/agent/service/register'],
    ['/v1/agent/service/registered', '/v1/agent/service/'],
    ['/v1/agent/service/register/', '/v1/agent/service/'],
    ['/v1/agent/health/service/id/a/b', '/v1/agent/health/service/id/'],
    ['/v1/agent/health/service', undefined],
    ['/v1/agent/health/service/', undefined],
    ['/v1/status/leader/', undefined],
    ['/v2', undefined],
  ]
  for (const [path, pattern] of cases) {
    assert.equal(router.find(path)?.pattern, pattern, path)
    assert.equal(expected(path), pattern, path)
  }
  assert.deepEqual(
    ['/v1/kv', '/v1/query', '/v1/kv/', '/v1/acl/policy', '/v1/catalog/service', '/v1'].map(router.wantsSlash),
    [true, false, false, false, true, false],
  )
})

test('every path finds what the rules say', () => {
  const words = [...new Set(ROUTES.flatMap(({ pattern }) => pattern.split('/')))]
  const known = fc.constantFrom(...ROUTES.map(({ pattern }) => pattern))
  const path = fc.tuple(known, fc.array(fc.constantFrom(...words, 'x'), { maxLength: 3 }), fc.nat(3))
  fc.assert(
    fc.property(path, ([start, rest, cut]) => {
      const made = `${start}${rest.join('/')}`
      const asked = made.slice(0, made.length - cut)
      assert.equal(router.find(asked)?.pattern, expected(asked), asked)
    }),
    { numRuns: 3000 },
  )
})

test('each route of Consul is there once, with methods that exist', () => {
  const patterns = ROUTES.map(({ pattern }) => pattern)
  assert.equal(new Set(patterns).size, patterns.length)
  for (const { pattern, methods } of ROUTES) {
    assert.match(pattern, /^\/(v1|debug)\//)
    for (const method of methods) assert.match(method, /^(GET|PUT|POST|DELETE)$/)
  }
})
