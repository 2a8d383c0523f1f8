/**
 * The golden vectors of the protocol reference, read where that lies beside the repository, and the JSON form in which
 * it writes down decoded values. Tests that need them skip when they are absent.
 */
import { existsSync, readFileSync } from 'node:fs'
import { textFromBytes } from '../../base/text.ts'

const ROOT = new URL('../../../../shared/protocol/vectors/', import.meta.url)

/** For node:test's `skip` option: false, or the reason. */
export const noVectors: string | false = existsSync(ROOT) ? false : '../shared/protocol/vectors is not here'

export type Vector = Record<string, unknown> & { name: string }

export function vectors(group: string): Vector[] {
  return noVectors ? [] : JSON.parse(readFileSync(new URL(`${group}/vectors.json`, ROOT), 'utf8'))
}

export function vectorFile(group: string, file: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`${group}/${file}`, ROOT)))
}

/** True when a decoded value says what the vector's JSON says, by the JSON's own conventions (vectors in README.md). */
export function says(value: unknown, json: unknown): boolean {
  if (value instanceof Uint8Array) return says(textFromBytes(value), json) || saysHex(value, json)
  if (typeof value === 'bigint') return saysInt(value, json)
  if (typeof value === 'number') return Object.is(value, json) || saysInt(value, json)
  if (typeof value === 'string') return value === json || saysHex(Buffer.from(value, 'utf8'), json)
  if (Array.isArray(value))
    return Array.isArray(json) && value.length === json.length && value.every((v, i) => says(v, json[i]))
  if (typeof value === 'object' && value !== null) {
    if (typeof json !== 'object' || json === null) return false
    if ('$gotime' in json) return saysTime(value, json)
    const keys = Object.keys(value).sort()
    if (keys.join('\n') !== Object.keys(json).sort().join('\n')) return false
    return keys.every((key) => says((value as Record<string, unknown>)[key], (json as Record<string, unknown>)[key]))
  }
  return value === json
}

/** A `GoTime` against RFC 3339 with nanoseconds, in UTC. */
function saysTime(value: object, json: object): boolean {
  const { seconds, nanos, offsetMin } = value as { seconds: number; nanos: number; offsetMin: number | null }
  const shown = `${new Date(seconds * 1000).toISOString().slice(0, 19).replace(/^0+/, '')}.${String(nanos).padStart(9, '0')}Z`
  const { $gotime, offsetMin: zone } = json as { $gotime: string; offsetMin: number }
  return shown === $gotime && (offsetMin ?? -1) === zone
}

function saysInt(value: bigint | number, json: unknown): boolean {
  if (typeof json === 'number') return Number(value) === json
  const text = (json as { $int?: string } | null)?.$int
  return text !== undefined && (typeof value === 'bigint' ? BigInt(text) === value : Number(text) === value)
}

function saysHex(value: Uint8Array, json: unknown): boolean {
  const hex = (json as { $hex?: string; $prefix?: string; $len?: number } | null)?.$hex
  return hex !== undefined && Buffer.from(value).toString('hex').startsWith(hex)
}
