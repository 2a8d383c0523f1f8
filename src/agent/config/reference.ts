/**
 * The reference of all keys, for the papers, out of the tables that the agent itself works by: keys.ts, defaults.ts and
 * flags.ts. `node scripts/configuration-reference.ts` writes it into docs/configuration.md, and a test holds the two
 * against each other.
 */
import { settingAt } from './decode.ts'
import { DEFAULTS, DEV_DEFAULTS } from './defaults.ts'
import { AGENT_FLAGS } from './flags.ts'
import { CONFIG_SHAPE, ENTERPRISE_KEYS, FIXED_KEYS, type Shape } from './keys.ts'

export interface KeyRow {
  key: string
  type: string
  /** As a file would write it; "" for none. */
  initial: string
  /** The same with -dev, where it differs. */
  dev: string
  /** Flags that say the same. */
  flags: string[]
}

const FLAGS = Map.groupBy(
  AGENT_FLAGS.filter(({ key }) => key !== null),
  ({ key }) => key,
)

/** In the order of their names; those that only Consul's own tests may set are left out. */
export function keyRows(): KeyRow[] {
  return rowsOf(CONFIG_SHAPE, '').sort((a, b) => (a.key < b.key ? -1 : 1))
}

function rowsOf(shape: Shape, path: string): KeyRow[] {
  if (typeof shape === 'object' && shape.kind === 'struct' && !isDefinition(path)) {
    return [...shape.fields].flatMap(([name, of]) => rowsOf(of, path === '' ? name : `${path}.${name}`))
  }
  if (FIXED_KEYS.has(path)) return []
  const initial = written(settingAt(DEFAULTS, path))
  const dev = settingAt(DEV_DEFAULTS, path)
  return [
    {
      key: path,
      type: ENTERPRISE_KEYS.has(path) ? `${typeOf(shape)}, Enterprise only` : typeOf(shape),
      initial,
      dev: dev === undefined ? '' : written(dev),
      flags: (FLAGS.get(path as never) ?? []).map(({ name }) => `-${name}`),
    },
  ]
}

/** Services and checks have a table of their own. */
function isDefinition(path: string): boolean {
  return path === 'service' || path === 'check' || path === 'audit'
}

/** The keys of a service's or a check's definition, with their types. */
function definitionRows(of: 'service' | 'check'): { key: string; type: string }[] {
  const shape = CONFIG_SHAPE.fields.get(of)
  return shape === undefined ? [] : fieldsOf(shape, '')
}

function fieldsOf(shape: Shape, path: string): { key: string; type: string }[] {
  if (typeof shape !== 'object' || shape.kind !== 'struct') return [{ key: path, type: typeOf(shape) }]
  return [...shape.fields]
    .flatMap(([name, inner]) => {
      const at = path === '' ? name : `${path}.${name}`
      const whole = name === 'check' || name === 'sidecar_service'
      return whole ? [{ key: at, type: name === 'check' ? 'check' : 'service' }] : fieldsOf(inner, at)
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}

const TYPES: Record<Extract<Shape, string>, string> = {
  string: 'text',
  bool: 'true or false',
  int: 'whole number',
  uint: 'whole number',
  uint32: 'whole number',
  uint64: 'whole number',
  float: 'number',
  object: 'object',
}

function typeOf(shape: Shape): string {
  if (typeof shape === 'string') {
    return TYPES[shape]
  }
  if (shape.kind === 'struct') return 'object'
  if (shape.kind === 'map') return shape.of === 'string' ? 'texts by name' : 'objects by name'
  return typeof shape.of === 'string' && shape.of !== 'object' ? 'list of texts' : 'list of objects'
}

function written(setting: ReturnType<typeof settingAt>): string {
  return setting === undefined || typeof setting === 'object' ? '' : JSON.stringify(setting)
}

/** Everything as tables in Markdown. */
export function referenceText(): string {
  const code = (text: string) => (text === '' ? '' : `\`${text}\``)
  const rows = keyRows().map(({ key, type, initial, dev, flags }) => {
    const value = dev === '' ? code(initial) : `${code(initial) || 'none'}; ${code(dev)} with \`-dev\``
    return `| ${code(key)} | ${type} | ${value} | ${flags.map(code).join(', ')} |`
  })
  const definitions = (of: 'service' | 'check') =>
    definitionRows(of)
      .map(({ key, type }) => `| ${code(key)} | ${type} |`)
      .join('\n')
  return `### Keys of a file

| key | type | default | flag |
|---|---|---|---|
${rows.join('\n')}

### Keys of a service

| key | type |
|---|---|
${definitions('service')}

### Keys of a check

| key | type |
|---|---|
${definitions('check')}
`
}
