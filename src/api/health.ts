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
  /** All checks of a node, its services' included. */
  node(name: string, options?: ReadOptions): Promise<Reply<HealthCheck[]>>
  /** Checks of a service's instances. */
  checks(service: string, options?: ReadOptions): Promise<Reply<HealthCheck[]>>
  state(state: CheckStatus | 'any', options?: ReadOptions): Promise<Reply<HealthCheck[]>>
}

export function makeHealth(caller: Caller): Health {
  return {
    service: (name, options) =>
      caller.read(`/v1/health/service/${escapePath(name)}`, options, {
        passing: options?.passing,
        tag: options?.tags,
      }),
    node: (name, options) => caller.read(`/v1/health/node/${escapePath(name)}`, options),
    checks: (service, options) => caller.read(`/v1/health/checks/${escapePath(service)}`, options),
    state: (state, options) => caller.read(`/v1/health/state/${state}`, options),
  }
}
