/**
 * The words that schemas are written in (JSON Schema 2020-12, as OpenAPI 3.1 has it), and the two ways from a structure's
 * codec to a schema: `row`, as an answer shows it, and `given`, as a body may say it. So names, kinds and what may be
 * null come from where the structures are described for the wire, and here stands only how their JSON differs.
 */
import type { Codec, Shape } from '../../../wire/schema.ts'

export type Schema = Readonly<Record<string, unknown>>
type Schemas = Readonly<Record<string, Schema>>

export const text: Schema = { type: 'string' }
export const whole: Schema = { type: 'integer' }
export const number: Schema = { type: 'number' }
export const flag: Schema = { type: 'boolean' }
/** Whatever JSON there is. */
export const anything: Schema = {}
export const bytes: Schema = { type: ['string', 'null'], contentEncoding: 'base64' }
export const time: Schema = { type: 'string', format: 'date-time' }
export const goDuration: Schema = {
  type: 'string',
  description: 'As Go writes durations: 10s, 1m30s',
  examples: ['10s'],
}
export const nanos: Schema = { type: 'integer', description: 'Nanoseconds' }
export const givenDuration: Schema = {
  type: ['string', 'integer'],
  description: 'As Go writes durations (10s, 1m30s), or nanoseconds',
  examples: ['10s'],
}

export const list = (items: Schema): Schema => ({ type: 'array', items })
export const listOrNull = (items: Schema): Schema => ({ type: ['array', 'null'], items })
export const map = (additionalProperties: Schema): Schema => ({ type: 'object', additionalProperties })
export const mapOrNull = (additionalProperties: Schema): Schema => ({ type: ['object', 'null'], additionalProperties })
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
export const orNull = (schema: Schema): Schema => ({ oneOf: [schema, { type: 'null' }] })
export const oneOf = (...schemas: Schema[]): Schema => ({ oneOf: schemas })
export const anyOf = (...schemas: Schema[]): Schema => ({ anyOf: schemas })
export const choice = (...values: string[]): Schema => ({ enum: values })

/** Every property is there but those whose names are listed. */
export function object(properties: Schemas, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return required.length === 0 ? { type: 'object', properties } : { type: 'object', properties, required }
}

/** Any property may be missing but those whose names are listed. */
export function body(properties: Schemas, required: readonly string[] = []): Schema {
  return required.length === 0 ? { type: 'object', properties } : { type: 'object', properties, required }
}

type Name<T> = Extract<keyof T, string>

export interface View<T> {
  /** Left out where they say nothing, and therefore never null. */
  optional?: readonly Name<T>[] | 'all'
  /** Not in the JSON at all. */
  hidden?: readonly Name<T>[]
  /** What looks otherwise than on the wire. */
  as?: { readonly [N in Name<T>]?: Schema }
  /** What only the JSON has. */
  more?: Schemas
}

/** A structure as answers show it: all fields are there, unless they may be left out. */
export function row<T extends object>(codec: Codec<T>, { optional = [], hidden, as, more }: View<T> = {}): Schema {
  const mayMiss = (name: string) => optional === 'all' || (optional as readonly string[]).includes(name)
  const own = fieldsOf(codec, hidden, (name, shape) => {
    const schema = as?.[name as Name<T>] ?? schemaOf(shape)
    return mayMiss(name) ? notNull(schema) : schema
  })
  return object({ ...own, ...more }, Object.keys(own).filter(mayMiss))
}

/** A structure as bodies may say it: nothing has to be there but what is `required`. */
export function given<T extends object>(
  codec: Codec<T>,
  { hidden, as, more, required }: Omit<View<T>, 'optional'> & { required?: readonly string[] } = {},
): Schema {
  const own = fieldsOf(codec, hidden, (name, shape) => as?.[name as Name<T>] ?? givenOf(shape))
  return body({ ...own, ...more }, required)
}

/** A pointer, or a list of them, says by itself of what it is; the structure stands under a name of its own. */
function fieldsOf<T>(
  codec: Codec<T>,
  hidden: readonly string[] = [],
  field: (name: string, shape: Shape) => Schema,
): Record<string, Schema> {
  if (codec.shape.kind !== 'struct') throw new TypeError('a description needs the codec of a structure')
  const named = Object.entries(codec.shape.fields).filter(([name]) => !hidden.includes(name))
  const last = named.filter(([name]) => name === 'CreateIndex' || name === 'ModifyIndex')
  const first = named.filter((each) => !last.includes(each))
  return Object.fromEntries([...first, ...last].map(([name, shape]) => [name, field(name, shape)]))
}

const PLAIN = { text, bool: flag, int: whole, float: number, bytes, time, untyped: anything }

function schemaOf(shape: Shape, inner = schemaOf, struct = object): Schema {
  switch (shape.kind) {
    case 'list':
      return (shape.nullable ? listOrNull : list)(inner(shape.of))
    case 'map':
      return (shape.nullable ? mapOrNull : map)(inner(shape.of))
    case 'pointer':
      return orNull(inner(shape.to))
    case 'struct':
      return struct(Object.fromEntries(Object.entries(shape.fields).map(([name, field]) => [name, inner(field)])))
    case 'opaque':
      throw new TypeError('a description needs codecs that tell their shape')
    default:
      return PLAIN[shape.kind]
  }
}

/** What may be null on the wire may be so in a body, and what is a list or map in any case. */
function givenOf(shape: Shape): Schema {
  if (shape.kind === 'list' || shape.kind === 'map') return schemaOf({ ...shape, nullable: true }, givenOf, body)
  return schemaOf(shape, givenOf, body)
}

function notNull(schema: Schema): Schema {
  const { type, oneOf: choices } = schema as { type?: string | string[]; oneOf?: Schema[] }
  if (Array.isArray(choices)) {
    const others = choices.filter((each) => each.type !== 'null')
    return others.length === 1 ? others[0]! : { ...schema, oneOf: others }
  }
  if (!Array.isArray(type)) return schema
  const others = type.filter((each) => each !== 'null')
  return { ...schema, type: others.length === 1 ? others[0] : others }
}
