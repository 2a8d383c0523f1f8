/**
 * Wire structs of configuration entries (protocol/rpc.md section 10). Requests and replies that hold an entry of any
 * kind stand as one raw string, in which the kind goes before what depends on it (msgpack-dialect.md section 6).
 */
import {
  CONFIG_KINDS,
  type ConfigEntry,
  type ConfigEntryQuery,
  type ConfigEntryRequest,
  type ConfigEntryResponse,
  type ConfigKind,
  type EntryOf,
  type HeaderMatch,
  type HttpMatch,
  type IndexedConfigEntries,
  type IndexedGenericConfigEntries,
  type IngressListener,
  type IngressService,
  isConfigKind,
  type LinkedService,
  type ProxyDefaults,
  type QueryParamMatch,
  type ResolverFailover,
  type ResolverRedirect,
  type ResolverSubset,
  type RouteDestination,
  type ServiceConfigRequest,
  type ServiceConfigResponse,
  type ServiceRoute,
  type ServiceSplit,
} from '../../model/config-entry.ts'
import type { QueryMeta } from '../../model/query.ts'
import { MsgpackError, Reader, Writer } from '../msgpack.ts'
import {
  bool,
  type Codec,
  filled,
  float32,
  int,
  list,
  map,
  pointer,
  RAFT_INDEX,
  struct,
  text,
  textOf,
  untyped,
  WRITE_REQUEST,
} from '../schema.ts'
import { exposeConfig, meshGatewayConfig } from './catalog.ts'
import { type Consistency, QUERY_META, QUERY_OPTIONS, TO_DATACENTER } from './query.ts'

/** More than any cluster holds; a list's count stands before it, unguarded by the entries that should follow. */
const ENTRIES_MAX = 1 << 20

/** A value inside a raw string of its own. */
function wrapped<T>(write: (w: Writer, value: T | undefined) => void, read: (r: Reader) => T, zero: () => T): Codec<T> {
  return {
    write(w, value) {
      const inner = new Writer(512)
      write(inner, value)
      w.bytes(inner.take())
    },
    read(r) {
      const raw = r.bytes()
      return raw === null ? zero() : read(new Reader(raw))
    },
    zero,
    fields: 0,
    shape: { kind: 'opaque' },
  }
}

const ENTRY = { ...RAFT_INDEX, Name: text, Meta: map(text) }

function kind<K extends ConfigKind>(): Codec<K> {
  return textOf<K>()
}

const headerMatch = struct<HeaderMatch>({
  Name: text,
  Present: bool,
  Exact: text,
  Prefix: text,
  Suffix: text,
  Regex: text,
  Invert: bool,
})

const queryParamMatch = struct<QueryParamMatch>({ Name: text, Present: bool, Exact: text, Regex: text })

export const httpMatch = struct<HttpMatch>({
  PathExact: text,
  PathPrefix: text,
  PathRegex: text,
  Header: list(headerMatch),
  QueryParam: list(queryParamMatch),
  Methods: list(text),
})

export const routeDestination = struct<RouteDestination>({
  Service: text,
  ServiceSubset: text,
  Namespace: text,
  PrefixRewrite: text,
  RequestTimeout: int,
  NumRetries: int,
  RetryOnConnectFailure: bool,
  RetryOnStatusCodes: list(int),
})

export const serviceRoute = struct<ServiceRoute>({
  Match: pointer(struct<NonNullable<ServiceRoute['Match']>>({ HTTP: pointer(httpMatch) })),
  Destination: pointer(routeDestination),
})

export const resolverSubset = struct<ResolverSubset>({ Filter: text, OnlyPassing: bool })

const proxyDefaults = struct<ProxyDefaults>({
  ...ENTRY,
  Kind: kind<'proxy-defaults'>(),
  Config: map(untyped),
  MeshGateway: meshGatewayConfig,
  Expose: exposeConfig,
})

