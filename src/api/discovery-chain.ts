/** Discovery chains: how a service's name leads to instances, by routers, splitters and resolvers, compiled. */
import type { CompiledDiscoveryChain, DiscoveryNode, DiscoveryResolver } from '../model/discovery-chain.ts'
import { type Caller, decodeJson, escapePath, expectOk, queryMeta, type ReadOptions, type Reply } from './client.ts'

/** Durations are Go's text. */
export type DiscoveryChain = Omit<CompiledDiscoveryChain, 'CustomizationHash' | 'Nodes'> & {
  CustomizationHash?: string
  Nodes: Record<string, ChainNode> | null
}

/** What is not of its type is left out. */
export type ChainNode = Pick<DiscoveryNode, 'Type' | 'Name'> &
  Partial<Pick<DiscoveryNode, 'Routes' | 'Splits'>> & {
    Resolver?: Omit<DiscoveryResolver, 'ConnectTimeout' | 'Failover'> & {
      ConnectTimeout: string
      Failover?: DiscoveryResolver['Failover']
    }
  }

/** What to take in place of what the configuration says. */
export interface ChainOverrides {
  OverrideMeshGateway?: { Mode: '' | 'none' | 'local' | 'remote' }
  OverrideProtocol?: string
  OverrideConnectTimeout?: string
}

export interface DiscoveryChains {
  /** @param options `compileDatacenter`: as that one would see it; `overrides`: as if it were so */
  get(
    service: string,
    options?: ReadOptions & { compileDatacenter?: string; overrides?: ChainOverrides },
  ): Promise<Reply<DiscoveryChain>>
}

export function makeDiscoveryChains(caller: Caller): DiscoveryChains {
  return {
    async get(service, { compileDatacenter, overrides, ...options } = {}) {
      const path = `/v1/discovery-chain/${escapePath(service)}`
      const asked = { 'compile-dc': compileDatacenter || undefined }
      const response = expectOk(
        await (overrides === undefined
          ? caller.send('GET', path, options, asked)
          : caller.send('POST', path, options, asked, JSON.stringify(overrides))),
      )
      return { value: decodeJson<{ Chain: DiscoveryChain }>(response).Chain, meta: queryMeta(response) }
    },
  }
}
