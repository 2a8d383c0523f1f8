/**
 * Answers and bodies held against the OpenAPI description of the API: status, type of content, headers, and the JSON
 * itself. Read strictly: an object that names its properties may have no others, whatever JSON Schema would let pass, so
 * that a field which is missing in the description is found as well as one that is missing in the answer.
 */

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
type Schema = { [keyword: string]: Json }

interface Response {
  headers?: Record<string, { $ref: string }>
  content?: Record<string, { schema: Schema }>
}

interface Operation {
  responses: Record<string, Response>
  requestBody?: { content: Record<string, { schema: Schema }> }
}

interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema>; headers: Record<string, { required: boolean; schema: Schema }> }
}

export interface Answered {
  method: string
  url: string
  status: number
  /** Names and values. */
  headers: [string, string][]
  body: Uint8Array | string
}

export interface Described {
  /** All of them, as `operationOf` names them. */
  operations(): string[]
  /** `GET /v1/kv/{key}`; undefined for what is not described at all. */
  operationOf(method: string, url: string): string | undefined
  /** Whether a status has a meaning of its own there. */
  tells(operation: string, status: number): boolean
  /** What of an answer is not as described. */
  answerFault(answered: Answered): string | undefined
  /** Fields of a JSON body that are not described; names compare in any case, as Go's decoder has it. */
  unknownIn(method: string, url: string, body: string): string[]
  /** A body in which every field that is described says something, of each form that it may have. */
  fullBodies(operation: string): Json[]
}

/** Headers that need no word: of HTTP itself, of this server's guard against guessed types. */
const OF_HTTP =
  /^(content-(type|length|encoding|security-policy|disposition)|date|vary|connection|transfer-encoding|allow|x-content-type-options|cache-control|location|warning)$/i

