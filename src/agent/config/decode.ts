/**
 * From what a source says (a file's HCL or JSON, an embedder's object) to settings of the right shape, and several settings to
 * one. Keys are found whatever their case, a list of one stands for its element, null for nothing said: so Consul's
 * decoder does it (mapstructure, lib/decode/decode.go), and files in use rely on it.
 */
import { quoteGo } from '../../base/go-flags.ts'
import { HclBlocks } from '../../wire/hcl.ts'
import { ConfigError, listProblems } from './error.ts'
import { CONFIG_SHAPE, DEPRECATED_KEYS, type Leaf, type Shape, type StructShape } from './keys.ts'

/** Values of the shapes in keys.ts, by canonical key. */
export interface Settings {
  [key: string]: Setting
}
export type Setting = string | number | boolean | Setting[] | Settings

export interface Decoded {
  settings: Settings
  /** Dotted keys that were said, lists and maps as one key. */
  given: string[]
  warnings: string[]
}

/**
 * @param source names it in errors: a path
 * @param raw parsed JSON, or HCL with whole numbers as bigints
 * @throws ConfigError on unknown keys and wrong types, all of them named
 */
export function decodeSettings(source: string, raw: unknown): Decoded {
  const job: Job = { wrong: [], unknown: [], given: [], warnings: [] }
  if (raw === null) return { settings: {}, given: [], warnings: [] }
  if (!isObject(raw)) {
    throw new ConfigError(
      `failed to parse ${source}: json: cannot unmarshal ${jsonName(raw)} into Go value of type map[string]interface {}`,
    )
  }
  const settings = decodeStruct(job, raw, CONFIG_SHAPE, '', false)
  if (job.wrong.length > 0) {
    const points = job.wrong.sort().map((problem) => `* ${problem}`)
    throw new ConfigError(`failed to parse ${source}: ${points.length} error(s) decoding:\n\n${points.join('\n')}`)
  }
  if (job.unknown.length > 0) {
    throw new ConfigError(
      `failed to parse ${source}: ${listProblems(job.unknown.map((key) => `invalid config key ${key}`))}`,
    )
  }
  gatherSingle(settings, 'check', 'checks')
  gatherSingle(settings, 'service', 'services')
  return { settings, given: job.given, warnings: job.warnings }
}

/** Later wins: lists are joined, maps overlaid, structs merged key by key. Changes neither. */
export function mergeSettings(first: Settings, second: Settings, shape: StructShape = CONFIG_SHAPE): Settings {
  const out = { ...first }
  for (const [key, value] of Object.entries(second)) {
    const old = out[key]
    const of = shape.fields.get(key)
    if (old === undefined || of === undefined || typeof of === 'string') out[key] = value
    else if (of.kind === 'list') out[key] = [...(old as Setting[]), ...(value as Setting[])]
    else if (of.kind === 'map') out[key] = { ...(old as Settings), ...(value as Settings) }
    else out[key] = of.merge === 'replace' ? value : mergeSettings(old as Settings, value as Settings, of)
  }
  return out
}

/** The setting under a dotted key. */
export function settingAt(settings: Settings, key: string): Setting | undefined {
  let at: Setting | undefined = settings
  for (const part of key.split('.')) {
    if (typeof at !== 'object' || Array.isArray(at)) return undefined
    at = Object.hasOwn(at, part) ? at[part] : undefined
  }
  return at
}

/** Settings that say one dotted key alone. */
export function settingOf(key: string, value: Setting): Settings {
  return key.split('.').reduceRight<Setting>((inner, part) => ({ [part]: inner }), value) as Settings
}

interface Job {
  wrong: string[]
  unknown: string[]
  given: string[]
  warnings: string[]
}

function decode(job: Job, raw: unknown, shape: Shape, path: string, inside: boolean): Setting | undefined {
  if (raw === null || raw === undefined) return undefined
  const isList = typeof shape === 'object' && shape.kind === 'list'
  if (!isList && Array.isArray(raw) && raw.length === 1) return decode(job, raw[0], shape, path, inside)
  if (!inside && (typeof shape === 'string' || shape.kind !== 'struct')) job.given.push(path)
  if (typeof shape === 'string') {
    if (shape !== 'object') return decodeLeaf(job, raw, shape, path)
    if (isObject(raw)) return plainObject(raw)
    job.wrong.push(`'${path}' expected a map, got '${goKind(raw)}'`)
    return undefined
  }
  if (shape.kind === 'list') {
    if (!Array.isArray(raw)) {
      job.wrong.push(`'${path}': source data must be an array or slice, got ${goKind(raw)}`)
      return undefined
    }
    const items = Array.from(
      raw,
      (item: unknown, i) => decode(job, item, shape.of, `${path}[${i}]`, true) ?? zeroOf(shape.of),
    )
    return items
  }
  if (!isObject(raw)) {
    job.wrong.push(`'${path}' expected a map, got '${goKind(raw)}'`)
    return undefined
  }
  if (shape.kind === 'struct') return decodeStruct(job, raw, shape, path, inside)
  // fromEntries makes each key an own one, `__proto__` too.
  return Object.fromEntries(
    Object.entries(raw).map(([key, item]) => [
      key,
      decode(job, item, shape.of, `${path}[${key}]`, true) ?? zeroOf(shape.of),
    ]),
  )
}

