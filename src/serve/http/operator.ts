/** `/v1/operator/…`: Raft's members, autopilot's settings and what it makes of the servers (agent/operator_endpoint.go). */

import { formatGoDuration, goDurationFault, parseGoDuration } from '../../base/go-duration.ts'
import { quoteGo } from '../../base/go-quote.ts'
import type { HttpResponse } from '../../host/host.ts'
import type { AutopilotConfig } from '../../model/autopilot.ts'
import type { OperatorHealthReply, RaftServer, ServerHealth } from '../../model/operator.ts'
import { jsonText } from '../../wire/json.ts'
import { bool, type Decode, JsonError, JsonNumber, struct, text, uint, uint64 } from '../../wire/json-decode.ts'
import { badRequest } from './errors.ts'
import { done, type Exchange, json, jsonCompact, plain } from './exchange.ts'
import { readJson } from './json-body.ts'
import { datacenter, parseUint64, readOptions, token } from './options.ts'
import { ask } from './read.ts'

export function raftConfiguration(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return ask(exchange, 'Operator.RaftGetConfiguration', readOptions(exchange), (_, { Servers, Index }) =>
    jsonCompact(exchange, `{"Servers":${jsonList(Servers, raftServerJson)},"Index":${Index}}`),
  )
}

export async function raftPeer(exchange: Exchange): Promise<HttpResponse> {
  const { params, backend } = exchange
  const byId = params.has('id')
  const byAddress = params.has('address')
  if (!byId && !byAddress) {
    throw badRequest("Must specify either ?id with the server's ID or ?address with IP:port of peer to remove")
  }
  if (byId && byAddress) throw badRequest('Must specify only one of ?id or ?address')
  await backend.call(byAddress ? 'Operator.RaftRemovePeerByAddress' : 'Operator.RaftRemovePeerByID', {
    Datacenter: datacenter(exchange),
    Token: token(exchange),
    ID: params.get('id'),
    Address: params.get('address'),
  })
  return done()
}

export function autopilotConfiguration(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  if (exchange.method === 'PUT') return setAutopilot(exchange)
  return ask(exchange, 'Operator.AutopilotGetConfiguration', readOptions(exchange), (_, config) =>
    jsonCompact(exchange, autopilotJson(config)),
  )
}

async function setAutopilot(exchange: Exchange): Promise<HttpResponse> {
  const args = { Datacenter: datacenter(exchange), Token: token(exchange) }
  const Config = { ...NO_AUTOPILOT, ...(await decodeAutopilot(exchange)), CreateIndex: 0, ModifyIndex: 0 }
  const { params, backend } = exchange
  const CAS = params.has('cas')
  if (CAS) {
    const cas = params.get('cas')
    const index = parseUint64(cas)
    if (index === undefined) {
      const why = /^\d+$/.test(cas) ? 'value out of range' : 'invalid syntax'
      throw badRequest(`Error parsing cas value: strconv.ParseUint: parsing ${quoteGo(cas)}: ${why}`)
    }
    Config.ModifyIndex = Number(index)
  }
  const changed = await backend.call('Operator.AutopilotSetConfiguration', { ...args, Config, CAS })
  // Only a conditional change may come to nothing.
  return json(exchange, String(!CAS || changed))
}

export function serverHealth(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return ask(exchange, 'Operator.ServerHealth', readOptions(exchange), (_, reply) => {
    const response = jsonCompact(exchange, healthJson(reply))
    // The status goes out before the type is known: Go's server then takes the body for text.
    return reply.Healthy ? response : plain(429, response.body as string)
  })
}

const NO_AUTOPILOT: AutopilotConfig = {
  CleanupDeadServers: false,
  LastContactThreshold: 0,
  MaxTrailingLogs: 0,
  MinQuorum: 0,
  ServerStabilizationTime: 0,
  RedundancyZoneTag: '',
  DisableUpgradeMigration: false,
  UpgradeVersionTag: '',
  CreateIndex: 0,
  ModifyIndex: 0,
}

