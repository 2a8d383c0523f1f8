/**
 * The rules of the log commands of access control: what they do to tokens, policies, roles, binding rules and auth
 * methods. What a token may do is decided in core/acl. Source: Consul's agent/consul/state/acl.go.
 */

import { blake2b256 } from '../../base/blake2b.ts'
import { bytesFromText } from '../../base/text.ts'
import type { Index } from '../../base/units.ts'
import {
  type AclAuthMethod,
  type AclBindingRule,
  type AclLink,
  type AclNodeIdentity,
  type AclPolicy,
  type AclPolicyBatchSetRequest,
  type AclRole,
  type AclRoleBatchSetRequest,
  type AclServiceIdentity,
  type AclToken,
  type AclTokenBatchSetRequest,
  type AclTokenBootstrapRequest,
  ANONYMOUS_TOKEN_ID,
  type LegacyAcl,
  type LegacyAclRequest,
  MANAGEMENT_POLICY_ID,
} from '../../model/acl.ts'
import type { Result } from '../../model/command.ts'
import { ConsulError } from '../../model/errors.ts'
import { ZERO_TIME } from '../../model/time.ts'
import { raiseCounter, setCounter } from './counters.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { aclNamePrefix, authMethodTokensPrefix, exactKey, fold } from './tables.ts'

const TOKEN_COUNTER = 'acl-tokens'
const POLICY_COUNTER = 'acl-policies'
const ROLE_COUNTER = 'acl-roles'
const BINDING_RULE_COUNTER = 'acl-binding-rules'
const AUTH_METHOD_COUNTER = 'acl-auth-methods'
/** Index at which the first token was made; while it is 0 one may still be. */
export const BOOTSTRAP_COUNTER = 'acl-token-bootstrap'

const DONE: Result = { kind: 'done' }

/** What the all-allowing policy must say, word for word. */
const MANAGEMENT_RULES = [
  '',
  'acl = "write"',
  ...['agent', 'event', 'key'].flatMap(prefixRule),
  'keyring = "write"',
  ...prefixRule('node'),
  'operator = "write"',
  ...prefixRule('query'),
  'service_prefix "" {',
  '\tpolicy = "write"',
  '\tintentions = "write"',
  '}',
  ...prefixRule('session'),
].join('\n')

function prefixRule(resource: string): string[] {
  return [`${resource}_prefix "" {`, '\tpolicy = "write"', '}']
}

function refused(message: string): ConsulError {
  return new ConsulError('refused', message)
}

interface TokenOptions {
  cas?: boolean
  allowMissingLinks?: boolean
  prohibitUnprivileged?: boolean
  legacy?: boolean
  fromReplication?: boolean
}

/** @throws ConsulError refused, like all here: then nothing of the command is kept */
export function applyTokenSet(txn: WriteTxn, index: Index, body: AclTokenBatchSetRequest): Result {
  const options: TokenOptions = {
    cas: body.CAS,
    allowMissingLinks: body.AllowMissingLinks,
    prohibitUnprivileged: body.ProhibitUnprivileged,
    fromReplication: body.FromReplication,
  }
  for (const token of body.Tokens ?? []) if (token !== null) setToken(txn, index, token, options)
  return DONE
}

export function applyTokenDelete(txn: WriteTxn, index: Index, accessors: string[] | null): Result {
  for (const accessor of accessors ?? []) {
    const token = tokenByAccessor(txn, accessor)
    if (token !== undefined) deleteToken(txn, index, token)
  }
  return DONE
}

export function applyBootstrap(txn: WriteTxn, index: Index, body: AclTokenBootstrapRequest): Result {
  return bootstrap(txn, index, body.Token, body.ResetIndex, {})
}

function bootstrap(txn: WriteTxn, index: Index, token: AclToken, reset: Index, options: TokenOptions): Result {
  const done = txn.counter(BOOTSTRAP_COUNTER)
  if (done > 0 && reset === 0) throw refused('ACL bootstrap no longer allowed')
  if (done > 0 && reset !== done) throw refused('Invalid ACL bootstrap reset index')
  try {
    setToken(txn, index, token, options)
  } catch (error) {
    if (error instanceof ConsulError) throw refused(`failed inserting bootstrap token: ${error.message}`)
    throw error
  }
  setCounter(txn, BOOTSTRAP_COUNTER, index)
  return DONE
}

