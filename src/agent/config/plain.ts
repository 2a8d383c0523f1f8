/** A text in HCL or JSON as plain values that JSON can hold: for commands that only hand on what was written. */
import { HclBlocks, type HclValue, parseHcl } from '../../wire/hcl.ts'

/** @throws HclError with line and column, JsonError */
export function plainConfig(text: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(parseHcl(text)).map(([name, value]) => [name, plain(value)]))
}

/** Whole numbers beyond 2^53 are rounded, as they are wherever JSON passes. */
function plain(value: HclValue): unknown {
  if (typeof value === 'bigint') return Number(value)
  // Every block may be repeated, so HCL makes a list of it; one that stands alone is meant as itself.
  if (value instanceof HclBlocks && value.length === 1) return plain(value[0]!)
  if (Array.isArray(value)) return Array.from(value, plain)
  if (typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
}
