/** Configuration entries: the seven kinds, their rows and commands, and the methods that read and write them. */
import type { Nanos } from '../base/units.ts'
import type { DCSpecificRequest, Empty, ExposeConfig, MeshGatewayConfig, Untyped } from './catalog.ts'
import type { QueryMeta, QueryOptions, RaftIndex, ToDatacenter, WriteRequest } from './query.ts'

export const CONFIG_KINDS = [
  'service-defaults',
  'proxy-defaults',
  'service-router',
  'service-splitter',
  'service-resolver',
  'ingress-gateway',
  'terminating-gateway',
] as const
export type ConfigKind = (typeof CONFIG_KINDS)[number]

/** Name of the one entry of kind `proxy-defaults`. */
export const PROXY_CONFIG_GLOBAL = 'global'
export const WILDCARD = '*'

interface Entry<K extends ConfigKind> extends RaftIndex {
  Kind: K
  Name: string
  Meta: Record<string, string> | null
}

export interface ServiceDefaults extends Entry<'service-defaults'> {
  Protocol: string
  MeshGateway: MeshGatewayConfig
  Expose: ExposeConfig
  ExternalSNI: string
}

export interface ProxyDefaults extends Entry<'proxy-defaults'> {
  Config: Record<string, Untyped> | null
  MeshGateway: MeshGatewayConfig
  Expose: ExposeConfig
}

export interface HeaderMatch {
  Name: string
  Present: boolean
  Exact: string
  Prefix: string
  Suffix: string
  Regex: string
  Invert: boolean
}

export interface QueryParamMatch {
  Name: string
  Present: boolean
  Exact: string
  Regex: string
}

export interface HttpMatch {
  PathExact: string
  PathPrefix: string
  PathRegex: string
  Header: HeaderMatch[] | null
  QueryParam: QueryParamMatch[] | null
  Methods: string[] | null
}

export interface RouteDestination {
  Service: string
  ServiceSubset: string
  Namespace: string
  PrefixRewrite: string
  RequestTimeout: Nanos
  NumRetries: number
  RetryOnConnectFailure: boolean
  RetryOnStatusCodes: number[] | null
}

export interface ServiceRoute {
  Match: { HTTP: HttpMatch | null } | null
  Destination: RouteDestination | null
}

export interface ServiceRouter extends Entry<'service-router'> {
  Routes: ServiceRoute[] | null
}

export interface ServiceSplit {
  /** Percent, with two digits behind the point; a 32-bit float on the wire. */
  Weight: number
  Service: string
  ServiceSubset: string
  Namespace: string
}

export interface ServiceSplitter extends Entry<'service-splitter'> {
  Splits: ServiceSplit[] | null
}

export interface ResolverSubset {
  Filter: string
  OnlyPassing: boolean
}

export interface ResolverRedirect {
  Service: string
  ServiceSubset: string
  Namespace: string
  Datacenter: string
}

export interface ResolverFailover {
  Service: string
  ServiceSubset: string
  Namespace: string
  Datacenters: string[] | null
}

export interface ServiceResolver extends Entry<'service-resolver'> {
  DefaultSubset: string
  Subsets: Record<string, ResolverSubset> | null
  Redirect: ResolverRedirect | null
  /** By subset, or "*" for all that have none of their own. */
  Failover: Record<string, ResolverFailover> | null
  ConnectTimeout: Nanos
}

export interface IngressService {
  Name: string
  Hosts: string[] | null
  Meta: Record<string, string> | null
}

export interface IngressListener {
  Port: number
  Protocol: string
  Services: IngressService[] | null
}

export interface IngressGateway extends Entry<'ingress-gateway'> {
  TLS: { Enabled: boolean }
  Listeners: IngressListener[] | null
}

export interface LinkedService {
  Name: string
  CAFile: string
  CertFile: string
  KeyFile: string
  SNI: string
}

export interface TerminatingGateway extends Entry<'terminating-gateway'> {
  Services: LinkedService[] | null
}

export type ConfigEntry =
  | ServiceDefaults
  | ProxyDefaults
  | ServiceRouter
  | ServiceSplitter
  | ServiceResolver
  | IngressGateway
  | TerminatingGateway

export type EntryOf<K extends ConfigKind> = Extract<ConfigEntry, { Kind: K }>

export function isConfigKind(kind: string): kind is ConfigKind {
  return (CONFIG_KINDS as readonly string[]).includes(kind)
}

export interface ConfigEntryRequest extends WriteRequest, ToDatacenter {
  Op: 'upsert' | 'upsert-cas' | 'delete' | ''
  /** For `upsert-cas`, `ModifyIndex` says what to compare with; for `delete` only kind and name count. */
  Entry: ConfigEntry
}

export interface ConfigEntryQuery extends QueryOptions, ToDatacenter {
  Kind: string
  /** Not asked for a list. */
  Name?: string
}

export interface ConfigEntryResponse extends QueryMeta {
  Entry: ConfigEntry | null
}

export interface IndexedConfigEntries extends QueryMeta {
  Kind: string
  Entries: ConfigEntry[]
}

export interface IndexedGenericConfigEntries extends QueryMeta {
  Entries: ConfigEntry[]
}

export interface ServiceConfigRequest extends QueryOptions, ToDatacenter {
  Name: string
  /** Asked by name only; senders since 1.8 fill `UpstreamIDs` instead. */
  Upstreams?: string[] | null
  UpstreamIDs?: { ID: string }[] | null
}

export type UntypedMap = Record<string, Untyped>

export interface ServiceConfigResponse extends QueryMeta {
  ProxyConfig: UntypedMap | null
  UpstreamConfigs: Record<string, UntypedMap> | null
  UpstreamIDConfigs: { Upstream: { ID: string }; Config: UntypedMap | null }[] | null
  MeshGateway: MeshGatewayConfig
  Expose: ExposeConfig
}

export interface ConfigEntryMethods {
  'ConfigEntry.Apply': { args: ConfigEntryRequest; reply: boolean }
  'ConfigEntry.Delete': { args: ConfigEntryRequest; reply: Empty }
  'ConfigEntry.Get': { args: ConfigEntryQuery; reply: ConfigEntryResponse }
  'ConfigEntry.List': { args: ConfigEntryQuery; reply: IndexedConfigEntries }
  'ConfigEntry.ListAll': { args: DCSpecificRequest; reply: IndexedGenericConfigEntries }
  'ConfigEntry.ResolveServiceConfig': { args: ServiceConfigRequest; reply: ServiceConfigResponse }
}
