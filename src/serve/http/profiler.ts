/**
 * `/debug/pprof/`: profiles of Go's runtime, which has no counterpart here. Those who may ask are told how a process of
 * Node's is profiled; the others get the answer that Consul gives them (agent/http.go, handlePProf).
 */
import type { HttpResponse } from '../../host/host.ts'
import { ConsulError } from '../../model/errors.ts'
import { type Exchange, plain } from './exchange.ts'
import { permit } from './permit.ts'

export async function profiler(exchange: Exchange): Promise<HttpResponse> {
  if (!exchange.door.debug) throw new ConsulError('acl-disabled')
  await permit(exchange, 'operator', 'read')
  return plain(
    501,
    "There are no profiles of Go's kind: this agent runs on Node. Start it with NODE_OPTIONS=--cpu-prof or --inspect for its own.",
  )
}
