/**
 * What the Raft log says. The numbers and bodies are Consul's (protocol/fsm-and-snapshot.md section 1), and only those:
 * a type that Consul 1.8.7 does not know crashes a real server that reads it.
 */
import type {
  AclAuthMethodBatchDeleteRequest,
  AclAuthMethodBatchSetRequest,
  AclBindingRuleBatchDeleteRequest,
  AclBindingRuleBatchSetRequest,
  AclPolicyBatchDeleteRequest,
  AclPolicyBatchSetRequest,
  AclRoleBatchDeleteRequest,
  AclRoleBatchSetRequest,
  AclTokenBatchDeleteRequest,
  AclTokenBatchSetRequest,
  AclTokenBootstrapRequest,
  LegacyAclRequest,
} from './acl.ts'
import type { AutopilotSetConfigRequest } from './autopilot.ts'
import type { DeregisterRequest, RegisterRequest } from './catalog.ts'
import type { ConfigEntryRequest } from './config-entry.ts'
import type { CaLeafRequest, CaRequest } from './connect-ca.ts'
import type { NodeCoordinate } from './coordinate.ts'
import type { FederationStateRequest } from './federation-state.ts'
import type { IntentionRequest } from './intention.ts'
import type { KVSRequest, TombstoneRequest } from './kv.ts'
import type { PreparedQueryRequest } from './prepared-query.ts'
import type { SessionRequest } from './session.ts'
import type { TxnRequest, TxnResponse } from './txn.ts'

export const COMMAND_NUMBERS = {
  Register: 0,
  Deregister: 1,
  KVS: 2,
  Session: 3,
  ACL: 4,
  Tombstone: 5,
  CoordinateBatchUpdate: 6,
  PreparedQuery: 7,
  Txn: 8,
  Autopilot: 9,
  ACLBootstrap: 11,
  Intention: 12,
  ConnectCA: 13,
  ACLTokenSet: 17,
  ACLTokenDelete: 18,
  ACLPolicySet: 19,
  ACLPolicyDelete: 20,
  ConnectCALeaf: 21,
  ConfigEntry: 22,
  ACLRoleSet: 23,
  ACLRoleDelete: 24,
  ACLBindingRuleSet: 25,
  ACLBindingRuleDelete: 26,
  ACLAuthMethodSet: 27,
  ACLAuthMethodDelete: 28,
  FederationState: 30,
} as const

/** Added to a number: a peer that does not know the type may pass over it. */
export const IGNORABLE = 128

export type Command =
  | { type: 'Register'; body: RegisterRequest }
  | { type: 'Deregister'; body: DeregisterRequest }
  | { type: 'KVS'; body: KVSRequest }
  | { type: 'Session'; body: SessionRequest }
  /** Of the old system, before 1.4. */
  | { type: 'ACL'; body: LegacyAclRequest }
  | { type: 'Tombstone'; body: TombstoneRequest }
  | { type: 'CoordinateBatchUpdate'; body: NodeCoordinate[] }
  | { type: 'PreparedQuery'; body: PreparedQueryRequest }
  | { type: 'Txn'; body: TxnRequest }
  | { type: 'Autopilot'; body: AutopilotSetConfigRequest }
  | { type: 'ACLBootstrap'; body: AclTokenBootstrapRequest }
  | { type: 'Intention'; body: IntentionRequest }
  | { type: 'ConnectCA'; body: CaRequest }
  | { type: 'ACLTokenSet'; body: AclTokenBatchSetRequest }
  | { type: 'ACLTokenDelete'; body: AclTokenBatchDeleteRequest }
  | { type: 'ACLPolicySet'; body: AclPolicyBatchSetRequest }
  | { type: 'ACLPolicyDelete'; body: AclPolicyBatchDeleteRequest }
  | { type: 'ConnectCALeaf'; body: CaLeafRequest }
  | { type: 'ConfigEntry'; body: ConfigEntryRequest }
  | { type: 'ACLRoleSet'; body: AclRoleBatchSetRequest }
  | { type: 'ACLRoleDelete'; body: AclRoleBatchDeleteRequest }
  | { type: 'ACLBindingRuleSet'; body: AclBindingRuleBatchSetRequest }
  | { type: 'ACLBindingRuleDelete'; body: AclBindingRuleBatchDeleteRequest }
  | { type: 'ACLAuthMethodSet'; body: AclAuthMethodBatchSetRequest }
  | { type: 'ACLAuthMethodDelete'; body: AclAuthMethodBatchDeleteRequest }
  | { type: 'FederationState'; body: FederationStateRequest }

export type CommandType = Command['type']

/** What applying a command answers to its proposer. Never on the wire: each server has its own. */
export type Result =
  | { kind: 'done' }
  | { kind: 'bool'; value: boolean }
  | { kind: 'text'; value: string }
  /** With errors, nothing was done. */
  | { kind: 'txn'; response: TxnResponse }
  | { kind: 'number'; value: number }
  | { kind: 'failed'; message: string }
