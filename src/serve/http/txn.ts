/**
 * `PUT /v1/txn`: transactions (agent/txn_endpoint.go). One that only looks is a read, which any server may answer; all
 * others go into the log. A transaction that failed is a conflict, with the reasons in the body of the answer.
 */
import { decodeBase64 } from '../../base/base64.ts'
import { quoteGo } from '../../base/go-flags.ts'
import type { HttpResponse } from '../../host/host.ts'
import { NO_SERVICE, type Node, type NodeService, type Weights } from '../../model/catalog.ts'
import { type HealthCheck, type HealthCheckDefinition, NO_CHECK, NO_DEFINITION } from '../../model/health.ts'
import {
  TXN_OPS_MAX,
  type TxnCatalogVerb,
  type TxnKVVerb,
  type TxnOp,
  type TxnReadResponse,
  type TxnResponse,
  type TxnResult,
} from '../../model/txn.ts'
import { jsonText } from '../../wire/json.ts'
import {
  bool,
  type Decode,
  duration,
  int,
  JsonError,
  JsonNumber,
  list,
  struct,
  text,
  textMap,
  textOf,
  texts,
  textsMap,
  uint64,
  untyped,
} from '../../wire/json-decode.ts'
import { bareCheckJson, bareServiceJson, kvJson, nodeJson } from '../../wire/json-rows.ts'
import { serviceAddresses } from './bodies.ts'
import { HttpError } from './errors.ts'
import { type Exchange, jsonCompact } from './exchange.ts'
import { readJson } from './json-body.ts'
import { datacenter, readOptions, token } from './options.ts'
import { ask } from './read.ts'

const LIMIT_DOCS = 'https://www.consul.io/docs/agent/options.html#txn_max_req_len'

export async function txn(exchange: Exchange): Promise<HttpResponse> {
  const { ops, writes } = convert(exchange, await decode(exchange))
  if (!writes) {
    const args = { ...readOptions(exchange), Ops: ops }
    return ask(exchange, 'Txn.Read', args, (_, reply) => readAnswer(exchange, reply))
  }
  const args = { Datacenter: datacenter(exchange), Token: token(exchange), Ops: ops }
  return exchange.backend.call('Txn.Apply', args).then((reply) => {
    return jsonCompact(exchange, `{${responseJson(reply)}}`, reply.Errors === null ? 200 : 409)
  })
}

interface GivenKV {
  Verb: TxnKVVerb
  Key: string
  Value: Uint8Array | null
  Flags: bigint
  Index: number
  Session: string
  Namespace: string
}

interface GivenService {
  Kind: string
  ID: string
  Service: string
  Tags: string[] | null
  Meta: Record<string, string> | null
  Port: number
  Address: string
  TaggedAddresses: NodeService['TaggedAddresses']
  Weights: Partial<Weights>
  EnableTagOverride: boolean
  CreateIndex: number
  ModifyIndex: number
  ContentHash: string
  Proxy: unknown
  Connect: unknown
  Namespace: string
}

interface GivenDefinition
  extends Pick<HealthCheckDefinition, 'HTTP' | 'Header' | 'Method' | 'Body' | 'TLSSkipVerify' | 'TCP'> {
  Interval: number
  Timeout: number
  DeregisterCriticalServiceAfter: number
  IntervalDuration: number
  TimeoutDuration: number
  DeregisterCriticalServiceAfterDuration: number
}

interface GivenCheck extends Omit<HealthCheck, 'Definition'> {
  Definition: Partial<GivenDefinition>
  Namespace: string
}

interface GivenOp {
  KV: Partial<GivenKV>
  Node: { Verb?: TxnCatalogVerb; Node?: Partial<Node> }
  Service: { Verb?: TxnCatalogVerb; Node?: string; Service?: Partial<GivenService> }
  Check: { Verb?: TxnCatalogVerb; Check?: Partial<GivenCheck> }
}

/** Base 64; an empty one is no value, but not the same as none. */
const base64: Decode<Uint8Array | null> = (value, at) => {
  if (value === null) return null
  const given = textOf('[]uint8')(value, at)
  const decoded = decodeBase64(given ?? '')
  if (!decoded.ok) throw new JsonError(decoded.problem)
  return decoded.bytes
}

const flags: Decode<bigint> = (value, at) => {
  if (uint64(value, at) === undefined) return undefined
  return value instanceof JsonNumber ? BigInt(value.text) : undefined
}

const kvOp = struct<GivenKV>(
  {
    Verb: textOf<TxnKVVerb>('api.KVOp'),
    Key: text,
    Value: base64,
    Flags: flags,
    Index: uint64,
    Session: text,
    Namespace: text,
  },
  { type: 'api.KVTxnOp' },
)

