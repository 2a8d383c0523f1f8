/**
 * Every command by its full name, with the line that lists show of it, and the module it lives in. A module is loaded when
 * one of its commands runs: starting costs nothing for the others. Names and lines are those of Consul 1.8.7, and of
 * 0.7.5 for `configtest`.
 */
import type { Command } from './command.ts'

/** A module of commands, by their full names. */
interface Module {
  commands: Readonly<Record<string, Command>>
}

interface Entry {
  synopsis: string
  module(): Promise<Module>
}

const acl = () => import('./acl.ts')
const aclAuthMethod = () => import('./acl-auth-method.ts')
const aclBindingRule = () => import('./acl-binding-rule.ts')
const aclPolicy = () => import('./acl-policy.ts')
const aclRole = () => import('./acl-role.ts')
const aclToken = () => import('./acl-token.ts')
const agent = () => import('./agent.ts')
const catalog = () => import('./catalog.ts')
const config = () => import('./config.ts')
const connect = () => import('./connect.ts')
const debug = () => import('./debug.ts')
const event = () => import('./event.ts')
const exec = () => import('./exec.ts')
const forceLeave = () => import('./force-leave.ts')
const info = () => import('./info.ts')
const intention = () => import('./intention.ts')
const join = () => import('./join.ts')
const keygen = () => import('./keygen.ts')
const keyring = () => import('./keyring.ts')
const kv = () => import('./kv.ts')
const kvTransfer = () => import('./kv-transfer.ts')
const leave = () => import('./leave.ts')
const lock = () => import('./lock.ts')
const login = () => import('./login.ts')
const maint = () => import('./maint.ts')
const members = () => import('./members.ts')
const monitor = () => import('./monitor.ts')
const operator = () => import('./operator.ts')
const reload = () => import('./reload.ts')
const rtt = () => import('./rtt.ts')
const services = () => import('./services.ts')
const snapshot = () => import('./snapshot.ts')
const tls = () => import('./tls.ts')
const validate = () => import('./validate.ts')
const version = () => import('./version.ts')
const watch = () => import('./watch.ts')