/** Commands of the system before 1.4, which tokens that still use it are written with. */
export function applyLegacyAcl(txn: WriteTxn, index: Index, { Op, ACL }: LegacyAclRequest): Result {
  switch (Op) {
    case 'set':
    case 'force-set':
      setToken(txn, index, tokenOfLegacy(ACL), { legacy: true })
      return { kind: 'text', value: ACL.ID }
    case 'delete': {
      const token = txn.get('acl-tokens', exactKey(ACL.ID))
      if (token !== undefined) deleteToken(txn, index, token)
      return DONE
    }
    case 'bootstrap-init':
      return { kind: 'bool', value: txn.counter(BOOTSTRAP_COUNTER) === 0 }
    case 'bootstrap-now':
      return bootstrap(txn, index, tokenOfLegacy(ACL), 0, { legacy: true })
    default:
      return { kind: 'failed', message: `Invalid ACL operation '${String(Op)}'` }
  }
}

export function tokenOfLegacy({ ID, Name, Type, Rules, CreateIndex, ModifyIndex }: LegacyAcl): AclToken {
  return withHash({
    AccessorID: '',
    SecretID: ID,
    Description: Name,
    Policies: null,
    Roles: null,
    ServiceIdentities: null,
    NodeIdentities: null,
    Type,
    Rules,
    Local: false,
    AuthMethod: '',
    ExpirationTime: null,
    ExpirationTTL: 0,
    CreateTime: ZERO_TIME,
    Hash: null,
    CreateIndex,
    ModifyIndex,
  })
}

function setToken(txn: WriteTxn, index: Index, asked: AclToken, options: TokenOptions): void {
  if (asked.SecretID === '') throw refused('Missing ACL Token SecretID')
  if (!options.legacy && asked.AccessorID === '') throw refused('Missing ACL Token AccessorID')
  if (options.fromReplication && asked.Local) throw refused('Cannot replicate local tokens')
  const before = txn.get('acl-tokens', exactKey(asked.SecretID))
  if (options.cas && (before?.ModifyIndex ?? 0) !== asked.ModifyIndex) return
  let token = asked
  if (options.legacy && before !== undefined) {
    if (usesNewFields(before)) {
      throw refused('failed inserting acl token: cannot use legacy endpoint to modify a non-legacy token')
    }
    token = { ...token, AccessorID: before.AccessorID }
  }
  const policies = resolvedLinks(token.Policies, 'policy', 'policies', 'Token', options, policyName(txn))
  const roles = resolvedLinks(token.Roles, 'role', 'roles', 'Token', options, roleName(txn))
  if (token.AuthMethod !== '' && !options.fromReplication && authMethod(txn, token.AuthMethod) === undefined) {
    throw refused(`No such auth method with Name: ${token.AuthMethod}`)
  }
  checkIdentities('Token', token)
  const identities = (token.ServiceIdentities?.length ?? 0) + (token.NodeIdentities?.length ?? 0)
  if (options.prohibitUnprivileged && policies.found + roles.found + identities === 0) {
    throw refused('Token has no privileges')
  }
  if (before !== undefined && before.AccessorID !== '' && token.AccessorID !== before.AccessorID) {
    throw refused('The ACL Token AccessorID field is immutable')
  }
  putToken(
    txn,
    withHash({
      ...token,
      Policies: policies.links,
      Roles: roles.links,
      CreateIndex: before?.CreateIndex ?? index,
      ModifyIndex: index,
    }),
  )
}

/** Also for tokens of a snapshot. */
function putToken(txn: WriteTxn, token: AclToken): void {
  txn.put('acl-tokens', token)
  raiseCounter(txn, TOKEN_COUNTER, token.ModifyIndex)
}

function deleteToken(txn: WriteTxn, index: Index, token: AclToken): void {
  if (token.AccessorID === ANONYMOUS_TOKEN_ID) {
    throw refused('Deletion of the builtin anonymous token is not permitted')
  }
  txn.delete('acl-tokens', exactKey(token.SecretID))
  raiseCounter(txn, TOKEN_COUNTER, index)
}

function usesNewFields(token: AclToken): boolean {
  return (
    [token.Policies, token.Roles, token.ServiceIdentities, token.NodeIdentities].some(
      (list) => (list?.length ?? 0) > 0,
    ) ||
    token.Type === '' ||
    token.ExpirationTime !== null ||
    token.ExpirationTTL !== 0 ||
    token.AuthMethod !== ''
  )
}

