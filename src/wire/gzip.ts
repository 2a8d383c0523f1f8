/** Gzip for answers. Small ones are pressed at once; long ones on Node's thread pool, so that nobody waits behind them. */
import { zlib } from './zlib.ts'

/** Of gzip's own, before the pressed bytes. */
const HEADER_BYTES = 10
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

/**
 * The plain bytes of what was pressed, chunk by chunk. Nothing is gathered: pressed bytes are asked for as plain ones are
 * taken, so that a little that stands for very much costs only those who take it.
 * @param fault makes the error for bytes that are not, or not wholly, gzip: in the words of Go's package compress/gzip
 */
export async function* gunzipChunks(
  chunks: AsyncIterable<Uint8Array>,
  fault: (why: string) => Error,
): AsyncGenerator<Uint8Array> {
  const plain = zlib().createGunzip()
  let goOn = (): void => {}
  plain.on('drain', () => goOn()).on('close', () => goOn())
  let fed = 0
  let broken: Error | undefined
  const feed = async (): Promise<void> => {
    for await (const chunk of chunks) {
      if (plain.destroyed) return
      fed += chunk.length
      if (plain.write(chunk)) continue
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
    }
    plain.end()
  }
  const feeding = feed().catch((error: Error) => {
    broken = error
    plain.destroy(error)
  })
  try {
    for await (const bytes of plain) yield bytes as Uint8Array
    await feeding
  } catch (error) {
    if (broken !== undefined) throw broken
    const { code } = error as NodeJS.ErrnoException
    if (code === 'Z_BUF_ERROR') throw fault(`failed to decompress snapshot: ${fed === 0 ? 'EOF' : 'unexpected EOF'}`)
    if (code === 'Z_DATA_ERROR' || code === 'Z_NEED_DICT') {
      const what = (error as Error).message
      const header = what.includes('header') || what.includes('method')
      // Go reads the ten bytes of a header before it looks at any.
      const named = header ? (fed < HEADER_BYTES ? 'unexpected EOF' : 'gzip: invalid header') : `gzip: ${what}`
      throw fault(`failed to decompress snapshot: ${named}`)
    }
    throw error
  } finally {
    plain.destroy()
  }
  if (fed === 0) throw fault('failed to decompress snapshot: EOF')
  // Node passes over what follows; it would not be what was saved.
  if (plain.bytesWritten < fed) throw fault('failed to decompress snapshot: gzip: invalid header')
}
