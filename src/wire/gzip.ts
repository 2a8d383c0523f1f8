/** Gzip for answers. Small ones are pressed at once; long ones on Node's thread pool, so that nobody waits behind them. */
import { gzip as gzipAsync, gzipSync } from 'node:zlib'

/** Pressing this much takes well under a millisecond. */
const SYNC_BYTES_MAX = 32 << 10

export function gzip(body: string | Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (body.length <= SYNC_BYTES_MAX) return gzipSync(body)
  return new Promise((resolve, reject) => {
    gzipAsync(body, (error, pressed) => (error === null ? resolve(pressed) : reject(error)))
  })
}

/** True when `Accept-Encoding` names gzip and does not give it the weight 0 (RFC 9110 section 12.5.3). */
export function acceptsGzip(header: string | undefined): boolean {
  if (header === undefined) return false
  for (const part of header.toLowerCase().split(',')) {
    const [coding, ...parameters] = part.split(';')
    if (coding!.trim() !== 'gzip') continue
    const weight = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith('q='))
    return weight === undefined || Number(weight.slice(2)) > 0
  }
  return false
}
