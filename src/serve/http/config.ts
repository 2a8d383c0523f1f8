/** `/v1/config…` and `/v1/discovery-chain/…` (agent/config_endpoint.go, agent/discovery_chain_endpoint.go). */
import { quoteGo } from '../../base/go-quote.ts'
import type { HttpResponse } from '../../host/host.ts'
import type { MeshGatewayConfig } from '../../model/catalog.ts'
import { type ConfigEntry, isConfigKind } from '../../model/config-entry.ts'
import type { DiscoveryChainResponse } from '../../model/discovery-chain.ts'
import type { QueryOptions } from '../../model/query.ts'
import { inside, jsonObject } from '../../wire/json.ts'
import { type Decode, untyped, untypedMap } from '../../wire/json-decode.ts'
import { chainJson, configEntryJson } from '../../wire/json-mesh.ts'
import { emptyEntry } from '../../wire/structs/config-entry.ts'
import { decodeEntry, decodeOverrides, nothingFound, undecodable } from './config-bodies.ts'
import { badRequest, HttpError } from './errors.ts'
import { type Exchange, json, jsonWithMeta, plain, pushMeta, refuseNamespace } from './exchange.ts'
import { makeOfBody, readJson } from './json-body.ts'
import { listWithMeta } from './lists.ts'
import { consistencyOf, readOptions, requireUint64, token } from './options.ts'
import { ask, askCached, askCatalog } from './read.ts'

const MESH_GATEWAY_MODES = ['none', 'local', 'remote']

/** Whatever datacenter is named: entries are kept in one for all, as Consul keeps them in its primary. */
export async function applyConfig(exchange: Exchange): Promise<HttpResponse> {
  const body = await readBody(exchange, untyped)
  const found = nothingFound()
  const asked = await makeOfBody(exchange, () => decodeEntry(body, found))
  refuseNamespace(exchange)
  const cas = exchange.params.get('cas')
  const Entry = cas === '' ? asked : ({ ...asked, ModifyIndex: Number(requireUint64(cas)) } as ConfigEntry)
  const applied = await exchange.backend.call('ConfigEntry.Apply', {
    Datacenter: exchange.backend.self.datacenter,
    Token: token(exchange),
    Op: cas === '' ? 'upsert' : 'upsert-cas',
    Entry,
  })
  return json(exchange, String(applied))
}

export function config(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return exchange.method === 'DELETE' ? deleteConfig(exchange) : readConfig(exchange)
}

/** The kind, and the name if there is one: all that follows the first slash. */
function pathParts({ rest }: Exchange): [kind: string, name: string | undefined] {
  const slash = rest.indexOf('/')
  return slash < 0 ? [rest, undefined] : [rest.slice(0, slash), rest.slice(slash + 1)]
}

function readConfig(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  const options = readOptions(exchange)
  const [Kind, Name] = pathParts(exchange)
  refuseNamespace(exchange)
  if (Name === undefined) {
    return ask(exchange, 'ConfigEntry.List', { ...options, Kind }, (_, reply) =>
      listWithMeta(exchange, reply, reply.Entries, configEntryJson),
    )
  }
  return ask(exchange, 'ConfigEntry.Get', { ...options, Kind, Name }, (_, reply) => {
    if (reply.Entry === null) {
      const missing = plain(404, `Config entry not found for ${quoteGo(Kind)} / ${quoteGo(Name)}`)
      pushMeta(missing.headers, reply)
      return missing
    }
    return jsonWithMeta(exchange, reply, configEntryJson(reply.Entry, exchange.depth))
  })
}

async function deleteConfig(exchange: Exchange): Promise<HttpResponse> {
  const [kind, name] = pathParts(exchange)
  if (name === undefined) throw new HttpError(404, 'Must provide both a kind and name to delete')
  if (!isConfigKind(kind)) throw new HttpError(400, `invalid config entry kind: ${kind}`)
  refuseNamespace(exchange)
  await exchange.backend.call('ConfigEntry.Delete', {
    Datacenter: exchange.backend.self.datacenter,
    Token: token(exchange),
    Op: '',
    Entry: emptyEntry(kind, name),
  })
  return json(exchange, '{}')
}

function readBody<T>(exchange: Exchange, decode: Decode<T>): Promise<T | undefined> {
  return readJson(exchange, decode, undecodable)
}

export async function discoveryChain(exchange: Exchange): Promise<HttpResponse> {
  const options = readOptions(exchange)
  const { rest: Name, params } = exchange
  if (Name === '') throw badRequest('Missing chain name')
  refuseNamespace(exchange)
  const overrides = exchange.method === 'POST' ? await chainOverrides(exchange) : {}
  const args = {
    ...options,
    Name,
    EvaluateInDatacenter: params.get('compile-dc'),
    EvaluateInNamespace: 'default',
    ...overrides,
  }
  const finish = (_: Exchange, reply: DiscoveryChainResponse, asked: QueryOptions = args) => {
    const { depth } = exchange
    const chain = reply.Chain === null ? 'null' : chainJson(reply.Chain, inside(depth))
    return jsonWithMeta(exchange, reply, jsonObject(['Chain', chain], depth), consistencyOf(asked))
  }
  const plainly = () => askCatalog(exchange, 'DiscoveryChain.Get', args, finish)
  return askCached(exchange, 'DiscoveryChain.Get', args, plainly, finish)
}

async function chainOverrides(exchange: Exchange) {
  const { OverrideMeshGateway, ...others } = decodeOverrides((await readBody(exchange, untypedMap)) ?? {})
  const none: MeshGatewayConfig = { Mode: '' }
  if (OverrideMeshGateway.Mode === '') return { ...others, OverrideMeshGateway: none }
  if (!MESH_GATEWAY_MODES.includes(OverrideMeshGateway.Mode)) {
    throw new HttpError(400, 'Invalid OverrideMeshGateway.Mode parameter')
  }
  return { ...others, OverrideMeshGateway }
}
