/**
 * Taking this node or one of its services out of use and back (`/v1/agent/maintenance`, `/v1/agent/service/maintenance/`),
 * and reading the configuration again (`/v1/agent/reload`). Source: agent/agent_endpoint.go.
 */
import { quoteGo } from '../../base/go-quote.ts'
import type { HttpResponse } from '../../host/host.ts'
import { HttpError } from './errors.ts'
import { done, type Exchange, refuseNamespace } from './exchange.ts'
import { token } from './options.ts'
import { authorizer, permit, permitAgent, vetServiceUpdate } from './permit.ts'

export async function reload(exchange: Exchange): Promise<HttpResponse> {
  const { backend } = exchange
  await permitAgent(exchange, 'write')
  await backend.self.reload()
  return done()
}

export async function nodeMaintenance(exchange: Exchange): Promise<HttpResponse> {
  const enable = readEnable(exchange)
  await permit(exchange, 'node', 'write', exchange.backend.self.nodeName)
  return maintain(exchange, '', enable)
}

export async function serviceMaintenance(exchange: Exchange): Promise<HttpResponse> {
  const { rest: id, backend } = exchange
  if (id === '') throw new HttpError(400, 'Missing service ID')
  const enable = readEnable(exchange)
  refuseNamespace(exchange)
  vetServiceUpdate(await authorizer(exchange), exchange, id)
  if (!backend.self.services().some(({ service }) => service.ID === id)) {
    throw new HttpError(404, `No service registered with ID ${quoteGo(id)}`)
  }
  return maintain(exchange, id, enable)
}

async function maintain(exchange: Exchange, service: string, enable: boolean): Promise<HttpResponse> {
  const reason = exchange.params.get('reason')
  await exchange.backend.self.maintain({ service, enable, reason, token: token(exchange) })
  return done()
}

/** As Go's `strconv.ParseBool` reads it. */
const TRUTHS: Record<string, boolean> = {
  ...Object.fromEntries(['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true])),
  ...Object.fromEntries(['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false])),
}

function readEnable({ params }: Exchange): boolean {
  if (!params.has('enable')) throw new HttpError(400, 'Missing value for enable')
  const text = params.get('enable')
  const enable = Object.hasOwn(TRUTHS, text) ? TRUTHS[text] : undefined
  if (enable === undefined) throw new HttpError(400, `Invalid value for enable: ${quoteGo(text)}`)
  return enable
}
