/**
 * Whether the catalog says what we say. Unlike the catalog's own rule, null and empty are one here: they are the same
 * to every reader, and a difference that survives the journey would be sent again with each comparison.
 * Source: Consul's agent/structs, `IsSame` of NodeService and HealthCheck.
 */
import type { Node, NodeService } from '../../model/catalog.ts'
import type { HealthCheck } from '../../model/health.ts'
import type { LocalSettings } from './messages.ts'

export function sameNodeInfo(node: Node | null, settings: LocalSettings): boolean {
  return (
    node !== null &&
    node.ID === settings.nodeId &&
    sameData(node.TaggedAddresses, settings.taggedAddresses) &&
    sameData(node.Meta, settings.meta)
  )
}

export function sameService(a: NodeService, b: NodeService): boolean {
  return SERVICE_FIELDS.every((field) => sameData(a[field], b[field]))
}

/** @param withOutput false while the output waits to be sent */
export function sameCheck(a: HealthCheck, b: HealthCheck, withOutput: boolean): boolean {
  return CHECK_FIELDS.every((field) => sameData(a[field], b[field])) && (!withOutput || a.Output === b.Output)
}

const SERVICE_FIELDS = [
  'ID',
  'Service',
  'Tags',
  'Address',
  'Port',
  'TaggedAddresses',
  'Weights',
  'Meta',
  'EnableTagOverride',
  'Kind',
  'Proxy',
  'Connect',
] as const satisfies (keyof NodeService)[]

const CHECK_FIELDS = [
  'Node',
  'CheckID',
  'Name',
  'Status',
  'Notes',
  'ServiceID',
  'ServiceName',
  'ServiceTags',
  'Definition',
] as const satisfies (keyof HealthCheck)[]

function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true
  const [left, right] = [isEmpty(a), isEmpty(b)]
  if (left || right) return left && right
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameData(item, b[i]))
  }
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const keys = Object.keys(x)
  return keys.length === Object.keys(y).length && keys.every((key) => Object.hasOwn(y, key) && sameData(x[key], y[key]))
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
