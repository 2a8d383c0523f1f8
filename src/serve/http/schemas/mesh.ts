/** Configuration entries, intentions, discovery chains, the certificate authority of the mesh, federation states. */
import { CONFIG_KINDS, type ConfigKind, type EntryOf } from '../../../model/config-entry.ts'
import { meshGatewayConfig } from '../../../wire/structs/catalog.ts'
import { CONFIG_ENTRIES, httpMatch, resolverSubset, routeDestination } from '../../../wire/structs/config-entry.ts'
import { caConfiguration, caRoot } from '../../../wire/structs/connect-ca.ts'
import { discoveryChain, discoveryNode, discoveryTarget } from '../../../wire/structs/discovery-chain.ts'
import { federationState } from '../../../wire/structs/federation-state.ts'
import { intention } from '../../../wire/structs/intention.ts'
import {
  body,
  flag,
  given,
  givenDuration,
  goDuration,
  list,
  listOrNull,
  map,
  number,
  object,
  oneOf,
  orNull,
  ref,
  row,
  type Schema,
  text,
  time,
  type View,
  whole,
} from './schema.ts'
import { META } from './state.ts'

/** What an entry of each kind leaves out or shows otherwise than the wire, besides `Meta`. */
const SHOWN: { [K in ConfigKind]: View<EntryOf<K>> } = {
  'service-defaults': {
    optional: ['ExternalSNI', 'Meta'],
    as: { MeshGateway: ref('MeshGateway'), Expose: ref('Expose') },
  },
  'proxy-defaults': { optional: ['Meta'], as: { MeshGateway: ref('MeshGateway'), Expose: ref('Expose') } },
  'service-router': { optional: ['Meta'], as: { Routes: listOrNull(ref('ServiceRoute')) } },
  'service-splitter': {
    optional: ['Meta'],
    as: {
      Splits: listOrNull(
        object({ Weight: number, Service: text, ServiceSubset: text, Namespace: text }, [
          ...['Service', 'ServiceSubset', 'Namespace'],
        ]),
      ),
    },
  },
  'service-resolver': {
    optional: ['DefaultSubset', 'Subsets', 'Redirect', 'Failover', 'ConnectTimeout', 'Meta'],
    as: {
      ConnectTimeout: goDuration,
      Subsets: map(ref('ResolverSubset')),
      Redirect: object({ Service: text, ServiceSubset: text, Namespace: text, Datacenter: text }, [
        ...['Service', 'ServiceSubset', 'Namespace', 'Datacenter'],
      ]),
      Failover: map(
        object({ Service: text, ServiceSubset: text, Namespace: text, Datacenters: list(text) }, [
          ...['Service', 'ServiceSubset', 'Namespace', 'Datacenters'],
        ]),
      ),
    },
  },
  'ingress-gateway': {
    optional: ['Meta'],
    as: {
      Listeners: listOrNull(
        object({
          Port: whole,
          Protocol: text,
          Services: listOrNull(object({ Name: text, Hosts: listOrNull(text), Meta: map(text) }, ['Meta'])),
        }),
      ),
    },
  },
  'terminating-gateway': {
    optional: ['Meta'],
    as: {
      Services: listOrNull(
        object({ Name: text, CAFile: text, CertFile: text, KeyFile: text, SNI: text }, [
          ...['Name', 'CAFile', 'CertFile', 'KeyFile', 'SNI'],
        ]),
      ),
    },
  },
}

function entry<K extends ConfigKind>(kind: K): Schema {
  const view = SHOWN[kind]
  return row(CONFIG_ENTRIES[kind], { ...view, as: { ...view.as, Kind: { const: kind } } as View<EntryOf<K>>['as'] })
}

/** Bodies are taken loosely: what stands here is meant, text for a number is taken too. */
function givenEntry<K extends ConfigKind>(kind: K): Schema {
  const as: Record<string, Schema> = { Kind: { const: kind } }
  if (kind === 'service-resolver') as.ConnectTimeout = givenDuration
  if (kind === 'service-router') {
    as.Routes = listOrNull(
      body({
        Match: orNull(body({ HTTP: orNull(given(httpMatch)) })),
        Destination: orNull(given(routeDestination, { as: { RequestTimeout: givenDuration } })),
      }),
    )
  }
  return given(CONFIG_ENTRIES[kind], { as: as as View<EntryOf<K>>['as'], required: ['Kind', 'Name'] })
}

const nameOf = (kind: string) => kind.replace(/(^|-)(\w)/g, (_, __, letter: string) => letter.toUpperCase())
const entries = (prefix: string, make: (kind: ConfigKind) => Schema) =>
  Object.fromEntries(CONFIG_KINDS.map((kind) => [`${prefix}${nameOf(kind)}`, make(kind)]))
