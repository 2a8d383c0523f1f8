/** `/v1/connect/intentions…` (agent/intentions_endpoint.go). */

import { quoteGo } from '../../base/go-quote.ts'
import { bytesFromText } from '../../base/text.ts'
import type { HttpResponse } from '../../host/host.ts'
import { ConsulError } from '../../model/errors.ts'
import {
  type Intention,
  type IntentionMatchEntry,
  type IntentionQueryMatch,
  NO_INTENTION,
} from '../../model/intention.ts'
import { inside, jsonArray, jsonObject, jsonText } from '../../wire/json.ts'
import { type Decode, int, struct, text, textMap, textOf, uint64 } from '../../wire/json-decode.ts'
import { intentionJson } from '../../wire/json-mesh.ts'
import { badRequest, HttpError } from './errors.ts'
import { type Exchange, json, jsonCompact } from './exchange.ts'
import { readJson } from './json-body.ts'
import { listWithMeta } from './lists.ts'
import { datacenter, readFilter, readOptions, token } from './options.ts'
import { ask } from './read.ts'

export function intentionsEndpoint(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return exchange.method === 'POST' ? createIntention(exchange) : listIntentions(exchange)
}

export function intentionEndpoint(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  switch (exchange.method) {
    case 'PUT':
      return updateIntention(exchange)
    case 'DELETE':
      return deleteIntention(exchange)
    default:
      return readIntention(exchange)
  }
}

function listIntentions(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const args = { ...readOptions(exchange), ...readFilter(exchange) }
  exchange.metaOnFailure = true
  return ask(exchange, 'Intention.List', args, (_, reply) =>
    listWithMeta(exchange, reply, reply.Intentions ?? [], intentionJson),
  )
}

async function createIntention(exchange: Exchange): Promise<HttpResponse> {
  const asked = await readBody(exchange, (why) => new HttpError(500, `Failed to decode request body: ${why}`))
  return apply(exchange, 'create', asked)
}

async function updateIntention(exchange: Exchange): Promise<HttpResponse> {
  const asked = await readBody(exchange, (why) => badRequest(`Request decode failed: ${why}`))
  return apply(exchange, 'update', { ...(asked ?? NO_INTENTION), ID: exchange.rest })
}

async function deleteIntention(exchange: Exchange): Promise<HttpResponse> {
  await exchange.backend.call('Intention.Apply', {
    Datacenter: datacenter(exchange),
    Token: token(exchange),
    Op: 'delete',
    Intention: { ...NO_INTENTION, ID: exchange.rest },
  })
  return json(exchange, 'true')
}

async function apply(exchange: Exchange, Op: 'create' | 'update', asked: Intention | null): Promise<HttpResponse> {
  const id = await exchange.backend.call('Intention.Apply', {
    Datacenter: datacenter(exchange),
    Token: token(exchange),
    Op,
    Intention: asked,
  })
  return jsonCompact(exchange, `{"ID":${jsonText(id)}}`)
}

async function readIntention(exchange: Exchange): Promise<HttpResponse> {
  const args = { ...readOptions(exchange), IntentionID: exchange.rest }
  try {
    return await ask(exchange, 'Intention.Get', args, (_, reply) => {
      const found = reply.Intentions?.[0]
      if (found === undefined) throw new HttpError(404, '')
      // The index is not told, as 1.8.7 does not tell it; asking with one blocks all the same.
      return json(exchange, intentionJson(found, exchange.depth))
    })
  } catch (error) {
    if (!(error instanceof ConsulError)) throw error
    if (error.message.endsWith('Intention not found')) throw new HttpError(404, error.message)
    if (error.message.includes('UUID')) throw badRequest(error.message)
    throw error
  }
}

export function matchIntentions(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const options = readOptions(exchange)
  const { params } = exchange
  if (params.all('by').length !== 1) throw new HttpError(500, "required query parameter 'by' not set")
  const by = params.get('by')
  if (by !== 'source' && by !== 'destination') {
    throw new HttpError(500, "'by' parameter must be one of 'source' or 'destination'")
  }
  const names = params.all('name')
  if (names.length === 0) throw new HttpError(500, "required query parameter 'name' not set")
  const Entries = names.map((name) => readEnd(name, 'name'))
  const Match: IntentionQueryMatch = { Type: by, Entries }
  return ask(exchange, 'Intention.Match', { ...options, Match }, (_, { Matches }) => {
    const { depth } = exchange
    const found = new Map(names.map((name, i) => [name, Matches?.[i] ?? null]))
    const fields = [...found.keys()].sort().flatMap((name) => {
      const rows = found.get(name)
      if (rows === null || rows === undefined) return [name, 'null']
      const within = inside(depth)
      return [
        name,
        jsonArray(
          rows.map((row) => intentionJson(row, inside(within))),
          within,
        ),
      ]
    })
    return json(exchange, jsonObject(fields, depth))
  })
}

export function checkIntention(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const options = readOptions(exchange)
  const { params } = exchange
  const SourceType = params.has('source-type') ? params.get('source-type') : 'consul'
  if (params.all('source').length !== 1) throw new HttpError(500, "required query parameter 'source' not set")
  if (params.all('destination').length !== 1) {
    throw new HttpError(500, "required query parameter 'destination' not set")
  }
  const given = params.get('source')
  const source = SourceType === 'consul' ? readEnd(given, 'source') : { Namespace: '', Name: given }
  const destination = readEnd(params.get('destination'), 'destination')
  const Check = {
    SourceNS: source.Namespace,
    SourceName: source.Name,
    DestinationNS: destination.Namespace,
    DestinationName: destination.Name,
    SourceType,
  }
  return ask(exchange, 'Intention.Check', { ...options, Check }, (_, { Allowed }) =>
    jsonCompact(exchange, `{"Allowed":${Allowed}}`),
  )
}

/** A name, or a namespace and a name with a slash between. */
function readEnd(given: string, what: string): IntentionMatchEntry {
  const slash = given.indexOf('/')
  if (slash < 0) return { Namespace: 'default', Name: given }
  const Name = given.slice(slash + 1)
  if (Name.includes('/')) {
    throw new HttpError(500, `${what} ${quoteGo(given)} is invalid: input can contain at most one '/'`)
  }
  return { Namespace: given.slice(0, slash), Name }
}

/** Times that are given are passed over; the hash is taken as the text that it is. */
const intentionBody = struct<Omit<Intention, 'Hash'> & { Hash: string }>(
  {
    ID: text,
    Description: text,
    SourceNS: text,
    SourceName: text,
    DestinationNS: text,
    DestinationName: text,
    SourceType: textOf('structs.IntentionSourceType'),
    Action: textOf('structs.IntentionAction'),
    DefaultAddr: text,
    DefaultPort: int,
    Meta: textMap,
    Precedence: int,
    CreatedAt: text as Decode<unknown> as Decode<Intention['CreatedAt']>,
    UpdatedAt: text as Decode<unknown> as Decode<Intention['UpdatedAt']>,
    Hash: text,
    CreateIndex: uint64,
    ModifyIndex: uint64,
  },
  { type: 'structs.Intention', own: true },
)

async function readBody(exchange: Exchange, complaint: (why: string) => Error): Promise<Intention | null> {
  const given = await readJson(exchange, intentionBody, complaint)
  if (given === undefined) return null
  const { Hash, CreatedAt: _created, UpdatedAt: _updated, ...fields } = given
  return { ...NO_INTENTION, ...fields, Hash: Hash ? bytesFromText(Hash) : null }
}
