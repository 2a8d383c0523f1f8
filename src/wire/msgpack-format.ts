/** The words that the writer, the reader and the stream scanner of msgpack.ts share: faults, and what a first byte means. */

export type MsgpackFault =
  /** The input ends inside a value: more bytes may mend it. */
  | 'truncated'
  /** A byte that starts no value of this dialect. */
  | 'malformed'
  /** A value of another kind than the field's. */
  | 'mismatch'
  /** A number that does not fit the field. */
  | 'range'
  /** Nested deeper, or unpacking to more, than any real message. */
  | 'too-large'

export class MsgpackError extends Error {
  override name = 'MsgpackError'
  readonly fault: MsgpackFault
  /** Offset of the offending byte in the input. */
  readonly at: number
  constructor(fault: MsgpackFault, message: string, at: number) {
    super(`msgpack: ${message} at byte ${at}`)
    this.fault = fault
    this.at = at
  }
}

/** What follows a value's first byte, by that byte: how many bytes of length, and what the length counts. */
export const RAW = 1
export const LIST = 2
export const MAP = 3
export const BAD = 0
/** `lengthBytes << 4 | kind`. */
export const SHAPES = new Uint8Array(256).fill(RAW)
/** The length itself where the first byte tells it. */
export const FIXED = new Uint8Array(256)

for (let i = 0; i < 16; i++) {
  SHAPES[0x80 + i] = MAP
  SHAPES[0x90 + i] = LIST
  FIXED[0x80 + i] = i
  FIXED[0x90 + i] = i
}
for (let i = 0; i < 32; i++) FIXED[0xa0 + i] = i
for (const bad of [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8]) SHAPES[bad] = BAD
for (const [code, size] of [
  [0xca, 4],
  [0xcb, 8],
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4],
  [0xcf, 8],
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4],
  [0xd3, 8],
] as const)
  FIXED[code] = size
for (const [code, lengthBytes, kind] of [
  [0xc4, 1, RAW],
  [0xc5, 2, RAW],
  [0xc6, 4, RAW],
  [0xd9, 1, RAW],
  [0xda, 2, RAW],
  [0xdb, 4, RAW],
  [0xdc, 2, LIST],
  [0xdd, 4, LIST],
  [0xde, 2, MAP],
  [0xdf, 4, MAP],
] as const)
  SHAPES[code] = (lengthBytes << 4) | kind
