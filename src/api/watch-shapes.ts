/**
 * What a watch's handler is given: answers of the HTTP API in the order of fields, and with the omissions, that Consul's
 * own client gives them when it writes them down again. Scripts in use parse that. Source: Consul's api package.
 */

/** A number too large for JavaScript's comes as a bigint. */
export type Plain = null | boolean | number | bigint | string | Plain[] | { [key: string]: Plain }

/** A field with its shape, and whether it is left out when empty: a `?` behind its name. */
type Field = [name: string, of: Shape, omitEmpty: boolean]
export type Shape =
  | 'any'
  | { kind: 'list'; of: Shape }
  | { kind: 'map'; of: Shape }
  | { kind: 'struct'; fields: Field[] }

function struct(names: string, inner: Record<string, Shape> = {}): Shape {
  const fields = names
    .trim()
    .split(/\s+/)
    .map((given): Field => {
      const name = given.replace('?', '')
      return [name, inner[name] ?? 'any', given.endsWith('?')]
    })
  return { kind: 'struct', fields }
}

const list = (of: Shape): Shape => ({ kind: 'list', of })
const map = (of: Shape): Shape => ({ kind: 'map', of })

const ADDRESS = struct('Address Port')
const MESH_GATEWAY = struct('Mode?')
const UPSTREAM = struct(
  `DestinationType? DestinationNamespace? DestinationName Datacenter? LocalBindAddress? LocalBindPort? Config?
    MeshGateway`,
  { Config: map('any'), MeshGateway: MESH_GATEWAY },
)
const PROXY = struct(
  `DestinationServiceName? DestinationServiceID? LocalServiceAddress? LocalServicePort? Config? Upstreams? MeshGateway
    Expose`,
  {
    Config: map('any'),
    Upstreams: list(UPSTREAM),
    MeshGateway: MESH_GATEWAY,
    Expose: struct('Checks? Paths?', {
      Paths: list(struct('ListenerPort? Path? LocalPathPort? Protocol? ParsedFromCheck')),
    }),
  },
)
export const SERVICE = struct(
  `Kind? ID Service Tags Meta Port Address TaggedAddresses? Weights EnableTagOverride CreateIndex? ModifyIndex?
    ContentHash? Proxy? Connect? Namespace?`,
  {
    Meta: map('any'),
    TaggedAddresses: map(ADDRESS),
    Weights: struct('Passing Warning'),
    Proxy: PROXY,
    Connect: struct('Native?'),
  },
)
const NODE = struct('ID Node Address Datacenter TaggedAddresses Meta CreateIndex ModifyIndex', {
  TaggedAddresses: map('any'),
  Meta: map('any'),
})
const CHECK = struct(
  `Node CheckID Name Status Notes Output ServiceID ServiceName ServiceTags Type Namespace? Definition CreateIndex
    ModifyIndex`,
  {
    Definition: struct('Interval Timeout DeregisterCriticalServiceAfter HTTP Header Method Body TLSSkipVerify TCP', {
      Header: map('any'),
    }),
  },
)
export const PAIR = struct('Key CreateIndex ModifyIndex LockIndex Flags Value Session Namespace?')
export const PAIRS = list(PAIR)
export const SERVICES = map('any')
export const NODES = list(NODE)
export const CHECKS = list(CHECK)
export const INSTANCES = list(struct('Node Service Checks', { Node: NODE, Service: SERVICE, Checks: CHECKS }))
export const EVENTS = list(struct('ID Name Payload NodeFilter ServiceFilter TagFilter Version LTime'))

/** Values that Go's client has where the answer says nothing. */
const ZEROES: Record<string, Plain> = {
  Session: '',
  Interval: '0s',
  Timeout: '0s',
  DeregisterCriticalServiceAfter: '0s',
  HTTP: '',
  Method: '',
  Body: '',
  TCP: '',
  TLSSkipVerify: false,
  Definition: {},
}

export function shaped(value: Plain | undefined, shape: Shape, name = ''): Plain {
  if (value === undefined || value === null) {
    const zero = ZEROES[name] ?? null
    return zero !== null && typeof zero === 'object' ? shaped(zero, shape) : zero
  }
  if (shape === 'any' || typeof value !== 'object') return value
  if (Array.isArray(value)) return shape.kind === 'list' ? value.map((item) => shaped(item, shape.of)) : value
  if (shape.kind === 'list') return value
  if (shape.kind === 'map') {
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((key) => [key, shaped(value[key], shape.of)]),
    )
  }
  const out: [string, Plain][] = []
  for (const [field, of, omitEmpty] of shape.fields) {
    const made = shaped(value[field], of, field)
    if (!omitEmpty || !isEmpty(made)) out.push([field, made])
  }
  return Object.fromEntries(out)
}

function isEmpty(value: Plain): boolean {
  if (value === null || value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0 && Array.isArray(value)
}

export function parsePlain(text: string): Plain {
  return JSON.parse(text, (_key, value: Plain, context?: { source?: string }) => {
    const written = context?.source
    if (typeof value !== 'number' || Number.isSafeInteger(value) || written === undefined) return value
    return /^-?\d+$/.test(written) ? BigInt(written) : value
  }) as Plain
}

/** JSON as Go writes it, which escapes what HTML would misread. @param indent before each level; "" for one line */
export function writePlain(value: Plain, indent = '', margin = '\n'): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'string' || typeof value !== 'object' || value === null) {
    return JSON.stringify(value).replace(
      /[<>&\u2028\u2029]/g,
      (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
  }
  const inner = indent === '' ? '' : margin + indent
  const parts = Array.isArray(value)
    ? value.map((item) => inner + writePlain(item, indent, margin + indent))
    : Object.entries(value).map(
        ([key, item]) =>
          `${inner}${writePlain(key)}:${indent === '' ? '' : ' '}${writePlain(item, indent, margin + indent)}`,
      )
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return parts.length === 0 ? `${open}${close}` : `${open}${parts.join(',')}${indent === '' ? '' : margin}${close}`
}
