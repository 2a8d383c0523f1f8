/**
 * `/v1/agent/service/:id`: one of this agent's own services with a hash of its content. Who knows a hash may wait until
 * the content has another one: proxies follow their registration so (agent/agent.go, LocalBlockingQuery).
 */
import { NANOS_PER_MS } from '../../base/units.ts'
import type { HttpResponse } from '../../host/host.ts'
import { ConsulError } from '../../model/errors.ts'
import type { QueryOptions } from '../../model/query.ts'
import { agentServiceJson } from '../../wire/json-rows.ts'
import { HttpError } from './errors.ts'
import { type Exchange, jsonCompact, refuseNamespace } from './exchange.ts'
import { readWait } from './options.ts'
import { authorizer } from './permit.ts'

const WAIT_DEFAULT_MS = 300_000
const WAIT_MS_MAX = 600_000
/** A wait is stretched by a random part of it up to this, so that crowds spread. */
const WAIT_JITTER_FRACTION = 1 / 16

export async function localService(exchange: Exchange): Promise<HttpResponse> {
  const options: QueryOptions = {}
  readWait(exchange, options)
  refuseNamespace(exchange)
  const { rest, params, backend, request } = exchange
  const { self } = backend
  const can = await authorizer(exchange)
  const known = params.get('hash')
  const asked = (options.MaxQueryTime ?? 0) / NANOS_PER_MS || WAIT_DEFAULT_MS
  const wait = Math.min(asked, WAIT_MS_MAX) * (1 + backend.random.float() * WAIT_JITTER_FRACTION)
  const until = backend.now() + wait
  const gone = new AbortController()
  if (known !== '') request.onGone(() => gone.abort())
  for (;;) {
    const found = self.services().find(({ service }) => service.ID === rest)?.service
    if (found === undefined) throw new HttpError(404, `unknown service ID: ${rest}`)
    if (!can.all && !can.allowed('service', 'read', found.Service)) throw new ConsulError('permission-denied')
    const hash = contentHash(agentServiceJson(found))
    const leftMs = until - backend.now()
    if (known === hash && leftMs > 0 && !gone.signal.aborted) {
      if (await self.nextChange(leftMs, gone.signal)) continue
    }
    const response = jsonCompact(exchange, agentServiceJson(found, hash))
    response.headers.push('X-Consul-Contenthash', hash)
    return response
  }
}

/** FNV-1a over 64 bits, in hexadecimal: equal for equal content, which is all that askers may rely on. */
function contentHash(content: string): string {
  let hash = 0xcbf29ce484222325n
  for (let i = 0; i < content.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(content.charCodeAt(i))) * 0x100000001b3n)
  }
  return hash.toString(16)
}
