/** What an intention may say. All faults are told at once. Source: Consul's agent/structs, `Intention.Validate`. */
import { bytesFromText } from '../base/text.ts'
import { WILDCARD } from './config-entry.ts'
import { META_VALUE_BYTES_MAX, metaFaults } from './config-rules.ts'
import type { Intention } from './intention.ts'
import { listed } from './service-rules.ts'

/** @returns all that is wrong, as one text, or undefined */
export function intentionFault(row: Intention): string | undefined {
  const faults: string[] = []
  for (const name of ['SourceNS', 'SourceName', 'DestinationNS', 'DestinationName'] as const) {
    if (row[name] === '') faults.push(`${name} must be set`)
  }
  endFaults(faults, 'SourceNS', row.SourceNS, 'SourceName', row.SourceName)
  endFaults(faults, 'DestinationNS', row.DestinationNS, 'DestinationName', row.DestinationName)
  if (bytesFromText(row.Description).length > META_VALUE_BYTES_MAX) {
    faults.push(`Description exceeds maximum length ${META_VALUE_BYTES_MAX}`)
  }
  faults.push(...metaFaults(row.Meta))
  if (row.Action !== 'allow' && row.Action !== 'deny') faults.push("Action must be set to 'allow' or 'deny'")
  if (row.SourceType !== 'consul') faults.push("SourceType must be set to 'consul'")
  return faults.length === 0 ? undefined : listed(faults)
}

function endFaults(faults: string[], space: string, namespace: string, what: string, name: string): void {
  const partial = (value: string) => value !== WILDCARD && value.includes(WILDCARD)
  if (partial(namespace)) faults.push(`${space}: wildcard character '*' cannot be used with partial values`)
  if (partial(name)) faults.push(`${what}: wildcard character '*' cannot be used with partial values`)
  if (name !== WILDCARD && namespace === WILDCARD) faults.push(`${what}: exact value cannot follow wildcard namespace`)
}
