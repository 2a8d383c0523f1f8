/**
 * What a filter may select, a table for each kind of row. The names and kinds are those of Consul's structures
 * (agent/structs/structs.go, api/agent.go) without what these mark as not selectable: indexes, definitions of checks,
 * opaque configuration.
 */

export type Field =
  | { kind: 'text' }
  | { kind: 'int' }
  | { kind: 'bool' }
  | { kind: 'list'; of: Field }
  /** Any text is a key. */
  | { kind: 'map'; of: Field }
  | { kind: 'struct'; fields: Fields }

export type Fields = Readonly<Record<string, Field>>

const text: Field = { kind: 'text' }
const int: Field = { kind: 'int' }
const bool: Field = { kind: 'bool' }
const list = (of: Field): Field => ({ kind: 'list', of })
const map = (of: Field): Field => ({ kind: 'map', of })
const struct = (fields: Fields): Field => ({ kind: 'struct', fields })

const addresses = map(struct({ Address: text, Port: int }))
const weights = struct({ Passing: int, Warning: int })
const meshGateway = struct({ Mode: text })
const expose = struct({
  Checks: bool,
  Paths: list(struct({ ListenerPort: int, Path: text, LocalPathPort: int, Protocol: text, ParsedFromCheck: bool })),
})
const upstreams = list(
  struct({
    DestinationType: text,
    DestinationNamespace: text,
    DestinationName: text,
    Datacenter: text,
    LocalBindAddress: text,
    LocalBindPort: int,
    MeshGateway: meshGateway,
  }),
)
const proxy = struct({
  DestinationServiceName: text,
  DestinationServiceID: text,
  LocalServiceAddress: text,
  LocalServicePort: int,
  Upstreams: upstreams,
  MeshGateway: meshGateway,
  Expose: expose,
})
const connect = struct({ Native: bool })

export const NODE_FIELDS: Fields = {
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: map(text),
  Meta: map(text),
}

export const NODE_SERVICE_FIELDS: Fields = {
  Kind: text,
  ID: text,
  Service: text,
  Tags: list(text),
  Address: text,
  TaggedAddresses: addresses,
  Meta: map(text),
  Port: int,
  Weights: weights,
  EnableTagOverride: bool,
  Proxy: proxy,
  Connect: connect,
}

/** A service as its own agent tells of it: the same names, in another structure. */
export const AGENT_SERVICE_FIELDS: Fields = NODE_SERVICE_FIELDS

export const SERVICE_NODE_FIELDS: Fields = {
  ID: text,
  Node: text,
  Address: text,
  Datacenter: text,
  TaggedAddresses: map(text),
  NodeMeta: map(text),
  ServiceKind: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: list(text),
  ServiceAddress: text,
  ServiceTaggedAddresses: addresses,
  ServiceWeights: weights,
  ServiceMeta: map(text),
  ServicePort: int,
  ServiceEnableTagOverride: bool,
  ServiceProxy: proxy,
  ServiceConnect: connect,
}

export const HEALTH_CHECK_FIELDS: Fields = {
  Node: text,
  CheckID: text,
  Name: text,
  Status: text,
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: list(text),
  Type: text,
}

export const CHECK_SERVICE_NODE_FIELDS: Fields = {
  Node: struct(NODE_FIELDS),
  Service: struct(NODE_SERVICE_FIELDS),
  Checks: list(struct(HEALTH_CHECK_FIELDS)),
}

/** A node with all that is on it, as the UI asks for it. */
export const NODE_INFO_FIELDS: Fields = {
  ID: text,
  Node: text,
  Address: text,
  TaggedAddresses: map(text),
  Meta: map(text),
  Services: list(struct(NODE_SERVICE_FIELDS)),
  Checks: list(struct(HEALTH_CHECK_FIELDS)),
}

export const INTENTION_FIELDS: Fields = {
  ID: text,
  Description: text,
  SourceNS: text,
  SourceName: text,
  DestinationNS: text,
  DestinationName: text,
  SourceType: text,
  Action: text,
  DefaultAddr: text,
  DefaultPort: int,
  Meta: map(text),
  Precedence: int,
}