const node = struct<Node>(
  {
    ID: text,
    Node: text,
    Address: text,
    Datacenter: text,
    TaggedAddresses: textMap,
    Meta: textMap,
    CreateIndex: uint64,
    ModifyIndex: uint64,
  },
  { type: 'api.Node' },
)

const service = struct<GivenService>(
  {
    Kind: textOf('api.ServiceKind'),
    ID: text,
    Service: text,
    Tags: texts,
    Meta: textMap,
    Port: int,
    Address: text,
    TaggedAddresses: serviceAddresses,
    Weights: struct<Weights>({ Passing: int, Warning: int }, { type: 'api.AgentWeights' }),
    EnableTagOverride: bool,
    CreateIndex: uint64,
    ModifyIndex: uint64,
    ContentHash: text,
    // Taken, and then left out of the transaction, as the real one does.
    Proxy: untyped,
    Connect: untyped,
    Namespace: text,
  },
  { type: 'api.AgentService' },
)

const definition = struct<GivenDefinition>(
  {
    HTTP: text,
    Header: textsMap,
    Method: text,
    Body: text,
    TLSSkipVerify: bool,
    TCP: text,
    Interval: duration,
    Timeout: duration,
    DeregisterCriticalServiceAfter: duration,
    IntervalDuration: duration,
    TimeoutDuration: duration,
    DeregisterCriticalServiceAfterDuration: duration,
  },
  { type: 'api.HealthCheckDefinition', own: true, ignoreUnknown: true },
)

const check = struct<GivenCheck>(
  {
    Node: text,
    CheckID: text,
    Name: text,
    Status: text,
    Notes: text,
    Output: text,
    ServiceID: text,
    ServiceName: text,
    ServiceTags: texts,
    Type: text,
    Namespace: text,
    Definition: definition,
    CreateIndex: uint64,
    ModifyIndex: uint64,
  },
  { type: 'api.HealthCheck' },
)

const op = struct<GivenOp>(
  {
    KV: kvOp,
    Node: struct<Required<GivenOp['Node']>>(
      { Verb: textOf<TxnCatalogVerb>('api.NodeOp'), Node: node },
      { type: 'api.NodeTxnOp' },
    ),
    Service: struct<Required<GivenOp['Service']>>(
      { Verb: textOf<TxnCatalogVerb>('api.ServiceOp'), Node: text, Service: service },
      { type: 'api.ServiceTxnOp' },
    ),
    Check: struct<Required<GivenOp['Check']>>(
      { Verb: textOf<TxnCatalogVerb>('api.CheckOp'), Check: check },
      { type: 'api.CheckTxnOp' },
    ),
  },
  { type: 'api.TxnOp' },
)

const ops = list(op, 'api.TxnOps')

async function decode(exchange: Exchange): Promise<Partial<GivenOp>[]> {
  const { request, door } = exchange
  if (request.tooLarge) {
    const length = request.header('content-length')
    const size = length === undefined ? '' : `(${length} bytes)`
    throw new HttpError(413, `Request body${size} too large, max size: ${door.txnBytesMax} bytes. See ${LIMIT_DOCS}.`)
  }
  return (await readJson(exchange, ops, (why) => new HttpError(400, `Failed to parse body: ${why}`))) ?? []
}

const KV_WRITES = new Set<string>(['set', 'delete', 'delete-cas', 'delete-tree', 'cas', 'lock', 'unlock'])
const NO_OP: TxnOp = { KV: null, Intention: null, Node: null, Service: null, Check: null, Session: null }

function convert(exchange: Exchange, given: readonly Partial<GivenOp>[]): { ops: TxnOp[]; writes: boolean } {
  if (given.length > TXN_OPS_MAX) {
    throw new HttpError(413, `Transaction contains too many operations (${given.length} > ${TXN_OPS_MAX})`)
  }
  const converted: TxnOp[] = []
  let writes = false
  for (const { KV, Node, Service, Check } of given) {
    if (KV !== undefined) {
      writes ||= KV_WRITES.has(KV.Verb ?? '')
      converted.push({ ...NO_OP, KV: kvOf(exchange, KV) })
    } else if (Node !== undefined) {
      const Verb = Node.Verb ?? ('' as TxnCatalogVerb)
      writes ||= Verb !== 'get'
      converted.push({ ...NO_OP, Node: { Verb, Node: nodeOf(exchange, Node.Node ?? {}) } })
    } else if (Service !== undefined) {
      const Verb = Service.Verb ?? ('' as TxnCatalogVerb)
      writes ||= Verb !== 'get'
      converted.push({
        ...NO_OP,
        Service: { Verb, Node: Service.Node ?? '', Service: serviceOf(Service.Service ?? {}) },
      })
    } else if (Check !== undefined) {
      const Verb = Check.Verb ?? ('' as TxnCatalogVerb)
      writes ||= Verb !== 'get'
      converted.push({ ...NO_OP, Check: { Verb, Check: checkOf(Check.Check ?? {}) } })
    }
  }
  return { ops: converted, writes }
}