export const TABLE: Readonly<Record<string, Entry>> = {
  acl: { synopsis: "Interact with Consul's ACLs", module: acl },
  'acl auth-method': { synopsis: "Manage Consul's ACL auth methods", module: aclAuthMethod },
  'acl auth-method create': { synopsis: 'Create an ACL auth method', module: aclAuthMethod },
  'acl auth-method delete': { synopsis: 'Delete an ACL auth method', module: aclAuthMethod },
  'acl auth-method list': { synopsis: 'Lists ACL auth methods', module: aclAuthMethod },
  'acl auth-method read': { synopsis: 'Read an ACL auth method', module: aclAuthMethod },
  'acl auth-method update': { synopsis: 'Update an ACL auth method', module: aclAuthMethod },
  'acl binding-rule': { synopsis: "Manage Consul's ACL binding rules", module: aclBindingRule },
  'acl binding-rule create': { synopsis: 'Create an ACL binding rule', module: aclBindingRule },
  'acl binding-rule delete': { synopsis: 'Delete an ACL binding rule', module: aclBindingRule },
  'acl binding-rule list': { synopsis: 'Lists ACL binding rules', module: aclBindingRule },
  'acl binding-rule read': { synopsis: 'Read an ACL binding rule', module: aclBindingRule },
  'acl binding-rule update': { synopsis: 'Update an ACL binding rule', module: aclBindingRule },
  'acl bootstrap': { synopsis: "Bootstrap Consul's ACL system", module: acl },
  'acl policy': { synopsis: "Manage Consul's ACL policies", module: aclPolicy },
  'acl policy create': { synopsis: 'Create an ACL policy', module: aclPolicy },
  'acl policy delete': { synopsis: 'Delete an ACL policy', module: aclPolicy },
  'acl policy list': { synopsis: 'Lists ACL policies', module: aclPolicy },
  'acl policy read': { synopsis: 'Read an ACL policy', module: aclPolicy },
  'acl policy update': { synopsis: 'Update an ACL policy', module: aclPolicy },
  'acl role': { synopsis: "Manage Consul's ACL roles", module: aclRole },
  'acl role create': { synopsis: 'Create an ACL role', module: aclRole },
  'acl role delete': { synopsis: 'Delete an ACL role', module: aclRole },
  'acl role list': { synopsis: 'Lists ACL roles', module: aclRole },
  'acl role read': { synopsis: 'Read an ACL role', module: aclRole },
  'acl role update': { synopsis: 'Update an ACL role', module: aclRole },
  'acl set-agent-token': { synopsis: "Assign tokens for the Consul Agent's usage", module: acl },
  'acl token': { synopsis: "Manage Consul's ACL tokens", module: aclToken },
  'acl token clone': { synopsis: 'Clone an ACL token', module: aclToken },
  'acl token create': { synopsis: 'Create an ACL token', module: aclToken },
  'acl token delete': { synopsis: 'Delete an ACL token', module: aclToken },
  'acl token list': { synopsis: 'List ACL tokens', module: aclToken },
  'acl token read': { synopsis: 'Read an ACL token', module: aclToken },
  'acl token update': { synopsis: 'Update an ACL token', module: aclToken },
  'acl translate-rules': { synopsis: 'Translate the legacy rule syntax into the current syntax', module: acl },
  agent: { synopsis: 'Runs a Consul agent', module: agent },
  catalog: { synopsis: 'Interact with the catalog', module: catalog },
  'catalog datacenters': { synopsis: 'Lists all known datacenters', module: catalog },
  'catalog nodes': { synopsis: 'Lists all nodes in the given datacenter', module: catalog },
  'catalog services': { synopsis: 'Lists all registered services in a datacenter', module: catalog },
  config: { synopsis: "Interact with Consul's Centralized Configurations", module: config },
  'config delete': { synopsis: 'Delete a centralized config entry', module: config },
  'config list': { synopsis: 'List centralized config entries of a given kind', module: config },
  'config read': { synopsis: 'Read a centralized config entry', module: config },
  'config write': { synopsis: 'Create or update a centralized config entry', module: config },
  configtest: { synopsis: 'Validate config file', module: validate },
  connect: { synopsis: 'Interact with Consul Connect', module: connect },
  'connect ca': { synopsis: 'Interact with the Consul Connect Certificate Authority (CA)', module: connect },
  'connect ca get-config': {
    synopsis: 'Display the current Connect Certificate Authority (CA) configuration',
    module: connect,
  },
  'connect ca set-config': { synopsis: 'Modify the current Connect CA configuration', module: connect },
  'connect envoy': { synopsis: 'Runs or Configures Envoy as a Connect proxy', module: connect },
  'connect envoy pipe-bootstrap': {
    synopsis: 'Internal shim for delivering Envoy bootstrap without writing to file system',
    module: connect,
  },
  'connect expose': { synopsis: 'Expose a Connect-enabled service through an Ingress gateway', module: connect },
  'connect proxy': { synopsis: 'Runs a Consul Connect proxy', module: connect },
  debug: { synopsis: 'Records a debugging archive for operators', module: debug },
  event: { synopsis: 'Fire a new event', module: event },
  exec: { synopsis: 'Executes a command on Consul nodes', module: exec },
  'force-leave': { synopsis: 'Forces a member of the cluster to enter the "left" state', module: forceLeave },
  info: { synopsis: 'Provides debugging information for operators.', module: info },
  intention: { synopsis: 'Interact with Connect service intentions', module: intention },
  'intention check': { synopsis: 'Check whether a connection between two services is allowed.', module: intention },
  'intention create': { synopsis: 'Create intentions for service connections.', module: intention },
  'intention delete': { synopsis: 'Delete an intention.', module: intention },
  'intention get': { synopsis: 'Show information about an intention.', module: intention },
  'intention match': { synopsis: 'Show intentions that match a source or destination.', module: intention },
  join: { synopsis: 'Tell Consul agent to join cluster', module: join },
  keygen: { synopsis: 'Generates a new encryption key', module: keygen },
  keyring: { synopsis: 'Manages gossip layer encryption keys', module: keyring },
  kv: { synopsis: 'Interact with the key-value store', module: kv },
  'kv delete': { synopsis: 'Removes data from the KV store', module: kv },
  'kv export': { synopsis: 'Exports a tree from the KV store as JSON', module: kvTransfer },
  'kv get': { synopsis: 'Retrieves or lists data from the KV store', module: kv },
  'kv import': { synopsis: 'Imports a tree stored as JSON to the KV store', module: kvTransfer },
  'kv put': { synopsis: 'Sets or updates data in the KV store', module: kv },
  leave: { synopsis: 'Gracefully leaves the Consul cluster and shuts down', module: leave },
  lock: { synopsis: 'Execute a command holding a lock', module: lock },
  login: { synopsis: 'Login to Consul using an auth method', module: login },
  logout: { synopsis: 'Destroy a Consul token created with login', module: login },
  maint: { synopsis: 'Controls node or service maintenance mode', module: maint },
  members: { synopsis: 'Lists the members of a Consul cluster', module: members },
  monitor: { synopsis: 'Stream logs from a Consul agent', module: monitor },
  operator: { synopsis: 'Provides cluster-level tools for Consul operators', module: operator },
  'operator autopilot': { synopsis: 'Provides tools for modifying Autopilot configuration', module: operator },
  'operator autopilot get-config': { synopsis: 'Display the current Autopilot configuration', module: operator },
  'operator autopilot set-config': { synopsis: 'Modify the current Autopilot configuration', module: operator },
  'operator raft': { synopsis: 'Provides cluster-level tools for Consul operators', module: operator },
  'operator raft list-peers': { synopsis: 'Display the current Raft peer configuration', module: operator },
  'operator raft remove-peer': { synopsis: 'Remove a Consul server from the Raft configuration', module: operator },
  reload: { synopsis: 'Triggers the agent to reload configuration files', module: reload },
  rtt: { synopsis: 'Estimates network round trip time between nodes', module: rtt },
  services: { synopsis: 'Interact with services', module: services },
  'services deregister': { synopsis: 'Deregister services with the local agent', module: services },
  'services register': { synopsis: 'Register services with the local agent', module: services },
  snapshot: { synopsis: 'Saves, restores and inspects snapshots of Consul server state', module: snapshot },
  'snapshot inspect': { synopsis: 'Displays information about a Consul snapshot file', module: snapshot },
  'snapshot restore': { synopsis: 'Restores snapshot of Consul server state', module: snapshot },
  'snapshot save': { synopsis: 'Saves snapshot of Consul server state', module: snapshot },
  tls: { synopsis: 'Builtin helpers for creating CAs and certificates', module: tls },
  'tls ca': { synopsis: 'Helpers for CAs', module: tls },
  'tls ca create': { synopsis: 'Create a new consul CA', module: tls },
  'tls cert': { synopsis: 'Helpers for certificates', module: tls },
  'tls cert create': { synopsis: 'Create a new certificate', module: tls },
  validate: { synopsis: 'Validate config files/directories', module: validate },
  version: { synopsis: 'Prints the Consul version', module: version },
  watch: { synopsis: 'Watch for changes in Consul', module: watch },
}
