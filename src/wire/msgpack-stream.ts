/**
 * Where a msgpack value ends, on a stream that comes in pieces. Values carry no length prefix, so a receiver counts what
 * is still to come: a few numbers of state, whatever the value's size or depth, and no byte is looked at twice. Once the
 * end is known the whole value is handed to a `Reader`.
 */
import { BAD, FIXED, LIST, MAP, MsgpackError, SHAPES } from './msgpack-format.ts'

/** Finds the ends of values, one after the other. */
export class ValueScanner {
  /** Values still to be seen until the outermost one is whole. */
  #pending = 1
  /** Payload bytes still to be passed over. */
  #payload = 0
  /** Bytes still missing of a length, what was read of it, and what it counts. */
  #lengthBytes = 0
  #length = 0
  #kind = 0
  #seen = 0
  readonly #bytesMax: number

  /** @param bytesMax a longer value is refused as soon as that is certain */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /**
   * Looks at `chunk` from `at` on.
   * @returns the offset just after the value, when it ends in this chunk: the scanner is then ready for the next value.
   *   -1 when the chunk is used up and more must come.
   * @throws MsgpackError on a byte that starts no value, or a value longer than the bound
   */
  push(chunk: Uint8Array, at = 0): number {
    const end = chunk.length
    const start = at
    while (at < end) {
      if (this.#payload > 0) {
        const step = Math.min(this.#payload, end - at)
        this.#payload -= step
        at += step
      } else if (this.#lengthBytes > 0) {
        this.#length = this.#length * 256 + chunk[at++]!
        this.#lengthBytes -= 1
        if (this.#lengthBytes === 0) this.#count(this.#length, at - start)
      } else {
        const code = chunk[at++]!
        this.#start(code, at - start)
      }
      if (this.#pending === 0 && this.#payload === 0 && this.#lengthBytes === 0) {
        this.#pending = 1
        this.#seen = 0
        return at
      }
    }
    this.#seen += at - start
    return -1
  }

  #start(code: number, used: number): void {
    const shape = SHAPES[code]!
    if (shape === BAD)
      throw new MsgpackError('malformed', `0x${code.toString(16)} starts no value`, this.#seen + used - 1)
    this.#pending -= 1
    this.#kind = shape & 0x0f
    this.#lengthBytes = shape >> 4
    this.#length = 0
    if (this.#lengthBytes === 0) this.#count(FIXED[code]!, used)
  }

  #count(amount: number, used: number): void {
    if (this.#kind === LIST) this.#pending += amount
    else if (this.#kind === MAP) this.#pending += amount * 2
    else this.#payload = amount
    const least = this.#seen + used + this.#payload + this.#pending
    if (least > this.#bytesMax)
      throw new MsgpackError('too-large', `a value longer than ${this.#bytesMax} bytes`, this.#seen + used)
  }
}