/** Links with the names that they have now, and how many of them lead somewhere. */
function resolvedLinks(
  links: AclLink[] | null,
  noun: string,
  nouns: string,
  owner: string,
  options: TokenOptions,
  nameOf: (id: string) => string | undefined,
): { links: AclLink[] | null; found: number } {
  if (links === null) return { links, found: 0 }
  let found = 0
  const resolved = links.map((link) => {
    if (link.ID === '') throw refused(`Encountered a ${owner} with ${nouns} linked by Name in the state store`)
    const Name = nameOf(link.ID)
    if (Name !== undefined) found += 1
    else if (!options.allowMissingLinks) throw refused(`No such ${noun} with ID: ${link.ID}`)
    return Name === undefined ? link : { ID: link.ID, Name }
  })
  return { links: resolved, found }
}

function policyName(txn: ReadTxn): (id: string) => string | undefined {
  return (id) => txn.get('acl-policies', fold(id))?.Name
}

function roleName(txn: ReadTxn): (id: string) => string | undefined {
  return (id) => txn.get('acl-roles', fold(id))?.Name
}

function checkIdentities(
  owner: string,
  row: { ServiceIdentities: AclServiceIdentity[] | null; NodeIdentities: AclNodeIdentity[] | null },
): void {
  const lacks = (what: string): ConsulError =>
    refused(`Encountered a ${owner} with an empty ${what} in the state store`)
  if (row.ServiceIdentities?.some(({ ServiceName }) => ServiceName === '')) throw lacks('service identity name')
  for (const { NodeName, Datacenter } of row.NodeIdentities ?? []) {
    if (NodeName === '') throw lacks('node identity name')
    if (Datacenter === '') throw lacks('node identity datacenter')
  }
}

/** The hash over what users set, for tokens that came without; replication compares by it. */
export function withHash(token: AclToken): AclToken {
  if (token.Hash !== null) return token
  const parts = [token.Description, token.Type, token.Rules, token.Local ? 'local' : 'global']
  for (const { ID } of [...(token.Policies ?? []), ...(token.Roles ?? [])]) parts.push(ID)
  for (const each of token.ServiceIdentities ?? []) parts.push(each.ServiceName, ...(each.Datacenters ?? []))
  for (const each of token.NodeIdentities ?? []) parts.push(each.NodeName, each.Datacenter)
  return { ...token, Hash: blake2b256(parts.map(bytesFromText)) }
}

export function tokenByAccessor(txn: ReadTxn, accessor: string): AclToken | undefined {
  if (accessor === '') return undefined
  for (const token of txn.by('acl-tokens-by-accessor', aclNamePrefix(accessor))) return token
  return undefined
}

export function applyPolicySet(txn: WriteTxn, index: Index, body: AclPolicyBatchSetRequest): Result {
  for (const policy of body.Policies ?? []) if (policy !== null) setPolicy(txn, index, policy)
  return DONE
}

function setPolicy(txn: WriteTxn, index: Index, policy: AclPolicy): void {
  if (policy.ID === '') throw refused('Missing ACL Policy ID')
  if (policy.Name === '') throw refused('Missing ACL Policy Name')
  const before = txn.get('acl-policies', fold(policy.ID))
  if (before !== undefined && policy.ID === MANAGEMENT_POLICY_ID) {
    if (policy.Rules !== MANAGEMENT_RULES) {
      throw refused('Changing the Rules for the builtin global-management policy is not permitted')
    }
    if (policy.Datacenters !== null && policy.Datacenters.length > 0) {
      throw refused('Changing the Datacenters of the builtin global-management policy is not permitted')
    }
  }
  for (const other of txn.by('acl-policies-by-name', aclNamePrefix(policy.Name))) {
    if (other.ID !== policy.ID) throw refused(`A policy with name "${policy.Name}" already exists`)
  }
  txn.put('acl-policies', { ...policy, CreateIndex: before?.CreateIndex ?? index, ModifyIndex: index })
  raiseCounter(txn, POLICY_COUNTER, index)
}

export function applyPolicyDelete(txn: WriteTxn, index: Index, ids: string[] | null): Result {
  for (const id of ids ?? []) {
    const policy = txn.get('acl-policies', fold(id))
    if (policy === undefined) continue
    if (policy.ID === MANAGEMENT_POLICY_ID) {
      throw refused('Deletion of the builtin global-management policy is not permitted')
    }
    txn.delete('acl-policies', fold(id))
    raiseCounter(txn, POLICY_COUNTER, index)
  }
  return DONE
}

