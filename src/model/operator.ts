/** What operators ask of the servers themselves: who is a member of Raft, how healthy each is, autopilot's settings. */
import type { Index, Nanos, Term } from '../base/units.ts'
import type { AutopilotConfig, AutopilotSetConfigRequest } from './autopilot.ts'
import type { DCSpecificRequest } from './catalog.ts'
import type { FederationState } from './federation-state.ts'
import type { ToDatacenter, WriteRequest } from './query.ts'

export interface RaftServer {
  ID: string
  /** By its name in gossip; "(unknown)" for one that gossip does not know. */
  Node: string
  Address: string
  Leader: boolean
  /** As its tag says; "unknown" for one that gossip does not know. */
  ProtocolVersion: string
  Voter: boolean
}

export interface RaftConfigurationResponse {
  Servers: RaftServer[] | null
  /** Always 0 in 1.8.7. */
  Index: Index
}

/** One of the two says whom. */
export interface RaftRemovePeerRequest extends WriteRequest, ToDatacenter {
  Address: string
  ID: string
}

export interface ServerHealth {
  ID: string
  Name: string
  Address: string
  /** Serf's number: 0 none, 1 alive, 2 leaving, 3 left, 4 failed. */
  SerfStatus: number
  /** Of its build tag, "1.8.7"; "" for one that gossip does not know. */
  Version: string
  Leader: boolean
  /** -1 when it never heard from a leader, or did not answer. */
  LastContact: Nanos
  LastTerm: Term
  LastIndex: Index
  Healthy: boolean
  Voter: boolean
  /** When `Healthy` last changed, the parts of Go's time value; null is Go's zero time: it did not answer. */
  StableSince: FederationState['UpdatedAt'] | null
}

export interface OperatorHealthReply {
  Healthy: boolean
  /** Healthy voters that could be lost without losing the quorum. */
  FailureTolerance: number
  Servers: ServerHealth[] | null
}

export interface OperatorMethods {
  'Operator.RaftGetConfiguration': { args: DCSpecificRequest; reply: RaftConfigurationResponse }
  'Operator.RaftRemovePeerByAddress': { args: RaftRemovePeerRequest; reply: Record<string, never> }
  'Operator.RaftRemovePeerByID': { args: RaftRemovePeerRequest; reply: Record<string, never> }
  'Operator.AutopilotGetConfiguration': { args: DCSpecificRequest; reply: AutopilotConfig }
  'Operator.AutopilotSetConfiguration': { args: AutopilotSetConfigRequest; reply: boolean }
  'Operator.ServerHealth': { args: DCSpecificRequest; reply: OperatorHealthReply }
}