export function describedBy(given: unknown): Described {
  const document = given as Document
  const routes = Object.entries(document.paths)
    .map(([path, methods]) => ({ path, methods, pattern: patternOf(path) }))
    // Of several that match, the one with most that stands fast.
    .sort((a, b) => fast(b.path) - fast(a.path))

  function find(method: string, url: string): { name: string; operation: Operation } | undefined {
    const path = url.split(/[?#]/)[0]!
    const asked = method === 'HEAD' ? 'get' : method.toLowerCase()
    const route = routes.find((each) => each.pattern.test(path))
    const operation = route?.methods[asked]
    return operation && { name: `${asked.toUpperCase()} ${route!.path}`, operation }
  }

  function answerFault({ method, url, status, headers, body }: Answered): string | undefined {
    const found = find(method, url)
    // What was moved is HTTP's affair, what nobody built says so.
    if (found === undefined || status === 0 || status === 501 || (status >= 300 && status < 400)) return undefined
    const { responses } = found.operation
    const own = responses[status]
    const response = own ?? responses.default!
    const known = response.headers ?? {}
    for (const [name] of headers) {
      if (own === undefined || OF_HTTP.test(name)) continue
      if (!Object.keys(known).some((each) => same(each, name))) return `header ${name} is not described`
    }
    for (const [name, { $ref }] of Object.entries(known)) {
      const { required, schema } = document.components.headers[$ref.split('/').at(-1)!]!
      const value = headers.find(([each]) => same(each, name))?.[1]
      if (value === undefined) {
        if (required) return `header ${name} is missing`
        continue
      }
      const read = schema.type === 'integer' && /^\d+$/.test(value) ? Number(value) : value
      const fault = valueFault(schema, read, name, same)
      if (fault !== undefined) return fault
    }
    if (method === 'HEAD') return undefined
    return contentFault(response, status, headers.find(([name]) => same(name, 'content-type'))?.[1], body)
  }

  function contentFault({ content }: Response, status: number, type: string | undefined, body: Answered['body']) {
    if (body.length === 0) return content !== undefined && status === 200 ? emptyFault(content, type) : undefined
    if (content === undefined) return `status ${status} has a body`
    const [media] = (type ?? '').split(';')
    const described = content[media!]
    if (described === undefined) return `status ${status} has a body of type ${type}`
    if (media !== 'application/json') return undefined
    let value: Json
    try {
      value = JSON.parse(Buffer.from(body).toString()) as Json
    } catch (error) {
      return `no JSON: ${String(error)}`
    }
    return valueFault(described.schema, value, '', (a, b) => a === b)
  }

  function bodySchema({ requestBody }: Operation): Schema | undefined {
    return requestBody?.content['application/json']?.schema
  }

  function resolved(schema: Schema): Schema {
    if (typeof schema.$ref !== 'string') return schema
    return resolved(document.components.schemas[schema.$ref.split('/').at(-1)!]!)
  }

  function unknownIn(method: string, url: string, body: string): string[] {
    const found = find(method, url)
    const schema = found && bodySchema(found.operation)
    return schema === undefined ? [] : unknown(schema, JSON.parse(body) as Json)
  }

  function unknown(given: Schema, value: Json): string[] {
    const schema = resolved(given)
    if (typeof value !== 'object' || value === null) return []
    const choices = schema.oneOf as Schema[] | undefined
    // Of several, the one that the value is nearest to is meant.
    if (choices !== undefined) return shortest(choices.filter(fits).map((each) => unknown(each, value)))
    if (Array.isArray(value))
      return value.flatMap((item) => (schema.items ? unknown(schema.items as Schema, item) : []))
    return Object.entries(value).flatMap(([name, item]) => {
      const own = Object.entries((schema.properties ?? {}) as Record<string, Schema>).find(([each]) => same(each, name))
      const inner = own?.[1] ?? (schema.additionalProperties as Schema | undefined)
      if (inner !== undefined) return unknown(inner, item)
      return schema.properties === undefined ? [] : [name]
    })

    function fits(each: Schema): boolean {
      const kind = (resolved(each).properties as Record<string, Schema> | undefined)?.Kind?.const
      const said = Object.entries(value as object).find(([name]) => same(name, 'Kind'))?.[1] as Json
      return resolved(each).type !== 'null' && (kind === undefined || kind === said)
    }
  }

  function fullBodies(operation: string): Json[] {
    const [method, path] = operation.split(' ')
    const schema = bodySchema(document.paths[path!]![method!.toLowerCase()]!)
    if (schema === undefined) return []
    const choices = resolved(schema).oneOf as Schema[] | undefined
    return (choices ?? [schema]).map((each) => full(each))
  }

  function full(given: Schema): Json {
    const schema = resolved(given)
    if (schema.const !== undefined) return schema.const
    if (Array.isArray(schema.enum)) return schema.enum.at(-1)!
    const choice = (schema.oneOf as Schema[] | undefined)?.find((each) => resolved(each).type !== 'null')
    if (choice !== undefined) return full(choice)
    const [type] = [schema.type ?? 'string'].flat()
    if (Array.isArray(schema.examples)) return schema.examples[0]!
    if (type === 'array') return [full(schema.items as Schema)]
    if (type === 'boolean') return true
    if (type === 'integer' || type === 'number') return 1
    if (type !== 'object') return schema.format === 'date-time' ? '2020-01-02T03:04:05Z' : ''
    if (schema.properties === undefined) return { a: full((schema.additionalProperties ?? {}) as Schema) }
    return Object.fromEntries(Object.entries(schema.properties as Record<string, Schema>).map(([n, s]) => [n, full(s)]))
  }

  function valueFault(
    schema: Schema,
    value: Json,
    at: string,
    sameName: (a: string, b: string) => boolean,
  ): string | undefined {
    if (typeof schema.$ref === 'string') {
      return valueFault(document.components.schemas[schema.$ref.split('/').at(-1)!]!, value, at, sameName)
    }
    const choices = (schema.oneOf ?? schema.anyOf) as Schema[] | undefined
    if (choices !== undefined) {
      const faults = choices.map((each) => valueFault(each, value, at, sameName))
      const fitting = faults.filter((fault) => fault === undefined).length
      if (fitting === 1 || (fitting > 1 && schema.oneOf === undefined)) return undefined
      return fitting > 1 ? `${at} fits several` : `${at} fits none: ${[...new Set(faults)].join('; ')}`
    }
    if ('const' in schema && value !== schema.const) return `${at} is not ${String(schema.const)}`
    if (Array.isArray(schema.enum) && !schema.enum.includes(value)) return `${at} is none of ${schema.enum.join()}`
    const types = [schema.type ?? []].flat() as string[]
    if (types.length > 0 && !types.some((type) => isOf(type, value))) {
      return `${at} is ${JSON.stringify(value).slice(0, 40)}, not ${types.join('|')}`
    }
    if (typeof value === 'string') {
      if (schema.format === 'date-time' && !TIME.test(value)) return `${at} is no time: ${value}`
      if (schema.contentEncoding === 'base64' && !BASE64.test(value)) return `${at} is no base64`
    }
    if (Array.isArray(value)) {
      if (typeof schema.maxItems === 'number' && value.length > schema.maxItems) return `${at} is too long`
      for (const [i, item] of value.entries()) {
        const fault = schema.items && valueFault(schema.items as Schema, item, `${at}[${i}]`, sameName)
        if (fault) return fault
      }
    } else if (typeof value === 'object' && value !== null) return objectFault(schema, value, at, sameName)
    return undefined
  }

  function objectFault(
    schema: Schema,
    value: { [name: string]: Json },
    at: string,
    sameName: (a: string, b: string) => boolean,
  ): string | undefined {
    const properties = schema.properties as Record<string, Schema> | undefined
    for (const name of (schema.required ?? []) as string[]) {
      if (!Object.keys(value).some((each) => sameName(each, name))) return `${at}.${name} is missing`
    }
    for (const [name, item] of Object.entries(value)) {
      const own = Object.entries(properties ?? {}).find(([each]) => sameName(each, name))?.[1]
      const inner = own ?? (schema.additionalProperties as Schema | undefined)
      if (inner === undefined) {
        if (properties !== undefined) return `${at}.${name} is not described`
        continue
      }
      const fault = valueFault(inner, item, `${at}.${name}`, sameName)
      if (fault !== undefined) return fault
    }
    return undefined
  }

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )

  function tells(operation: string, status: number): boolean {
    const [method, path] = operation.split(' ')
    return String(status) in document.paths[path!]![method!.toLowerCase()]!.responses
  }

  return {
    operations,
    tells,
    operationOf: (method, url) => find(method, url)?.name,
    answerFault,
    unknownIn,
    fullBodies,
  }
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/
const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function isOf(type: string, value: Json): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value)
    case 'integer':
      return Number.isInteger(value)
    default:
      return typeof value === type
  }
}

/** A stretch of the path ends at the next slash if one of the path's own follows, and takes slashes otherwise. */
function patternOf(path: string): RegExp {
  const source = path.replaceAll(/\{\w+\}(?=\/\{)/g, '[^/]*').replaceAll(/\{\w+\}/g, '.*')
  return new RegExp(`^${source}$`)
}

const fast = (path: string) => path.replaceAll(/\{\w+\}/g, '').length + (path.match(/\{/g)?.length ?? 0)

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()

function shortest(lists: string[][]): string[] {
  return lists.toSorted((a, b) => a.length - b.length)[0] ?? []
}

function emptyFault(content: Record<string, unknown>, type: string | undefined): string | undefined {
  return 'text/plain' in content && type !== 'application/json' ? undefined : 'status 200 has no body'
}
