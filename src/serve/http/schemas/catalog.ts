/** Nodes, services, checks and instances, in the catalog and as the web UI lists them. */

import { serviceNode } from '../../../wire/methods.ts'
import {
  connectProxyConfig,
  deregisterRequest,
  exposeConfig,
  meshGatewayConfig,
  node,
  nodeService,
  registerRequest,
  serviceAddress,
  upstream,
  weights,
} from '../../../wire/structs/catalog.ts'
import { gatewayService } from '../../../wire/structs/gateway.ts'
import { healthCheck, healthCheckDefinition } from '../../../wire/structs/health.ts'
import { checkServiceNode } from '../../../wire/structs/instances.ts'
import { nodeInfo } from '../../../wire/structs/internal.ts'
import {
  anything,
  body,
  flag,
  given,
  givenDuration,
  goDuration,
  list,
  listOrNull,
  map,
  mapOrNull,
  object,
  orNull,
  ref,
  row,
  text,
  whole,
} from './schema.ts'

const services = list(ref('NodeService'))
const checks = list(ref('HealthCheck'))
const DURATIONS = ['Interval', 'Timeout', 'DeregisterCriticalServiceAfter'] as const
const durations = (as: typeof goDuration) => Object.fromEntries(DURATIONS.map((name) => [name, as]))
const PROXY_HEAD = [
  'DestinationServiceName',
  'DestinationServiceID',
  'LocalServiceAddress',
  'LocalServicePort',
  'Config',
  'Upstreams',
] as const

export const CATALOG_SCHEMAS = {
  Node: row(node),
  ServiceAddress: row(serviceAddress),
  Weights: row(weights),
  MeshGateway: row(meshGatewayConfig, { optional: 'all' }),
  Expose: row(exposeConfig, { optional: 'all', as: { Paths: list(ref('ExposePath')) } }),
  ExposePath: object({ ListenerPort: whole, Path: text, LocalPathPort: whole, Protocol: text, ParsedFromCheck: flag }, [
    'ListenerPort',
    'Path',
    'LocalPathPort',
    'Protocol',
  ]),
  Upstream: row(upstream, {
    optional: ['DestinationNamespace', 'LocalBindAddress'],
    hidden: ['IngressHosts'],
    as: { MeshGateway: ref('MeshGateway') },
  }),
  ConnectProxyConfig: row(connectProxyConfig, {
    optional: PROXY_HEAD,
    as: { Upstreams: list(ref('Upstream')), MeshGateway: ref('MeshGateway'), Expose: ref('Expose') },
  }),
  ServiceConnect: object({ Native: flag, SidecarService: map(anything) }, ['Native', 'SidecarService']),
  NodeService: row(nodeService, {
    optional: ['Kind', 'TaggedAddresses'],
    hidden: ['LocallyRegisteredAsSidecar'],
    as: {
      TaggedAddresses: map(ref('ServiceAddress')),
      Weights: orNull(ref('Weights')),
      Proxy: ref('ConnectProxyConfig'),
      Connect: ref('ServiceConnect'),
    },
  }),
  ServiceNode: row(serviceNode, {
    optional: ['ServiceTaggedAddresses'],
    as: {
      ServiceTaggedAddresses: map(ref('ServiceAddress')),
      ServiceTags: list(text),
      ServiceMeta: map(text),
      ServiceWeights: ref('Weights'),
      ServiceProxy: ref('ConnectProxyConfig'),
      ServiceConnect: ref('ServiceConnect'),
    },
  }),
  HealthCheckDefinition: row(healthCheckDefinition, { optional: 'all', as: durations(goDuration) }),
  HealthCheck: row(healthCheck, { as: { Definition: ref('HealthCheckDefinition') } }),
  CheckServiceNode: row(checkServiceNode, {
    as: { Node: ref('Node'), Service: ref('NodeService'), Checks: checks },
  }),
  NodeServices: orNull(object({ Node: ref('Node'), Services: map(ref('NodeService')) })),
  NodeServiceList: object({ Node: orNull(ref('Node')), Services: listOrNull(ref('NodeService')) }),
  ServiceTags: map(list(text)),
  GatewayService: row(gatewayService, {
    optional: ['Port', 'Protocol', 'Hosts', 'CAFile', 'CertFile', 'KeyFile', 'SNI', 'FromWildcard'],
  }),
  UiNode: row(nodeInfo, { as: { Services: services, Checks: checks } }),
  UiService: object(
    {
      ...{ Kind: text, Name: text, Tags: listOrNull(text), Nodes: listOrNull(text), InstanceCount: whole },
      ...{ ProxyFor: list(text), ChecksPassing: whole, ChecksWarning: whole, ChecksCritical: whole },
      ExternalSources: listOrNull(text),
      GatewayConfig: object({ Addresses: list(text) }, ['Addresses']),
    },
    ['Kind', 'ProxyFor'],
  ),

  GivenProxy: given(connectProxyConfig, {
    as: {
      Upstreams: listOrNull(given(upstream, { hidden: ['IngressHosts'] })),
    },
  }),
  GivenService: given(nodeService, {
    hidden: ['LocallyRegisteredAsSidecar'],
    as: { Proxy: ref('GivenProxy'), Connect: body({ Native: flag, SidecarService: mapOrNull(anything) }) },
  }),
  GivenCheck: given(healthCheck, {
    as: {
      Definition: given(healthCheckDefinition, { as: { ...durations(givenDuration), TTL: givenDuration } }),
    },
  }),
  CatalogRegistration: given(registerRequest, {
    required: ['Node'],
    as: {
      Service: orNull(ref('GivenService')),
      Check: orNull(ref('GivenCheck')),
      Checks: listOrNull(ref('GivenCheck')),
    },
  }),
  CatalogDeregistration: given(deregisterRequest, { required: ['Node'], more: { Address: text } }),
}
