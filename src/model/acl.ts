/**
 * Access control as the state holds it: tokens, policies, roles, binding rules, auth methods, and the commands that
 * change them. Who may do what with them is decided in core/acl.
 */
import type { Index, Nanos } from '../base/units.ts'
import type { Untyped } from './catalog.ts'
import type { RaftIndex, ToDatacenter, WriteRequest } from './query.ts'
import type { GoTime } from './time.ts'

/** The token of whoever shows none; it cannot be deleted. */
export const ANONYMOUS_TOKEN_ID = '00000000-0000-0000-0000-000000000002'
/** The policy that allows all; it can be renamed, but neither changed nor deleted. */
export const MANAGEMENT_POLICY_ID = '00000000-0000-0000-0000-000000000001'

/** To a policy or role. In the state only the id counts; the name is what it was when the link was made. */
export interface AclLink {
  ID: string
  Name: string
}

export interface AclServiceIdentity {
  ServiceName: string
  Datacenters: string[] | null
}

export interface AclNodeIdentity {
  NodeName: string
  Datacenter: string
}

export interface AclToken extends RaftIndex {
  /** A UUID by which the token is named; "" for one of the old system. */
  AccessorID: string
  /** What its bearer shows; the row's key. */
  SecretID: string
  Description: string
  Policies: AclLink[] | null
  Roles: AclLink[] | null
  ServiceIdentities: AclServiceIdentity[] | null
  NodeIdentities: AclNodeIdentity[] | null
  /** Of the old system: "client" or "management". */
  Type: string
  /** Of the old system. */
  Rules: string
  Local: boolean
  AuthMethod: string
  ExpirationTime: GoTime | null
  ExpirationTTL: Nanos
  CreateTime: GoTime
  Hash: Uint8Array | null
}

export interface AclPolicy extends RaftIndex {
  ID: string
  Name: string
  Description: string
  Rules: string
  /** Version of the rules' syntax, 0 for the current one. */
  Syntax: number
  Datacenters: string[] | null
  Hash: Uint8Array | null
}

export interface AclRole extends RaftIndex {
  ID: string
  Name: string
  Description: string
  Policies: AclLink[] | null
  ServiceIdentities: AclServiceIdentity[] | null
  NodeIdentities: AclNodeIdentity[] | null
  Hash: Uint8Array | null
}

export interface AclBindingRule extends RaftIndex {
  ID: string
  Description: string
  AuthMethod: string
  Selector: string
  BindType: string
  BindName: string
}

export interface AclAuthMethod extends RaftIndex {
  Name: string
  Type: string
  DisplayName: string
  Description: string
  MaxTokenTTL: Nanos
  TokenLocality: string
  Config: Record<string, Untyped> | null
}

/** A token of the old system, as its commands and old snapshots say it. */
export interface LegacyAcl extends RaftIndex {
  ID: string
  Name: string
  Type: string
  Rules: string
}

export interface LegacyAclRequest extends WriteRequest, ToDatacenter {
  Op: 'set' | 'force-set' | 'delete' | 'bootstrap-init' | 'bootstrap-now'
  ACL: LegacyAcl
}

export interface AclTokenBatchSetRequest {
  Tokens: (AclToken | null)[] | null
  /** Tokens whose `ModifyIndex` is not the stored one are passed over. */
  CAS: boolean
  AllowMissingLinks: boolean
  ProhibitUnprivileged: boolean
  FromReplication: boolean
}

export interface AclTokenBatchDeleteRequest {
  /** Accessor ids. */
  TokenIDs: string[] | null
}

export interface AclTokenBootstrapRequest {
  Token: AclToken
  /** Index of the bootstrapping that is to be repeated, 0 for the first. */
  ResetIndex: Index
}

export interface AclPolicyBatchSetRequest {
  Policies: (AclPolicy | null)[] | null
}

export interface AclPolicyBatchDeleteRequest {
  PolicyIDs: string[] | null
}

export interface AclRoleBatchSetRequest {
  Roles: (AclRole | null)[] | null
  AllowMissingLinks: boolean
}

export interface AclRoleBatchDeleteRequest {
  RoleIDs: string[] | null
}

export interface AclBindingRuleBatchSetRequest {
  BindingRules: (AclBindingRule | null)[] | null
}

export interface AclBindingRuleBatchDeleteRequest {
  BindingRuleIDs: string[] | null
}

export interface AclAuthMethodBatchSetRequest {
  AuthMethods: (AclAuthMethod | null)[] | null
}

export interface AclAuthMethodBatchDeleteRequest {
  AuthMethodNames: string[] | null
}
