/** `/v1/agent/…`: this agent, its members, its own services and checks (agent/agent_endpoint.go). */
import { AGENT_SERVICE_FIELDS, filterLate, HEALTH_CHECK_FIELDS, makeFilter } from '../../core/filter/filter.ts'
import type { HttpResponse } from '../../host/host.ts'
import type { NodeService } from '../../model/catalog.ts'
import { ConsulError } from '../../model/errors.ts'
import { jsonMap, jsonText, jsonTextMap, jsonValue } from '../../wire/json.ts'
import { type Decode, struct, text } from '../../wire/json-decode.ts'
import { agentServiceJson, healthCheckJson } from '../../wire/json-rows.ts'
import type { Member } from '../backend.ts'
import { decodeBody } from './bodies.ts'
import {
  checkDefinitionBody,
  serviceDefinitionBody,
  serviceRegistration,
  soleCheckRegistration,
} from './definitions.ts'
import { HttpError } from './errors.ts'
import { done, type Exchange, jsonCompact, refuseNamespace } from './exchange.ts'
import { readWait, token } from './options.ts'

/** Parts of the answer that are structures in Go keep their order; the others are maps, whose keys are sorted. */
const STRUCTURES = new Set(['Config', 'Coord', 'Member'])

export function self(exchange: Exchange): HttpResponse {
  const parts = Object.entries(exchange.backend.self.describe()).map(([name, part]) => {
    const body = name === 'Member' && part ? memberJson(part as Member) : jsonValue(part, STRUCTURES.has(name))
    return `${jsonText(name)}:${body}`
  })
  return jsonCompact(exchange, `{${parts.join(',')}}`)
}

export function members(exchange: Exchange): HttpResponse {
  const { params, backend } = exchange
  const wan = params.get('wan') !== ''
  const segment = params.get('segment')
  if (segment !== '' && segment !== '_all') {
    if (wan) throw new HttpError(400, 'Cannot provide a segment with wan=true')
    throw new HttpError(500, 'Network segments are not supported in this version of Consul')
  }
  return jsonCompact(
    exchange,
    `[${backend.self
      .members(wan ? 'wan' : 'lan')
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

export function localServices(exchange: Exchange): HttpResponse {
  refuseNamespace(exchange)
  const wanted = makeFilter(exchange.params.get('filter'), AGENT_SERVICE_FIELDS)
  const services = exchange.backend.self.services().map(({ service }) => service)
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
    Proxy: service.Kind === '' ? null : service.Proxy,
    Connect: service.Connect.Native ? service.Connect : null,
  }
}

/** One service with a hash of its content. Waiting for another hash is not built. */
export function localService(exchange: Exchange): HttpResponse {
  readWait(exchange, {})
  refuseNamespace(exchange)
  const { rest, params, backend } = exchange
  const found = backend.self.services().find(({ service }) => service.ID === rest)
  if (found === undefined) throw new HttpError(404, `unknown service ID: ${rest}`)
  const hash = contentHash(agentServiceJson(found.service))
  if (params.get('hash') === hash) {
    throw new ConsulError('not-built', 'Waiting for a change of a service by "hash" is not built yet')
  }
  const response = jsonCompact(exchange, agentServiceJson(found.service, hash))
  response.headers.push('X-Consul-Contenthash', hash)
  return response
}

/** FNV-1a over 64 bits, in hexadecimal: equal for equal content, which is all that askers may rely on. */
function contentHash(content: string): string {
  let hash = 0xcbf29ce484222325n
  for (let i = 0; i < content.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(content.charCodeAt(i))) * 0x100000001b3n)
  }
  return hash.toString(16)
}

export function checks(exchange: Exchange): HttpResponse {
  refuseNamespace(exchange)
  const all = exchange.backend.self.checks().map(({ check }) => check)
  const shown = filterLate(exchange.params.get('filter'), HEALTH_CHECK_FIELDS, all)
  const byId = Object.fromEntries(shown.map((check) => [check.CheckID, check]))
  return jsonCompact(
    exchange,
    jsonMap(byId, (check) => healthCheckJson(check, -1)),
  )
}

export async function join({ rest, params, backend }: Exchange): Promise<HttpResponse> {
  await backend.self.join(rest, params.get('wan') === '' ? 'lan' : 'wan')
  return done()
}

export async function forceLeave({ rest, params, backend }: Exchange): Promise<HttpResponse> {
  await backend.self.forceLeave(rest, params.has('prune'))
  return done()
}

export async function leave(exchange: Exchange): Promise<HttpResponse> {
  await exchange.backend.self.leave()
  return done()
}

export async function serviceRegister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const { params, backend, door } = exchange
  const definition = decodeBody(exchange, serviceDefinitionBody)!
  const wish = params.get('replace-existing-checks')
  const registration = serviceRegistration(definition, token(exchange), {
    replaceExistingChecks: params.has('replace-existing-checks') && (wish === '' || wish === 'true'),
    scriptsAllowed: door.scriptsAllowed,
  })
  await backend.self.registerService(registration)
  return done()
}

export async function serviceDeregister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  if (exchange.rest === '') throw new HttpError(500, 'ServiceID missing')
  await unlessUnknown(exchange.backend.self.deregisterService(exchange.rest))
  return done()
}

export async function checkRegister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const definition = decodeBody(exchange, checkDefinitionBody)!
  const { scriptsAllowed } = exchange.door
  await exchange.backend.self.registerCheck(soleCheckRegistration(definition, token(exchange), { scriptsAllowed }))
  return done()
}

export async function checkDeregister(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  if (exchange.rest === '') throw new HttpError(500, 'CheckID missing')
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
  const { Status = '', Output = '' } = decodeBody(exchange, checkReport) ?? {}
  if (Status !== 'passing' && Status !== 'warning' && Status !== 'critical') {
    throw new HttpError(400, `Invalid check status: '${Status}'`)
  }
  return reportCheck(exchange, Status, Output)
}

async function reportCheck(exchange: Exchange, status: string, output: string): Promise<HttpResponse> {
  refuseNamespace(exchange)
  await exchange.backend.self.updateCheck(exchange.rest, status, output)
  return done()
}
