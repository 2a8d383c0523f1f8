/**
 * `/v1/event/…`: user events, told to all agents by gossip. The list has an index of its own, made of the newest event's
 * id: it does not grow, it only differs. Source: agent/event_endpoint.go.
 */
import { NANOS_PER_MS } from '../../base/units.ts'
import type { HttpResponse } from '../../host/host.ts'
import type { UserEvent } from '../../model/event.ts'
import type { QueryOptions } from '../../model/query.ts'
import { jsonBytes, jsonText } from '../../wire/json.ts'
import { HttpError } from './errors.ts'
import { type Exchange, jsonCompact } from './exchange.ts'
import { datacenter, readWait, token } from './options.ts'

/** Nobody waits longer for the next event. */
const WAIT_MS_MAX = 600_000

export async function fireEvent(exchange: Exchange): Promise<HttpResponse> {
  const { rest, params, request, backend } = exchange
  if (rest === '') throw new HttpError(400, 'Missing name')
  const event = await backend.self.fireEvent({
    Name: rest,
    Payload: request.body.length > 0 ? request.body : null,
    NodeFilter: params.get('node'),
    ServiceFilter: params.get('service'),
    TagFilter: params.get('tag'),
    Datacenter: datacenter(exchange),
    Token: token(exchange),
  })
  return jsonCompact(exchange, eventJson(event))
}

export async function listEvents(exchange: Exchange): Promise<HttpResponse> {
  const { params, backend, request } = exchange
  const options: QueryOptions = {}
  readWait(exchange, options)
  const known = BigInt(params.get('index') || '0')
  const name = params.get('name')
  const waitMs = (options.MaxQueryTime ?? 0) / NANOS_PER_MS
  const until = backend.now() + Math.min(WAIT_MS_MAX, waitMs > 0 ? waitMs : WAIT_MS_MAX)
  const gone = new AbortController()
  request.onGone(() => gone.abort())
  for (;;) {
    const events = backend.self.events().filter((event) => name === '' || event.Name === name)
    const index = indexOf(events.at(-1))
    const leftMs = until - backend.now()
    if (known === 0n || index !== known || leftMs <= 0 || gone.signal.aborted) {
      const response = jsonCompact(exchange, `[${events.map(eventJson).join(',')}]`)
      response.headers.push('X-Consul-Index', String(index))
      return response
    }
    const before = backend.self.events().at(-1)
    await backend.self.nextEvent(leftMs, gone.signal)
    // Woken without an event: the agent stops.
    if (backend.self.events().at(-1) === before && backend.now() < until) gone.abort()
  }
}

/** Never 0, which would make whoever waits ask again at once. */
function indexOf(event: UserEvent | undefined): bigint {
  if (event === undefined) return 1n
  const hex = event.ID.replaceAll('-', '')
  return /^[0-9a-f]{32}$/i.test(hex) ? BigInt(`0x${hex.slice(0, 16)}`) ^ BigInt(`0x${hex.slice(16)}`) : 1n
}

function eventJson(event: UserEvent): string {
  const { ID, Name, Payload, NodeFilter, ServiceFilter, TagFilter, Version, LTime } = event
  return `{"ID":${jsonText(ID)},"Name":${jsonText(Name)},"Payload":${jsonBytes(Payload)},"NodeFilter":${jsonText(
    NodeFilter,
  )},"ServiceFilter":${jsonText(ServiceFilter)},"TagFilter":${jsonText(TagFilter)},"Version":${Version},"LTime":${LTime}}`
}
