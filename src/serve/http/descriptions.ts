/**
 * What each route is for, in a line, with its parameters, its body and its answer: the source of the OpenAPI description
 * (openapi.ts), and of which routes can be followed as event streams (sse.ts). A test holds it against the route table.
 */
import type { ParameterName, SchemaName } from './schemas.ts'

export interface Operation {
  summary: string
  /** What stands in the path behind a pattern that ends in a slash. */
  rest?: string
  parameters?: readonly ParameterName[]
  /** A schema of the body, or what it is besides JSON. */
  body?: SchemaName | 'binary' | 'text'
  /** An array of these when it ends in brackets; nothing when absent. */
  answer?: SchemaName | `${SchemaName}[]` | 'binary' | 'text'
  /** Waits for a change when an index, or a hash, is given. */
  blocks?: true
}

export type RouteDescription = Readonly<Record<string, Operation>>

const READ = ['dc', 'stale', 'max_stale', 'consistent', 'pretty'] as const
const BLOCK = [...READ, 'index', 'wait'] as const
const LIST = [...BLOCK, 'filter'] as const
const NEAR = [...LIST, 'near', 'node-meta'] as const
const CACHED = [...NEAR, 'cached'] as const

const get = (operation: Operation): RouteDescription => ({ GET: operation })
const put = (operation: Operation): RouteDescription => ({ PUT: operation })
const post = (operation: Operation): RouteDescription => ({ POST: operation })

/** Reading, writing and deleting one thing of a kind. */
function thing(what: string, rest: string, schema: SchemaName): RouteDescription {
  return {
    GET: { summary: `Read ${what}`, rest, parameters: READ, answer: schema },
    PUT: { summary: `Change ${what}`, rest, parameters: ['dc'], body: schema, answer: schema },
    DELETE: { summary: `Delete ${what}`, rest, parameters: ['dc'], answer: 'Boolean' },
  }
}

