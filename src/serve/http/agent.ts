/** `/v1/agent/…`: this agent, its members, its own services and checks (agent/agent_endpoint.go). */
import { AGENT_SERVICE_FIELDS, filterLate, HEALTH_CHECK_FIELDS, makeFilter } from '../../core/filter/filter.ts'
import type { HttpResponse } from '../../host/host.ts'
import type { NodeService } from '../../model/catalog.ts'
import { ConsulError } from '../../model/errors.ts'
import { isProxyOrGateway } from '../../model/service-rules.ts'
import { jsonMap, jsonText, jsonTextMap, jsonValue } from '../../wire/json.ts'
import { type Decode, struct, text } from '../../wire/json-decode.ts'
import { agentServiceJson, healthCheckJson } from '../../wire/json-rows.ts'
import type { Member } from '../backend.ts'
import { decodeBody } from './bodies.ts'
import {
  checkDefinitionBody,
  serviceDefinitionBody,
  serviceRegistrations,
  soleCheckRegistration,
} from './definitions.ts'
import { HttpError } from './errors.ts'
import { done, type Exchange, jsonCompact, refuseNamespace } from './exchange.ts'
import { token } from './options.ts'
import {
  authorizer,
  mayRead,
  permit,
  permitAgent,
  vetCheckRegistration,
  vetCheckUpdate,
  vetServiceRegistration,
  vetServiceUpdate,
} from './permit.ts'

/** Parts of the answer that are structures in Go keep their order; the others are maps, whose keys are sorted. */
const STRUCTURES = new Set(['Config', 'Coord', 'Member'])

export async function self(exchange: Exchange): Promise<HttpResponse> {
  await permitAgent(exchange, 'read')
  const parts = Object.entries(exchange.backend.self.describe()).map(([name, part]) => {
    const body = name === 'Member' && part ? memberJson(part as Member) : jsonValue(part, STRUCTURES.has(name))
    return `${jsonText(name)}:${body}`
  })
  return jsonCompact(exchange, `{${parts.join(',')}}`)
}

export async function members(exchange: Exchange): Promise<HttpResponse> {
  const can = await authorizer(exchange)
  const { params, backend } = exchange
  const wan = params.get('wan') !== ''
  const segment = params.get('segment')
  if (segment !== '' && segment !== '_all') {
    if (wan) throw new HttpError(400, 'Cannot provide a segment with wan=true')
    throw new HttpError(500, backend.self.noSegment(segment))
  }
  if (wan && !backend.self.inWan) return jsonCompact(exchange, 'null')
  return jsonCompact(
    exchange,
    `[${backend.self
      .members(wan ? 'wan' : 'lan')
      .filter(({ Name }) => can.all || can.allowed('node', 'read', Name))
      .map(memberJson)
      .join(',')}]`,
  )
}

function memberJson(member: Member): string {
  return `{"Name":${jsonText(member.Name)},"Addr":${jsonText(member.Addr)},"Port":${member.Port},"Tags":${jsonTextMap(
    member.Tags,
  )},"Status":${member.Status},"ProtocolMin":${member.ProtocolMin},"ProtocolMax":${member.ProtocolMax},"ProtocolCur":${
    member.ProtocolCur
  },"DelegateMin":${member.DelegateMin},"DelegateMax":${member.DelegateMax},"DelegateCur":${member.DelegateCur}}`
}

export async function localServices(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const can = await authorizer(exchange)
  const wanted = makeFilter(exchange.params.get('filter'), AGENT_SERVICE_FIELDS)
  const services = exchange.backend.self
    .services()
    .map(({ service }) => service)
    .filter(({ Service }) => can.all || can.allowed('service', 'read', Service))
  const shown = wanted === undefined ? services : services.filter((service) => wanted(agentView(service)))
  const byId = Object.fromEntries(shown.map((service) => [service.ID, service]))
  return jsonCompact(
    exchange,
    jsonMap(byId, (service) => agentServiceJson(service)),
  )
}

/** A service as filters see it: with the weights that are shown, and only proxies have what belongs to proxies. */
function agentView(service: NodeService): object {
  const { Weights: weights } = service
  return {
    ...service,
    Weights: { Passing: Math.max(weights?.Passing ?? 1, 1), Warning: weights?.Warning ?? 1 },
    Proxy: isProxyOrGateway(service.Kind) ? service.Proxy : null,
    Connect: service.Connect.Native ? service.Connect : null,
  }
}

export async function checks(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const can = await authorizer(exchange)
  const { self } = exchange.backend
  const all = self
    .checks()
    .map(({ check }) => check)
    .filter((check) => mayRead(can, check, self.nodeName))
  const shown = filterLate(exchange.params.get('filter'), HEALTH_CHECK_FIELDS, all)
  const byId = Object.fromEntries(shown.map((check) => [check.CheckID, check]))
  return jsonCompact(
    exchange,
    jsonMap(byId, (check) => healthCheckJson(check, -1)),
  )
}

