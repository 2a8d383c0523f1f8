/**
 * What the Raft log says. The numbers and bodies are Consul's (protocol/fsm-and-snapshot.md section 1), and only those:
 * a type that Consul 1.8.7 does not know crashes a real server that reads it.
 */
import type { AutopilotSetConfigRequest } from './autopilot.ts'
import type { DeregisterRequest, RegisterRequest } from './catalog.ts'
import type { NodeCoordinate } from './coordinate.ts'
import type { FederationStateRequest } from './federation-state.ts'
import type { KVSRequest, TombstoneRequest } from './kv.ts'
import type { PreparedQueryRequest } from './prepared-query.ts'
import type { SessionRequest } from './session.ts'
import type { TxnRequest, TxnResponse } from './txn.ts'

export const COMMAND_NUMBERS = {
  Register: 0,
  Deregister: 1,
  KVS: 2,
  Session: 3,
  Tombstone: 5,
  CoordinateBatchUpdate: 6,
  PreparedQuery: 7,
  Txn: 8,
  Autopilot: 9,
  FederationState: 30,
} as const

/** Added to a number: a peer that does not know the type may pass over it. */
export const IGNORABLE = 128

export type Command =
  | { type: 'Register'; body: RegisterRequest }
  | { type: 'Deregister'; body: DeregisterRequest }
  | { type: 'KVS'; body: KVSRequest }
  | { type: 'Session'; body: SessionRequest }
  | { type: 'Tombstone'; body: TombstoneRequest }
  | { type: 'CoordinateBatchUpdate'; body: NodeCoordinate[] }
  | { type: 'PreparedQuery'; body: PreparedQueryRequest }
  | { type: 'Txn'; body: TxnRequest }
  | { type: 'Autopilot'; body: AutopilotSetConfigRequest }
  | { type: 'FederationState'; body: FederationStateRequest }

export type CommandType = Command['type']

/** What applying a command answers to its proposer. Never on the wire: each server has its own. */
export type Result =
  | { kind: 'done' }
  | { kind: 'bool'; value: boolean }
  | { kind: 'text'; value: string }
  /** With errors, nothing was done. */
  | { kind: 'txn'; response: TxnResponse }
  | { kind: 'failed'; message: string }
