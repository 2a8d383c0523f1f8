/** The catalog over HTTP: every node and service of a datacenter, as the servers know them. */
import type { DeregisterRequest, Node, NodeService, RegisterRequest, ServiceNode } from '../model/catalog.ts'
import type { GatewayService } from '../model/gateway.ts'
import { type Caller, escapePath, expectOk, type ReadOptions, type Reply, type RequestOptions } from './client.ts'

export type { Node, NodeService, ServiceNode } from '../model/catalog.ts'

/** What a registration or its end says, without what the transport adds. */
export type CatalogRegistration = Omit<RegisterRequest, 'WriteRequest' | 'Datacenter'> & { Datacenter?: string }
export type CatalogDeregistration = Omit<DeregisterRequest, 'WriteRequest' | 'Datacenter'> & { Datacenter?: string }

/** What says nothing is left out. */
export type GatewayServiceRow = Pick<
  GatewayService,
  'Gateway' | 'Service' | 'GatewayKind' | 'CreateIndex' | 'ModifyIndex'
> &
  Partial<GatewayService>

export interface Catalog {
  /** Names, the nearest first. */
  datacenters(options?: RequestOptions): Promise<string[]>
  nodes(options?: ReadOptions): Promise<Reply<Node[]>>
  /** Service names, each with all tags of its instances. */
  services(options?: ReadOptions): Promise<Reply<Record<string, string[]>>>
  service(name: string, options?: ReadOptions & { tags?: readonly string[] }): Promise<Reply<ServiceNode[]>>
  /** Instances that can be reached within the mesh: proxies of the service, and those that speak for themselves. */
  connect(name: string, options?: ReadOptions & { tags?: readonly string[] }): Promise<Reply<ServiceNode[]>>
  /** Services behind an ingress or terminating gateway. */
  gatewayServices(gateway: string, options?: ReadOptions): Promise<Reply<GatewayServiceRow[]>>
  /** One node and its services by their ids; null when there is no such node. */
  node(
    name: string,
    options?: ReadOptions,
  ): Promise<Reply<{ Node: Node; Services: Record<string, NodeService> } | null>>
  /** The same with the services in a list. */
  nodeServices(
    name: string,
    options?: ReadOptions,
  ): Promise<Reply<{ Node: Node | null; Services: NodeService[] | null } | null>>
  register(registration: CatalogRegistration, options?: RequestOptions): Promise<void>
  deregister(deregistration: CatalogDeregistration, options?: RequestOptions): Promise<void>
}

export function makeCatalog(caller: Caller): Catalog {
  return {
    datacenters: async (options) => (await caller.read<string[]>('/v1/catalog/datacenters', options)).value,
    nodes: (options) => caller.read('/v1/catalog/nodes', options),
    services: (options) => caller.read('/v1/catalog/services', options),
    service: (name, options) => caller.read(`/v1/catalog/service/${escapePath(name)}`, options, { tag: options?.tags }),
    connect: (name, options) => caller.read(`/v1/catalog/connect/${escapePath(name)}`, options, { tag: options?.tags }),
    async gatewayServices(gateway, options) {
      const path = `/v1/catalog/gateway-services/${escapePath(gateway)}`
      const { value, meta } = await caller.read<GatewayServiceRow[] | null>(path, options)
      return { value: value ?? [], meta }
    },
    nodeServices: (name, options) => caller.read(`/v1/catalog/node-services/${escapePath(name)}`, options),
    node: (name, options) => caller.read(`/v1/catalog/node/${escapePath(name)}`, options),
    async register(registration, options) {
      expectOk(await caller.send('PUT', '/v1/catalog/register', options, {}, JSON.stringify(registration)))
    },
    async deregister(deregistration, options) {
      expectOk(await caller.send('PUT', '/v1/catalog/deregister', options, {}, JSON.stringify(deregistration)))
    },
  }
}
