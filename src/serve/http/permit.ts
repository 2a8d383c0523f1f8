/**
 * Whether the asker's token allows what is asked of this agent itself. What is asked of the cluster is judged by the
 * servers, around the table of methods; here is what never reaches them. Rules: Consul's agent/acl.go.
 */
import { quoteGo } from '../../base/go-quote.ts'
import type { Authorizer, Resource } from '../../core/acl/authorizer.ts'
import type { NodeService } from '../../model/catalog.ts'
import { ConsulError } from '../../model/errors.ts'
import type { HealthCheck } from '../../model/health.ts'
import type { Exchange } from './exchange.ts'
import { token } from './options.ts'

export type Access = 'read' | 'write'

export function authorizer(exchange: Exchange): Authorizer | Promise<Authorizer> {
  return exchange.backend.authorize(token(exchange))
}

/** @throws ConsulError permission-denied */
export async function permit(
  exchange: Exchange,
  resource: Resource,
  access: Access,
  segment = '',
): Promise<Authorizer> {
  const can = await authorizer(exchange)
  if (!can.all && !can.allowed(resource, access, segment)) throw new ConsulError('permission-denied')
  return can
}

/** The agent itself, by its node's name. */
export function permitAgent(exchange: Exchange, access: Access): Promise<Authorizer> {
  return permit(exchange, 'agent', access, exchange.backend.self.nodeName)
}

/** A check counts with its service, or else with its node. */
export function mayRead(can: Authorizer, { ServiceName }: HealthCheck, nodeName: string): boolean {
  if (can.all) return true
  return ServiceName === '' ? can.allowed('node', 'read', nodeName) : can.allowed('service', 'read', ServiceName)
}

/** The service as it will be, and the one that it takes the place of. */
export function vetServiceRegistration(can: Authorizer, exchange: Exchange, service: NodeService): void {
  if (can.all) return
  const id = service.ID || service.Service
  const standing = exchange.backend.self.services().find((each) => each.service.ID === id)?.service
  demandService(can, service.Service, service.Service)
  if (standing !== undefined) demandService(can, standing.Service, service.Service)
  if (service.Kind === 'connect-proxy') {
    const { DestinationServiceName: destination } = service.Proxy
    demandService(can, destination, destination)
  }
}

/** A service that stands already. */
export function vetServiceUpdate(can: Authorizer, exchange: Exchange, id: string): void {
  if (can.all) return
  const standing = exchange.backend.self.services().find(({ service }) => service.ID === id)?.service
  if (standing === undefined) throw new ConsulError('refused', `Unknown service ${quoteGo(id)}`)
  demandService(can, standing.Service, standing.Service)
}

/** The check as it will be, and the one that it takes the place of. */
export function vetCheckRegistration(can: Authorizer, exchange: Exchange, check: HealthCheck): void {
  if (can.all) return
  const { self } = exchange.backend
  const owner = self.services().find(({ service }) => service.ID === check.ServiceID)?.service.Service ?? ''
  demandOwner(can, check.ServiceID === '' ? '' : owner, self.nodeName)
  const standing = self.checks().find((each) => each.check.CheckID === check.CheckID)?.check
  if (standing !== undefined) demandOwner(can, standing.ServiceName, self.nodeName)
}

export function vetCheckUpdate(can: Authorizer, exchange: Exchange, id: string): void {
  if (can.all) return
  const { self } = exchange.backend
  const standing = self.checks().find(({ check }) => check.CheckID === id)?.check
  if (standing === undefined) throw new ConsulError('refused', `Unknown check ${quoteGo(id)}`)
  demandOwner(can, standing.ServiceName, self.nodeName)
}

function demandOwner(can: Authorizer, serviceName: string, nodeName: string): void {
  if (serviceName !== '') demandService(can, serviceName, serviceName)
  else if (!can.allowed('node', 'write', nodeName)) {
    throw new ConsulError('permission-denied', `Permission denied: Missing node:write on ${nodeName}`)
  }
}

/** @param named in the message */
function demandService(can: Authorizer, name: string, named: string): void {
  if (can.allowed('service', 'write', name)) return
  throw new ConsulError('permission-denied', `Permission denied: Missing service:write on ${named}`)
}
