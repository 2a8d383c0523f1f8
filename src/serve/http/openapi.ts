/**
 * Beyond Consul: `/v1/openapi.json`, the HTTP API as OpenAPI 3.1 describes APIs (https://spec.openapis.org/oas/v3.1.0),
 * made of the route table and the table of descriptions.
 */
import type { HttpResponse } from '../../host/host.ts'
import { jsonValue } from '../../wire/json.ts'
import { DESCRIPTIONS, type Operation } from './descriptions.ts'
import { type Exchange, jsonCompact } from './exchange.ts'
import type { Route } from './router.ts'
import { PARAMETERS, type ParameterName, SCHEMAS, type Schema, type SchemaName } from './schemas.ts'

export function openApi(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const { pattern } of routes) {
    const operations = DESCRIPTIONS[pattern] ?? {}
    for (const [method, operation] of Object.entries(operations)) {
      const path = operation.rest === undefined ? pattern : `${pattern}{${operation.rest}}`
      paths[path] ??= {}
      paths[path][method.toLowerCase()] = describe(pattern, method, operation)
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Proconsul',
      summary: 'The HTTP API of Consul 1.8.7, and a little more',
      description:
        'Every blocking read can also be followed as a stream: ask for it with "Accept: text/event-stream". ' +
        'Keys, and other last parts of paths, may contain slashes.',
      version: '1.8.7',
      license: { name: 'MPL-2.0', identifier: 'MPL-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { token: [] }, { bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'apiKey', in: 'header', name: 'X-Consul-Token' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
      parameters: Object.fromEntries(
        Object.entries(PARAMETERS).map(([name, { description, schema }]) => [
          name,
          { name, in: 'query', required: false, allowEmptyValue: true, description, schema },
        ]),
      ),
      headers: {
        Index: { description: 'Index of the answer, to pass on as ?index', schema: { type: 'integer' } },
      },
      schemas: SCHEMAS,
    },
  }
}

function describe(pattern: string, method: string, operation: Operation): Record<string, unknown> {
  const { summary, rest, parameters = [], body, answer, blocks } = operation
  const path = rest === undefined ? [] : [{ name: rest, in: 'path', required: true, schema: { type: 'string' } }]
  return {
    operationId: operationId(pattern, method),
    tags: [pattern.split('/')[2]!],
    summary,
    parameters: [...path, ...parameters.map(parameterRef)],
    ...(body === undefined ? {} : { requestBody: { content: content(body) } }),
    responses: {
      200: {
        description: answer === undefined ? 'Done' : 'The answer',
        ...(blocks ? { headers: { 'X-Consul-Index': { $ref: '#/components/headers/Index' } } } : {}),
        ...(answer === undefined ? {} : { content: { ...content(answer), ...(blocks ? EVENTS : {}) } }),
      },
      default: { description: 'What went wrong', content: { 'text/plain': { schema: { type: 'string' } } } },
    },
  }
}

const EVENTS = { 'text/event-stream': { schema: { type: 'string' } } }

function parameterRef(name: ParameterName): Schema {
  return { $ref: `#/components/parameters/${name}` }
}

function content(what: NonNullable<Operation['answer']>): Record<string, unknown> {
  if (what === 'binary') return { 'application/octet-stream': { schema: {} } }
  if (what === 'text') return { 'text/plain': { schema: { type: 'string' } } }
  const name = what.replace('[]', '') as SchemaName
  const one = { $ref: `#/components/schemas/${name}` }
  return { 'application/json': { schema: what.endsWith('[]') ? { type: 'array', items: one } : one } }
}

/** `getV1CatalogNodes`. */
function operationId(pattern: string, method: string): string {
  const words = pattern.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const end = pattern.endsWith('/') ? 'Of' : ''
  return method.toLowerCase() + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('') + end
}

/** Made once, when it is first asked for. @param routes called then, since the table names this endpoint itself */
export function openApiEndpoint(routes: () => readonly Route[]): (exchange: Exchange) => HttpResponse {
  let text: string | undefined
  return (exchange) => {
    text ??= jsonValue(openApi(routes()), true)
    return jsonCompact(exchange, text)
  }
}
