/** Node's zlib, loaded when it is first needed: it brings a good deal along, and an agent may start without it. */
import type * as Zlib from 'node:zlib'

let loaded: typeof Zlib | undefined

export function zlib(): typeof Zlib {
  loaded ??= process.getBuiltinModule('node:zlib')
  return loaded
}

/** CRC-32 as in IEEE 802.3. @param before of the bytes that came earlier */
export function crc32(bytes: Uint8Array, before = 0): number {
  return zlib().crc32(bytes, before)
}
