/** Parameters and shapes that the OpenAPI description names (JSON Schema 2020-12, as OpenAPI 3.1 has it). */
import {
  CHECK_SERVICE_NODE_FIELDS,
  type Field,
  type Fields,
  HEALTH_CHECK_FIELDS,
  INTENTION_FIELDS,
  NODE_FIELDS,
  NODE_SERVICE_FIELDS,
  SERVICE_NODE_FIELDS,
} from '../../core/filter/filter.ts'

export type Schema = Readonly<Record<string, unknown>>

const text: Schema = { type: 'string' }
const whole: Schema = { type: 'integer' }
const flag: Schema = { type: 'boolean' }
const anything: Schema = { type: 'object', additionalProperties: true }
const list = (items: Schema): Schema => ({ type: ['array', 'null'], items })
const mapOf = (additionalProperties: Schema): Schema => ({ type: ['object', 'null'], additionalProperties })
const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })
const object = (properties: Readonly<Record<string, Schema>>, required?: readonly string[]): Schema =>
  required === undefined ? { type: 'object', properties } : { type: 'object', properties, required }
const INDEXES = { CreateIndex: whole, ModifyIndex: whole }
const DURATION: Schema = { type: 'string', description: 'As Go writes durations: 10s, 1m30s', examples: ['10s'] }

/** What can be filtered has a table of its fields already. */
function ofFields(fields: Fields, more: Readonly<Record<string, Schema>> = {}): Schema {
  return object({
    ...Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, ofField(field)])),
    ...more,
  })
}

function ofField(field: Field): Schema {
  switch (field.kind) {
    case 'text':
      return text
    case 'int':
      return whole
    case 'bool':
      return flag
    case 'list':
      return list(ofField(field.of))
    case 'map':
      return mapOf(ofField(field.of))
    case 'struct':
      return ofFields(field.fields)
  }
}

const CHECK_DEFINITION = object({
  ID: text,
  Name: text,
  Notes: text,
  ServiceID: text,
  Status: text,
  TTL: DURATION,
  HTTP: text,
  Method: text,
  Header: mapOf(list(text)),
  Body: text,
  TLSSkipVerify: flag,
  TCP: text,
  GRPC: text,
  GRPCUseTLS: flag,
  Args: list(text),
  DockerContainerID: text,
  Shell: text,
  AliasNode: text,
  AliasService: text,
  Interval: DURATION,
  Timeout: DURATION,
  SuccessBeforePassing: whole,
  FailuresBeforeCritical: whole,
  DeregisterCriticalServiceAfter: DURATION,
  OutputMaxSize: whole,
})

export const SCHEMAS = {
  Object: anything,
  Boolean: flag,
  Text: text,
  Id: object({ ID: text }, ['ID']),
  Node: ofFields(NODE_FIELDS, INDEXES),
  NodeService: ofFields(NODE_SERVICE_FIELDS, INDEXES),
  ServiceNode: ofFields(SERVICE_NODE_FIELDS, INDEXES),
  HealthCheck: ofFields(HEALTH_CHECK_FIELDS, { Definition: anything, ...INDEXES }),
  CheckServiceNode: object({
    ...Object.fromEntries(Object.keys(CHECK_SERVICE_NODE_FIELDS).map((name) => [name, anything])),
    Node: ref('Node'),
    Service: ref('NodeService'),
    Checks: list(ref('HealthCheck')),
  }),
  NodeServices: { oneOf: [object({ Node: ref('Node'), Services: mapOf(ref('NodeService')) }), { type: 'null' }] },
  NodeServiceList: object({ Node: { oneOf: [ref('Node'), { type: 'null' }] }, Services: list(ref('NodeService')) }),
  ServiceTags: mapOf(list(text)),
  Intention: ofFields(INTENTION_FIELDS, { CreatedAt: text, UpdatedAt: text, ...INDEXES }),
  AgentService: ofFields(NODE_SERVICE_FIELDS, { ContentHash: text }),
  AgentServices: mapOf(ref('AgentService')),
  AgentChecks: mapOf(ref('HealthCheck')),
  Member: object({
    ...{
      Name: text,
      Addr: text,
      Port: whole,
      Tags: mapOf(text),
      Status: whole,
      ProtocolMin: whole,
      ProtocolMax: whole,
    },
    ...{ ProtocolCur: whole, DelegateMin: whole, DelegateMax: whole, DelegateCur: whole },
  }),
  CheckDefinition: CHECK_DEFINITION,
  CheckUpdate: object({ Status: { enum: ['passing', 'warning', 'critical'] }, Output: text }, ['Status']),
  ServiceDefinition: object(
    {
      ...{ ID: text, Name: text, Kind: text, Tags: list(text), Address: text, Port: whole, Meta: mapOf(text) },
      TaggedAddresses: mapOf(object({ Address: text, Port: whole })),
      Weights: object({ Passing: whole, Warning: whole }),
      EnableTagOverride: flag,
      Check: ref('CheckDefinition'),
      Checks: list(ref('CheckDefinition')),
      Proxy: anything,
      Connect: anything,
    },
    ['Name'],
  ),
  CatalogRegistration: object(
    {
      ...{ Datacenter: text, ID: text, Node: text, Address: text, TaggedAddresses: mapOf(text), NodeMeta: mapOf(text) },
      Service: ref('NodeService'),
      Check: ref('HealthCheck'),
      Checks: list(ref('HealthCheck')),
      SkipNodeUpdate: flag,
    },
    ['Node'],
  ),
  CatalogDeregistration: object({ Datacenter: text, Node: text, ServiceID: text, CheckID: text }, ['Node']),
  UserEvent: object({
    ...{ ID: text, Name: text, Payload: { type: ['string', 'null'], contentEncoding: 'base64' }, NodeFilter: text },
    ...{ ServiceFilter: text, TagFilter: text, Version: whole, LTime: whole },
  }),
  KVPair: object({
    ...{ LockIndex: whole, Key: text, Flags: whole, Value: { type: ['string', 'null'], contentEncoding: 'base64' } },
    Session: text,
    ...INDEXES,
  }),
  TxnOps: {
    type: 'array',
    maxItems: 64,
    items: object({ KV: anything, Node: anything, Service: anything, Check: anything }),
  },
  SessionRequest: object({
    ...{ Name: text, Node: text, LockDelay: DURATION, TTL: DURATION, NodeChecks: list(text) },
    Behavior: { enum: ['release', 'delete'] },
    ServiceChecks: list(object({ ID: text, Namespace: text })),
  }),
  Session: object({
    ...{ ID: text, Name: text, Node: text, LockDelay: whole, Behavior: text, TTL: text, NodeChecks: list(text) },
    ServiceChecks: list(anything),
    ...INDEXES,
  }),
} satisfies Record<string, Schema>

