/**
 * `/v1/agent/health/service/…`: how a service of this agent is, for load balancers that look at nothing but the status:
 * 200 passing, 429 warning, 503 critical or in maintenance, 404 unknown (agent/agent_endpoint.go).
 */
import type { HttpResponse } from '../../host/host.ts'
import type { NodeService } from '../../model/catalog.ts'
import { type HealthCheck, NODE_MAINTENANCE, SERVICE_MAINTENANCE_PREFIX } from '../../model/health.ts'
import { jsonText, jsonTexts } from '../../wire/json.ts'
import { agentServiceJson } from '../../wire/json-rows.ts'
import type { Self } from '../backend.ts'
import { HttpError } from './errors.ts'
import { type Exchange, jsonCompact, refuseNamespace } from './exchange.ts'
import { permit } from './permit.ts'

const STATUS_CODES: Record<string, number> = { passing: 200, warning: 429 }
const UNHEALTHY = 503
const NOT_FOUND = 404

interface ServiceHealth {
  code: number
  /** "" when a check has a status that means nothing. */
  status: string
  json: string
}

export async function serviceHealthById(exchange: Exchange): Promise<HttpResponse> {
  const { rest, backend } = exchange
  // Consul means to answer 400 here, but its own error handling does not recognise the error.
  if (rest === '') throw new HttpError(500, 'Bad request: Missing serviceID')
  refuseNamespace(exchange)
  const found = backend.self.services().find(({ service }) => service.ID === rest)
  if (found === undefined) {
    const reason = `ServiceId ${rest} not found`
    const body = wantsText(exchange) ? jsonText(reason) : '{"AggregatedStatus":"critical","Service":null,"Checks":null}'
    return withReason(jsonCompact(exchange, body, NOT_FOUND), reason)
  }
  await permit(exchange, 'service', 'read', found.service.Service)
  const { code, status, json } = healthOf(backend.self, found.service)
  return withReason(wantsText(exchange) ? text(code, status) : jsonCompact(exchange, json, code), status)
}

export async function serviceHealthByName(exchange: Exchange): Promise<HttpResponse> {
  const { rest, backend } = exchange
  if (rest === '') throw new HttpError(500, 'Bad request: Missing service Name')
  refuseNamespace(exchange)
  await permit(exchange, 'service', 'read', rest)
  let code = NOT_FOUND
  let status = `ServiceName ${rest} Not Found`
  const bodies: string[] = []
  for (const { service } of backend.self.services()) {
    if (service.Service !== rest) continue
    const health = healthOf(backend.self, service)
    bodies.push(health.json)
    // The worst of them all, as the codes are ordered.
    if (code === NOT_FOUND || code < health.code) {
      code = health.code
      status = health.status
    }
  }
  return withReason(
    wantsText(exchange) ? text(code, status) : jsonCompact(exchange, `[${bodies.join(',')}]`, code),
    status,
  )
}

function wantsText({ request, params }: Exchange): boolean {
  return request.header('accept')?.startsWith('text/plain') || params.get('format') === 'text'
}

function text(code: number, status: string): HttpResponse {
  return { status: code, headers: ['Content-Type', 'text/plain', 'Vary', 'Accept-Encoding'], body: status }
}

/** A reason quotes what was asked for, which may be anything: no control character of it gets into a header. */
function withReason(response: HttpResponse, reason: string): HttpResponse {
  if (reason === '') return response
  response.headers.push('X-Consul-Reason', reason.replace(/[\r\n]/g, ' ').replace(/[\0-\x1f\x7f]/g, '?'))
  return response
}

/** The service's own checks and those of the node. */
function healthOf(self: Self, service: NodeService): ServiceHealth {
  const checks = self
    .checks()
    .map(({ check }) => check)
    .filter(({ ServiceID }) => ServiceID === service.ID || ServiceID === '')
  const status = aggregate(checks)
  const code = STATUS_CODES[status] ?? UNHEALTHY
  const list = `[${checks.map(checkJson).join(',')}]`
  return {
    code,
    status,
    json: `{"AggregatedStatus":${jsonText(status)},"Service":${agentServiceJson(service)},"Checks":${list}}`,
  }
}

/** Maintenance beats critical beats warning beats passing; nothing at all passes. */
function aggregate(checks: HealthCheck[]): string {
  let worst = 'passing'
  let maintenance = false
  for (const { CheckID, Status } of checks) {
    if (CheckID === NODE_MAINTENANCE || CheckID.startsWith(SERVICE_MAINTENANCE_PREFIX)) maintenance = true
    else if (Status === 'critical') worst = 'critical'
    else if (Status === 'warning') worst = worst === 'critical' ? worst : 'warning'
    else if (Status !== 'passing') return ''
  }
  return maintenance ? 'maintenance' : worst
}

/** The API client's form of a check: everything is there, also what says nothing; and nothing of how it is run. */
function checkJson(check: HealthCheck): string {
  return `{"Node":${jsonText(check.Node)},"CheckID":${jsonText(check.CheckID)},"Name":${jsonText(check.Name)},"Status":${jsonText(
    check.Status,
  )},"Notes":${jsonText(check.Notes)},"Output":${jsonText(check.Output)},"ServiceID":${jsonText(
    check.ServiceID,
  )},"ServiceName":${jsonText(check.ServiceName)},"ServiceTags":${jsonTexts(check.ServiceTags)},"Type":"","Definition":${NO_DEFINITION},"CreateIndex":0,"ModifyIndex":0}`
}

const NO_DEFINITION =
  '{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"","TLSSkipVerify":false,"TCP":""}'
