/**
 * Go strings in JavaScript. A Go string is any sequence of bytes, usually but not always UTF-8, and Consul keeps the
 * bytes it was given. We hold text as ordinary JavaScript strings, and each byte that is not valid UTF-8 as a lone
 * low surrogate U+DC80..U+DCFF (as Python's "surrogateescape" does), so nothing is lost between the wire and the store.
 */

const ESCAPE_BASE = 0xdc00
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()
/** Anything that is not plain ASCII. */
const NOT_ASCII = /[^\0-\x7f]/
const LONE_SURROGATE = /\p{Surrogate}/u

export function isAscii(text: string): boolean {
  return !NOT_ASCII.test(text)
}

/** Bytes to text, losslessly. */
export function textFromBytes(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    return escapeInvalid(bytes)
  }
}

/** Text to the bytes it came from. */
export function bytesFromText(text: string): Uint8Array {
  if (!LONE_SURROGATE.test(text)) return encoder.encode(text)
  const out: number[] = []
  for (const char of text) {
    const code = char.codePointAt(0)!
    if (code >= ESCAPE_BASE + 0x80 && code <= ESCAPE_BASE + 0xff) out.push(code - ESCAPE_BASE)
    else for (const byte of encoder.encode(char)) out.push(byte)
  }
  return Uint8Array.from(out)
}

/** Text as people and JSON readers may see it: bytes that are not UTF-8 become U+FFFD, as Go's JSON encoder writes them. */
export function printable(text: string): string {
  return LONE_SURROGATE.test(text) ? text.toWellFormed() : text
}

/**
 * A key whose order under `<` is the order of the text's bytes: one character a byte. ASCII text is its own key.
 * JavaScript compares UTF-16 units, which order differently from UTF-8 above U+FFFF.
 */
export function byteKey(text: string): string {
  return isAscii(text) ? text : latin1(bytesFromText(text))
}

/** The text that a `byteKey` stands for. */
export function textFromByteKey(key: string): string {
  return isAscii(key) ? key : textFromBytes(Uint8Array.from(key, (char) => char.charCodeAt(0)))
}

function latin1(bytes: Uint8Array): string {
  let out = ''
  for (const byte of bytes) out += String.fromCharCode(byte)
  return out
}

/** Length of the valid UTF-8 sequence at `at` (RFC 3629 section 4), or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!
  if (lead < 0x80) return 1
  const length =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0
  if (length === 0 || at + length > bytes.length) return 0
  const second = bytes[at + 1]!
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return 0
  return length
}

function escapeInvalid(bytes: Uint8Array): string {
  let out = ''
  let start = 0
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    if (length > 0) {
      at += length
      continue
    }
    out += decoder.decode(bytes.subarray(start, at)) + String.fromCharCode(ESCAPE_BASE + bytes[at]!)
    at += 1
    start = at
  }
  return out + decoder.decode(bytes.subarray(start))
}