export const DESCRIPTIONS: Readonly<Record<string, RouteDescription>> = {
  '/v1/acl/bootstrap': put({ summary: 'Make the first management token', answer: 'Object' }),
  '/v1/acl/create': put({ summary: 'Make a legacy token', body: 'Object', answer: 'Object' }),
  '/v1/acl/update': put({ summary: 'Change a legacy token', body: 'Object', answer: 'Object' }),
  '/v1/acl/destroy/': put({ summary: 'Delete a legacy token', rest: 'id', answer: 'Boolean' }),
  '/v1/acl/info/': get({ summary: 'Read a legacy token', rest: 'id', parameters: BLOCK, answer: 'Object[]' }),
  '/v1/acl/clone/': put({ summary: 'Copy a legacy token', rest: 'id', answer: 'Object' }),
  '/v1/acl/list': get({ summary: 'List legacy tokens', parameters: BLOCK, answer: 'Object[]' }),
  '/v1/acl/login': post({ summary: 'Trade a bearer token for one of Consul', body: 'Object', answer: 'Object' }),
  '/v1/acl/logout': post({ summary: 'Destroy the token that a login gave' }),
  '/v1/acl/replication': get({ summary: 'How the replication of ACLs stands', parameters: ['dc'], answer: 'Object' }),
  '/v1/acl/policies': get({ summary: 'List policies', parameters: BLOCK, answer: 'Object[]' }),
  '/v1/acl/policy': put({ summary: 'Make a policy', body: 'Object', answer: 'Object' }),
  '/v1/acl/policy/': thing('a policy', 'id', 'Object'),
  '/v1/acl/policy/name/': get({ summary: 'Read a policy by name', rest: 'name', parameters: READ, answer: 'Object' }),
  '/v1/acl/roles': get({ summary: 'List roles', parameters: [...BLOCK, 'policy'], answer: 'Object[]' }),
  '/v1/acl/role': put({ summary: 'Make a role', body: 'Object', answer: 'Object' }),
  '/v1/acl/role/name/': get({ summary: 'Read a role by name', rest: 'name', parameters: READ, answer: 'Object' }),
  '/v1/acl/role/': thing('a role', 'id', 'Object'),
  '/v1/acl/binding-rules': get({
    summary: 'List binding rules',
    parameters: [...BLOCK, 'authmethod'],
    answer: 'Object[]',
  }),
  '/v1/acl/binding-rule': put({ summary: 'Make a binding rule', body: 'Object', answer: 'Object' }),
  '/v1/acl/binding-rule/': thing('a binding rule', 'id', 'Object'),
  '/v1/acl/auth-methods': get({ summary: 'List auth methods', parameters: BLOCK, answer: 'Object[]' }),
  '/v1/acl/auth-method': put({ summary: 'Make an auth method', body: 'Object', answer: 'Object' }),
  '/v1/acl/auth-method/': thing('an auth method', 'name', 'Object'),
  '/v1/acl/rules/translate': post({ summary: 'Translate legacy rules', body: 'text', answer: 'text' }),
  '/v1/acl/rules/translate/': get({
    summary: 'Translate the rules of a legacy token',
    rest: 'accessor',
    answer: 'text',
  }),
  '/v1/acl/tokens': get({
    summary: 'List tokens',
    parameters: [...BLOCK, 'policy', 'role', 'authmethod'],
    answer: 'Object[]',
  }),
  '/v1/acl/token': put({ summary: 'Make a token', body: 'Object', answer: 'Object' }),
  '/v1/acl/token/self': get({ summary: 'Read the token of the asker', parameters: READ, answer: 'Object' }),
  '/v1/acl/token/': thing('a token', 'accessor', 'Object'),

  '/v1/agent/token/': put({ summary: 'Set a token of this agent', rest: 'type', body: 'Object' }),
  '/v1/agent/self': get({ summary: 'Configuration, member and statistics of this agent', answer: 'Object' }),
  '/v1/agent/host': get({ summary: 'The machine that this agent runs on', answer: 'Object' }),
  '/v1/agent/maintenance': put({
    summary: 'Take this node out of service, or back',
    parameters: ['enable', 'reason'],
  }),
  '/v1/agent/reload': put({ summary: 'Read the configuration again' }),
  '/v1/agent/monitor': get({
    summary: 'The log of this agent as it is written',
    parameters: ['loglevel', 'logjson'],
    answer: 'text',
  }),
  '/v1/agent/metrics': get({ summary: 'What this agent has measured', parameters: ['format'], answer: 'Object' }),
  '/v1/agent/services': get({
    summary: 'Services of this agent, by id',
    parameters: ['filter'],
    answer: 'AgentServices',
  }),
  '/v1/agent/service/': get({
    summary: 'One service of this agent, with the hash of its content',
    rest: 'id',
    parameters: ['hash', 'wait'],
    answer: 'AgentService',
    blocks: true,
  }),
  '/v1/agent/checks': get({ summary: 'Checks of this agent, by id', parameters: ['filter'], answer: 'AgentChecks' }),
  '/v1/agent/members': get({
    summary: 'Members that this agent knows of',
    parameters: ['wan', 'segment'],
    answer: 'Member[]',
  }),
  '/v1/agent/join/': put({ summary: 'Meet the agent at an address', rest: 'address', parameters: ['wan'] }),
  '/v1/agent/leave': put({ summary: 'Leave the cluster and stop' }),
  '/v1/agent/force-leave/': put({
    summary: 'Count a failed member as one that left',
    rest: 'node',
    parameters: ['prune'],
  }),
  '/v1/agent/health/service/id/': get({
    summary: 'How a service of this agent is: 200 passing, 429 warning, 503 critical',
    rest: 'id',
    parameters: ['format'],
    answer: 'Object',
  }),
  '/v1/agent/health/service/name/': get({
    summary: 'How the services of this agent with one name are, by the worst of them',
    rest: 'name',
    parameters: ['format'],
    answer: 'Object[]',
  }),
  '/v1/agent/check/register': put({ summary: 'Register a check with this agent', body: 'CheckDefinition' }),
  '/v1/agent/check/deregister/': put({ summary: 'Take a check off this agent', rest: 'id' }),
  '/v1/agent/check/pass/': put({ summary: 'Report that a TTL check passes', rest: 'id', parameters: ['note'] }),
  '/v1/agent/check/warn/': put({ summary: 'Report that a TTL check warns', rest: 'id', parameters: ['note'] }),
  '/v1/agent/check/fail/': put({ summary: 'Report that a TTL check fails', rest: 'id', parameters: ['note'] }),
  '/v1/agent/check/update/': put({ summary: 'Report on a TTL check', rest: 'id', body: 'CheckUpdate' }),
  '/v1/agent/connect/authorize': post({
    summary: 'Whether a connection in the mesh is allowed',
    body: 'Object',
    answer: 'Object',
  }),
  '/v1/agent/connect/ca/roots': get({ summary: 'Root certificates of the mesh', parameters: BLOCK, answer: 'Object' }),
  '/v1/agent/connect/ca/leaf/': get({
    summary: 'A certificate for a service of the mesh',
    rest: 'service',
    parameters: BLOCK,
    answer: 'Object',
  }),
  '/v1/agent/service/register': put({
    summary: 'Register a service with this agent',
    parameters: ['replace-existing-checks'],
    body: 'ServiceDefinition',
  }),
  '/v1/agent/service/deregister/': put({ summary: 'Take a service off this agent', rest: 'id' }),
  '/v1/agent/service/maintenance/': put({
    summary: 'Take a service of this agent out of use, or back',
    rest: 'id',
    parameters: ['enable', 'reason'],
  }),

  '/v1/catalog/register': put({ summary: 'Write to the catalog', body: 'CatalogRegistration', answer: 'Boolean' }),
  '/v1/catalog/deregister': put({
    summary: 'Take a node, a service or a check off the catalog',
    body: 'CatalogDeregistration',
    answer: 'Boolean',
  }),
  '/v1/catalog/datacenters': get({
    summary: 'Datacenters, the nearest first',
    parameters: ['cached'],
    answer: 'Text[]',
  }),
  '/v1/catalog/nodes': get({ summary: 'Nodes', parameters: NEAR, answer: 'Node[]', blocks: true }),
  '/v1/catalog/services': get({
    summary: 'Names of services with their tags',
    parameters: [...BLOCK, 'node-meta', 'cached'],
    answer: 'ServiceTags',
    blocks: true,
  }),
  '/v1/catalog/service/': get({
    summary: 'Instances of a service',
    rest: 'service',
    parameters: [...CACHED, 'tag'],
    answer: 'ServiceNode[]',
    blocks: true,
  }),
  '/v1/catalog/connect/': get({
    summary: 'Instances of a service that can be reached within the mesh',
    rest: 'service',
    parameters: [...CACHED, 'tag'],
    answer: 'ServiceNode[]',
    blocks: true,
  }),
  '/v1/catalog/node/': get({
    summary: 'A node with its services, by id',
    rest: 'node',
    parameters: LIST,
    answer: 'NodeServices',
    blocks: true,
  }),
  '/v1/catalog/node-services/': get({
    summary: 'A node with its services, in a list',
    rest: 'node',
    parameters: LIST,
    answer: 'NodeServiceList',
    blocks: true,
  }),
  '/v1/catalog/gateway-services/': get({
    summary: 'Services behind a gateway',
    rest: 'gateway',
    parameters: BLOCK,
    answer: 'Object[]',
    blocks: true,
  }),

  '/v1/config': put({
    summary: 'Write a configuration entry',
    parameters: ['dc', 'cas'],
    body: 'Object',
    answer: 'Boolean',
  }),
  '/v1/config/': {
    GET: {
      summary: 'A configuration entry (kind/name), or all of a kind',
      rest: 'kind',
      parameters: BLOCK,
      answer: 'Object',
      blocks: true,
    },
    DELETE: { summary: 'Delete a configuration entry (kind/name)', rest: 'kind', parameters: ['dc'], answer: 'Object' },
  },
  '/v1/connect/ca/configuration': {
    GET: { summary: 'How the certificate authority is set up', parameters: READ, answer: 'Object' },
    PUT: { summary: 'Set up the certificate authority', parameters: ['dc'], body: 'Object' },
  },
  '/v1/connect/ca/roots': get({ summary: 'Root certificates of the mesh', parameters: BLOCK, answer: 'Object' }),
  '/v1/connect/intentions': {
    GET: { summary: 'List intentions', parameters: LIST, answer: 'Intention[]', blocks: true },
    POST: { summary: 'Make an intention', parameters: ['dc'], body: 'Intention', answer: 'Id' },
  },
  '/v1/connect/intentions/match': get({
    summary: 'Intentions that match a service',
    parameters: [...BLOCK, 'by', 'name'],
    answer: 'Object',
  }),
  '/v1/connect/intentions/check': get({
    summary: 'Whether intentions allow a connection',
    parameters: [...READ, 'source', 'destination', 'source-type'],
    answer: 'Object',
  }),
  '/v1/connect/intentions/': {
    GET: { summary: 'Read an intention', rest: 'id', parameters: BLOCK, answer: 'Intention' },
    PUT: { summary: 'Change an intention', rest: 'id', parameters: ['dc'], body: 'Intention', answer: 'Id' },
    DELETE: { summary: 'Delete an intention', rest: 'id', parameters: ['dc'], answer: 'Boolean' },
  },
  '/v1/discovery-chain/': {
    GET: {
      summary: 'How a service is resolved',
      rest: 'service',
      parameters: [...BLOCK, 'cached', 'compile-dc'],
      answer: 'Object',
      blocks: true,
    },
    POST: {
      summary: 'How a service would be resolved',
      rest: 'service',
      parameters: [...BLOCK, 'compile-dc'],
      body: 'Object',
      answer: 'Object',
    },
  },

  '/v1/coordinate/datacenters': get({ summary: 'Coordinates of servers, by datacenter', answer: 'Object[]' }),
  '/v1/coordinate/nodes': get({ summary: 'Coordinates of nodes', parameters: BLOCK, answer: 'Object[]', blocks: true }),
  '/v1/coordinate/node/': get({
    summary: 'Coordinates of a node',
    rest: 'node',
    parameters: BLOCK,
    answer: 'Object[]',
    blocks: true,
  }),
  '/v1/coordinate/update': put({ summary: 'Write a coordinate', parameters: ['dc'], body: 'Object' }),

  '/v1/internal/federation-states': get({ summary: 'Federation states', parameters: BLOCK, answer: 'Object[]' }),
  '/v1/internal/federation-states/mesh-gateways': get({
    summary: 'Mesh gateways, by datacenter',
    parameters: BLOCK,
    answer: 'Object',
  }),
  '/v1/internal/federation-state/': get({
    summary: 'The federation state of a datacenter',
    rest: 'datacenter',
    parameters: BLOCK,
    answer: 'Object',
  }),
  '/v1/internal/ui/nodes': get({
    summary: 'Nodes as the UI shows them',
    parameters: LIST,
    answer: 'Object[]',
    blocks: true,
  }),
  '/v1/internal/ui/node/': get({
    summary: 'A node as the UI shows it',
    rest: 'node',
    parameters: BLOCK,
    answer: 'Object',
    blocks: true,
  }),
  '/v1/internal/ui/services': get({
    summary: 'Services as the UI shows them',
    parameters: LIST,
    answer: 'Object[]',
    blocks: true,
  }),
  '/v1/internal/ui/gateway-services-nodes/': get({
    summary: 'What is behind a gateway, as the UI shows it',
    rest: 'gateway',
    parameters: BLOCK,
    answer: 'Object[]',
    blocks: true,
  }),
  '/v1/internal/acl/authorize': post({
    summary: 'What the token of the asker may do',
    body: 'Object',
    answer: 'Object[]',
  }),

  '/v1/event/fire/': put({
    summary: 'Tell all agents of an event',
    rest: 'name',
    parameters: ['dc', 'node', 'service', 'tag'],
    body: 'binary',
    answer: 'UserEvent',
  }),
  '/v1/event/list': get({
    summary: 'Events that reached this agent',
    parameters: ['name', 'node', 'service', 'tag', 'index', 'wait'],
    answer: 'UserEvent[]',
    blocks: true,
  }),

  '/v1/health/node/': get({
    summary: 'Checks of a node',
    rest: 'node',
    parameters: LIST,
    answer: 'HealthCheck[]',
    blocks: true,
  }),
  '/v1/health/checks/': get({
    summary: 'Checks of a service',
    rest: 'service',
    parameters: NEAR,
    answer: 'HealthCheck[]',
    blocks: true,
  }),
  '/v1/health/state/': get({
    summary: 'Checks in a state: any, passing, warning, critical',
    rest: 'state',
    parameters: NEAR,
    answer: 'HealthCheck[]',
    blocks: true,
  }),
  '/v1/health/service/': get({
    summary: 'Instances of a service with their nodes and checks',
    rest: 'service',
    parameters: [...CACHED, 'tag', 'passing'],
    answer: 'CheckServiceNode[]',
    blocks: true,
  }),
  '/v1/health/connect/': get({
    summary: 'Instances of a service that can be reached within the mesh, with nodes and checks',
    rest: 'service',
    parameters: [...CACHED, 'tag', 'passing'],
    answer: 'CheckServiceNode[]',
    blocks: true,
  }),
  '/v1/health/ingress/': get({
    summary: 'Ingress gateways of a service, with nodes and checks',
    rest: 'service',
    parameters: [...CACHED, 'tag', 'passing'],
    answer: 'CheckServiceNode[]',
    blocks: true,
  }),

  '/v1/kv/': {
    GET: {
      summary: 'Read a key, or all below it',
      rest: 'key',
      parameters: [...BLOCK, 'recurse', 'keys', 'separator', 'raw'],
      answer: 'KVPair[]',
      blocks: true,
    },
    PUT: {
      summary: 'Write a key',
      rest: 'key',
      parameters: ['dc', 'flags', 'cas', 'acquire', 'release'],
      body: 'binary',
      answer: 'Boolean',
    },
    DELETE: {
      summary: 'Delete a key, or all below it',
      rest: 'key',
      parameters: ['dc', 'recurse', 'cas'],
      answer: 'Boolean',
    },
  },
  '/v1/txn': put({
    summary: 'Do several things at once, or none of them',
    parameters: ['dc'],
    body: 'TxnOps',
    answer: 'Object',
  }),

  '/v1/operator/raft/configuration': get({
    summary: 'The servers that keep the log',
    parameters: READ,
    answer: 'Object',
  }),
  '/v1/operator/raft/peer': {
    DELETE: { summary: 'Take a server out of Raft', parameters: ['dc', 'id', 'address'] },
  },
  '/v1/operator/keyring': {
    GET: {
      summary: 'Keys of gossip, and how many members have them',
      parameters: ['relay-factor', 'local-only'],
      answer: 'Object[]',
    },
    POST: { summary: 'Give all members a new key', parameters: ['relay-factor'], body: 'Object' },
    PUT: { summary: 'Make a key the one that is used', parameters: ['relay-factor'], body: 'Object' },
    DELETE: { summary: 'Take a key from all members', parameters: ['relay-factor'], body: 'Object' },
  },
  '/v1/operator/autopilot/configuration': {
    GET: { summary: 'How autopilot is set up', parameters: READ, answer: 'Object' },
    PUT: { summary: 'Set up autopilot', parameters: ['dc', 'cas'], body: 'Object', answer: 'Boolean' },
  },
  '/v1/operator/autopilot/health': get({
    summary: 'How the servers are; 429 when not all is well',
    parameters: ['dc'],
    answer: 'Object',
  }),

  '/v1/query': {
    GET: { summary: 'List prepared queries', parameters: BLOCK, answer: 'Object[]', blocks: true },
    POST: { summary: 'Make a prepared query', parameters: ['dc'], body: 'Object', answer: 'Id' },
  },
  '/v1/query/': {
    GET: {
      summary: 'A prepared query; with /execute behind its id or name, what it finds; with /explain, what it is',
      rest: 'id',
      parameters: [...READ, 'near', 'limit', 'connect', 'cached'],
      answer: 'Object',
    },
    PUT: { summary: 'Change a prepared query', rest: 'id', parameters: ['dc'], body: 'Object' },
    DELETE: { summary: 'Delete a prepared query', rest: 'id', parameters: ['dc'] },
  },

  '/v1/session/create': put({ summary: 'Begin a session', parameters: ['dc'], body: 'SessionRequest', answer: 'Id' }),
  '/v1/session/destroy/': put({ summary: 'End a session', rest: 'id', parameters: ['dc'], answer: 'Boolean' }),
  '/v1/session/renew/': put({
    summary: 'Renew a session with a TTL',
    rest: 'id',
    parameters: ['dc'],
    answer: 'Session[]',
  }),
  '/v1/session/info/': get({
    summary: 'A session, or none',
    rest: 'id',
    parameters: BLOCK,
    answer: 'Session[]',
    blocks: true,
  }),
  '/v1/session/node/': get({
    summary: 'Sessions of a node',
    rest: 'node',
    parameters: BLOCK,
    answer: 'Session[]',
    blocks: true,
  }),
  '/v1/session/list': get({ summary: 'All sessions', parameters: BLOCK, answer: 'Session[]', blocks: true }),

  '/v1/snapshot': {
    GET: { summary: 'The whole state, as an archive', parameters: ['dc', 'stale'], answer: 'binary' },
    PUT: { summary: 'Put an archived state in place of this one', parameters: ['dc'], body: 'binary' },
  },
  '/v1/status/leader': get({ summary: 'Address of the leader', parameters: ['dc'], answer: 'Text' }),
  '/v1/status/peers': get({
    summary: 'Addresses of the servers that keep the log',
    parameters: ['dc'],
    answer: 'Text[]',
  }),

  '/v1/openapi.json': get({ summary: 'This description', answer: 'Object' }),
  '/debug/pprof/': get({
    summary: 'A profile of this process by its name (heap, allocs, goroutine), or the list of them',
    rest: 'name',
    parameters: ['debug', 'seconds'],
    answer: 'binary',
  }),
  '/debug/pprof/cmdline': get({ summary: 'The command line of the process', answer: 'text' }),
  '/debug/pprof/profile': get({
    summary: 'A profile of the processor',
    parameters: ['seconds'],
    answer: 'binary',
  }),
  '/debug/pprof/symbol': post({ summary: 'Names of addresses in the program', body: 'text', answer: 'text' }),
  '/debug/pprof/trace': get({ summary: 'A trace of execution', parameters: ['seconds'], answer: 'binary' }),
}
