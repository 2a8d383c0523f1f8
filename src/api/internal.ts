/**
 * `/v1/internal/…`: what the web UI shows on its lists, and what datacenters tell each other of their mesh gateways. Not
 * promised to stay by Consul, but the same in all of 1.8.
 */
import type { Index } from '../base/units.ts'
import type { NodeService } from '../model/catalog.ts'
import type { CheckServiceNode, HealthCheck } from '../model/health.ts'
import { type Caller, decodeJson, escapePath, expectOk, type ReadOptions, type Reply } from './client.ts'

/** A node with all that is on it. */
export interface UiNode {
  ID: string
  Node: string
  Address: string
  TaggedAddresses: Record<string, string> | null
  Meta: Record<string, string> | null
  Services: NodeService[]
  Checks: HealthCheck[]
}

/** All instances of a service in a few numbers. */
export interface UiService {
  Kind?: string
  Name: string
  Tags: string[] | null
  /** Names of the nodes, one for each instance. */
  Nodes: string[]
  InstanceCount: number
  /** What a proxy is the proxy of. */
  ProxyFor?: string[]
  ChecksPassing: number
  ChecksWarning: number
  ChecksCritical: number
  /** Other systems that registered it, such as `nomad`. */
  ExternalSources: string[] | null
  GatewayConfig: { Addresses?: string[] }
}

export interface Ui {
  nodes(options?: ReadOptions): Promise<Reply<UiNode[]>>
  /** null when there is none. */
  node(name: string, options?: ReadOptions): Promise<UiNode | null>
  services(options?: ReadOptions): Promise<Reply<UiService[]>>
  /** Services behind a gateway. */
  gatewayServices(gateway: string, options?: ReadOptions): Promise<Reply<UiService[]>>
}

export interface FederationState {
  Datacenter: string
  MeshGateways?: CheckServiceNode[]
  /** RFC 3339. */
  UpdatedAt: string
  PrimaryModifyIndex: Index
  CreateIndex: Index
  ModifyIndex: Index
}

export interface Federation {
  list(options?: ReadOptions): Promise<Reply<FederationState[]>>
  /** null when that datacenter has told nothing. */
  get(datacenter: string, options?: ReadOptions): Promise<FederationState | null>
  /** By datacenter. */
  meshGateways(options?: ReadOptions): Promise<Reply<Record<string, CheckServiceNode[]>>>
}

export function makeUi(caller: Caller): Ui {
  const path = '/v1/internal/ui'
  return {
    nodes: (options) => caller.read(`${path}/nodes`, options),
    async node(name, options) {
      const response = await caller.send('GET', `${path}/node/${escapePath(name)}`, options)
      return response.status === 404 ? null : decodeJson<UiNode>(expectOk(response))
    },
    services: (options) => caller.read(`${path}/services`, options),
    gatewayServices: (gateway, options) =>
      caller.read(`${path}/gateway-services-nodes/${escapePath(gateway)}`, options),
  }
}

export function makeFederation(caller: Caller): Federation {
  const path = '/v1/internal/federation-state'
  return {
    list: (options) => caller.read(`${path}s`, options),
    async get(datacenter, options) {
      const response = await caller.send('GET', `${path}/${escapePath(datacenter)}`, options)
      if (response.status === 404) return null
      return decodeJson<{ State: FederationState }>(expectOk(response)).State
    },
    meshGateways: (options) => caller.read(`${path}s/mesh-gateways`, options),
  }
}
