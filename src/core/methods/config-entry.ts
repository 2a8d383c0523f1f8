/** The methods of configuration entries. Source: Consul's agent/consul/config_endpoint.go. */
import type { ExposeConfig } from '../../model/catalog.ts'
import {
  type ConfigEntry,
  type EntryOf,
  isConfigKind,
  PROXY_CONFIG_GLOBAL,
  type ServiceConfigRequest,
  type ServiceConfigResponse,
  type UntypedMap,
} from '../../model/config-entry.ts'
import { entryFault, normalizedEntry } from '../../model/config-rules.ts'
import { ConsulError } from '../../model/errors.ts'
import type { Found } from '../../model/query.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { CONFIG_COUNTER, configEntries, configEntry } from '../store/config-entry.ts'
import { relatedServices } from '../store/config-graph.ts'
import type { ReadTxn } from '../store/rows.ts'
import { configKey } from '../store/tables.ts'
import { demand, refused } from './refuse.ts'
import type { MethodTable } from './table.ts'

export const configEntryMethods = {
  'ConfigEntry.Apply': {
    kind: 'write',
    propose(_txn, args, can, env) {
      const Entry = normalizedEntry(args.Entry)
      const fault = entryFault(Entry)
      if (fault !== undefined) throw refused(fault)
      demandWrite(can, Entry)
      const Op = args.Op === 'upsert-cas' ? args.Op : 'upsert'
      return { command: { type: 'ConfigEntry', body: { ...args, Datacenter: env.datacenter, Op, Entry } } }
    },
    reply: (result) => result.kind === 'bool' && result.value,
  },

  'ConfigEntry.Delete': {
    kind: 'write',
    propose(_txn, args, can, env) {
      const Entry = normalizedEntry(args.Entry)
      demandWrite(can, Entry)
      return { command: { type: 'ConfigEntry', body: { ...args, Datacenter: env.datacenter, Op: 'delete', Entry } } }
    },
    reply: () => ({}),
  },

  'ConfigEntry.Get': {
    kind: 'read',
    run(txn, args, can) {
      refuseKind(args.Kind)
      if (!mayRead(can, args.Kind, args.Name ?? '')) throw new ConsulError('permission-denied')
      return configEntry(txn, args.Kind, args.Name ?? '')
    },
  },

  'ConfigEntry.List': {
    kind: 'read',
    run(txn, args, can) {
      if (args.Kind !== '') refuseKind(args.Kind)
      const found = configEntries(txn, args.Kind)
      return { Index: found.Index, Kind: args.Kind, Entries: visible(found.Entries, can) }
    },
  },

  'ConfigEntry.ListAll': {
    kind: 'read',
    run(txn, _args, can) {
      const found = configEntries(txn, '')
      return { Index: found.Index, Entries: visible(found.Entries, can) }
    },
  },

  'ConfigEntry.ResolveServiceConfig': {
    kind: 'read',
    run(txn, args, can) {
      demand(can, 'service', 'read', args.Name)
      return resolved(txn, args)
    },
  },
} satisfies Partial<MethodTable>

function refuseKind(kind: string): void {
  if (!isConfigKind(kind)) throw refused(`invalid config entry kind: ${kind}`)
}

/** Defaults for all are no secret; everything else is its service's. */
function mayRead(can: Authorizer, kind: string, name: string): boolean {
  return can.all || kind === 'proxy-defaults' || can.allowed('service', 'read', name)
}

function visible(entries: ConfigEntry[], can: Authorizer): ConfigEntry[] {
  return can.all ? entries : entries.filter(({ Kind, Name }) => mayRead(can, Kind, Name))
}

/** Whoever leads a service's requests elsewhere must be allowed to know where to. */
function demandWrite(can: Authorizer, entry: ConfigEntry): void {
  switch (entry.Kind) {
    case 'proxy-defaults':
    case 'ingress-gateway':
    case 'terminating-gateway':
      demand(can, 'operator', 'write', '')
      return
    default:
      demand(can, 'service', 'write', entry.Name)
      for (const name of relatedServices(entry)) if (name !== entry.Name) demand(can, 'service', 'read', name)
  }
}

/** What a proxy of a service and its upstreams get from the defaults of all and of the service. */
function resolved(txn: ReadTxn, args: ServiceConfigRequest): Found<ServiceConfigResponse> {
  const Index = txn.counter(CONFIG_COUNTER)
  const defaultsOf = (name: string) =>
    txn.get('config-entries', configKey('service-defaults', name)) as EntryOf<'service-defaults'> | undefined
  const all = txn.get('config-entries', configKey('proxy-defaults', PROXY_CONFIG_GLOBAL)) as
    | EntryOf<'proxy-defaults'>
    | undefined
  const own = defaultsOf(args.Name)
  let ProxyConfig: UntypedMap | null = all?.Config ?? null
  if (own !== undefined && own.Protocol !== '') ProxyConfig = { ...ProxyConfig, protocol: own.Protocol }

  const configs: { name: string; config: UntypedMap }[] = []
  const byId = (args.UpstreamIDs?.length ?? 0) > 0
  const names = byId ? args.UpstreamIDs!.map(({ ID }) => ID) : (args.Upstreams ?? [])
  for (const name of new Set(names)) {
    const protocol = defaultsOf(name)?.Protocol || (all?.Config?.protocol ?? null)
    if (protocol !== null) configs.push({ name, config: { protocol } })
  }
  const some = configs.length > 0
  return {
    Index,
    ProxyConfig,
    UpstreamConfigs: some && !byId ? Object.fromEntries(configs.map(({ name, config }) => [name, config])) : null,
    UpstreamIDConfigs:
      some && byId ? configs.map(({ name, config }) => ({ Upstream: { ID: name }, Config: config })) : null,
    MeshGateway: { Mode: own?.MeshGateway.Mode || (all?.MeshGateway.Mode ?? '') },
    Expose: exposed(all?.Expose, own?.Expose),
  }
}

function exposed(all: ExposeConfig | undefined, own: ExposeConfig | undefined): ExposeConfig {
  const ownPaths = own?.Paths ?? null
  return {
    Checks: (all?.Checks ?? false) || (own?.Checks ?? false),
    Paths: ownPaths !== null && ownPaths.length > 0 ? ownPaths : (all?.Paths ?? null),
  }
}