export async function join(exchange: Exchange): Promise<HttpResponse> {
  const { rest, params, backend } = exchange
  await permitAgent(exchange, 'write')
  await backend.self.join(rest, params.get('wan') === '' ? 'lan' : 'wan')
  return done()
}

export async function forceLeave(exchange: Exchange): Promise<HttpResponse> {
  const { rest, params, backend } = exchange
  await permit(exchange, 'operator', 'write')
  await backend.self.forceLeave(rest, params.has('prune'))
  return done()
}

export async function leave(exchange: Exchange): Promise<HttpResponse> {
  await permitAgent(exchange, 'write')
  await exchange.backend.self.leave()
  return done()
}

export async function serviceRegister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const { params, backend, door } = exchange
  const definition = (await decodeBody(exchange, serviceDefinitionBody))!
  const wish = params.get('replace-existing-checks')
  const registrations = serviceRegistrations(definition, token(exchange), {
    replaceExistingChecks: params.has('replace-existing-checks') && (wish === '' || wish === 'true'),
    scriptsAllowed: door.scriptsAllowed,
    services: backend.self.services().map(({ service }) => service),
    sidecarPorts: backend.self.sidecarPorts,
  })
  const can = await authorizer(exchange)
  for (const { service } of registrations) vetServiceRegistration(can, exchange, service)
  for (const registration of registrations) await backend.self.registerService(registration)
  return done()
}

export async function serviceDeregister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  if (exchange.rest === '') throw new HttpError(500, 'ServiceID missing')
  vetServiceUpdate(await authorizer(exchange), exchange, exchange.rest)
  await unlessUnknown(exchange.backend.self.deregisterService(exchange.rest))
  return done()
}

export async function checkRegister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const definition = (await decodeBody(exchange, checkDefinitionBody))!
  const { scriptsAllowed } = exchange.door
  const registration = soleCheckRegistration(definition, token(exchange), { scriptsAllowed })
  vetCheckRegistration(await authorizer(exchange), exchange, registration.check)
  await exchange.backend.self.registerCheck(registration)
  return done()
}

export async function checkDeregister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  if (exchange.rest === '') throw new HttpError(500, 'CheckID missing')
  vetCheckUpdate(await authorizer(exchange), exchange, exchange.rest)
  await unlessUnknown(exchange.backend.self.deregisterCheck(exchange.rest))
  return done()
}

/** What is not there need not be removed: Consul says yes to that. */
async function unlessUnknown(removal: Promise<void>): Promise<void> {
  try {
    await removal
  } catch (error) {
    if (!(error instanceof ConsulError) || error.code !== 'not-found') throw error
  }
}

export function checkPass(exchange: Exchange): Promise<HttpResponse> {
  return reportCheck(exchange, 'passing', exchange.params.get('note'))
}

export function checkWarn(exchange: Exchange): Promise<HttpResponse> {
  return reportCheck(exchange, 'warning', exchange.params.get('note'))
}

export function checkFail(exchange: Exchange): Promise<HttpResponse> {
  return reportCheck(exchange, 'critical', exchange.params.get('note'))
}

const checkReport: Decode<Partial<{ Status: string; Output: string }>> = struct<{ Status: string; Output: string }>(
  { Status: text, Output: text },
  { type: 'agent.checkUpdate' },
)

export async function checkUpdate(exchange: Exchange): Promise<HttpResponse> {
  const { Status = '', Output = '' } = (await decodeBody(exchange, checkReport)) ?? {}
  if (Status !== 'passing' && Status !== 'warning' && Status !== 'critical') {
    throw new HttpError(400, `Invalid check status: '${Status}'`)
  }
  return reportCheck(exchange, Status, Output)
}

async function reportCheck(exchange: Exchange, status: string, output: string): Promise<HttpResponse> {
  refuseNamespace(exchange)
  vetCheckUpdate(await authorizer(exchange), exchange, exchange.rest)
  await exchange.backend.self.updateCheck(exchange.rest, status, output)
  return done()
}

/** The machine that the agent runs on. */
export async function hostInfo(exchange: Exchange): Promise<HttpResponse> {
  await permit(exchange, 'operator', 'read')
  return jsonCompact(exchange, jsonValue(await exchange.backend.self.hostInfo(), true))
}

/** While ACLs are off, and nothing can turn them on, this is the answer of all that belongs to them. */
export function aclDisabled(): HttpResponse {
  throw new ConsulError('acl-disabled')
}
