/** Wire structs of access control (protocol/rpc.md section 10). */
import type {
  AclAuthMethod,
  AclAuthMethodBatchDeleteRequest,
  AclAuthMethodBatchSetRequest,
  AclBindingRule,
  AclBindingRuleBatchDeleteRequest,
  AclBindingRuleBatchSetRequest,
  AclLink,
  AclNodeIdentity,
  AclPolicy,
  AclPolicyBatchDeleteRequest,
  AclPolicyBatchSetRequest,
  AclRole,
  AclRoleBatchDeleteRequest,
  AclRoleBatchSetRequest,
  AclServiceIdentity,
  AclToken,
  AclTokenBatchDeleteRequest,
  AclTokenBatchSetRequest,
  AclTokenBootstrapRequest,
  LegacyAcl,
  LegacyAclRequest,
} from '../../model/acl.ts'
import { time } from '../go-time.ts'
import {
  bool,
  bytes,
  int,
  list,
  map,
  pointer,
  RAFT_INDEX,
  struct,
  text,
  textOf,
  untyped,
  WRITE_REQUEST,
} from '../schema.ts'

const links = list(struct<AclLink>({ ID: text, Name: text }))
const identities = {
  ServiceIdentities: list(struct<AclServiceIdentity>({ ServiceName: text, Datacenters: list(text) })),
  NodeIdentities: list(struct<AclNodeIdentity>({ NodeName: text, Datacenter: text })),
}

export const aclToken = struct<AclToken>({
  ...RAFT_INDEX,
  ...identities,
  AccessorID: text,
  SecretID: text,
  Description: text,
  Policies: links,
  Roles: links,
  Type: text,
  Rules: text,
  Local: bool,
  AuthMethod: text,
  ExpirationTime: pointer(time),
  ExpirationTTL: int,
  CreateTime: time,
  Hash: bytes,
})

export const aclPolicy = struct<AclPolicy>({
  ...RAFT_INDEX,
  ID: text,
  Name: text,
  Description: text,
  Rules: text,
  Syntax: int,
  Datacenters: list(text),
  Hash: bytes,
})

export const aclRole = struct<AclRole>({
  ...RAFT_INDEX,
  ...identities,
  ID: text,
  Name: text,
  Description: text,
  Policies: links,
  Hash: bytes,
})

export const aclBindingRule = struct<AclBindingRule>({
  ...RAFT_INDEX,
  ID: text,
  Description: text,
  AuthMethod: text,
  Selector: text,
  BindType: text,
  BindName: text,
})

export const aclAuthMethod = struct<AclAuthMethod>({
  ...RAFT_INDEX,
  Name: text,
  Type: text,
  DisplayName: text,
  Description: text,
  MaxTokenTTL: int,
  TokenLocality: text,
  Config: map(untyped),
})

export const legacyAcl = struct<LegacyAcl>({ ...RAFT_INDEX, ID: text, Name: text, Type: text, Rules: text })
export const legacyAclRequest = struct<LegacyAclRequest>({
  ...WRITE_REQUEST,
  Op: textOf<LegacyAclRequest['Op']>(),
  ACL: legacyAcl,
})

/** Whether the first token may still be made, as snapshots before 1.4 say it. */
export const legacyBootstrap = struct<{ AllowBootstrap: boolean; CreateIndex: number; ModifyIndex: number }>({
  ...RAFT_INDEX,
  AllowBootstrap: bool,
})

export const tokenBatchSet = struct<AclTokenBatchSetRequest>({
  Tokens: list<AclToken | null>(pointer(aclToken)),
  CAS: bool,
  AllowMissingLinks: bool,
  ProhibitUnprivileged: bool,
  FromReplication: bool,
})
export const tokenBatchDelete = struct<AclTokenBatchDeleteRequest>({ TokenIDs: list(text) })
export const tokenBootstrap = struct<AclTokenBootstrapRequest>({ Token: aclToken, ResetIndex: int })
export const policyBatchSet = struct<AclPolicyBatchSetRequest>({ Policies: list<AclPolicy | null>(pointer(aclPolicy)) })
export const policyBatchDelete = struct<AclPolicyBatchDeleteRequest>({ PolicyIDs: list(text) })
export const roleBatchSet = struct<AclRoleBatchSetRequest>({
  Roles: list<AclRole | null>(pointer(aclRole)),
  AllowMissingLinks: bool,
})
export const roleBatchDelete = struct<AclRoleBatchDeleteRequest>({ RoleIDs: list(text) })
export const bindingRuleBatchSet = struct<AclBindingRuleBatchSetRequest>({
  BindingRules: list<AclBindingRule | null>(pointer(aclBindingRule)),
})
export const bindingRuleBatchDelete = struct<AclBindingRuleBatchDeleteRequest>({ BindingRuleIDs: list(text) })
export const authMethodBatchSet = struct<AclAuthMethodBatchSetRequest>({
  AuthMethods: list<AclAuthMethod | null>(pointer(aclAuthMethod)),
})
export const authMethodBatchDelete = struct<AclAuthMethodBatchDeleteRequest>({ AuthMethodNames: list(text) })