const anyEntry = (prefix: string) => oneOf(...CONFIG_KINDS.map((kind) => ref(`${prefix}${nameOf(kind)}`)))

const intentionTimes = { CreatedAt: text, UpdatedAt: text, Hash: text }

export const MESH_SCHEMAS = {
  ConfigEntry: anyEntry(''),
  ...entries('', entry),
  GivenConfigEntry: anyEntry('Given'),
  ...entries('Given', givenEntry),
  ServiceRoute: object({ Match: object({ HTTP: ref('HttpMatch') }, ['HTTP']), Destination: ref('RouteDestination') }, [
    ...['Match', 'Destination'],
  ]),
  HttpMatch: row(httpMatch, {
    optional: 'all',
    as: {
      Header: list(
        object({ Name: text, Present: flag, Exact: text, Prefix: text, Suffix: text, Regex: text, Invert: flag }, [
          'Present',
          'Exact',
          'Prefix',
          'Suffix',
          'Regex',
          'Invert',
        ]),
      ),
      QueryParam: list(object({ Name: text, Present: flag, Exact: text, Regex: text }, ['Present', 'Exact', 'Regex'])),
    },
  }),
  RouteDestination: row(routeDestination, { optional: 'all', as: { RequestTimeout: goDuration } }),
  ResolverSubset: row(resolverSubset, { optional: 'all' }),
  Intention: row(intention),
  GivenIntention: given(intention, { as: intentionTimes }),
  IntentionMatches: map(listOrNull(ref('Intention'))),
  IntentionCheck: object({ Allowed: flag }),
  DiscoveryChainAnswer: object({ Chain: orNull(ref('DiscoveryChain')) }),
  DiscoveryChain: row(discoveryChain, {
    optional: ['CustomizationHash', 'Protocol', 'StartNode', 'Nodes', 'Targets'],
    as: { Nodes: map(ref('DiscoveryNode')), Targets: map(ref('DiscoveryTarget')) },
  }),
  DiscoveryNode: row(discoveryNode, {
    optional: ['Routes', 'Splits', 'Resolver'],
    as: {
      Routes: list(object({ Definition: ref('ServiceRoute'), NextNode: text }, ['Definition', 'NextNode'])),
      Splits: list(object({ Weight: number, NextNode: text }, ['Weight', 'NextNode'])),
      Resolver: object(
        {
          ConnectTimeout: goDuration,
          Default: flag,
          Target: text,
          Failover: object({ Targets: list(text) }, ['Targets']),
        },
        ['ConnectTimeout', 'Default', 'Target', 'Failover'],
      ),
    },
  }),
  DiscoveryTarget: row(discoveryTarget, {
    optional: ['ID', 'Service', 'ServiceSubset', 'Namespace', 'Datacenter', 'External', 'SNI', 'Name'],
    as: { MeshGateway: ref('MeshGateway'), Subset: ref('ResolverSubset') },
  }),
  DiscoveryChainOverrides: body({
    OverrideMeshGateway: given(meshGatewayConfig),
    OverrideProtocol: text,
    OverrideConnectTimeout: givenDuration,
  }),
  CaRoots: object({ ActiveRootID: text, TrustDomain: text, Roots: listOrNull(ref('CaRoot')) }),
  CaRoot: row(caRoot, { optional: ['SigningCert', 'SigningKey'], hidden: ['RotatedOutAt'] }),
  CaConfiguration: row(caConfiguration, { hidden: ['ClusterID'] }),
  GivenCaConfiguration: given(caConfiguration, { hidden: ['ClusterID'], required: ['Provider'] }),
  LeafCertificate: object(
    {
      ...{ SerialNumber: text, CertPEM: text, PrivateKeyPEM: text, Service: text, ServiceURI: text, Agent: text },
      ...{ AgentURI: text, ValidAfter: time, ValidBefore: time, CreateIndex: whole, ModifyIndex: whole },
    },
    ['Agent', 'AgentURI', 'Service', 'ServiceURI'],
  ),
  ConnectAuthorization: object({ Authorized: flag, Reason: text }),
  ConnectAuthorizationRequest: body({ Target: text, ClientCertURI: text, ClientCertSerial: text }, ['Target']),
  FederationState: row(federationState, {
    optional: ['MeshGateways'],
    as: { MeshGateways: list(ref('FoundInstance')) },
  }),
  FederationStateAnswer: object({ State: ref('FederationState'), ...META }),
  MeshGatewaysByDatacenter: map(list(ref('FoundInstance'))),
  Nothing: { type: 'object', properties: {}, description: 'An empty object' },
}