/** Text, or a number of nanoseconds; of anything else Go's own decoder tries to read a number. */
const readableDuration: Decode<number> = (value) => {
  if (value === null) return undefined
  if (value instanceof JsonNumber) return Math.trunc(Number(value.text))
  if (typeof value !== 'string') {
    const shown = typeof value === 'boolean' ? String(value) : Array.isArray(value) ? '[]' : '{}'
    throw new JsonError(`strconv.ParseFloat: parsing ${quoteGo(shown)}: invalid syntax`)
  }
  const nanos = parseGoDuration(value)
  if (nanos === undefined) throw new JsonError(goDurationFault(value))
  return nanos
}

const autopilot = struct<AutopilotConfig>(
  {
    CleanupDeadServers: bool,
    LastContactThreshold: readableDuration,
    MaxTrailingLogs: uint64,
    MinQuorum: uint,
    ServerStabilizationTime: readableDuration,
    RedundancyZoneTag: text,
    DisableUpgradeMigration: bool,
    UpgradeVersionTag: text,
    CreateIndex: uint64,
    ModifyIndex: uint64,
  },
  { type: 'api.AutopilotConfiguration' },
)

async function decodeAutopilot(exchange: Exchange): Promise<Partial<AutopilotConfig>> {
  return (await readJson(exchange, autopilot, (why) => badRequest(`Error parsing autopilot config: ${why}`))) ?? {}
}

function jsonList<T>(items: readonly T[] | null, toJson: (item: T) => string): string {
  return items === null ? 'null' : `[${items.map(toJson).join(',')}]`
}

function raftServerJson({ ID, Node, Address, Leader, ProtocolVersion, Voter }: RaftServer): string {
  return (
    `{"ID":${jsonText(ID)},"Node":${jsonText(Node)},"Address":${jsonText(Address)},"Leader":${Leader},` +
    `"ProtocolVersion":${jsonText(ProtocolVersion)},"Voter":${Voter}}`
  )
}

function autopilotJson(config: AutopilotConfig): string {
  return (
    `{"CleanupDeadServers":${config.CleanupDeadServers},` +
    `"LastContactThreshold":${durationJson(config.LastContactThreshold)},` +
    `"MaxTrailingLogs":${config.MaxTrailingLogs},"MinQuorum":${config.MinQuorum},` +
    `"ServerStabilizationTime":${durationJson(config.ServerStabilizationTime)},` +
    `"RedundancyZoneTag":${jsonText(config.RedundancyZoneTag)},` +
    `"DisableUpgradeMigration":${config.DisableUpgradeMigration},` +
    `"UpgradeVersionTag":${jsonText(config.UpgradeVersionTag)},` +
    `"CreateIndex":${config.CreateIndex},"ModifyIndex":${config.ModifyIndex}}`
  )
}

const SERF_STATUSES = ['none', 'alive', 'leaving', 'left', 'failed']

function healthJson({ Healthy, FailureTolerance, Servers }: OperatorHealthReply): string {
  return `{"Healthy":${Healthy},"FailureTolerance":${FailureTolerance},"Servers":${jsonList(Servers, serverHealthJson)}}`
}

function serverHealthJson(server: ServerHealth): string {
  return (
    `{"ID":${jsonText(server.ID)},"Name":${jsonText(server.Name)},"Address":${jsonText(server.Address)},` +
    `"SerfStatus":${jsonText(SERF_STATUSES[server.SerfStatus] ?? '')},"Version":${jsonText(server.Version)},` +
    `"Leader":${server.Leader},"LastContact":${durationJson(server.LastContact)},"LastTerm":${server.LastTerm},` +
    `"LastIndex":${server.LastIndex},"Healthy":${server.Healthy},"Voter":${server.Voter},` +
    `"StableSince":${jsonText(timeText(server.StableSince))}}`
  )
}

function durationJson(nanos: number): string {
  return jsonText(formatGoDuration(nanos))
}

/** Rounded to the second, half up. */
function timeText(time: ServerHealth['StableSince']): string {
  if (time === null) return '0001-01-01T00:00:00Z'
  const seconds = time.seconds + (time.nanos >= 5e8 ? 1 : 0)
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
