/**
 * What the catalog answers, as pure reads: nodes, service names with their tags, the instances of a service, the
 * services of a node, each with the index of fsm-and-snapshot.md section 4. Rows are handed out as stored, so that
 * their identity says whether they changed; nothing here asks an authorizer.
 */
import type { Index } from '../../base/units.ts'
import type {
  IndexedNodeServiceList,
  IndexedNodeServices,
  IndexedNodes,
  IndexedServiceNodes,
  IndexedServices,
  Node,
  NodeService,
  ServiceNode,
  ServiceRow,
} from '../../model/catalog.ts'
import type { Found } from '../../model/query.ts'
import type { ReadTxn } from './rows.ts'
import { serviceIndex } from './service-counters.ts'
import { gathered, SliceCounter, type Slices } from './slices.ts'
import { counterKey, nodeKey, nodePrefix, serviceNamePrefix } from './tables.ts'

export type MetaFilters = Record<string, string> | null | undefined

/** All nodes in the order of their names, or those whose metadata holds every pair of `filters`. */
export function* nodes(txn: ReadTxn, filters?: MetaFilters): Slices<Found<IndexedNodes>> {
  const wanted = pairs(filters)
  const index = txn.counter('nodes')
  const found = yield* gathered(txn.prefix('nodes', ''), (node) => satisfies(node.Meta, wanted))
  return { Index: index, Nodes: orNull(found) }
}

/**
 * Service names with the union of their instances' tags, both in the order of first sight. Frozen: the answer without
 * filters is shared between calls for as long as no service changes.
 */
export function* services(txn: ReadTxn, filters?: MetaFilters): Slices<Found<IndexedServices>> {
  const wanted = pairs(filters)
  const index = txn.counter('services')
  if (wanted.length === 0) {
    const version = txn.get('index', SERVICES)
    let all = version && servicesBefore.get(version)
    if (all === undefined) {
      all = yield* tagsByName(txn.by('services-by-name', ''))
      if (version !== undefined) servicesBefore.set(version, all)
    }
    return { Index: index, Services: all }
  }
  const filtered = Math.max(index, txn.counter('nodes'))
  return { Index: filtered, Services: yield* tagsByName(servicesOnNodes(txn, wanted)) }
}

/** By the row of the counter `services`, which every change of a service replaces. */
const servicesBefore = new WeakMap<object, Record<string, string[]>>()
const SERVICES = counterKey('services')

function* servicesOnNodes(txn: ReadTxn, wanted: Pairs): Iterable<ServiceRow> {
  for (const node of txn.prefix('nodes', '')) {
    if (satisfies(node.Meta, wanted)) yield* txn.prefix('services', nodePrefix(node.Node))
  }
}

function* tagsByName(rows: Iterable<ServiceRow>): Slices<Record<string, string[]>> {
  const tags = new Map<string, Set<string>>()
  const slice = new SliceCounter()
  for (const row of rows) {
    addTags(tags, row.Service)
    if (slice.full()) yield
  }
  // Without a prototype: a service may be called `__proto__`.
  const found: Record<string, string[]> = Object.create(null)
  for (const [name, set] of tags) {
    const list = [...set]
    Object.freeze(list)
    found[name] = list
  }
  return Object.freeze(found)
}

function addTags(tags: Map<string, Set<string>>, service: NodeService): void {
  let set = tags.get(service.Service)
  if (set === undefined) {
    set = new Set()
    tags.set(service.Service, set)
  }
  if (service.Tags !== null) for (const tag of service.Tags) set.add(tag)
}

export interface InstanceFilter {
  /** An instance must carry all of these, whatever their letter case. Absent: no tag is asked for. */
  tags?: readonly string[]
  meta?: MetaFilters
}

/** The instances of a service with their nodes, in the order of node names. */
export function* serviceNodes(
  txn: ReadTxn,
  name: string,
  filter: InstanceFilter = {},
): Slices<Found<IndexedServiceNodes>> {
  const found: ServiceNode[] = []
  const slice = new SliceCounter()
  const wanted = pairs(filter.meta)
  const tags = filter.tags?.map(foldTag)
  let index: Index | undefined
  for (const row of txn.by('services-by-name', serviceNamePrefix(name))) {
    index ??= serviceIndex(txn, name, true, false)
    if (slice.full()) yield
    if (tags !== undefined && !hasTags(row.Service, tags)) continue
    const node = nodeOfService(txn, row)
    if (satisfies(node.Meta, wanted)) found.push(joined(row, node))
  }
  return { Index: index ?? serviceIndex(txn, name, false, false), ServiceNodes: orNull(found) }
}

/** Instances that can be reached at an address: their own or one of their tagged ones. Never blocks: its index is 0. */
export function addressNodes(txn: ReadTxn, address: string, filter: InstanceFilter = {}): Found<IndexedServiceNodes> {
  const found: ServiceNode[] = []
  const wanted = pairs(filter.meta)
  for (const row of txn.prefix('services', '')) {
    if (!reachableAt(row.Service, address)) continue
    const node = nodeOfService(txn, row)
    if (satisfies(node.Meta, wanted)) found.push(joined(row, node))
  }
  return { Index: 0, ServiceNodes: orNull(found) }
}

function reachableAt(service: NodeService, address: string): boolean {
  if (service.Address === address) return true
  for (const tagged of Object.values(service.TaggedAddresses ?? {})) if (tagged.Address === address) return true
  return false
}