export const CONFIG_ENTRIES: { [K in ConfigKind]: Codec<EntryOf<K>> } = {
  'service-defaults': struct<EntryOf<'service-defaults'>>({
    ...ENTRY,
    Kind: kind<'service-defaults'>(),
    Protocol: text,
    MeshGateway: meshGatewayConfig,
    Expose: exposeConfig,
    ExternalSNI: text,
  }),
  'proxy-defaults': {
    ...wrapped(
      (w, value) => proxyDefaults.write(w, value),
      (r) => proxyDefaults.read(r),
      () => proxyDefaults.zero(),
    ),
    shape: proxyDefaults.shape,
  },
  'service-router': struct<EntryOf<'service-router'>>({
    ...ENTRY,
    Kind: kind<'service-router'>(),
    Routes: list(serviceRoute),
  }),
  'service-splitter': struct<EntryOf<'service-splitter'>>({
    ...ENTRY,
    Kind: kind<'service-splitter'>(),
    Splits: list(struct<ServiceSplit>({ Weight: float32, Service: text, ServiceSubset: text, Namespace: text })),
  }),
  'service-resolver': struct<EntryOf<'service-resolver'>>({
    ...ENTRY,
    Kind: kind<'service-resolver'>(),
    DefaultSubset: text,
    Subsets: map(resolverSubset),
    Redirect: pointer(
      struct<ResolverRedirect>({ Service: text, ServiceSubset: text, Namespace: text, Datacenter: text }),
    ),
    Failover: map(
      struct<ResolverFailover>({ Service: text, ServiceSubset: text, Namespace: text, Datacenters: list(text) }),
    ),
    ConnectTimeout: int,
  }),
  'ingress-gateway': struct<EntryOf<'ingress-gateway'>>({
    ...ENTRY,
    Kind: kind<'ingress-gateway'>(),
    TLS: struct<{ Enabled: boolean }>({ Enabled: bool }),
    Listeners: list(
      struct<IngressListener>({
        Port: int,
        Protocol: text,
        Services: list(struct<IngressService>({ Name: text, Hosts: list(text), Meta: map(text) })),
      }),
    ),
  }),
  'terminating-gateway': struct<EntryOf<'terminating-gateway'>>({
    ...ENTRY,
    Kind: kind<'terminating-gateway'>(),
    Services: list(struct<LinkedService>({ Name: text, CAFile: text, CertFile: text, KeyFile: text, SNI: text })),
  }),
}

/** For entries whose kind is known from what stands before. Whatever is sent as `Kind`, the known one counts. */
function entryOf(name: string, at: number): Codec<ConfigEntry> {
  if (!isConfigKind(name)) throw new MsgpackError('mismatch', `invalid config entry kind: ${name}`, at)
  return CONFIG_ENTRIES[name] as Codec<ConfigEntry>
}

/** The zero entry of a kind: what a reader starts from. */
export function emptyEntry(name: ConfigKind, entryName = ''): ConfigEntry {
  return { ...CONFIG_ENTRIES[name].zero(), Kind: name, Name: entryName } as ConfigEntry
}

function readEntry(r: Reader, name: string): ConfigEntry {
  const entry = entryOf(name, r.at).read(r)
  return entry.Kind === name ? entry : ({ ...entry, Kind: name } as ConfigEntry)
}

const REQUESTS = new Map<string, Codec<ConfigEntryRequest>>(
  CONFIG_KINDS.map((name) => [
    name,
    struct<ConfigEntryRequest>({
      ...WRITE_REQUEST,
      Op: textOf<ConfigEntryRequest['Op']>(),
      Entry: CONFIG_ENTRIES[name] as Codec<ConfigEntry>,
    }),
  ]),
)

/** An entry of any kind is written as its kind has it; what is read must be told its kind before. */
const anyEntry: Codec<ConfigEntry> = {
  write: (w, value) => (value === undefined ? w.nil() : entryOf(value.Kind, 0).write(w, value)),
  read: (r) => entryFault('', r.at),
  zero: () => emptyEntry('proxy-defaults'),
  fields: 0,
  shape: { kind: 'opaque' },
}

const zeroRequest = (): ConfigEntryRequest => ({ Op: '', Entry: emptyEntry('proxy-defaults') })

export const configEntryRequest: Codec<ConfigEntryRequest> = wrapped<ConfigEntryRequest>(
  (w, value = zeroRequest()) => {
    w.text(value.Entry.Kind)
    REQUESTS.get(value.Entry.Kind)!.write(w, value)
  },
  (r) => {
    const name = r.text()
    const request = (REQUESTS.get(name) ?? entryFault(name, r.at)).read(r)
    // Some senders leave out what they have said already.
    return request.Entry.Kind === name
      ? request
      : { ...request, Entry: { ...request.Entry, Kind: name } as ConfigEntry }
  },
  zeroRequest,
)

