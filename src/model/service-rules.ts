/**
 * What a service definition may not say: proxies without a destination or with clashing upstreams, gateways that pose
 * as proxies, nested sidecars. All faults are told at once. Source: Consul's agent/structs, `NodeService.Validate`.
 */
import { joinHostPort } from '../base/host-port.ts'
import type { ExposePath, NodeService, ServiceKind, Upstream } from './catalog.ts'

const PORT_MAX = 65535
const GATEWAYS = new Set<ServiceKind>(['mesh-gateway', 'terminating-gateway', 'ingress-gateway'])
const EXPOSE_PROTOCOLS = ['http', 'http2']
const DESTINATION_TYPES = new Set(['', 'service', 'prepared_query'])
const UPSTREAM_ADDRESS = '127.0.0.1'

/** Of these kinds alone an agent shows what a service says of itself as a proxy; Consul accepts any other word as a kind. */
export function isProxyOrGateway(kind: ServiceKind): boolean {
  return kind === 'connect-proxy' || GATEWAYS.has(kind)
}

/** @returns all that is wrong, as one text in the form that Consul's users see, or undefined */
export function serviceFault(service: NodeService): string | undefined {
  const faults: string[] = []
  if (service.Kind === 'connect-proxy') proxyFaults(service, faults)
  if (GATEWAYS.has(service.Kind)) gatewayFaults(service, faults)
  sidecarFaults(service.Connect.SidecarService, faults)
  return faults.length === 0 ? undefined : listed(faults)
}

/** Several complaints as one text, as the users of HashiCorp's go-multierror see them. */
export function listed(faults: string[]): string {
  const head = faults.length === 1 ? '1 error occurred:' : `${faults.length} errors occurred:`
  return `${head}\n\t* ${faults.join('\n\t* ')}\n\n`
}

function proxyFaults(service: NodeService, faults: string[]): void {
  if (service.Proxy.DestinationServiceName.trim() === '') {
    faults.push('Proxy.DestinationServiceName must be non-empty for Connect proxy services')
  }
  if (service.Port === 0) faults.push('Port must be set for a Connect proxy')
  if (service.Connect.Native) faults.push('A Proxy cannot also be Connect Native, only typical services')
  upstreamsFaults(service.Proxy.Upstreams ?? [], faults)
  exposeFaults(service.Proxy.Expose.Paths ?? [], faults)
}

function upstreamsFaults(upstreams: Upstream[], faults: string[]): void {
  const destinations = new Set<string>()
  const binds = new Set<string>()
  for (const upstream of upstreams) {
    const fault = upstreamFault(upstream)
    if (fault !== undefined) {
      faults.push(fault)
      continue
    }
    const destination =
      `[type="${upstream.DestinationType}", name="${upstream.DestinationName}", ` +
      `namespace="${upstream.DestinationNamespace}", datacenter="${upstream.Datacenter}"]`
    if (destinations.has(destination)) {
      faults.push(`upstreams cannot contain duplicates of ${destination}`)
      continue
    }
    destinations.add(destination)
    const host = upstream.LocalBindAddress || UPSTREAM_ADDRESS
    const bind = joinHostPort(host, upstream.LocalBindPort)
    if (binds.has(bind)) {
      faults.push(`upstreams cannot contain duplicates by local bind address and port; "${bind}" is specified twice`)
      continue
    }
    binds.add(bind)
  }
}

function upstreamFault(upstream: Upstream): string | undefined {
  if (!DESTINATION_TYPES.has(upstream.DestinationType)) {
    return `unknown upstream destination type: "${upstream.DestinationType}"`
  }
  if (upstream.DestinationName === '') return 'upstream destination name cannot be empty'
  return upstream.LocalBindPort === 0 ? 'upstream local bind port cannot be zero' : undefined
}

function exposeFaults(paths: ExposePath[], faults: string[]): void {
  const known = new Set<string>()
  const listeners = new Set<number>()
  for (const path of paths) {
    if (path.Path === '') faults.push('expose.paths: empty path exposed')
    if (known.has(path.Path)) faults.push('expose.paths: duplicate paths exposed')
    known.add(path.Path)
    if (listeners.has(path.ListenerPort)) faults.push('expose.paths: duplicate listener ports exposed')
    listeners.add(path.ListenerPort)
    if (path.ListenerPort <= 0 || path.ListenerPort > PORT_MAX) {
      faults.push(`expose.paths: invalid listener port: ${path.ListenerPort}`)
    }
    const protocol = path.Protocol.toLowerCase()
    if (protocol !== '' && !EXPOSE_PROTOCOLS.includes(protocol)) {
      const allowed = EXPOSE_PROTOCOLS.join(' ')
      faults.push(`protocol '${protocol}' not supported for path: ${path.Path}, must be in: [${allowed}]`)
    }
  }
}

function gatewayFaults(service: NodeService, faults: string[]): void {
  const { Kind, Proxy: proxy } = service
  if (service.Port === 0 && Kind !== 'ingress-gateway') faults.push(`Port must be non-zero for a ${Kind}`)
  if (service.Connect.SidecarService !== null) faults.push(`A ${Kind} cannot have a sidecar service defined`)
  const set: [name: string, isSet: boolean][] = [
    ['DestinationServiceName', proxy.DestinationServiceName !== ''],
    ['DestinationServiceID', proxy.DestinationServiceID !== ''],
    ['LocalServiceAddress', proxy.LocalServiceAddress !== ''],
    ['LocalServicePort', proxy.LocalServicePort !== 0],
    ['Upstreams', (proxy.Upstreams?.length ?? 0) > 0],
  ]
  for (const [name, isSet] of set) {
    if (isSet) faults.push(`The Proxy.${name} configuration is invalid for a ${Kind}`)
  }
}

/** A sidecar is a nested service definition, of which only these two members matter here. */
function sidecarFaults(sidecar: unknown, faults: string[]): void {
  if (!isObject(sidecar)) return
  if (typeof sidecar.ID === 'string' && sidecar.ID !== '') {
    faults.push('A SidecarService cannot specify an ID as this is managed by the agent')
  }
  if (isObject(sidecar.Connect) && isObject(sidecar.Connect.SidecarService)) {
    faults.push('A SidecarService cannot have a nested SidecarService')
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
