/**
 * Registrations as they stand in the data directory, in the JSON of Consul's own files (`services/`, `checks/`,
 * `checks/state/`), so that either program can take up the other's. Reading trusts nothing: what does not fit is
 * undefined, what is missing is empty. Source: Consul's agent/agent.go (persistedService, persistedCheck).
 */
import { parseGoDuration } from '../../base/go-duration.ts'
import type { WallMs } from '../../base/units.ts'
import {
  type ConnectProxyConfig,
  NO_PROXY,
  type NodeService,
  type ServiceAddress,
  type ServiceKind,
  type Weights,
} from '../../model/catalog.ts'
import type { CheckRun } from '../../model/check-run.ts'
import { type HealthCheck, NO_DEFINITION } from '../../model/health.ts'
import type { CentralDefaults } from './central.ts'

/** Registered over the API, not by a configuration file. */
const SOURCE = 'remote'

export function persistedService(service: NodeService, token: string): unknown {
  return {
    Token: token,
    Service: service,
    Source: SOURCE,
    LocallyRegisteredAsSidecar: service.LocallyRegisteredAsSidecar,
  }
}

export function persistedDefaults(id: string, defaults: CentralDefaults): unknown {
  const { ProxyConfig, UpstreamIDConfigs, MeshGateway, Expose } = defaults
  return { ServiceID: id, Defaults: { ProxyConfig, UpstreamIDConfigs, MeshGateway, Expose } }
}

export function persistedCheck(check: HealthCheck, run: CheckRun, token: string): unknown {
  return { Check: check, ChkType: run, Token: token, Source: SOURCE }
}

/** @param expires when the status no longer counts */
export function persistedState(id: string, status: string, output: string, expires: WallMs): unknown {
  return { CheckID: id, Status: status, Output: output, Expires: Math.floor(expires / 1000) }
}

export function readService(raw: unknown): { service: NodeService; token: string } | undefined {
  const file = readObject(raw)
  const given = readObject(file?.Service)
  if (file === undefined || given === undefined) return undefined
  const name = text(given.Service)
  const id = text(given.ID) || name
  if (id === '') return undefined
  const weights = readObject(given.Weights)
  const connect = readObject(given.Connect)
  return {
    token: text(file.Token),
    service: {
      Kind: text(given.Kind) as ServiceKind,
      ID: id,
      Service: name,
      Tags: readStrings(given.Tags),
      Address: text(given.Address),
      TaggedAddresses: readAddresses(given.TaggedAddresses),
      Meta: readTexts(given.Meta),
      Port: whole(given.Port),
      Weights: weights === undefined ? null : readWeights(weights),
      EnableTagOverride: given.EnableTagOverride === true,
      Proxy: readProxy(given.Proxy),
      Connect: { Native: connect?.Native === true, SidecarService: null },
      LocallyRegisteredAsSidecar: file.LocallyRegisteredAsSidecar === true,
      CreateIndex: 0,
      ModifyIndex: 0,
    },
  }
}

export function readCheck(raw: unknown): { check: HealthCheck; run: CheckRun; token: string } | undefined {
  const file = readObject(raw)
  const given = readObject(file?.Check)
  if (file === undefined || given === undefined || text(given.CheckID) === '') return undefined
  return {
    token: text(file.Token),
    run: readRun(readObject(file.ChkType) ?? {}),
    check: {
      Node: text(given.Node),
      CheckID: text(given.CheckID),
      Name: text(given.Name),
      Status: text(given.Status),
      Notes: text(given.Notes),
      Output: text(given.Output),
      ServiceID: text(given.ServiceID),
      ServiceName: text(given.ServiceName),
      ServiceTags: readStrings(given.ServiceTags),
      Type: text(given.Type),
      Definition: NO_DEFINITION,
      CreateIndex: 0,
      ModifyIndex: 0,
    },
  }
}

export function readDefaults(raw: unknown): { id: string; defaults: CentralDefaults } | undefined {
  const file = readObject(raw)
  const given = readObject(file?.Defaults)
  if (file === undefined || given === undefined || text(file.ServiceID) === '') return undefined
  const { MeshGateway, Expose } = readProxy(given)
  const upstreams = Array.isArray(given.UpstreamIDConfigs) ? given.UpstreamIDConfigs : []
  const UpstreamIDConfigs = upstreams.map((one) => ({
    Upstream: { ID: text(readObject(readObject(one)?.Upstream)?.ID) },
    Config: readObject(readObject(one)?.Config) ?? null,
  }))
  return {
    id: text(file.ServiceID),
    defaults: {
      ProxyConfig: readObject(given.ProxyConfig) ?? null,
      UpstreamIDConfigs: UpstreamIDConfigs.length === 0 ? null : UpstreamIDConfigs,
      MeshGateway,
      Expose,
    },
  }
}

