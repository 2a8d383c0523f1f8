/** Wire structs of federation states (protocol/rpc.md section 10). */
import type { FederationState, FederationStateRequest } from '../../model/federation-state.ts'
import { time } from '../go-time.ts'
import { int, list, pointer, RAFT_INDEX, struct, text, textOf, WRITE_REQUEST } from '../schema.ts'
import { checkServiceNode } from './instances.ts'

export const federationState = struct<FederationState>({
  ...RAFT_INDEX,
  Datacenter: text,
  MeshGateways: list(checkServiceNode),
  UpdatedAt: time,
  PrimaryModifyIndex: int,
})

export const federationStateRequest = struct<FederationStateRequest>({
  ...WRITE_REQUEST,
  Op: textOf<FederationStateRequest['Op']>(),
  State: pointer(federationState),
})
