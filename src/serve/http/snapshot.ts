/** `/v1/snapshot`: the whole state as an archive, and back (agent/snapshot_endpoint.go). */
import type { HttpResponse } from '../../host/host.ts'
import { noArchive } from '../../model/snapshot.ts'
import { done, type Exchange, pushMeta } from './exchange.ts'
import { datacenter, token } from './options.ts'

export async function snapshot(exchange: Exchange): Promise<HttpResponse> {
  const { backend, method, params, request } = exchange
  const asked = { Datacenter: datacenter(exchange), Token: token(exchange), AllowStale: params.has('stale') }
  if (method === 'PUT') {
    await backend.snapshot({ ...asked, Op: 'restore' }, request.chunks ?? noArchive())
    return done()
  }
  const { meta, archive } = await backend.snapshot({ ...asked, Op: 'save' }, noArchive())
  // What Go's server takes the first bytes for.
  const headers = ['Content-Type', 'application/x-gzip', 'Vary', 'Accept-Encoding']
  pushMeta(headers, meta)
  return { status: 200, headers, body: archive }
}