function decodeStruct(
  job: Job,
  raw: Record<string, unknown>,
  shape: StructShape,
  path: string,
  inside: boolean,
): Settings {
  const out: Settings = {}
  for (const [key, item] of Object.entries(raw)) {
    const lower = key.toLowerCase()
    const name = shape.aliases[lower] ?? lower
    const at = path === '' ? name : `${path}.${name}`
    const of = shape.fields.get(name)
    if (of === undefined) {
      if (DEPRECATED_KEYS.has(at)) job.warnings.push(`config key ${quoteGo(at)} is deprecated and should be removed`)
      else job.unknown.push(path === '' ? key : `${path}.${key}`)
      continue
    }
    // The canonical spelling wins over another that says the same.
    if (name !== key && Object.hasOwn(raw, name)) continue
    const value = decode(job, item, of, at, inside)
    if (value !== undefined) out[name] = value
  }
  return out
}

function decodeLeaf(job: Job, raw: unknown, leaf: Leaf, path: string): Setting | undefined {
  if (leaf === 'string' && typeof raw === 'string') return raw
  if (leaf === 'bool' && typeof raw === 'boolean') return raw
  if (typeof raw === 'number' || typeof raw === 'bigint') {
    const value = Number(raw)
    if (leaf === 'float') return value
    if (leaf === 'int' || (leaf.startsWith('uint') && value >= 0)) return Math.trunc(value)
    if (leaf.startsWith('uint')) {
      job.wrong.push(`cannot parse '${path}', ${typeof raw === 'bigint' ? raw : raw.toFixed(6)} overflows uint`)
      return undefined
    }
  }
  const type = leaf === 'float' ? 'float64' : leaf
  job.wrong.push(`'${path}' expected type '${type}', got unconvertible type '${goType(raw)}'`)
  return undefined
}

/** What Go leaves in a list's or map's slot for null. */
function zeroOf(shape: Shape): Setting {
  if (typeof shape !== 'string') return shape.kind === 'list' ? [] : {}
  return shape === 'string' ? '' : shape === 'bool' ? false : shape === 'object' ? {} : 0
}

function gatherSingle(settings: Settings, single: string, list: string): void {
  const one = settings[single]
  if (one === undefined) return
  const many = settings[list]
  settings[list] = [...(Array.isArray(many) ? many : []), one]
  delete settings[single]
}

function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
}

/** What keeps its own form loses the lists of one that HCL's blocks make, at every depth. */
function plainObject(raw: Record<string, unknown>): Settings {
  return Object.fromEntries(
    Object.entries(raw).map(([key, item]) => [
      key,
      plainValue(Array.isArray(item) && item.length === 1 ? (item[0] as unknown) : item),
    ]),
  )
}

function plainValue(raw: unknown): Setting {
  if (typeof raw === 'bigint') return Number(raw)
  if (Array.isArray(raw)) return [...raw].map(plainValue)
  return isObject(raw) ? plainObject(raw) : (raw as Setting)
}

function goType(raw: unknown): string {
  if (raw instanceof HclBlocks) return '[]map[string]interface {}'
  if (Array.isArray(raw)) return '[]interface {}'
  if (typeof raw === 'object') return 'map[string]interface {}'
  return goKind(raw)
}

function goKind(raw: unknown): string {
  if (Array.isArray(raw)) return 'slice'
  if (typeof raw === 'object') return 'map'
  const kinds = { string: 'string', number: 'float64', bigint: 'int', boolean: 'bool' }
  return kinds[typeof raw as keyof typeof kinds]
}

function jsonName(raw: unknown): string {
  if (Array.isArray(raw)) return 'array'
  return { string: 'string', number: 'number', boolean: 'bool' }[typeof raw as 'string' | 'number' | 'boolean']
}
