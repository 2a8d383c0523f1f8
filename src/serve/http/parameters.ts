/** Parameters of requests that the OpenAPI description names. */
import { flag, goDuration, listOrNull, type Schema, text, whole } from './schemas/schema.ts'

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
  max_stale: parameter('With stale: no older than this', goDuration),
  consistent: present('A quorum confirms first that the leader still leads'),
  pretty: present('Laid out for people'),
  index: parameter('Answer when what is asked for has a greater index (X-Consul-Index of the last answer)', whole),
  hash: parameter('Answer when the content has another hash (X-Consul-ContentHash of the last answer)'),
  wait: parameter('How long to wait for that', goDuration),
  filter: parameter('An expression that rows must fulfil'),
  near: parameter('Sort by the distance from this node; _agent is this one'),
  'node-meta': parameter('key:value that nodes must have; may be repeated', listOrNull(text)),
  cached: present('The agent’s cache may answer'),
  tag: parameter('Tags that instances must have; may be repeated', listOrNull(text)),
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
