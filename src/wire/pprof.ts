/**
 * Profiles as Go's tools read them: pprof's profile.proto (github.com/google/pprof, proto/profile.proto), before it is
 * gzipped. Stacks in, bytes out; what is measured, and how, is the host's affair.
 */

/** One function in a stack. Shared objects are written once. */
export interface Frame {
  name: string
  file: string
  /** From 1; 0 when unknown. */
  line: number
}

export interface ProfileSample {
  /** What ran first, its caller next. */
  stack: readonly Frame[]
  /** One for each of the profile's types. Whole, not negative. */
  values: readonly number[]
}

export interface Profile {
  /** Such as `['cpu', 'nanoseconds']`; the last is what is shown unless asked otherwise. */
  types: readonly (readonly [type: string, unit: string])[]
  samples: readonly ProfileSample[]
  /** What was counted to take a sample, and how much of it is between two. */
  period: readonly [type: string, unit: string, every: number]
  /** When it began. */
  unixMs: number
  durationMs: number
}

const utf8 = new TextEncoder()
/** Samples between two pauses of `encodePprof`: about a millisecond. */
const SAMPLES_A_TURN = 250

/** A generator, so that others have their turn in between: run it to its end for the bytes. */
export function* encodePprof(profile: Profile): Generator<void, Uint8Array> {
  const out = new ProtoWriter()
  const strings = new Map([['', 0]])
  const functions = new Map<Frame, number>()
  const text = (value: string): number => indexOf(strings, value, strings.size)
  const pair = (type: string, unit: string): number[] => [...numberField(1, text(type)), ...numberField(2, text(unit))]

  for (const [type, unit] of profile.types) out.bytes(1, pair(type, unit))
  for (const [i, { stack, values }] of profile.samples.entries()) {
    if (i % SAMPLES_A_TURN === SAMPLES_A_TURN - 1) yield
    const ids = stack.map((frame) => indexOf(functions, frame, functions.size + 1))
    out.bytes(2, [...bytesField(1, ids.flatMap(varint)), ...bytesField(2, values.flatMap(varint))])
  }
  // A location is a function here: what a compiler has put together again, V8 takes apart itself.
  for (const [{ name, file, line }, id] of functions) {
    const place = [...numberField(1, id), ...numberField(2, line)]
    out.bytes(4, [...numberField(1, id), ...bytesField(4, place)])
    const [named, within] = [text(name), text(file)]
    const fields = [1, id, 2, named, 3, named, 4, within, 5, line]
    out.bytes(
      5,
      [0, 2, 4, 6, 8].flatMap((at) => numberField(fields[at]!, fields[at + 1]!)),
    )
  }
  const [type, unit, every] = profile.period
  out.bytes(11, pair(type, unit))
  for (const each of strings.keys()) out.bytes(6, utf8.encode(each))
  out.number(9, profile.unixMs * 1e6)
  out.number(10, Math.round(profile.durationMs * 1e6))
  out.number(12, every)
  return out.finish()
}

function indexOf<Key>(known: Map<Key, number>, key: Key, otherwise: number): number {
  const at = known.get(key)
  if (at !== undefined) return at
  known.set(key, otherwise)
  return otherwise
}

/** @param value whole, not negative; beyond 2^53 its lowest bits are zero */
function varint(value: number): number[] {
  const bytes: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) + 128)
  }
}

function numberField(field: number, value: number): number[] {
  return [field << 3, ...varint(value)]
}

function bytesField(field: number, bytes: readonly number[]): number[] {
  return [(field << 3) | 2, ...varint(bytes.length), ...bytes]
}

class ProtoWriter {
  #buffer = new Uint8Array(4096)
  #length = 0

  bytes(field: number, content: readonly number[] | Uint8Array): void {
    this.#put([(field << 3) | 2, ...varint(content.length)])
    this.#put(content)
  }

  number(field: number, value: number): void {
    this.#put(numberField(field, value))
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }

  #put(bytes: readonly number[] | Uint8Array): void {
    const length = this.#length + bytes.length
    if (length > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(length, this.#buffer.length * 2))
      larger.set(this.#buffer)
      this.#buffer = larger
    }
    this.#buffer.set(bytes, this.#length)
    this.#length = length
  }
}
