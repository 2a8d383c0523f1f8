import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesFromText } from '../../base/text.ts'
import { cleanPath, decodePath, escapePath, NO_PARAMS, parseQuery } from './params.ts'

test('parameters keep order and repetitions; a value may be missing', () => {
  const params = parseQuery('a=1&b&a=2;c=x%20y+z&&=5&d=a=b')!
  assert.deepEqual([params.get('a'), params.all('a'), params.get('b'), params.has('b')], ['1', ['1', '2'], '', true])
  assert.deepEqual([params.get('c'), params.get(''), params.get('d'), params.has('e')], ['x y z', '5', 'a=b', false])
  assert.equal(params.encode(), '=5&a=1&a=2&b=&c=x+y+z&d=a%3Db')
  assert.equal(parseQuery('&&'), NO_PARAMS)
})

test('a broken escape is told', () => {
  for (const query of ['a=%', 'a=%2', 'a=%zz', '%g0=1']) assert.equal(parseQuery(query), undefined, query)
  for (const path of ['/%', '/a%2', '/%zz']) assert.deepEqual(decodePath(path), { fault: 'malformed' }, path)
})

test('paths: plus is plus, bytes survive, what cannot be printed is told', () => {
  assert.deepEqual(decodePath('/v1/kv/a+b%20%2F'), { path: '/v1/kv/a+b /' })
  assert.deepEqual(decodePath('/%c3%a9%ff'), { path: '/é\udcff' })
  assert.deepEqual(decodePath('/\u00c3\u00a9'), { path: '/é' })
  for (const path of ['/%00', '/%0a', '/%7f', '/%c2%a0', '/%e2%80%8b']) {
    assert.deepEqual(decodePath(path), { fault: 'unprintable' }, path)
  }
})

test('any bytes, escaped, come back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      const escaped = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
      assert.deepEqual(bytesFromText(parseQuery(`a=${escaped}`)!.get('a')), bytes)
      const decoded = decodePath(`/${escaped}`)
      if ('path' in decoded) assert.deepEqual(bytesFromText(decoded.path.slice(1)), bytes)
      else assert.equal(decoded.fault, 'unprintable')
    }),
  )
})

test('any text, escaped by us, comes back', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (name, value) => {
      const params = parseQuery(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)!
      const again = parseQuery(params.encode())!
      assert.equal(again.get(name), value)
      assert.deepEqual(decodePath(escapePath('/é <"a>!')), { path: '/é <"a>!' })
    }),
  )
})

test('clean paths', () => {
  const cases: [string, string][] = [
    ['/', '/'],
    ['//', '/'],
    ['/a//b', '/a/b'],
    ['/a/./b/', '/a/b/'],
    ['/a/../b', '/b'],
    ['/a/..', '/'],
    ['/../a', '/a'],
    ['/a/b/..', '/a'],
    ['/a/.', '/a'],
    ['/.a/..b', '/.a/..b'],
  ]
  for (const [path, clean] of cases) assert.equal(cleanPath(path), clean, path)
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', '.', '..', '', 'b'), { maxLength: 8 }), (segments) => {
      const clean = cleanPath(`/${segments.join('/')}`)
      assert.equal(cleanPath(clean), clean)
      assert.doesNotMatch(clean, /\/\/|\/\.\.?(\/|$)/)
    }),
  )
})