function entryFault(name: string, at: number): never {
  throw new MsgpackError('mismatch', `invalid config entry kind: ${name}`, at)
}

export const configEntryQuery = struct<ConfigEntryQuery>({ ...QUERY_OPTIONS, ...TO_DATACENTER, Kind: text, Name: text })

export const serviceConfigRequest = struct<ServiceConfigRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  Name: text,
  Upstreams: list(text),
  UpstreamIDs: list(struct<{ ID: string }>({ ID: text })),
})

const queryMeta = struct<QueryMeta & Consistency>(QUERY_META)

export const configEntryResponse: Codec<ConfigEntryResponse> = wrapped<ConfigEntryResponse>(
  (w, value) => {
    const entry = value?.Entry ?? null
    w.text(entry?.Kind ?? '')
    if (entry !== null) entryOf(entry.Kind, 0).write(w, entry)
    queryMeta.write(w, value)
  },
  (r) => {
    const name = r.text()
    const Entry = name === '' ? null : readEntry(r, name)
    return { ...queryMeta.read(r), Entry }
  },
  () => ({ ...queryMeta.zero(), Entry: null }),
)

function entryList(entry: Codec<ConfigEntry>): Codec<ConfigEntry[]> {
  return filled(list<ConfigEntry>(entry), () => [])
}

const LISTS = new Map<string, Codec<IndexedConfigEntries & Consistency>>(
  ['', ...CONFIG_KINDS].map((name) => [
    name,
    struct<IndexedConfigEntries & Consistency>({
      ...QUERY_META,
      Kind: text,
      Entries: entryList(name === '' ? anyEntry : entryOf(name, 0)),
    }),
  ]),
)

const zeroList = (): IndexedConfigEntries => ({ ...queryMeta.zero(), Kind: '', Entries: [] })

export const indexedConfigEntries: Codec<IndexedConfigEntries> = wrapped<IndexedConfigEntries>(
  (w, value = zeroList()) => {
    w.int(value.Entries.length)
    w.text(value.Kind)
    LISTS.get(value.Kind)!.write(w, value)
  },
  (r) => {
    r.int()
    const name = r.text()
    return (LISTS.get(name) ?? entryFault(name, r.at)).read(r)
  },
  zeroList,
)

export const indexedGenericConfigEntries: Codec<IndexedGenericConfigEntries> = wrapped<IndexedGenericConfigEntries>(
  (w, value) => {
    const entries = value?.Entries ?? []
    w.int(entries.length)
    for (const entry of entries) {
      w.text(entry.Kind)
      entryOf(entry.Kind, 0).write(w, entry)
    }
    queryMeta.write(w, value)
  },
  (r) => {
    const count = r.int()
    if (count > ENTRIES_MAX) throw new MsgpackError('too-large', `a list of ${count} entries`, r.at)
    const Entries: ConfigEntry[] = []
    for (let i = 0; i < count; i++) Entries.push(readEntry(r, r.text()))
    return { ...queryMeta.read(r), Entries }
  },
  () => ({ ...queryMeta.zero(), Entries: [] }),
)

const upstreamConfig = struct<NonNullable<ServiceConfigResponse['UpstreamIDConfigs']>[number]>({
  Upstream: struct<{ ID: string }>({ ID: text }),
  Config: map(untyped),
})

const plainServiceConfig = struct<ServiceConfigResponse & Consistency>({
  ...QUERY_META,
  ProxyConfig: map(untyped),
  UpstreamConfigs: map(filled(map(untyped), () => ({}))),
  UpstreamIDConfigs: list(upstreamConfig),
  MeshGateway: meshGatewayConfig,
  Expose: exposeConfig,
})

export const serviceConfigResponse: Codec<ServiceConfigResponse> = wrapped<ServiceConfigResponse>(
  (w, value) => plainServiceConfig.write(w, value),
  (r) => plainServiceConfig.read(r),
  () => plainServiceConfig.zero(),
)
