/**
 * Which key/value pairs a service may carry in its `Meta`. Judged when a registration is applied, so every server of
 * a cluster must judge alike. Source: Consul's agent/structs, `ValidateServiceMetadata`.
 */
import { bytesFromText, isAscii } from '../../base/text.ts'
import type { ServiceKind } from '../../model/catalog.ts'

const PAIRS_MAX = 64
const KEY_BYTES_MAX = 128
const VALUE_BYTES_MAX = 512
const RESERVED_PREFIX = 'consul-'
const KEY_FORMAT = /^[a-zA-Z0-9_-]+$/
/** The one reserved key that may be set, and only on a mesh gateway. */
const WAN_FEDERATION = 'consul-wan-federation'

/**
 * @param allow `reserved`: keys of Consul's own too, as filters may name them
 * @returns what is wrong, or undefined
 */
export function metadataFault(
  kind: ServiceKind,
  meta: Record<string, string> | null,
  allow: { reserved: boolean } = { reserved: false },
): string | undefined {
  if (meta === null) return undefined
  const pairs = Object.entries(meta)
  if (pairs.length > PAIRS_MAX) return `Node metadata cannot contain more than ${PAIRS_MAX} key/value pairs`
  for (const [key, value] of pairs) {
    const fault = pairFault(key, value, allow.reserved || (kind === 'mesh-gateway' && key === WAN_FEDERATION))
    if (fault !== undefined) return `Couldn't load metadata pair ('${key}', '${value}'): ${fault}`
  }
  return undefined
}

function pairFault(key: string, value: string, mayBeReserved: boolean): string | undefined {
  if (key === '') return 'Key cannot be blank'
  if (!KEY_FORMAT.test(key)) return 'Key contains invalid characters'
  if (key.length > KEY_BYTES_MAX) return `Key is too long (limit: ${KEY_BYTES_MAX} characters)`
  if (key.startsWith(RESERVED_PREFIX) && !mayBeReserved) {
    return `Key prefix '${RESERVED_PREFIX}' is reserved for internal use`
  }
  return byteLength(value) > VALUE_BYTES_MAX ? `Value is too long (limit: ${VALUE_BYTES_MAX} characters)` : undefined
}

function byteLength(text: string): number {
  return isAscii(text) ? text.length : bytesFromText(text).length
}
