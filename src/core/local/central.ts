/**
 * What a proxy or gateway of this node takes over from the cluster's configuration entries: which question asks for it,
 * and how the answer is laid under what was registered. Whoever registers has the last word; only what was left empty
 * is filled. Source: Consul's agent/service_manager.go, which merges as github.com/imdario/mergo does.
 */
import type { NodeService } from '../../model/catalog.ts'
import type { ServiceConfigRequest, ServiceConfigResponse, UntypedMap } from '../../model/config-entry.ts'

/** Of an answer, what is kept. */
export type CentralDefaults = Pick<
  ServiceConfigResponse,
  'ProxyConfig' | 'UpstreamIDConfigs' | 'MeshGateway' | 'Expose'
>

export type CentralQuestion = Pick<ServiceConfigRequest, 'Name' | 'Datacenter' | 'Token' | 'UpstreamIDs'>

const GATEWAYS: ReadonlySet<string> = new Set(['mesh-gateway', 'terminating-gateway', 'ingress-gateway'])

/** Other services have nothing that could be set for all. */
export function isCentral(service: NodeService): boolean {
  return isSidecar(service) || GATEWAYS.has(service.Kind)
}

function isSidecar(service: NodeService): boolean {
  return service.Kind === 'connect-proxy' && service.Proxy.DestinationServiceID !== ''
}

/** A sidecar is asked for by the name of the service that it stands for. */
export function centralQuestion(service: NodeService, token: string, datacenter: string): CentralQuestion {
  const asked = { Datacenter: datacenter, Token: token }
  if (!isSidecar(service)) return { ...asked, Name: service.Service }
  const names = (service.Proxy.Upstreams ?? []).filter(isServiceUpstream).map(({ DestinationName }) => DestinationName)
  const Name = service.Proxy.DestinationServiceName
  return names.length === 0 ? { ...asked, Name } : { ...asked, Name, UpstreamIDs: names.map((ID) => ({ ID })) }
}

function isServiceUpstream({ DestinationType }: { DestinationType: string }): boolean {
  return DestinationType === '' || DestinationType === 'service'
}

/** The service as the catalog shall know it. */
export function mergedService(service: NodeService, defaults: CentralDefaults | undefined): NodeService {
  if (defaults === undefined) return service
  const { Proxy: own } = service
  const Mode = own.MeshGateway.Mode || defaults.MeshGateway.Mode
  const ownPaths = own.Expose.Paths ?? []
  const configOf = (name: string) =>
    defaults.UpstreamIDConfigs?.find(({ Upstream }) => Upstream.ID === name)?.Config ?? null
  return {
    ...service,
    Proxy: {
      ...own,
      Config: mergedMap(own.Config, defaults.ProxyConfig),
      Expose: {
        Checks: own.Expose.Checks || defaults.Expose.Checks,
        Paths: ownPaths.length > 0 ? ownPaths : (defaults.Expose.Paths ?? own.Expose.Paths),
      },
      MeshGateway: { Mode },
      Upstreams:
        own.Upstreams?.map((upstream) =>
          isServiceUpstream(upstream)
            ? {
                ...upstream,
                MeshGateway: { Mode: upstream.MeshGateway?.Mode || Mode },
                Config: mergedMap(upstream.Config, configOf(upstream.DestinationName)),
              }
            : upstream,
        ) ?? null,
    },
  }
}

/** Maps are merged at every depth; of lists, and of all else, the first that is not empty stays. */
function mergedMap(own: UntypedMap | null, under: UntypedMap | null): UntypedMap | null {
  if (under === null) return own
  const merged: UntypedMap = { ...own }
  for (const [key, value] of Object.entries(under)) {
    const before = merged[key]
    if (isEmpty(before)) merged[key] = value
    else if (isMap(before) && isMap(value)) merged[key] = mergedMap(before, value)
  }
  return merged
}

function isMap(value: unknown): value is UntypedMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isEmpty(value: unknown): boolean {
  if (isMap(value)) return Object.keys(value).length === 0
  if (Array.isArray(value)) return value.length === 0
  return value === undefined || value === null || value === false || value === '' || value === 0 || value === 0n
}
