/**
 * A catalog of plain maps behind the `Backend` that the DNS door asks, for its tests: filled by the same bodies that
 * `PUT /v1/catalog/register` takes. Not part of the agent.
 */
import { silentLog } from '../base/log.ts'
import { Registry } from '../base/metrics.ts'
import { seededRandom } from '../base/random.ts'
import { allowAll } from '../core/acl/authorizer.ts'
import { NO_CONNECT, NO_PROXY, type Node, type NodeService, type ServiceAddress } from '../model/catalog.ts'
import { ConsulError } from '../model/errors.ts'
import { type CheckServiceNode, type HealthCheck, NO_DEFINITION } from '../model/health.ts'
import type { Args, Method, Reply } from '../model/rpc.ts'
import type { Backend, Self } from './backend.ts'

interface Registration {
  Node: string
  Address: string
  TaggedAddresses?: Record<string, string>
  NodeMeta?: Record<string, string>
  Service?: {
    Service: string
    ID?: string
    Address?: string
    Port?: number
    Tags?: string[]
    Weights?: { Passing: number; Warning: number }
    TaggedAddresses?: Record<string, ServiceAddress>
  }
  Checks?: { Node: string; CheckID: string; Name: string; Status: string; ServiceID?: string }[]
}

const META = { Index: 7, LastContact: 0, KnownLeader: true }
const UNTOUCHED = { CreateIndex: 1, ModifyIndex: 1 }

export interface FakeCatalog {
  nodes: Map<string, Node>
  services: { node: string; service: NodeService }[]
  checks: HealthCheck[]
}

export function fakeCatalog(registrations: Record<string, unknown>[]): FakeCatalog {
  const catalog: FakeCatalog = { nodes: new Map(), services: [], checks: [] }
  for (const entry of registrations) add(catalog, entry as unknown as Registration)
  return catalog
}

function add({ nodes, services, checks }: FakeCatalog, entry: Registration): void {
  const { Node, Address } = entry
  nodes.set(Node.toLowerCase(), {
    ID: '',
    Node,
    Address,
    Datacenter: 'dc1',
    TaggedAddresses: entry.TaggedAddresses ?? null,
    Meta: entry.NodeMeta ?? null,
    ...UNTOUCHED,
  })
  const given = entry.Service
  if (given !== undefined) services.push({ node: Node, service: makeService(given) })
  for (const check of entry.Checks ?? []) checks.push(makeCheck(check, given?.Service ?? ''))
}

function makeService(given: NonNullable<Registration['Service']>): NodeService {
  return {
    Kind: '',
    ID: given.ID ?? given.Service,
    Service: given.Service,
    Tags: given.Tags ?? [],
    Address: given.Address ?? '',
    TaggedAddresses: given.TaggedAddresses ?? null,
    Meta: null,
    Port: given.Port ?? 0,
    Weights: given.Weights ?? { Passing: 1, Warning: 1 },
    EnableTagOverride: false,
    Proxy: NO_PROXY,
    Connect: NO_CONNECT,
    LocallyRegisteredAsSidecar: false,
    ...UNTOUCHED,
  }
}

function makeCheck(given: NonNullable<Registration['Checks']>[number], serviceName: string): HealthCheck {
  return {
    Node: given.Node,
    CheckID: given.CheckID,
    Name: given.Name,
    Status: given.Status,
    Notes: '',
    Output: '',
    ServiceID: given.ServiceID ?? '',
    ServiceName: given.ServiceID === undefined ? '' : serviceName,
    ServiceTags: null,
    Type: '',
    Definition: NO_DEFINITION,
    ...UNTOUCHED,
  }
}

type Answers = { [M in Method]?: (args: Args<M>) => Reply<M> }

