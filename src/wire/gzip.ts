/** Gzip for answers. Small ones are pressed at once; long ones on Node's thread pool, so that nobody waits behind them. */
import { zlib } from './zlib.ts'

/** Pressing this much takes well under a millisecond. */
const SYNC_BYTES_MAX = 32 << 10

export function gzip(body: string | Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (body.length <= SYNC_BYTES_MAX) return zlib().gzipSync(body)
  return new Promise((resolve, reject) => {
    zlib().gzip(body, (error, pressed) => (error === null ? resolve(pressed) : reject(error)))
  })
}

/** A long body chunk by chunk, pressed on the thread pool. Pressed bytes that nobody takes stop the chunks from coming. */
export async function* gzipChunks(chunks: Iterable<string> | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const press = zlib().createGzip()
  let goOn = (): void => {}
  press.on('drain', () => goOn()).on('close', () => goOn())
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks) {
      if (press.destroyed) return
      if (press.write(chunk)) continue
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
    }
    press.end()
  }
  feed().catch((error: Error) => press.destroy(error))
  try {
    for await (const pressed of press) yield pressed as Uint8Array
  } finally {
    press.destroy()
  }
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
