/**
 * Reads profiles in pprof's format, by the text of profile.proto alone, and refuses what Go's reader refuses: references
 * to what is not there, samples with too few values, a first string that is not empty, bytes left over.
 */
import assert from 'node:assert/strict'

export interface ReadProfile {
  types: [string, string][]
  /** Functions as `name file:line`, the innermost first. */
  samples: { stack: string[]; values: number[] }[]
  period: [type: string, unit: string, every: number]
  nanos: bigint
  durationNanos: bigint
}

type Value = bigint | Uint8Array

function fields(bytes: Uint8Array): [number, Value][] {
  const found: [number, Value][] = []
  const at = { offset: 0 }
  while (at.offset < bytes.length) {
    const tag = varint(bytes, at)
    const field = Number(tag >> 3n)
    if ((tag & 7n) === 0n) found.push([field, varint(bytes, at)])
    else {
      assert.equal(tag & 7n, 2n, `wire type of field ${field}`)
      const length = Number(varint(bytes, at))
      assert.ok(at.offset + length <= bytes.length, `field ${field} ends beyond its message`)
      found.push([field, bytes.subarray(at.offset, at.offset + length)])
      at.offset += length
    }
  }
  return found
}

function varint(bytes: Uint8Array, at: { offset: number }): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    assert.ok(at.offset < bytes.length, 'a number is cut off')
    const byte = bytes[at.offset++]!
    value |= BigInt(byte & 127) << shift
    if (byte < 128) return value
  }
  throw new Error('a number is too long')
}

function numbers(bytes: Uint8Array): bigint[] {
  const at = { offset: 0 }
  const found: bigint[] = []
  while (at.offset < bytes.length) found.push(varint(bytes, at))
  return found
}

/** A message whose fields are numbers, each at most once. */
function record(value: Value): Map<number, bigint> {
  const found = new Map<number, bigint>()
  for (const [field, each] of fields(value as Uint8Array)) {
    assert.equal(found.has(field), false)
    if (typeof each === 'bigint') found.set(field, each)
  }
  return found
}

/** @param bytes ungzipped */
export function readPprof(bytes: Uint8Array): ReadProfile {
  const all = fields(bytes)
  const of = (field: number): Value[] => all.filter(([each]) => each === field).map(([, value]) => value)
  const strings = of(6).map((value) => new TextDecoder('utf-8', { fatal: true }).decode(value as Uint8Array))
  assert.equal(strings[0], '')
  const text = (index = 0n): string => {
    assert.ok(index < strings.length, 'a string that is not there')
    return strings[Number(index)]!
  }
  const type = (value: Value): [string, string] => [text(record(value).get(1)), text(record(value).get(2))]
  const functions = new Map(
    of(5).map((value) => {
      const one = record(value)
      assert.notEqual(one.get(1), 0n)
      return [one.get(1)!, `${text(one.get(2))} ${text(one.get(4))}`.trimEnd()]
    }),
  )
  const locations = new Map(
    of(4).map((value) => {
      const lines = fields(value as Uint8Array).filter(([field]) => field === 4)
      const line = record(lines[0]![1])
      const named = functions.get(line.get(1)!)
      assert.ok(named !== undefined, 'a function that is not there')
      return [record(value).get(1)!, `${named}:${line.get(2) ?? 0n}`]
    }),
  )
  assert.equal(locations.size, of(4).length)
  const types = of(1).map(type)
  const samples = of(2).map((value) => {
    const parts = new Map(fields(value as Uint8Array))
    const values = numbers(parts.get(2) as Uint8Array).map(Number)
    assert.equal(values.length, types.length)
    const stack = numbers(parts.get(1) as Uint8Array).map((id) => {
      assert.ok(locations.has(id), 'a location that is not there')
      return locations.get(id)!
    })
    return { stack, values }
  })
  const [every] = of(12) as bigint[]
  return {
    types,
    samples,
    period: [...type(of(11)[0]!), Number(every)],
    nanos: (of(9)[0] ?? 0n) as bigint,
    durationNanos: (of(10)[0] ?? 0n) as bigint,
  }
}
