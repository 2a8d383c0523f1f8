/**
 * The HTTP API as OpenAPI 3.1 describes APIs (https://spec.openapis.org/oas/v3.1.0), made of the route table, the table of
 * descriptions and the schemas. Loaded by openapi-endpoint.ts when somebody asks for it.
 */
import type { RouteDescription } from './descriptions/operation.ts'
import { BELOW, DESCRIPTIONS, type Form, type Operation } from './descriptions.ts'
import { HEADERS, type HeaderName } from './headers.ts'
import { PARAMETERS, type ParameterName } from './parameters.ts'
import type { Route } from './router.ts'
import { anyOf, list, listOrNull, orNull, ref, type Schema, text } from './schemas/schema.ts'
import { SCHEMAS } from './schemas.ts'

export function openApi(routes: readonly Route[]): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  const add = (pattern: string, below: string, operations: RouteDescription) => {
    for (const [method, operation] of Object.entries(operations)) {
      const path = operation.rest === undefined ? pattern : `${pattern}{${operation.rest}}${below}`
      paths[path] ??= {}
      paths[path][method.toLowerCase()] = describe(path, pattern, below, method, operation)
    }
  }
  for (const { pattern } of routes) {
    add(pattern, '', DESCRIPTIONS[pattern] ?? {})
    for (const [below, operations] of Object.entries(BELOW[pattern] ?? {})) add(pattern, below, operations)
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
      headers: Object.fromEntries(
        Object.entries(HEADERS).map(([key, { description, required, schema }]) => [
          key,
          { description, required, schema },
        ]),
      ),
      schemas: SCHEMAS,
    },
  }
}

function describe(
  path: string,
  pattern: string,
  below: string,
  method: string,
  operation: Operation,
): Record<string, unknown> {
  const { summary, parameters = [], body, answer, headers = [], statuses = {}, blocks } = operation
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const others = Object.entries(statuses).map(([status, other]) => [
    status,
    { description: other.means, ...told(other.headers), ...contents(other.answer) },
  ])
  return {
    operationId: operationId(pattern, below, method),
    tags: [pattern.split('/')[2]!],
    summary,
    parameters: [...inPath, ...parameters.map(parameterRef)],
    ...(body === undefined ? {} : { requestBody: { content: Object.fromEntries(media([body])) } }),
    responses: {
      200: {
        description: answer === undefined ? 'Done' : 'The answer',
        ...told(headers),
        ...contents(answer, blocks ? [EVENTS] : []),
      },
      ...Object.fromEntries(others),
      default: { description: 'What went wrong', content: { 'text/plain': { schema: text } } },
    },
  }
}

type Media = [type: string, content: { schema: Schema }]

const EVENTS: Media = ['text/event-stream', { schema: text }]

function parameterRef(name: ParameterName): Schema {
  return { $ref: `#/components/parameters/${name}` }
}

function told(names: readonly HeaderName[] = []): { headers?: Record<string, Schema> } {
  if (names.length === 0) return {}
  return {
    headers: Object.fromEntries(names.map((name) => [HEADERS[name].name, { $ref: `#/components/headers/${name}` }])),
  }
}

function contents(answer: Operation['answer'], more: Media[] = []): { content?: Record<string, unknown> } {
  if (answer === undefined) return {}
  const forms = typeof answer === 'string' ? [answer] : answer
  return { content: Object.fromEntries([...media(forms), ...more]) }
}

const MEDIA: Partial<Record<Form, string>> = {
  binary: 'application/octet-stream',
  text: 'text/plain',
  gzip: 'application/x-gzip',
  html: 'text/html',
}

/** What is no JSON has a type of its own; several forms of JSON are a choice. */
function media(forms: readonly Form[]): Media[] {
  const plain = forms.flatMap((form): Media[] => {
    const type = MEDIA[form]
    return type === undefined ? [] : [[type, { schema: type.startsWith('text/') ? text : {} }]]
  })
  const schemas = forms.filter((form) => MEDIA[form] === undefined).map(jsonSchema)
  if (schemas.length === 0) return plain
  return [['application/json', { schema: schemas.length === 1 ? schemas[0]! : anyOf(...schemas) }], ...plain]
}

function jsonSchema(form: Form): Schema {
  const one = ref(form.replace(/[[\]?]+$/, ''))
  if (!form.includes('[]')) return form.endsWith('?') ? orNull(one) : one
  return form.endsWith('?') ? listOrNull(one) : list(one)
}

/** `getV1CatalogNodes`. */
function operationId(pattern: string, below: string, method: string): string {
  const words = `${pattern}${below}`.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const end = pattern.endsWith('/') && below === '' ? 'Of' : ''
  return method.toLowerCase() + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('') + end
}
