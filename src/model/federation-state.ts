/**
 * What a datacenter tells the others of its mesh gateways: rows and commands. A leader of real servers writes its own
 * datacenter's row soon after its election, so it is in every log that they share with ours.
 */
import type { Index } from '../base/units.ts'
import type { CheckServiceNode } from './health.ts'
import type { RaftIndex, ToDatacenter, WriteRequest } from './query.ts'
import type { GoTime } from './time.ts'

export interface FederationState extends RaftIndex {
  Datacenter: string
  MeshGateways: CheckServiceNode[] | null
  /** When its own datacenter last changed it. */
  UpdatedAt: GoTime
  /** The ModifyIndex that it has in the primary datacenter. */
  PrimaryModifyIndex: Index
}

export interface FederationStateRequest extends WriteRequest, ToDatacenter {
  Op: 'upsert' | 'delete'
  State: FederationState | null
}
