/** `/v1/session/…` (agent/session_endpoint.go). */
import type { HttpResponse } from '../../host/host.ts'
import { type IndexedSessions, NO_SESSION, type Session } from '../../model/session.ts'
import { inside, jsonArray, jsonText } from '../../wire/json.ts'
import { sessionJson } from '../../wire/json-rows.ts'
import { decodeSession } from './bodies.ts'
import { HttpError } from './errors.ts'
import { type Exchange, json, jsonCompact, jsonWithMeta, refuseNamespace } from './exchange.ts'
import { datacenter, readOptions, token } from './options.ts'
import { ask } from './read.ts'

export async function createSession(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const Datacenter = datacenter(exchange)
  const id = await exchange.backend.call('Session.Apply', {
    Datacenter,
    Token: token(exchange),
    Op: 'create',
    Session: await decodeSession(exchange),
  })
  return jsonCompact(exchange, `{"ID":${jsonText(id)}}`)
}

export async function destroySession(exchange: Exchange): Promise<HttpResponse> {
  refuseNamespace(exchange)
  const ID = requireId(exchange)
  await exchange.backend.call('Session.Apply', {
    Datacenter: datacenter(exchange),
    Token: token(exchange),
    Op: 'destroy',
    Session: { ...NO_SESSION, ID },
  })
  return json(exchange, 'true')
}

export async function renewSession(exchange: Exchange): Promise<HttpResponse> {
  const options = readOptions(exchange)
  refuseNamespace(exchange)
  const id = requireId(exchange)
  const { Sessions: renewed } = await exchange.backend.call('Session.Renew', {
    ...options,
    SessionID: id,
    Session: id,
  })
  if (renewed === null || renewed.length === 0) throw new HttpError(404, `Session id '${id}' not found`)
  return json(exchange, sessionList(exchange, renewed))
}

export function sessionInfo(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const options = readOptions(exchange)
  refuseNamespace(exchange)
  const id = requireId(exchange)
  exchange.metaOnFailure = true
  return ask(exchange, 'Session.Get', { ...options, SessionID: id, Session: id }, sessions)
}

export function listSessions(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const options = readOptions(exchange)
  refuseNamespace(exchange)
  exchange.metaOnFailure = true
  return ask(exchange, 'Session.List', options, sessions)
}

export function nodeSessions(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const options = readOptions(exchange)
  refuseNamespace(exchange)
  if (exchange.rest === '') throw new HttpError(400, 'Missing node name')
  exchange.metaOnFailure = true
  return ask(exchange, 'Session.NodeSessions', { ...options, Node: exchange.rest }, sessions)
}

function requireId({ rest }: Exchange): string {
  if (rest === '') throw new HttpError(400, 'Missing session')
  return rest
}

function sessions(exchange: Exchange, reply: IndexedSessions): HttpResponse {
  return jsonWithMeta(exchange, reply, sessionList(exchange, reply.Sessions ?? []))
}

function sessionList({ depth }: Exchange, found: readonly Session[]): string {
  return jsonArray(
    found.map((session) => sessionJson(session, inside(depth))),
    depth,
  )
}