function instances(catalog: FakeCatalog, args: Args<'Health.ServiceNodes'>): CheckServiceNode[] {
  const tag = args.TagFilter === true ? args.ServiceTags?.[0]?.toLowerCase() : undefined
  const found: CheckServiceNode[] = []
  for (const { node, service } of catalog.services) {
    if (service.Service.toLowerCase() !== args.ServiceName.toLowerCase()) continue
    if (tag !== undefined && !service.Tags?.some((own) => own.toLowerCase() === tag)) continue
    const checks = catalog.checks.filter(
      (check) => check.Node === node && (check.ServiceID === '' || check.ServiceID === service.ID),
    )
    found.push({ Node: catalog.nodes.get(node.toLowerCase())!, Service: service, Checks: checks })
  }
  return found
}

function answersOf(catalog: FakeCatalog): Answers {
  return {
    'Health.ServiceNodes': (args) => {
      if (args.ServiceName === '') throw new ConsulError('refused', 'Must provide service name')
      // Nothing of this catalog stands in the mesh.
      return { ...META, Nodes: args.Connect || args.Ingress ? null : instances(catalog, args) }
    },
    'PreparedQuery.Execute': () => {
      throw new ConsulError('query-not-found')
    },
    'Catalog.ListNodes': () => ({ ...META, Nodes: [...catalog.nodes.values()] }),
    'Catalog.NodeServices': (args) => {
      const node = catalog.nodes.get(args.Node.toLowerCase())
      return { ...META, NodeServices: node === undefined ? null : { Node: node, Services: {} } }
    },
    'Catalog.ServiceNodes': (args) => ({
      ...META,
      ServiceNodes: catalog.services
        .filter(({ service }) => service.Address === args.ServiceAddress)
        .map(({ node, service }) => {
          const host = catalog.nodes.get(node.toLowerCase())!
          return {
            ID: '',
            Node: host.Node,
            Address: host.Address,
            Datacenter: 'dc1',
            TaggedAddresses: null,
            NodeMeta: null,
            ServiceKind: '',
            ServiceID: service.ID,
            ServiceName: service.Service,
            ServiceTags: service.Tags,
            ServiceAddress: service.Address,
            ServiceTaggedAddresses: service.TaggedAddresses,
            ServiceWeights: { Passing: 1, Warning: 1 },
            ServiceMeta: null,
            ServicePort: service.Port,
            ServiceEnableTagOverride: false,
            ServiceProxy: service.Proxy,
            ServiceConnect: service.Connect,
            ...UNTOUCHED,
          }
        }),
    }),
  }
}

export interface FakeBackend extends Backend {
  /** Methods asked, in order. */
  asked: string[]
}

/** @param style whether replies are at hand (`peek`), or come later (`call`) */
export function fakeBackend(catalog: FakeCatalog, style: 'peek' | 'call' = 'peek', seed = 1): FakeBackend {
  const answers = answersOf(catalog)
  const asked: string[] = []
  function reply<M extends Method>(method: M, args: Args<M>): Reply<M> {
    asked.push(method)
    const { Datacenter } = args as { Datacenter?: string }
    if (Datacenter !== undefined && Datacenter !== 'dc1') throw new ConsulError('no-path-to-datacenter')
    const answer = answers[method]
    if (answer === undefined) throw new ConsulError('not-built', method)
    return answer(args)
  }
  return {
    asked,
    peek: (method, args) => (style === 'peek' ? reply(method, args) : undefined),
    call: async (method, args) => reply(method, args),
    snapshot: () => Promise.reject(new ConsulError('not-built')),
    // The DNS door asks nothing of it.
    self: {} as unknown as Self,
    now: () => 0,
    date: () => 1_600_000_000_000,
    soon: (run) => void setImmediate(run),
    random: seededRandom(seed),
    log: silentLog,
    cached: async (method, args) => ({ reply: reply(method, args), hit: false, ageMs: 0 }),
    measured: new Registry({ prefix: '', host: '', allow: [], block: [], otherwise: true }, 0),
    authorize: () => allowAll,
  }
}
