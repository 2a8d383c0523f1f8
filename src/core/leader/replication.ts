/**
 * What a datacenter must write to have the configuration entries and intentions of the primary one: what is missing or
 * differs comes, what is not there goes. Indexes are each datacenter's own and count for nothing.
 * Source: Consul's agent/consul/config_replication.go and leader_connect.go.
 */
import type { Command } from '../../model/command.ts'
import type { ConfigEntry } from '../../model/config-entry.ts'
import type { Intention } from '../../model/intention.ts'

/** Those that go come first: what replaces them may not stand beside them. */
export function configReplication(
  own: readonly ConfigEntry[],
  primary: readonly ConfigEntry[],
  Datacenter: string,
): Command[] {
  const keyOf = ({ Kind, Name }: ConfigEntry) => `${Kind}/${Name}`
  const { gone, changed } = difference(own, primary, keyOf)
  const command = (Op: 'upsert' | 'delete', Entry: ConfigEntry): Command => {
    return { type: 'ConfigEntry', body: { Datacenter, Op, Entry } }
  }
  return [...gone.map((entry) => command('delete', entry)), ...changed.map(({ now }) => command('upsert', now))]
}

export function intentionReplication(
  own: readonly Intention[],
  primary: readonly Intention[],
  Datacenter: string,
): Command[] {
  const { gone, changed } = difference(own, primary, ({ ID }) => ID)
  const command = (Op: 'create' | 'update' | 'delete', row: Intention): Command => {
    return { type: 'Intention', body: { Datacenter, Op, Intention: row } }
  }
  return [
    ...gone.map((row) => command('delete', row)),
    ...changed.map(({ now, before }) => command(before === undefined ? 'create' : 'update', now)),
  ]
}

function difference<T extends object>(own: readonly T[], primary: readonly T[], keyOf: (row: T) => string) {
  const here = new Map(own.map((row) => [keyOf(row), row]))
  const there = new Set(primary.map(keyOf))
  return {
    gone: own.filter((row) => !there.has(keyOf(row))),
    changed: primary
      .map((now) => ({ now, before: here.get(keyOf(now)) }))
      .filter(({ now, before }) => before === undefined || contentOf(now) !== contentOf(before)),
  }
}

function contentOf(row: object): string {
  return JSON.stringify(row, (key, value: unknown) => {
    if (key === 'CreateIndex' || key === 'ModifyIndex') return undefined
    if (typeof value === 'bigint') return `${value}n`
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
    if (value instanceof Uint8Array) return [...value]
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
