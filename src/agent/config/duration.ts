/** Durations in configuration: Go's text form, and Go's words for what is none. */
import { parseGoDuration } from '../../base/go-duration.ts'
import { quoteGo } from '../../base/go-flags.ts'
import type { Nanos } from '../../base/units.ts'

/** As complaints write a key: the real one's builder has its own names for these. */
function shownKey(key: string): string {
  return key.replace(/^telemetry\.(?=prometheus)/, '').replace(/^(gossip_[lw]an)\./, '$1..')
}

/** What is wrong goes to `problems`, and the answer is then 0. */
export function readDuration(key: string, text: string, problems: string[]): Nanos {
  const nanos = parseGoDuration(text)
  if (nanos !== undefined) return nanos
  const missing = /^[-+]?(\d+\.?\d*|\.\d+)$/.test(text)
  // As with the real one, the newest of them stands alone.
  problems.splice(
    0,
    Infinity,
    `${shownKey(key)}: invalid duration: ${quoteGo(text)}: time: ${missing ? 'missing unit in' : 'invalid'} duration ${quoteGo(text)}`,
  )
  return 0
}
