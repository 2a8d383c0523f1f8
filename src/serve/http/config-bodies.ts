/** Bodies of `/v1/config` and `/v1/discovery-chain`: from JSON, loosely typed, to configuration entries. */
import type { ExposeConfig, ExposePath, MeshGatewayConfig } from '../../model/catalog.ts'
import {
  type ConfigEntry,
  type ConfigKind,
  type EntryOf,
  type HeaderMatch,
  type HttpMatch,
  type IngressListener,
  type IngressService,
  isConfigKind,
  type LinkedService,
  type QueryParamMatch,
  type ResolverFailover,
  type ResolverRedirect,
  type ResolverSubset,
  type RouteDestination,
  type ServiceRoute,
  type ServiceSplit,
} from '../../model/config-entry.ts'
import { listed } from '../../model/service-rules.ts'
import { badRequest } from './errors.ts'
import {
  asMap,
  type Findings,
  faultText,
  untypedValue,
  type Weak,
  weakBool,
  weakDuration,
  weakFloat,
  weakInt,
  weakList,
  weakMap,
  weakOptional,
  weakStruct,
  weakText,
  weakTextOf,
  weakUint32,
} from './weak-decode.ts'

const texts = weakList(weakText)
const textMap = weakMap(weakText)
const meshGateway = weakStruct<MeshGatewayConfig>({ Mode: weakTextOf('structs.MeshGatewayMode') })
const expose = weakStruct<ExposeConfig>({
  Checks: weakBool,
  Paths: weakList(
    weakStruct<ExposePath>(
      { ListenerPort: weakInt, Path: weakText, LocalPathPort: weakInt, Protocol: weakText, ParsedFromCheck: weakBool },
      { listener_port: 'ListenerPort', local_path_port: 'LocalPathPort' },
    ),
  ),
})

/** What every kind has. The indexes may be given, spelt just so, and are passed over. */
const ENTRY = { Name: weakText, Meta: textMap, CreateIndex: passedOver, ModifyIndex: passedOver }

const INDEXES: readonly string[] = ['CreateIndex', 'ModifyIndex']
const LOWER_INDEXES: readonly string[] = INDEXES.map((name) => name.toLowerCase())

function isMisspeltIndex(name: string): boolean {
  return !INDEXES.includes(name) && LOWER_INDEXES.includes(name.toLowerCase())
}

function passedOver(): number {
  return 0
}

function kind<K extends ConfigKind>(name: K): Weak<K> {
  return () => name
}

const httpMatch = weakStruct<HttpMatch>(
  {
    PathExact: weakText,
    PathPrefix: weakText,
    PathRegex: weakText,
    Header: weakList(
      weakStruct<HeaderMatch>({
        Name: weakText,
        Present: weakBool,
        Exact: weakText,
        Prefix: weakText,
        Suffix: weakText,
        Regex: weakText,
        Invert: weakBool,
      }),
    ),
    QueryParam: weakList(
      weakStruct<QueryParamMatch>({ Name: weakText, Present: weakBool, Exact: weakText, Regex: weakText }),
    ),
    Methods: texts,
  },
  { path_exact: 'PathExact', path_prefix: 'PathPrefix', path_regex: 'PathRegex', query_param: 'QueryParam' },
)

const destination = weakStruct<RouteDestination>(
  {
    Service: weakText,
    ServiceSubset: weakText,
    Namespace: weakText,
    PrefixRewrite: weakText,
    RequestTimeout: weakDuration,
    NumRetries: weakUint32,
    RetryOnConnectFailure: weakBool,
    RetryOnStatusCodes: weakList(weakUint32),
  },
  {
    service_subset: 'ServiceSubset',
    prefix_rewrite: 'PrefixRewrite',
    request_timeout: 'RequestTimeout',
    num_retries: 'NumRetries',
    retry_on_connect_failure: 'RetryOnConnectFailure',
    retry_on_status_codes: 'RetryOnStatusCodes',
  },
)

const SUBSET_ALIAS = { service_subset: 'ServiceSubset' } as const

