/**
 * A sidecar, as a service's definition asks for one, made into the proxy's own service: what it inherits from the service
 * beside it, its port, and the checks it gets when it names none. Registering it is the caller's part.
 * Source: Consul's agent/sidecar_service.go.
 */
import { joinHostPort } from '../base/host-port.ts'
import { NANOS_PER_SECOND } from '../base/units.ts'
import type { NodeService } from './catalog.ts'
import { type CheckRun, NO_RUN } from './check-run.ts'
import { type HealthCheck, NO_CHECK } from './health.ts'

export interface SidecarCheck {
  check: HealthCheck
  run: CheckRun
}

export interface Sidecar {
  service: NodeService
  checks: SidecarCheck[]
}

/** Both ends count; below 1: none is given out. */
export interface PortRange {
  min: number
  max: number
}

/** The id of a service's sidecar: always this one, so that it goes when the service goes. */
export function sidecarId(serviceId: string): string {
  return `${serviceId}-sidecar-proxy`
}

/**
 * @param service beside which it stands
 * @param asked the sidecar as defined, empty where nothing was said
 * @param others all services of the agent, for their ports
 * @returns the sidecar's registration, or why there cannot be one
 */
export function expandSidecar(
  service: NodeService,
  asked: Sidecar,
  others: Iterable<NodeService>,
  ports: PortRange,
): Sidecar | string {
  const given = asked.service
  const own = given.Proxy
  const ID = sidecarId(service.ID)
  const Port = given.Port >= 1 ? given.Port : freePort(ID, others, ports)
  if (Port === undefined) return noPort(ports)
  const sidecar: NodeService = {
    ...given,
    ID,
    Kind: given.Kind || 'connect-proxy',
    Service: given.Service || `${service.Service}-sidecar-proxy`,
    Address: given.Address || service.Address,
    Port,
    Meta: isEmpty(given.Meta) && !isEmpty(service.Meta) ? { ...service.Meta } : given.Meta,
    Tags: given.Tags?.length ? given.Tags : (service.Tags ?? given.Tags),
    LocallyRegisteredAsSidecar: true,
    Proxy: {
      ...own,
      DestinationServiceName: own.DestinationServiceName || service.Service,
      DestinationServiceID: own.DestinationServiceID || service.ID,
      LocalServiceAddress: own.LocalServiceAddress || '127.0.0.1',
      LocalServicePort: own.LocalServicePort >= 1 ? own.LocalServicePort : service.Port,
    },
  }
  return { service: sidecar, checks: asked.checks.length > 0 ? asked.checks : usualChecks(service, sidecar) }
}

/** The lowest that nobody here has; one that the sidecar has already stays its own. */
function freePort(id: string, others: Iterable<NodeService>, { min, max }: PortRange): number | undefined {
  if (min < 1) return undefined
  const used = new Set<number>()
  for (const { ID, Port } of others) {
    if (Port < min || Port > max) continue
    if (ID === id) return Port
    used.add(Port)
  }
  for (let port = min; port <= max; port++) if (!used.has(port)) return port
  return undefined
}

function noPort({ min, max }: PortRange): string {
  if (min < 1 || max < 1) return 'no port provided for sidecar_service and auto-assignment disabled in config'
  return `no port provided for sidecar_service and none left in the configured range [${min}, ${max}]`
}

function usualChecks(service: NodeService, { ID, Port, Proxy: proxy }: NodeService): SidecarCheck[] {
  const host = proxy.LocalServiceAddress
  const target = joinHostPort(host, Port)
  const named = (Name: string, run: Partial<CheckRun>) => ({
    check: { ...NO_CHECK, Name, Status: 'critical', ServiceID: ID },
    run: { ...NO_RUN, ...run },
  })
  return [
    named('Connect Sidecar Listening', { TCP: target, Interval: 10 * NANOS_PER_SECOND }),
    named(`Connect Sidecar Aliasing ${service.ID}`, { AliasService: service.ID }),
  ]
}

function isEmpty(meta: Record<string, string> | null): boolean {
  return meta === null || Object.keys(meta).length === 0
}