export function readState(raw: unknown): { id: string; status: string; output: string; expires: WallMs } | undefined {
  const file = readObject(raw)
  if (file === undefined || text(file.CheckID) === '' || text(file.Status) === '') return undefined
  return {
    id: text(file.CheckID),
    status: text(file.Status),
    output: text(file.Output),
    expires: whole(file.Expires) * 1000,
  }
}

function readRun(given: Record<string, unknown>): CheckRun {
  const headers = readObject(given.Header)
  return {
    HTTP: text(given.HTTP),
    TLSSkipVerify: given.TLSSkipVerify === true,
    Header:
      headers === undefined
        ? null
        : Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, readStrings(values) ?? []])),
    Method: text(given.Method),
    Body: text(given.Body),
    TCP: text(given.TCP),
    Interval: duration(given.Interval),
    OutputMaxSize: whole(given.OutputMaxSize),
    Timeout: duration(given.Timeout),
    DeregisterCriticalServiceAfter: duration(given.DeregisterCriticalServiceAfter),
    ScriptArgs: readStrings(given.ScriptArgs),
    DockerContainerID: text(given.DockerContainerID),
    Shell: text(given.Shell),
    GRPC: text(given.GRPC),
    GRPCUseTLS: given.GRPCUseTLS === true,
    AliasNode: text(given.AliasNode),
    AliasService: text(given.AliasService),
    TTL: duration(given.TTL),
    SuccessBeforePassing: whole(given.SuccessBeforePassing),
    FailuresBeforeWarning: whole(given.FailuresBeforeWarning),
    FailuresBeforeCritical: whole(given.FailuresBeforeCritical),
    UDP: text(given.UDP),
    H2PING: text(given.H2PING),
    H2PingUseTLS: given.H2PingUseTLS !== false,
    TLSServerName: text(given.TLSServerName),
    DisableRedirects: given.DisableRedirects === true,
  }
}

/** Proxies are kept whole. */
function readProxy(raw: unknown): ConnectProxyConfig {
  const given = readObject(raw)
  if (given === undefined) return NO_PROXY
  const upstreams = given.Upstreams
  const paths = readObject(given.Expose)?.Paths
  return {
    DestinationServiceName: text(given.DestinationServiceName),
    DestinationServiceID: text(given.DestinationServiceID),
    LocalServiceAddress: text(given.LocalServiceAddress),
    LocalServicePort: whole(given.LocalServicePort),
    Config: readObject(given.Config) ?? null,
    Upstreams: Array.isArray(upstreams) ? (upstreams.filter(readObject) as ConnectProxyConfig['Upstreams']) : null,
    MeshGateway: { Mode: text(readObject(given.MeshGateway)?.Mode) },
    Expose: {
      Checks: readObject(given.Expose)?.Checks === true,
      Paths: Array.isArray(paths) ? (paths as ConnectProxyConfig['Expose']['Paths']) : null,
    },
  }
}

function readWeights(given: Record<string, unknown>): Weights {
  return { Passing: whole(given.Passing), Warning: whole(given.Warning) }
}

function readAddresses(raw: unknown): Record<string, ServiceAddress> | null {
  const given = readObject(raw)
  if (given === undefined) return null
  return Object.fromEntries(
    Object.entries(given).map(([tag, value]) => {
      const address = readObject(value) ?? {}
      return [tag, { Address: text(address.Address), Port: whole(address.Port) }]
    }),
  )
}

function readTexts(raw: unknown): Record<string, string> | null {
  const given = readObject(raw)
  return given === undefined
    ? null
    : Object.fromEntries(Object.entries(given).filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
}

function readStrings(raw: unknown): string[] | null {
  return Array.isArray(raw) ? raw.filter((item): item is string => typeof item === 'string') : null
}

function readObject(raw: unknown): Record<string, unknown> | undefined {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? (raw as Record<string, unknown>) : undefined
}

function text(raw: unknown): string {
  return typeof raw === 'string' ? raw : ''
}

function whole(raw: unknown): number {
  return typeof raw === 'number' && Number.isSafeInteger(raw) ? raw : 0
}

/** Consul's files have both: text, and whole nanoseconds. */
function duration(raw: unknown): number {
  return typeof raw === 'string' ? (parseGoDuration(raw) ?? 0) : whole(raw)
}