const ENTRIES: { [K in ConfigKind]: Weak<EntryOf<K>> } = {
  'service-defaults': weakStruct<EntryOf<'service-defaults'>>(
    {
      ...ENTRY,
      Kind: kind('service-defaults'),
      Protocol: weakText,
      MeshGateway: meshGateway,
      Expose: expose,
      ExternalSNI: weakText,
    },
    { mesh_gateway: 'MeshGateway', external_sni: 'ExternalSNI' },
  ),
  'proxy-defaults': weakStruct<EntryOf<'proxy-defaults'>>(
    {
      ...ENTRY,
      Kind: kind('proxy-defaults'),
      Config: weakMap(untypedValue),
      MeshGateway: meshGateway,
      Expose: expose,
    },
    { mesh_gateway: 'MeshGateway' },
  ),
  'service-router': weakStruct<EntryOf<'service-router'>>({
    ...ENTRY,
    Kind: kind('service-router'),
    Routes: weakList(
      weakStruct<ServiceRoute>({
        Match: weakOptional(weakStruct<NonNullable<ServiceRoute['Match']>>({ HTTP: weakOptional(httpMatch) })),
        Destination: weakOptional(destination),
      }),
    ),
  }),
  'service-splitter': weakStruct<EntryOf<'service-splitter'>>({
    ...ENTRY,
    Kind: kind('service-splitter'),
    Splits: weakList(
      weakStruct<ServiceSplit>(
        { Weight: weakFloat, Service: weakText, ServiceSubset: weakText, Namespace: weakText },
        SUBSET_ALIAS,
      ),
    ),
  }),
  'service-resolver': weakStruct<EntryOf<'service-resolver'>>(
    {
      ...ENTRY,
      Kind: kind('service-resolver'),
      DefaultSubset: weakText,
      Subsets: weakMap(
        weakStruct<ResolverSubset>({ Filter: weakText, OnlyPassing: weakBool }, { only_passing: 'OnlyPassing' }),
      ),
      Redirect: weakOptional(
        weakStruct<ResolverRedirect>(
          { Service: weakText, ServiceSubset: weakText, Namespace: weakText, Datacenter: weakText },
          SUBSET_ALIAS,
        ),
      ),
      Failover: weakMap(
        weakStruct<ResolverFailover>(
          { Service: weakText, ServiceSubset: weakText, Namespace: weakText, Datacenters: texts },
          SUBSET_ALIAS,
        ),
      ),
      ConnectTimeout: weakDuration,
    },
    { default_subset: 'DefaultSubset', connect_timeout: 'ConnectTimeout' },
  ),
  'ingress-gateway': weakStruct<EntryOf<'ingress-gateway'>>({
    ...ENTRY,
    Kind: kind('ingress-gateway'),
    TLS: weakStruct<{ Enabled: boolean }>({ Enabled: weakBool }),
    Listeners: weakList(
      weakStruct<IngressListener>({
        Port: weakInt,
        Protocol: weakText,
        Services: weakList(weakStruct<IngressService>({ Name: weakText, Hosts: texts, Meta: textMap })),
      }),
    ),
  }),
  'terminating-gateway': weakStruct<EntryOf<'terminating-gateway'>>({
    ...ENTRY,
    Kind: kind('terminating-gateway'),
    Services: weakList(
      weakStruct<LinkedService>(
        { Name: weakText, CAFile: weakText, CertFile: weakText, KeyFile: weakText, SNI: weakText },
        { ca_file: 'CAFile', cert_file: 'CertFile', key_file: 'KeyFile' },
      ),
    ),
  }),
}

/** Throws `HttpError` (400) for what is no entry. @param found as of `readEntry` */
export function decodeEntry(body: unknown, found?: Findings): ConfigEntry {
  const read = readEntry(body, found)
  if (typeof read === 'string') throw undecodable(read)
  return read
}

/**
 * @param found empty; the same for all slices in which this is done
 * @returns what is wrong, for what is no entry
 */
export function readEntry(body: unknown, found: Findings = nothingFound()): ConfigEntry | string {
  const given: Findings = nothingFound()
  const raw = asMap(body ?? {}, '', given)
  if (raw === undefined) return given.faults[0]!
  const kindGiven = Object.hasOwn(raw, 'Kind') ? raw.Kind : raw.kind
  if (kindGiven === undefined) return 'Payload does not contain a kind/Kind key at the top level'
  if (typeof kindGiven !== 'string') return 'Kind value in payload is not a string'
  if (!isConfigKind(kindGiven)) return `invalid config entry kind: ${kindGiven}`
  const entry: ConfigEntry = (ENTRIES[kindGiven] as Weak<ConfigEntry>)(raw, '', found)
  const fault = faultText(found)
  if (fault !== undefined) return fault
  const unknown = [...found.unused, ...Object.keys(raw).filter(isMisspeltIndex)].map((name) =>
    name.toLowerCase().endsWith('namespace')
      ? `invalid config key ${JSON.stringify(name)}, namespaces are a consul enterprise feature`
      : `invalid config key ${JSON.stringify(name)}`,
  )
  if (unknown.length > 0) return listed(unknown)
  return entry
}

export function nothingFound(): Findings {
  return { faults: [], unused: [] }
}

export interface ChainOverrides {
  OverrideMeshGateway: MeshGatewayConfig
  OverrideProtocol: string
  OverrideConnectTimeout: number
}

const overrides = weakStruct<ChainOverrides>(
  { OverrideMeshGateway: meshGateway, OverrideProtocol: weakText, OverrideConnectTimeout: weakDuration },
  {
    override_mesh_gateway: 'OverrideMeshGateway',
    override_protocol: 'OverrideProtocol',
    override_connect_timeout: 'OverrideConnectTimeout',
  },
)

/** Names that are not known are passed over here. Throws `HttpError` (400). */
export function decodeOverrides(raw: Record<string, unknown>): ChainOverrides {
  const found = nothingFound()
  const decoded = overrides(raw, '', found)
  const fault = faultText(found)
  if (fault !== undefined) throw undecodable(fault)
  return decoded
}

export function undecodable(why: string): Error {
  return badRequest(`Request decoding failed: ${why}`)
}
