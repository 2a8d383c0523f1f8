/**
 * When two catalog rows say the same thing, so that registering the same again writes nothing.
 *
 * Equality is Go's `reflect.DeepEqual`, as all servers of a cluster must agree on it: lists compare in order, and null
 * differs from empty. Indexes never count, and a check's `Type` does not either. Source: Consul's agent/structs,
 * `IsSame` of Node, NodeService and HealthCheck.
 */
import type { Node, NodeService, RegisterRequest, ServiceRow, Weights } from '../../model/catalog.ts'
import type { HealthCheck } from '../../model/health.ts'

/** Structural equality of plain data: objects, arrays, bytes and scalars. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, i) => deepEqual(item, b[i]))
  }
  if (a instanceof Uint8Array) {
    return b instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i])
  }
  if (Array.isArray(b) || b instanceof Uint8Array) return false
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every((key) => Object.hasOwn(right, key) && deepEqual(left[key], right[key]))
}

export function sameNode(a: Node, b: Node): boolean {
  return (
    a.ID === b.ID &&
    a.Node === b.Node &&
    a.Address === b.Address &&
    a.Datacenter === b.Datacenter &&
    deepEqual(a.TaggedAddresses, b.TaggedAddresses) &&
    deepEqual(a.Meta, b.Meta)
  )
}

/** Whether the request would change this node: never when it asks to leave the node alone. */
export function changesNode(request: RegisterRequest, node: Node | undefined): boolean {
  if (node === undefined) return true
  return !request.SkipNodeUpdate && !sameNode(nodeOf(request, node), node)
}

/** The row that a registration asks for, with the indexes of `before`, or none yet. */
export function nodeOf(request: RegisterRequest, before: Node | undefined): Node {
  return {
    ID: request.ID ?? '',
    Node: request.Node,
    Address: request.Address,
    Datacenter: request.Datacenter ?? '',
    TaggedAddresses: request.TaggedAddresses ?? null,
    Meta: request.NodeMeta ?? null,
    CreateIndex: before?.CreateIndex ?? 0,
    ModifyIndex: before?.ModifyIndex ?? 0,
  }
}

/**
 * Whether registering `wanted` on this node would leave the row as it is. Ignores what the catalog does not keep
 * (`LocallyRegisteredAsSidecar`), and reads missing weights as the default. The spelling of the node's name counts only
 * for requests that leave something to be filled in, an accident of Consul's that all servers must share.
 */
export function sameService(row: ServiceRow, node: string, wanted: NodeService): boolean {
  const before = row.Service
  return (
    before.ID === wanted.ID &&
    before.Service === wanted.Service &&
    before.Kind === wanted.Kind &&
    before.Address === wanted.Address &&
    before.Port === wanted.Port &&
    before.EnableTagOverride === wanted.EnableTagOverride &&
    deepEqual(before.Tags, wanted.Tags) &&
    deepEqual(before.TaggedAddresses, wanted.TaggedAddresses) &&
    deepEqual(before.Meta, wanted.Meta) &&
    deepEqual(before.Weights, storedWeights(wanted.Weights)) &&
    (row.Node === node || isWhole(before, wanted)) &&
    deepEqual(before.Proxy, wanted.Proxy) &&
    deepEqual(before.Connect, wanted.Connect)
  )
}

function isWhole(before: NodeService, wanted: NodeService): boolean {
  return deepEqual(before.Weights, wanted.Weights) && wanted.Connect.SidecarService === null
}

/** DNS carries weights as 16 bits (RFC 2782). */
const WEIGHT_MAX = 65535

/** Weights as the catalog keeps them: 1 and 1 in place of none, or of any that DNS could not carry. */
export function storedWeights(weights: Weights | null): Weights {
  if (weights === null || weights.Passing < 1 || weights.Warning < 0) return { Passing: 1, Warning: 1 }
  return weights.Passing > WEIGHT_MAX || weights.Warning > WEIGHT_MAX ? { Passing: 1, Warning: 1 } : weights
}

export function sameCheck(a: HealthCheck, b: HealthCheck): boolean {
  return (
    a.Node === b.Node &&
    a.CheckID === b.CheckID &&
    a.Name === b.Name &&
    a.Status === b.Status &&
    a.Notes === b.Notes &&
    a.Output === b.Output &&
    a.ServiceID === b.ServiceID &&
    a.ServiceName === b.ServiceName &&
    deepEqual(a.ServiceTags, b.ServiceTags) &&
    deepEqual(a.Definition, b.Definition)
  )
}
