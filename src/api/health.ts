/** Health over HTTP: checks, and services together with them. */
import type { CheckServiceNode, CheckStatus, HealthCheck } from '../model/health.ts'
import { type Caller, escapePath, type ReadOptions, type Reply } from './client.ts'

export type { CheckServiceNode, HealthCheck } from '../model/health.ts'

export interface Health {
  /** Instances of a service, each with its node and the checks of both. */
  service(
    name: string,
    options?: ReadOptions & { passing?: boolean; tags?: readonly string[] },
  ): Promise<Reply<CheckServiceNode[]>>
  /** The same of those that can be reached within the mesh: proxies of the service, and those that speak for themselves. */
  connect(
    name: string,
    options?: ReadOptions & { passing?: boolean; tags?: readonly string[] },
  ): Promise<Reply<CheckServiceNode[]>>
  /** Ingress gateways that lead to the service. */
  ingress(name: string, options?: ReadOptions & { passing?: boolean }): Promise<Reply<CheckServiceNode[]>>
  /** All checks of a node, its services' included. */
  node(name: string, options?: ReadOptions): Promise<Reply<HealthCheck[]>>
  /** Checks of a service's instances. */
  checks(service: string, options?: ReadOptions): Promise<Reply<HealthCheck[]>>
  state(state: CheckStatus | 'any', options?: ReadOptions): Promise<Reply<HealthCheck[]>>
}

export function makeHealth(caller: Caller): Health {
  const instances =
    (way: string): Health['service'] =>
    (name, options) =>
      caller.read(`/v1/health/${way}/${escapePath(name)}`, options, { passing: options?.passing, tag: options?.tags })
  return {
    service: instances('service'),
    connect: instances('connect'),
    ingress: instances('ingress'),
    node: (name, options) => caller.read(`/v1/health/node/${escapePath(name)}`, options),
    checks: (service, options) => caller.read(`/v1/health/checks/${escapePath(service)}`, options),
    state: (state, options) => caller.read(`/v1/health/state/${state}`, options),
  }
}
