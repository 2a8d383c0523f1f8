/** Configuration entries that the first leader of a cluster shall write. Source: Consul's agent/config/builder.go. */
import type { ConfigEntry } from '../../model/config-entry.ts'
import { entryFault, normalizedEntry } from '../../model/config-rules.ts'
import { readEntry } from '../../serve/http/config-bodies.ts'
import { type Settings, settingAt } from './decode.ts'

/** @returns what is wrong, with the place of the entry that is */
export function bootstrapEntries(settings: Settings): ConfigEntry[] | string {
  const found: ConfigEntry[] = []
  const given = (settingAt(settings, 'config_entries.bootstrap') ?? []) as Settings[]
  for (const [i, raw] of given.entries()) {
    const read = readEntry(raw)
    const entry = typeof read === 'string' ? read : normalizedEntry(read)
    const fault = typeof entry === 'string' ? entry : entryFault(entry)
    if (typeof entry === 'string' || fault !== undefined) return `config_entries.bootstrap[${i}]: ${fault}`
    found.push(entry)
  }
  return found
}
