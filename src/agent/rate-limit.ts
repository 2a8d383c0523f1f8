/**
 * How many calls an agent makes for its own doors, services and checks: `limits.rpc_rate` and `limits.rpc_max_burst`, which
 * a reload changes. A server's own requests count like a client agent's; what others ask of a server does not count here.
 * Source: Consul's agent/consul/client.go and server.go (RPC).
 */
import { TokenBucket } from '../base/token-bucket.ts'
import type { Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { Caller } from '../model/rpc.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { OnReload } from './reload.ts'

type Rates = Pick<RuntimeConfig, 'rpcRate' | 'rpcMaxBurst'>

export function reloadedLimit(
  { rpcRate, rpcMaxBurst }: Rates,
  host: Pick<Host, 'now'>,
  onReload: OnReload,
): TokenBucket {
  const limit = new TokenBucket(rpcRate, rpcMaxBurst, host.now())
  onReload((fresh) => limit.set(fresh.rpcRate, fresh.rpcMaxBurst, host.now()))
  return limit
}

/** The same caller, which refuses what is over the limit. */
export function limitedCaller(caller: Caller, host: Pick<Host, 'now' | 'metrics'>, limit: TokenBucket): Caller {
  const exceeded = host.metrics.counter('client.rpc.exceeded')
  return {
    call(method, args, context) {
      if (limit.take(host.now())) return caller.call(method, args, context)
      exceeded.add(1)
      return Promise.reject(new ConsulError('rate-limited'))
    },
    // What is declined here is asked for by `call`, and counted there.
    peek: (method, args) => (limit.unlimited ? caller.peek(method, args) : undefined),
  }
}
