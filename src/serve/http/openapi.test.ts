import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeDoor } from '../../../test/support/http-door.ts'
import { DESCRIPTIONS } from './descriptions.ts'
import { openApi } from './openapi.ts'
import { ROUTES } from './routes.ts'

interface Described {
  paths: Record<string, Record<string, { operationId: string; parameters: { $ref?: string; name?: string }[] }>>
}

suite('the description of the API', () => {
  test('names every route with every method, and nothing else', () => {
    const patterns = ROUTES.map(({ pattern }) => pattern)
    assert.deepEqual(Object.keys(DESCRIPTIONS).sort(), patterns.toSorted())
    for (const { pattern, methods } of ROUTES) {
      const described = Object.keys(DESCRIPTIONS[pattern]!)
      if (methods.length > 0) assert.deepEqual(described.toSorted(), methods.toSorted(), pattern)
      for (const { summary, rest, parameters = [] } of Object.values(DESCRIPTIONS[pattern]!)) {
        assert.match(summary, /^[A-Z][^\n]{2,99}[^.\s]$/, pattern)
        assert.equal(rest !== undefined, pattern.endsWith('/'), pattern)
        assert.equal(new Set(parameters).size, parameters.length, pattern)
      }
    }
  })

  test('is whole: every reference leads somewhere, every operation has a name of its own', () => {
    const description = openApi(ROUTES)
    const refs: string[] = []
    JSON.stringify(description, (key, value) => {
      if (key === '$ref') refs.push(value as string)
      return value as unknown
    })
    assert.ok(refs.length > 100)
    for (const ref of new Set(refs)) {
      let at: unknown = description
      for (const part of ref.slice(2).split('/')) at = (at as Record<string, unknown> | undefined)?.[part]
      assert.notEqual(at, undefined, ref)
    }
    const ids = Object.values((description as unknown as Described).paths).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    )
    assert.equal(new Set(ids).size, ids.length)
    for (const path of Object.keys((description as unknown as Described).paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const { parameters } of Object.values((description as unknown as Described).paths[path]!)) {
        assert.deepEqual(
          parameters.filter(({ $ref }) => $ref === undefined).map(({ name }) => name),
          named,
          path,
        )
      }
    }
  })

  test('is served', async () => {
    const response = await makeDoor().ask('GET', '/v1/openapi.json')
    assert.equal(response.status, 200)
    const served = JSON.parse(response.text) as { openapi: string; paths: Record<string, unknown> }
    assert.equal(served.openapi, '3.1.0')
    assert.ok(served.paths['/v1/kv/{key}'])
  })
})
