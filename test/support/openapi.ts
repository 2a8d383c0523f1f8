/**
 * A strict reader of OpenAPI 3.1 documents (https://spec.openapis.org/oas/v3.1.0): every object may hold only the fields
 * that the specification gives it, must hold those that it demands, and every reference must lead to an object of the
 * right sort. It knows the parts of the specification that ours uses, and refuses all others.
 */

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
type Fields = { [name: string]: Json }

export interface Operation {
  path: string
  method: string
  parameters: { name: string; in: string }[]
  /** By status: media types with whether each has a schema. */
  responses: Record<string, string[]>
  body: string[]
}

const SCHEMA_TYPES = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean', 'null'])
const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'])

/** @returns every operation @throws Error with the place of the first fault */
export function readOpenApi(document: unknown): Operation[] {
  const root = document as Fields
  const found: Operation[] = []
  const ids = new Set<string>()

  function fail(at: string, why: string): never {
    throw new Error(`${at}: ${why}`)
  }

  /** Exactly these fields: those with a `!` are demanded. */
  function fields(value: Json | undefined, at: string, allowed: string): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(at, 'is no object')
    const names = allowed.split(' ')
    for (const name of Object.keys(value)) {
      if (!names.includes(name) && !names.includes(`${name}!`)) fail(at, `knows no ${name}`)
    }
    for (const name of names)
      if (name.endsWith('!') && !(name.slice(0, -1) in value)) fail(at, `lacks ${name.slice(0, -1)}`)
    return value
  }

  function map(value: Json | undefined, at: string, read: (each: Json, at: string, name: string) => void): void {
    if (value === undefined) return
    if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(at, 'is no map')
    for (const [name, each] of Object.entries(value)) read(each, `${at}/${name}`, name)
  }

  function list(value: Json | undefined, at: string): Json[] {
    return value === undefined ? [] : Array.isArray(value) ? value : fail(at, 'is no list')
  }

  function text(value: Json | undefined, at: string): string {
    return typeof value === 'string' && value !== '' ? value : fail(at, 'is no text')
  }

  /** What a reference leads to; anything else is itself. */
  function resolved(value: Json, at: string, sort: string): Json {
    if (typeof value !== 'object' || value === null || !('$ref' in value)) return value
    const to = text((value as Fields).$ref, at)
    if (!to.startsWith(`#/components/${sort}/`)) fail(at, `refers to no ${sort}: ${to}`)
    const name = to.slice(`#/components/${sort}/`.length)
    const target = ((root.components as Fields)[sort] as Fields)[name]
    return target ?? fail(at, `refers to what is not there: ${to}`)
  }

  function schema(value: Json, at: string): void {
    if (typeof value === 'boolean') return
    const allowed =
      '$ref type properties required additionalProperties items description examples enum const oneOf anyOf format maxItems contentEncoding'
    const one = fields(value, at, allowed)
    if ('$ref' in one) {
      resolved(one, at, 'schemas')
      if (Object.keys(one).length > 1) fail(at, 'has a reference and more')
      return
    }
    for (const type of [one.type ?? []].flat()) if (!SCHEMA_TYPES.has(String(type))) fail(at, `type ${String(type)}`)
    map(one.properties, `${at}/properties`, schema)
    for (const name of list(one.required, at)) {
      if (!(text(name, at) in (one.properties as Fields))) fail(at, `demands ${String(name)}, which it does not know`)
    }
    for (const name of ['items', 'additionalProperties']) if (name in one) schema(one[name]!, `${at}/${name}`)
    for (const name of ['oneOf', 'anyOf']) {
      for (const [i, each] of list(one[name], at).entries()) schema(each, `${at}/${name}/${i}`)
    }
    if ('examples' in one) list(one.examples, at)
    if ('enum' in one && list(one.enum, at).length === 0) fail(at, 'has an enum of nothing')
  }

  function parameter(given: Json, at: string): { name: string; in: string } {
    const allowed = 'name! in! required description schema! allowEmptyValue'
    const one = fields(resolved(given, at, 'parameters'), at, allowed)
    schema(one.schema!, `${at}/schema`)
    const place = text(one.in, at)
    if (!['path', 'query'].includes(place)) fail(at, `stands in ${place}`)
    if (place === 'path' && one.required !== true) fail(at, 'is in the path, but not required')
    if (place !== 'query' && 'allowEmptyValue' in one) fail(at, 'may be empty only in the query')
    return { name: text(one.name, at), in: place }
  }

  function content(value: Json | undefined, at: string): string[] {
    const types: string[] = []
    map(value, at, (media, mediaAt, type) => {
      if (!/^\w+\/[\w.+-]+$/.test(type)) fail(mediaAt, 'is no media type')
      schema(fields(media, mediaAt, 'schema!').schema!, mediaAt)
      types.push(type)
    })
    return types
  }

  function operation(value: Json, at: string, path: string, method: string): void {
    if (!METHODS.has(method)) fail(at, 'is no method')
    const one = fields(value, at, 'operationId! tags summary! description parameters requestBody responses!')
    const id = text(one.operationId, at)
    if (ids.has(id)) fail(at, `shares its id with another: ${id}`)
    ids.add(id)
    text(one.summary, at)
    const parameters = list(one.parameters, at).map((each, i) => parameter(each, `${at}/parameters/${i}`))
    if (new Set(parameters.map((each) => `${each.in} ${each.name}`)).size < parameters.length) fail(at, 'repeats one')
    const named = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name)
    const inPath = parameters.filter((each) => each.in === 'path').map(({ name }) => name)
    if (named.join() !== inPath.join()) fail(at, `the path names ${named.join()}, the parameters ${inPath.join()}`)
    const responses: Record<string, string[]> = {}
    map(one.responses, `${at}/responses`, (response, responseAt, status) => {
      if (!/^([1-5]\d\d|[1-5]XX|default)$/.test(status)) fail(responseAt, 'is no status')
      const answer = fields(response, responseAt, 'description! headers content')
      text(answer.description, responseAt)
      map(answer.headers, `${responseAt}/headers`, (header, headerAt) => {
        schema(
          fields(resolved(header, headerAt, 'headers'), headerAt, 'description required schema!').schema!,
          headerAt,
        )
      })
      responses[status] = content(answer.content, `${responseAt}/content`)
    })
    if (Object.keys(responses).length === 0) fail(at, 'has no response')
    const body =
      one.requestBody === undefined
        ? []
        : content(fields(one.requestBody, `${at}/requestBody`, 'content! required').content, `${at}/requestBody`)
    found.push({ path, method: method.toUpperCase(), parameters, responses, body })
  }

  fields(root, '#', 'openapi! info! servers security paths! components')
  if (!/^3\.1\.\d+$/.test(text(root.openapi, '#/openapi'))) fail('#/openapi', 'is another version')
  const info = fields(root.info, '#/info', 'title! summary description license version!')
  fields(info.license, '#/info/license', 'name! identifier')
  for (const server of list(root.servers, '#/servers')) fields(server, '#/servers', 'url! description')
  const parts = fields(root.components, '#/components', 'securitySchemes parameters headers schemas')
  map(parts.schemas, '#/components/schemas', schema)
  map(parts.parameters, '#/components/parameters', parameter)
  map(parts.securitySchemes, '#/components/securitySchemes', (scheme, at) => {
    fields(scheme, at, 'type! in name scheme description')
  })
  for (const demand of list(root.security, '#/security')) {
    map(demand, '#/security', (_, at, name) => {
      if (!(name in (parts.securitySchemes as Fields))) fail(at, 'is no scheme')
    })
  }
  map(root.paths, '#/paths', (item, at, path) => {
    if (!/^\/[^?#]*$/.test(path)) fail(at, 'is no path')
    map(item, at, (each, eachAt, method) => operation(each, eachAt, path, method))
  })
  return found
}
