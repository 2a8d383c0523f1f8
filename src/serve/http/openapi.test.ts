import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeDoor } from '../../../test/support/http-door.ts'
import { readOpenApi } from '../../../test/support/openapi.ts'
import { BELOW, DESCRIPTIONS, operationsOf } from './descriptions.ts'
import { openApi } from './openapi.ts'
import { ROUTES } from './routes.ts'

interface Described {
  paths: Record<string, Record<string, { operationId: string; parameters: { $ref?: string; name?: string }[] }>>
}

interface Spoilt {
  info: { version?: string }
  paths: Record<string, Record<string, { operationId: string; parameters: object[] }>>
  components: { schemas: Record<string, object> }
}

const parameterOf = (paths: Spoilt['paths']): object => paths['/v1/kv/{key}']!.get!.parameters[0]!

suite('the description of the API', () => {
  test('names every route with every method, and nothing else', () => {
    const patterns = ROUTES.map(({ pattern }) => pattern)
    assert.deepEqual(Object.keys(DESCRIPTIONS).sort(), patterns.toSorted())
    for (const pattern of Object.keys(BELOW)) assert.ok(patterns.includes(pattern), pattern)
    for (const { pattern, methods } of ROUTES) {
      const operations = operationsOf(pattern)
      const described = new Set(operations.map(({ method }) => method))
      if (methods.length > 0) assert.deepEqual([...described].sort(), methods.toSorted(), pattern)
      for (const { summary, rest, parameters = [] } of operations.map(({ operation }) => operation)) {
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

  test('as it is served, a strict reader takes it, and finds every route with its parameters, body and answer', async () => {
    const { text } = await makeDoor().ask('GET', '/v1/openapi.json')
    const operations = readOpenApi(JSON.parse(text))
    const wanted = ROUTES.flatMap(({ pattern }) => operationsOf(pattern).map((each) => ({ pattern, ...each })))
    assert.equal(operations.length, wanted.length)
    for (const { pattern, below, method, operation } of wanted) {
      const { rest, parameters = [], body, answer, blocks } = operation
      const path = rest === undefined ? pattern : `${pattern}{${rest}}${below}`
      const one = operations.find((each) => each.path === path && each.method === method)
      assert.ok(one, `${method} ${path}`)
      assert.deepEqual(
        one.parameters.filter((each) => each.in === 'query').map(({ name }) => name),
        parameters,
        path,
      )
      assert.equal(one.body.length, body === undefined ? 0 : 1, path)
      const types = one.responses[200]!
      assert.equal(types.includes('text/event-stream'), blocks === true, path)
      assert.equal(types.length > 0, answer !== undefined, path)
      assert.deepEqual(one.responses.default, ['text/plain'], path)
    }
  })

  test('the reader is strict', () => {
    const spoilt: [RegExp, (document: Spoilt) => void][] = [
      [/#: knows no extra$/, (document) => Object.assign(document, { extra: 1 })],
      [/lacks version$/, (document) => delete document.info.version],
      [/knows no allowReserved$/, ({ paths }) => Object.assign(parameterOf(paths), { allowReserved: true })],
      [/is in the path, but not required$/, ({ paths }) => Object.assign(parameterOf(paths), { required: false })],
      [/refers to what is not there/, ({ components }) => delete components.schemas.Node],
      [/type text$/, ({ components }) => Object.assign(components.schemas.Text!, { type: 'text' })],
      [/shares its id/, ({ paths }) => (paths['/v1/status/peers']!.get!.operationId = 'getV1StatusLeader')],
      [
        /the path names key, the parameters other$/,
        ({ paths }) => Object.assign(parameterOf(paths), { name: 'other' }),
      ],
    ]
    for (const [why, spoil] of spoilt) {
      const document = structuredClone(openApi(ROUTES)) as unknown as Spoilt
      readOpenApi(document)
      spoil(document)
      assert.throws(() => readOpenApi(document), why)
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
