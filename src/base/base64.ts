/** Base 64 as Go's StdEncoding reads it: padding is required, line breaks are skipped, and an error names its byte. */

export type Decoded = { ok: true; bytes: Uint8Array<ArrayBuffer> } | { ok: false; problem: string }

const GROUP = 4
const ALPHABET = /[A-Za-z0-9+/]/

export function decodeBase64(text: string): Decoded {
  const kept: number[] = []
  for (let at = 0; at < text.length; at++) if (text[at] !== '\n' && text[at] !== '\r') kept.push(at)
  const letters = kept.map((at) => text[at]!)
  const end = letters.findIndex((letter) => !ALPHABET.test(letter))
  const digits = end < 0 ? letters.length : end
  const wrong = (at: number): Decoded => ({
    ok: false,
    problem: `illegal base64 data at input byte ${kept[at] ?? text.length}`,
  })
  if (digits < letters.length) {
    if (letters[digits] !== '=') return wrong(digits)
    // Padding fills the last group up: one or two marks, after at least two digits, and nothing behind them.
    const place = digits % GROUP
    if (place < 2) return wrong(digits)
    for (let at = digits; at < digits + GROUP - place; at++) if (letters[at] !== '=') return wrong(at)
    if (letters.length > digits + GROUP - place) return wrong(digits + GROUP - place)
  } else if (digits % GROUP !== 0) return wrong(digits - (digits % GROUP))
  return { ok: true, bytes: Uint8Array.from(atob(letters.join('')), (char) => char.charCodeAt(0)) }
}
