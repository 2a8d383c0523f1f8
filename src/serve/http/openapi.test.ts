import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeDoor } from '../../../test/support/http-door.ts'
import { filledIn, HTTP_QUESTIONS } from '../../../test/support/http-questions.ts'
import { readOpenApi } from '../../../test/support/openapi.ts'
import { describedBy } from '../../../test/support/openapi-answers.ts'
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

  test('answers are as it says: every field is described, and every one that must be there is there', async () => {
    const described = describedBy(openApi(ROUTES))
    const door = makeDoor()
    const ids: Record<string, string> = {}
    const answered = new Set<string>()
    const faults = new Set<string>()
    for (const { method, url: template, body, headers, save } of HTTP_QUESTIONS) {
      const url = filledIn(template, ids)!
      const { status, text, headers: lines } = await door.ask(method, url, { body, headers })
      if (save !== undefined) ids[save] = (JSON.parse(text) as { ID: string }).ID
      const pairs = lines.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, lines[i + 1]!]] : []))
      const fault = described.answerFault({ method, url, status, headers: pairs, body: text })
      if (fault !== undefined) faults.add(`${method} ${url} ${status}: ${fault}`)
      const operation = described.operationOf(method, url)
      if (status === 200 && operation !== undefined) answered.add(operation)
    }
    assert.deepEqual([...faults], [])
    assert.ok(answered.size >= 34, `${answered.size}`)
  })

  test('a spoilt answer is found out', async () => {
    const described = describedBy(openApi(ROUTES))
    const url = '/v1/catalog/nodes'
    const { status, text, headers: lines } = await makeDoor().ask('GET', url)
    const headers = lines.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[name, lines[i + 1]!]] : []))
    const good = { method: 'GET', url, status, headers, body: text }
    assert.equal(described.answerFault(good), undefined)
    const spoilt: [RegExp, Partial<typeof good>][] = [
      [/^\[0\]\.Extra is not described$/, { body: text.replace('{', '{"Extra": 1,') }],
      [/^\[0\]\.Node is missing$/, { body: text.replace('"Node": "x",', '') }],
      [/^\[0\]\.Node is 7, not string$/, { body: text.replace('"Node": "x"', '"Node": 7') }],
      [/^ is \{\}, not array$/, { body: '{}' }],
      [/^no JSON/, { body: '[' }],
      [/^header X-Extra is not described$/, { headers: [...headers, ['X-Extra', '1']] }],
      [/^header X-Consul-Index is missing$/, { headers: headers.filter(([name]) => name !== 'X-Consul-Index') }],
      [
        /^X-Consul-Index is "x", not integer$/,
        { headers: headers.map(([name, value]) => [name, name === 'X-Consul-Index' ? 'x' : value]) },
      ],
      [/^status 200 has a body of type text\/html$/, { headers: [...headers.slice(2), ['Content-Type', 'text/html']] }],
      [/^status 204 has a body of type application\/json$/, { status: 204 }],
    ]
    for (const [why, change] of spoilt) assert.match(described.answerFault({ ...good, ...change }) ?? '', why)
  })

  test('every field that is described for a body is one that the door knows', async () => {
    const described = describedBy(openApi(ROUTES))
    const asked = ROUTES.flatMap(({ pattern }) =>
      operationsOf(pattern)
        .filter(({ operation: { body = 'text' } }) => !['text', 'binary'].includes(body))
        .map((each) => ({ pattern, ...each })),
    ).filter(({ pattern }) => !/^\/v1\/(acl|internal\/acl|agent\/token|agent\/connect|connect\/ca)\b/.test(pattern))
    assert.equal(asked.length, 18)
    for (const {
      pattern,
      method,
      operation: { rest },
    } of asked) {
      const path = rest === undefined ? pattern : `${pattern}{${rest}}`
      const bodies = described.fullBodies(`${method} ${path}`)
      assert.ok(bodies.length > 0, path)
      for (const body of bodies) {
        const { status, text } = await makeDoor().ask(method, path.replace(/\{\w+\}/, 'x'), {
          body: JSON.stringify(body),
        })
        assert.notEqual(status, 501, path)
        assert.doesNotMatch(
          text,
          /unknown field|invalid config key|decode failed|decoding failed|parse body|parsing/,
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
