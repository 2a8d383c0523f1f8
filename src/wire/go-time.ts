/**
 * Go's time value as it stands in msgpack: a raw string with the bytes of `Time.MarshalBinary` (msgpack-dialect.md
 * section 5). A version byte, seconds since the year 1, nanoseconds, the zone in minutes east of UTC.
 */
import { Buffer } from 'node:buffer'
import { type GoTime, ZERO_TIME } from '../model/time.ts'
import { MsgpackError } from './msgpack.ts'
import type { Codec } from './schema.ts'

export { type GoTime, ZERO_TIME } from '../model/time.ts'

/** From the year 1 to 1970. */
const EPOCH_SECONDS = 62_135_596_800
const UTC = -1
const BYTES = 15

export const time: Codec<GoTime> = {
  write(w, value = ZERO_TIME) {
    const second = value.offsetSec !== 0
    const out = Buffer.alloc(second ? BYTES + 1 : BYTES)
    out[0] = second ? 2 : 1
    out.writeBigInt64BE(BigInt(value.seconds + EPOCH_SECONDS), 1)
    out.writeUInt32BE(value.nanos, 9)
    out.writeInt16BE(value.offsetMin ?? UTC, 13)
    if (second) out.writeInt8(value.offsetSec, BYTES)
    w.bytes(out)
  },
  read(r) {
    const raw = r.bytes()
    if (raw === null) return ZERO_TIME
    const from = Buffer.from(raw.buffer, raw.byteOffset, raw.length)
    const wanted = from[0] === 1 ? BYTES : from[0] === 2 ? BYTES + 1 : -1
    if (from.length !== wanted) throw new MsgpackError('mismatch', 'a time was expected', r.at - from.length)
    const offset = from.readInt16BE(13)
    return {
      seconds: Number(from.readBigInt64BE(1)) - EPOCH_SECONDS,
      nanos: from.readUInt32BE(9),
      offsetMin: offset === UTC ? null : offset,
      offsetSec: wanted > BYTES ? from.readInt8(BYTES) : 0,
    }
  },
  zero: () => ZERO_TIME,
  fields: 0,
  shape: { kind: 'time' },
}