export function applyRoleSet(txn: WriteTxn, index: Index, body: AclRoleBatchSetRequest): Result {
  for (const role of body.Roles ?? []) if (role !== null) setRole(txn, index, role, body.AllowMissingLinks)
  return DONE
}

function setRole(txn: WriteTxn, index: Index, role: AclRole, allowMissingLinks: boolean): void {
  if (role.ID === '') throw refused('Missing ACL Role ID')
  if (role.Name === '') throw refused('Missing ACL Role Name')
  const before = txn.get('acl-roles', fold(role.ID))
  for (const other of txn.by('acl-roles-by-name', aclNamePrefix(role.Name))) {
    if (other.ID !== role.ID) throw refused(`A role with name "${role.Name}" already exists`)
  }
  const { links } = resolvedLinks(role.Policies, 'policy', 'policies', 'Role', { allowMissingLinks }, policyName(txn))
  checkIdentities('Role', role)
  txn.put('acl-roles', { ...role, Policies: links, CreateIndex: before?.CreateIndex ?? index, ModifyIndex: index })
  raiseCounter(txn, ROLE_COUNTER, index)
}

export function applyRoleDelete(txn: WriteTxn, index: Index, ids: string[] | null): Result {
  for (const id of ids ?? []) {
    if (txn.get('acl-roles', fold(id)) === undefined) continue
    txn.delete('acl-roles', fold(id))
    raiseCounter(txn, ROLE_COUNTER, index)
  }
  return DONE
}

export function applyBindingRuleSet(txn: WriteTxn, index: Index, rules: (AclBindingRule | null)[] | null): Result {
  for (const rule of rules ?? []) {
    if (rule === null) continue
    if (rule.ID === '') throw refused('Missing ACL Binding Rule ID')
    if (rule.AuthMethod === '') throw refused('Missing ACL Binding Rule Auth Method')
    if (authMethod(txn, rule.AuthMethod) === undefined) {
      throw refused('failed inserting acl binding rule: auth method not found')
    }
    const before = txn.get('acl-binding-rules', fold(rule.ID))
    txn.put('acl-binding-rules', { ...rule, CreateIndex: before?.CreateIndex ?? index, ModifyIndex: index })
    raiseCounter(txn, BINDING_RULE_COUNTER, index)
  }
  return DONE
}

export function applyBindingRuleDelete(txn: WriteTxn, index: Index, ids: string[] | null): Result {
  for (const id of ids ?? []) {
    if (txn.get('acl-binding-rules', fold(id)) !== undefined) deleteBindingRule(txn, index, id)
  }
  return DONE
}

function deleteBindingRule(txn: WriteTxn, index: Index, id: string): void {
  txn.delete('acl-binding-rules', fold(id))
  raiseCounter(txn, BINDING_RULE_COUNTER, index)
}

export function applyAuthMethodSet(txn: WriteTxn, index: Index, methods: (AclAuthMethod | null)[] | null): Result {
  for (const method of methods ?? []) {
    if (method === null) continue
    if (method.Name === '') throw refused('Missing ACL Auth Method Name')
    if (method.Type === '') throw refused('Missing ACL Auth Method Type')
    const before = authMethod(txn, method.Name)
    txn.put('acl-auth-methods', { ...method, CreateIndex: before?.CreateIndex ?? index, ModifyIndex: index })
    raiseCounter(txn, AUTH_METHOD_COUNTER, index)
  }
  return DONE
}

/** With its rules, and the tokens that were given by it here: where they are global, only the primary gives them. */
export function applyAuthMethodDelete(txn: WriteTxn, index: Index, names: string[] | null): Result {
  for (const name of names ?? []) {
    const method = authMethod(txn, name)
    if (method === undefined) continue
    const ruled = [...txn.prefix('acl-binding-rules', '')].filter((rule) => fold(rule.AuthMethod) === fold(name))
    for (const rule of ruled) deleteBindingRule(txn, index, rule.ID)
    const global = method.TokenLocality === 'global'
    for (const token of [...txn.by('acl-tokens-by-auth-method', authMethodTokensPrefix(method.Name))]) {
      if (token.Local === global) continue
      txn.delete('acl-tokens', exactKey(token.SecretID))
      raiseCounter(txn, TOKEN_COUNTER, index)
    }
    txn.delete('acl-auth-methods', fold(name))
    raiseCounter(txn, AUTH_METHOD_COUNTER, index)
  }
  return DONE
}

function authMethod(txn: ReadTxn, name: string): AclAuthMethod | undefined {
  return txn.get('acl-auth-methods', fold(name))
}
