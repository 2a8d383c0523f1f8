/**
 * Bodies that are sent again and again until what they tell changes: their bytes are made once, and pressed once. Whoever
 * makes one keeps it by what it was made of, and lets go of it with that.
 */
import { gzip } from '../../wire/gzip.ts'

const utf8 = new TextEncoder()
/** Absent until somebody wants it pressed. */
const pressed = new WeakMap<Uint8Array, { bytes: Uint8Array | undefined }>()

export function keptBody(text: string): Uint8Array {
  const bytes = utf8.encode(text)
  pressed.set(bytes, { bytes: undefined })
  return bytes
}

/** Pressed, from before if it is a kept one. */
export function pressedBody(body: string | Uint8Array): Uint8Array | Promise<Uint8Array> {
  const kept = typeof body === 'string' ? undefined : pressed.get(body)
  if (kept === undefined) return gzip(body)
  if (kept.bytes !== undefined) return kept.bytes
  const made = gzip(body)
  if (!(made instanceof Promise)) {
    kept.bytes = made
    return made
  }
  return made.then((bytes) => {
    kept.bytes = bytes
    return bytes
  })
}