function kvOf({ door }: Exchange, given: Partial<GivenKV>): NonNullable<TxnOp['KV']> {
  const Key = given.Key ?? ''
  const Value = given.Value ?? null
  const size = Value?.length ?? 0
  if (size > door.kvValueBytesMax) {
    throw new HttpError(413, `Value for key ${quoteGo(Key)} is too large (${size} > ${door.kvValueBytesMax} bytes)`)
  }
  const DirEnt = {
    LockIndex: 0,
    Key,
    Flags: given.Flags ?? 0n,
    Value,
    Session: given.Session ?? '',
    CreateIndex: 0,
    ModifyIndex: given.Index ?? 0,
  }
  return { Verb: given.Verb ?? ('' as TxnKVVerb), DirEnt }
}

function nodeOf({ backend }: Exchange, given: Partial<Node>): Node {
  return {
    ID: given.ID ?? '',
    Node: given.Node ?? '',
    Address: given.Address ?? '',
    Datacenter: given.Datacenter || backend.self.datacenter,
    TaggedAddresses: given.TaggedAddresses ?? null,
    Meta: given.Meta ?? null,
    CreateIndex: 0,
    ModifyIndex: given.ModifyIndex ?? 0,
  }
}

function serviceOf(given: Partial<GivenService>): NodeService {
  return {
    ...NO_SERVICE,
    ID: given.ID ?? '',
    Service: given.Service ?? '',
    Tags: given.Tags ?? null,
    Address: given.Address ?? '',
    Meta: given.Meta ?? null,
    Port: given.Port ?? 0,
    Weights: { Passing: given.Weights?.Passing ?? 0, Warning: given.Weights?.Warning ?? 0 },
    EnableTagOverride: given.EnableTagOverride ?? false,
    ModifyIndex: given.ModifyIndex ?? 0,
  }
}

function checkOf(given: Partial<GivenCheck>): HealthCheck {
  const { Namespace: _, Definition, Type: __, ...rest } = given
  const said = Definition ?? {}
  return {
    ...NO_CHECK,
    ...rest,
    CreateIndex: 0,
    Definition: {
      ...NO_DEFINITION,
      HTTP: said.HTTP ?? '',
      TLSSkipVerify: said.TLSSkipVerify ?? false,
      Header: said.Header ?? null,
      Method: said.Method ?? '',
      Body: said.Body ?? '',
      TCP: said.TCP ?? '',
      Interval: said.IntervalDuration ?? said.Interval ?? 0,
      Timeout: said.TimeoutDuration ?? said.Timeout ?? 0,
      DeregisterCriticalServiceAfter:
        said.DeregisterCriticalServiceAfterDuration ?? said.DeregisterCriticalServiceAfter ?? 0,
    },
  }
}

function readAnswer(exchange: Exchange, reply: TxnReadResponse): HttpResponse {
  const { KnownLeader, LastContact, Index } = reply
  const meta = `"Index":${Index},"LastContact":${LastContact},"KnownLeader":${KnownLeader},"ConsistencyLevel":""`
  const body = `{${responseJson(reply)},${meta}}`
  const response = jsonCompact(exchange, body, reply.Errors === null ? 200 : 409)
  response.headers.push(
    'X-Consul-Knownleader',
    String(KnownLeader),
    'X-Consul-Lastcontact',
    String(Math.floor(Math.max(0, LastContact) / 1e6)),
  )
  return response
}

function responseJson({ Results, Errors }: TxnResponse): string {
  const results = Results === null ? 'null' : `[${Results.map(resultJson).join(',')}]`
  const errors =
    Errors === null
      ? 'null'
      : `[${Errors.map(({ OpIndex, What }) => `{"OpIndex":${OpIndex},"What":${jsonText(What)}}`).join(',')}]`
  return `"Results":${results},"Errors":${errors}`
}

function resultJson({ KV, Node, Service, Check }: TxnResult): string {
  const fields: string[] = []
  if (KV !== null) fields.push(`"KV":${kvJson(KV, -1)}`)
  if (Node !== null) fields.push(`"Node":${nodeJson(Node, -1)}`)
  if (Service !== null) fields.push(`"Service":${bareServiceJson(Service)}`)
  if (Check !== null) fields.push(`"Check":${bareCheckJson(Check)}`)
  return `{${fields.join(',')}}`
}