/** The services of one node by id. The node may be named by its UUID, or by the beginning of it if that is clear. */
export function nodeServices(txn: ReadTxn, nameOrId: string): Found<IndexedNodeServices> {
  const index = Math.max(txn.counter('nodes'), txn.counter('services'))
  const node = findNode(txn, nameOrId)
  if (node === undefined) return { Index: 0, NodeServices: null }
  const found: Record<string, NodeService> = Object.create(null)
  for (const { Service } of txn.prefix('services', nodePrefix(node.Node))) found[Service.ID] = Service
  return { Index: index, NodeServices: { Node: node, Services: found } }
}

/** As `nodeServices`, as a list. */
export function nodeServiceList(txn: ReadTxn, nameOrId: string): Found<IndexedNodeServiceList> {
  const index = Math.max(txn.counter('nodes'), txn.counter('services'))
  const node = findNode(txn, nameOrId)
  if (node === undefined) return { Index: 0, NodeServices: { Node: null, Services: null } }
  const found: NodeService[] = []
  for (const { Service } of txn.prefix('services', nodePrefix(node.Node))) found.push(Service)
  return { Index: index, NodeServices: { Node: node, Services: orNull(found) } }
}

const ID_PREFIX_MIN = 2
const UUID_CHARS = 36
const UUID_HYPHENS = 4
const WHOLE_BYTES = /^(?:[0-9a-f]{2})+$/i

function findNode(txn: ReadTxn, nameOrId: string): Node | undefined {
  const named = txn.get('nodes', nodeKey(nameOrId))
  if (named !== undefined || nameOrId.length < ID_PREFIX_MIN) return named
  const digits = idDigits(nameOrId)
  if (digits === undefined) return undefined
  let found: Node | undefined
  for (const node of txn.by('nodes-by-id', hyphened(digits))) {
    if (found !== undefined) return undefined
    found = node
  }
  return found
}

/** Hexadecimal digits of a UUID's beginning; the last character is dropped when their number is odd, as Consul does. */
function idDigits(text: string): string | undefined {
  const even = text.length % 2 === 0 ? text : text.slice(0, -1)
  if (even.length > UUID_CHARS) return undefined
  const digits = even.replaceAll('-', '')
  return even.length - digits.length <= UUID_HYPHENS && WHOLE_BYTES.test(digits) ? digits.toLowerCase() : undefined
}

/** The digits as the beginning of a UUID's usual text form, 8-4-4-4-12. */
function hyphened(digits: string): string {
  const groups = [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)]
  return groups.filter((group) => group !== '').join('-')
}

// What other reads of this room share.

/** An instance together with its node. */
export function serviceNodeOf(txn: ReadTxn, row: ServiceRow): ServiceNode {
  return joined(row, nodeOfService(txn, row))
}

/** A service's node. It exists: a node takes its services with it. */
export function nodeOfService(txn: ReadTxn, row: ServiceRow): Node {
  return txn.get('nodes', nodeKey(row.Node))!
}

export type Pairs = [key: string, value: string][]

const NO_PAIRS: Pairs = []

export function pairs(filters: MetaFilters): Pairs {
  return filters ? Object.entries(filters) : NO_PAIRS
}

export function satisfies(meta: Record<string, string> | null, wanted: Pairs): boolean {
  for (const [key, value] of wanted) {
    if (meta === null || !Object.hasOwn(meta, key) || meta[key] !== value) return false
  }
  return true
}

export function foldTag(tag: string): string {
  return tag.toLowerCase()
}

/** @param wanted folded tags */
export function hasTags(service: NodeService, wanted: readonly string[]): boolean {
  const tags = service.Tags
  for (const tag of wanted) {
    if (tags === null || !(tags.includes(tag) || tags.some((own) => own.toLowerCase() === tag))) return false
  }
  return true
}

/** An empty list is nil on the wire. */
export function orNull<T>(list: T[]): T[] | null {
  return list.length === 0 ? null : list
}

const NO_TAGS: string[] = []
const NO_META: Record<string, string> = {}
/** One joined object for one pair of rows, so that it can be known again by whoever turns it into JSON. */
const joinedBefore = new WeakMap<NodeService, { node: Node; joined: ServiceNode }>()

function joined(row: ServiceRow, node: Node): ServiceNode {
  const known = joinedBefore.get(row.Service)
  if (known !== undefined && known.node === node) return known.joined
  const service = row.Service
  const tagged = service.TaggedAddresses
  const fresh: ServiceNode = {
    ID: node.ID,
    Node: row.Node,
    Address: node.Address,
    Datacenter: node.Datacenter,
    TaggedAddresses: node.TaggedAddresses,
    NodeMeta: node.Meta,
    ServiceKind: service.Kind,
    ServiceID: service.ID,
    ServiceName: service.Service,
    ServiceTags: service.Tags ?? NO_TAGS,
    ServiceAddress: service.Address,
    ServiceTaggedAddresses: tagged === null || Object.keys(tagged).length === 0 ? null : tagged,
    ServiceWeights: service.Weights ?? { Passing: 1, Warning: 1 },
    ServiceMeta: service.Meta ?? NO_META,
    ServicePort: service.Port,
    ServiceEnableTagOverride: service.EnableTagOverride,
    ServiceProxy: service.Proxy,
    ServiceConnect: service.Connect,
    CreateIndex: service.CreateIndex,
    ModifyIndex: service.ModifyIndex,
  }
  joinedBefore.set(service, { node, joined: fresh })
  return fresh
}
