/** Tools for those who run the servers: Raft's members, autopilot's settings, and how the servers fare. */
import type { Index } from '../base/units.ts'
import { ApiError, bodyText, type Caller, decodeJson, expectOk, type RequestOptions } from './client.ts'

export interface RaftServer {
  ID: string
  Node: string
  Address: string
  Leader: boolean
  ProtocolVersion: string
  Voter: boolean
}

/** Durations are Go's text: "200ms". */
export interface AutopilotConfiguration {
  CleanupDeadServers: boolean
  LastContactThreshold: string
  MaxTrailingLogs: number
  MinQuorum: number
  ServerStabilizationTime: string
  RedundancyZoneTag: string
  DisableUpgradeMigration: boolean
  UpgradeVersionTag: string
  CreateIndex: Index
  ModifyIndex: Index
}

export interface ServerHealth {
  ID: string
  Name: string
  Address: string
  SerfStatus: string
  Version: string
  Leader: boolean
  LastContact: string
  LastTerm: number
  LastIndex: Index
  Healthy: boolean
  Voter: boolean
  StableSince: string
}

export interface ClusterHealth {
  Healthy: boolean
  FailureTolerance: number
  Servers: ServerHealth[] | null
}

/** Whose answer will do: with `stale`, that of any server. */
export type OperatorReadOptions = RequestOptions & { stale?: boolean }

export interface Operator {
  raftServers(options?: OperatorReadOptions): Promise<RaftServer[]>
  removePeer(peer: { id: string } | { address: string }, options?: RequestOptions): Promise<void>
  autopilot(options?: OperatorReadOptions): Promise<AutopilotConfiguration>
  /** @param cas only if its ModifyIndex is still this one. @returns false when it is not */
  setAutopilot(config: Partial<AutopilotConfiguration>, options?: RequestOptions & { cas?: Index }): Promise<boolean>
  health(options?: RequestOptions): Promise<ClusterHealth>
}

export function makeOperator(caller: Caller): Operator {
  return {
    async raftServers(options) {
      const response = expectOk(await caller.send('GET', '/v1/operator/raft/configuration', options))
      return decodeJson<{ Servers: RaftServer[] | null }>(response).Servers ?? []
    },
    async removePeer(peer, options) {
      expectOk(await caller.send('DELETE', '/v1/operator/raft/peer', options, { ...peer }))
    },
    async autopilot(options) {
      return decodeJson<AutopilotConfiguration>(
        expectOk(await caller.send('GET', '/v1/operator/autopilot/configuration', options)),
      )
    },
    async setAutopilot(config, { cas, ...options } = {}) {
      const path = '/v1/operator/autopilot/configuration'
      const response = expectOk(await caller.send('PUT', path, options, { cas }, JSON.stringify(config)))
      return bodyText(response).trim() === 'true'
    },
    async health(options) {
      const response = await caller.send('GET', '/v1/operator/autopilot/health', options)
      // Health that is not good has a status of its own.
      if (response.status !== 200 && response.status !== 429) throw new ApiError(response.status, bodyText(response))
      return decodeJson<ClusterHealth>(response)
    },
  }
}
