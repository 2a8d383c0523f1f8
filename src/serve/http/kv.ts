/** `/v1/kv/…`: the key/value store over HTTP (agent/kvs_endpoint.go). The key is the rest of the path, any bytes. */
import type { HttpResponse } from '../../host/host.ts'
import type { DirEntry, IndexedDirEntries, IndexedKeyList, KVOp } from '../../model/kv.ts'
import { jsonText, lineBreak } from '../../wire/json.ts'
import { kvJson } from '../../wire/json-rows.ts'
import { HttpError } from './errors.ts'
import { type Exchange, json, jsonWithMeta, pushMeta, refuseNamespace } from './exchange.ts'
import { listWithMeta } from './lists.ts'
import { type ReadOptions, readOptions, requireUint64 } from './options.ts'
import { NO_PARAMS } from './params.ts'
import { ask } from './read.ts'

const NO_BYTES = new Uint8Array(0)

export function kv(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const options = readOptions(exchange)
  switch (exchange.method) {
    case 'GET':
      return exchange.params !== NO_PARAMS && exchange.params.has('keys')
        ? listKeys(exchange, options)
        : get(exchange, options)
    case 'PUT':
      return put(exchange, options)
    default:
      return remove(exchange, options)
  }
}

function get(exchange: Exchange, options: ReadOptions): HttpResponse | Promise<HttpResponse> {
  const { params, rest } = exchange
  const recurse = params !== NO_PARAMS && params.has('recurse')
  if (!recurse) requireKey(exchange)
  refuseNamespace(exchange)
  const args = { ...options, Key: rest }
  if (recurse) return ask(exchange, 'KVS.List', args, entries)
  return ask(exchange, 'KVS.Get', args, params !== NO_PARAMS && params.has('raw') ? raw : entries)
}

function entries(exchange: Exchange, reply: IndexedDirEntries): HttpResponse {
  const found = reply.Entries
  if (found === null || found.length === 0) return notFound(reply)
  if (found.length > 1) return listWithMeta(exchange, reply, found, kvJson)
  const within = exchange.depth < 0 ? exchange.depth : 1
  const only = kvJson(found[0]!, within)
  return jsonWithMeta(exchange, reply, within < 0 ? `[${only}]` : `[${lineBreak(1)}${only}\n]`)
}

/** The bytes themselves. The headers keep browsers from taking a stored value for a page. */
function raw(_: Exchange, reply: IndexedDirEntries): HttpResponse {
  const entry = reply.Entries?.[0]
  if (entry === undefined) return notFound(reply)
  const headers = ['Content-Security-Policy', 'sandbox', 'Content-Type', 'text/plain', 'Vary', 'Accept-Encoding']
  pushMeta(headers, reply)
  headers.push('X-Content-Type-Options', 'nosniff')
  return { status: 200, headers, body: entry.Value ?? NO_BYTES }
}

function notFound(reply: IndexedDirEntries | IndexedKeyList): HttpResponse {
  const headers = ['Vary', 'Accept-Encoding']
  pushMeta(headers, reply)
  return { status: 404, headers }
}

function listKeys(exchange: Exchange, options: ReadOptions): HttpResponse | Promise<HttpResponse> {
  refuseNamespace(exchange)
  const { params, rest } = exchange
  // The first spelling was a mistake that clients still make.
  const separator = params.has('separator') ? params.get('separator') : params.get('seperator')
  return ask(exchange, 'KVS.ListKeys', { ...options, Prefix: rest, Seperator: separator }, keys)
}

function keys(exchange: Exchange, reply: IndexedKeyList): HttpResponse {
  const found = reply.Keys ?? []
  if (found.length === 0 && exchange.rest !== '') return notFound(reply)
  return listWithMeta(exchange, reply, found, jsonText)
}

function put(exchange: Exchange, { Datacenter, Token }: ReadOptions): HttpResponse | Promise<HttpResponse> {
  const { params, request, door } = exchange
  refuseNamespace(exchange)
  requireKey(exchange)
  let Op: KVOp = 'set'
  const DirEnt = entryFor(exchange.rest)
  if (params !== NO_PARAMS) {
    refuseConflict(exchange, ['cas', 'acquire', 'release'])
    if (params.has('flags')) DirEnt.Flags = requireUint64(params.get('flags'))
    if (params.has('cas')) {
      DirEnt.ModifyIndex = Number(requireUint64(params.get('cas')))
      Op = 'cas'
    }
    if (params.has('acquire')) {
      DirEnt.Session = params.get('acquire')
      Op = 'lock'
    }
    if (params.has('release')) {
      DirEnt.Session = params.get('release')
      Op = 'unlock'
    }
  }
  if (request.tooLarge || request.body.byteLength > door.kvValueBytesMax) {
    const size = request.header('content-length') ?? `over ${door.kvValueBytesMax}`
    throw new HttpError(
      413,
      `Request body(${size} bytes) too large, max size: ${door.kvValueBytesMax} bytes. See https://www.consul.io/docs/agent/options.html#kv_max_value_size.`,
    )
  }
  DirEnt.Value = request.body.byteLength === 0 ? null : request.body
  return exchange.backend
    .call('KVS.Apply', { Datacenter, Token, Op, DirEnt })
    .then((applied) => json(exchange, Op === 'set' || applied ? 'true' : 'false'))
}

function remove(exchange: Exchange, { Datacenter, Token }: ReadOptions): Promise<HttpResponse> {
  const { params } = exchange
  refuseNamespace(exchange)
  refuseConflict(exchange, ['recurse', 'cas'])
  let Op: KVOp = 'delete'
  const DirEnt = entryFor(exchange.rest)
  if (params.has('recurse')) Op = 'delete-tree'
  else requireKey(exchange)
  if (params.has('cas')) {
    DirEnt.ModifyIndex = Number(requireUint64(params.get('cas')))
    Op = 'delete-cas'
  }
  return exchange.backend
    .call('KVS.Apply', { Datacenter, Token, Op, DirEnt })
    .then((applied) => json(exchange, Op !== 'delete-cas' || applied ? 'true' : 'false'))
}

function entryFor(key: string): DirEntry {
  return { LockIndex: 0, Key: key, Flags: 0n, Value: null, Session: '', CreateIndex: 0, ModifyIndex: 0 }
}

function requireKey({ rest }: Exchange): void {
  if (rest === '') throw new HttpError(400, 'Missing key name')
}

function refuseConflict({ params }: Exchange, flags: string[]): void {
  if (flags.filter((flag) => params.has(flag)).length > 1) {
    throw new HttpError(400, `Conflicting flags: ${params.encode()}`)
  }
}