export type SchemaName = keyof typeof SCHEMAS

interface Parameter {
  description: string
  schema: Schema
}

const parameter = (description: string, schema: Schema = text): Parameter => ({ description, schema })
/** Given or not; a value is not looked at. */
const present = (description: string): Parameter => ({ description, schema: { type: 'string', const: '' } })

export const PARAMETERS = {
  dc: parameter('Another datacenter than this agent’s'),
  stale: present('Any server may answer, from a state that may be behind'),
  max_stale: parameter('With stale: no older than this', DURATION),
  consistent: present('A quorum confirms first that the leader still leads'),
  pretty: present('Laid out for people'),
  index: parameter('Answer when what is asked for has a greater index (X-Consul-Index of the last answer)', whole),
  hash: parameter('Answer when the content has another hash (X-Consul-ContentHash of the last answer)'),
  wait: parameter('How long to wait for that', DURATION),
  filter: parameter('An expression that rows must fulfil'),
  near: parameter('Sort by the distance from this node; _agent is this one'),
  'node-meta': parameter('key:value that nodes must have; may be repeated', list(text)),
  cached: present('The agent’s cache may answer'),
  tag: parameter('Tags that instances must have; may be repeated', list(text)),
  passing: present('Only instances all of whose checks pass'),
  enable: parameter('true or false', flag),
  reason: parameter('Why'),
  loglevel: parameter('From this level up', { enum: ['trace', 'debug', 'info', 'warn', 'error'] }),
  logjson: present('Lines as JSON'),
  format: parameter('text, or prometheus'),
  wan: parameter('Not empty: of the WAN'),
  segment: parameter('A network segment; only _all is known here'),
  prune: present('Take it off the list'),
  note: parameter('Output of the check'),
  'replace-existing-checks': parameter('true: checks that are not named go'),
  cas: parameter('Only while the index is still this one; 0: only if there is nothing', whole),
  by: parameter('source or destination'),
  name: parameter('A name'),
  source: parameter('Where the connection comes from'),
  destination: parameter('Where it goes'),
  'source-type': parameter('Only consul is known'),
  'compile-dc': parameter('As this datacenter would resolve it'),
  policy: parameter('Only what is linked with the policy of this id'),
  role: parameter('Only what is linked with the role of this id'),
  authmethod: parameter('Only what belongs to the auth method of this name'),
  debug: parameter('1: as text, 2: as more text', whole),
  seconds: parameter('How long to measure', whole),
  node: parameter('A pattern that names of nodes must match'),
  service: parameter('A pattern that names of services must match'),
  recurse: present('All keys that begin so'),
  keys: present('Names of keys alone'),
  separator: parameter('List names up to this only'),
  raw: present('The value as it is'),
  flags: parameter('A number that goes with the value', whole),
  acquire: parameter('Lock with this session'),
  release: parameter('Unlock with this session'),
  id: parameter('An id'),
  address: parameter('host:port'),
  limit: parameter('At most so many', whole),
  connect: parameter('true: within the mesh', flag),
  'relay-factor': parameter('Over so many other members', whole),
  'local-only': parameter('true: ask no other agent', flag),
} satisfies Record<string, Parameter>

export type ParameterName = keyof typeof PARAMETERS
