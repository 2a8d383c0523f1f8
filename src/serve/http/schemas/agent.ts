/** What an agent says of itself: its settings, members, services and checks, the machine, what it measured. */
import type { NodeService } from '../../../model/catalog.ts'
import { nodeService, upstream } from '../../../wire/structs/catalog.ts'
import { coordinate } from '../../../wire/structs/coordinate.ts'
import {
  anything,
  body,
  bytes,
  choice,
  flag,
  givenDuration,
  list,
  listOrNull,
  map,
  mapOrNull,
  number,
  object,
  orNull,
  ref,
  row,
  type Schema,
  text,
  type View,
  whole,
} from './schema.ts'

const summary = {
  ...{ Name: text, Count: whole, Rate: number, Sum: number, Min: number, Max: number, Mean: number, Stddev: number },
  Labels: map(text),
}

const check = {
  ...{ Name: text, Notes: text, Status: text, ServiceID: text, TTL: givenDuration },
  ...{ HTTP: text, Method: text, Header: mapOrNull(list(text)), Body: text, TLSSkipVerify: flag },
  ...{ TCP: text, GRPC: text, GRPCUseTLS: flag, Args: listOrNull(text), ScriptArgs: listOrNull(text) },
  ...{ DockerContainerID: text, Shell: text, AliasNode: text, AliasService: text },
  ...{ Interval: givenDuration, Timeout: givenDuration, DeregisterCriticalServiceAfter: givenDuration },
  ...{ SuccessBeforePassing: whole, FailuresBeforeCritical: whole, OutputMaxSize: whole },
} satisfies Record<string, Schema>

const service = {
  ...{ ID: text, Kind: text, Tags: listOrNull(text), Address: text, Port: whole, Meta: mapOrNull(text) },
  TaggedAddresses: mapOrNull(body({ Address: text, Port: whole })),
  Weights: body({ Passing: whole, Warning: whole }),
  ...{ EnableTagOverride: flag, Token: text, Check: ref('CheckOfService'), Checks: listOrNull(ref('CheckOfService')) },
  Proxy: ref('GivenProxy'),
}

/** A service as its own agent tells of it: with other omissions than the catalog's. */
const AGENT_SERVICE: View<NodeService> = {
  optional: ['Kind', 'TaggedAddresses', 'CreateIndex', 'ModifyIndex', 'Proxy', 'Connect'],
  hidden: ['LocallyRegisteredAsSidecar'],
  as: {
    Tags: list(text),
    Meta: map(text),
    TaggedAddresses: map(ref('ServiceAddress')),
    Weights: ref('Weights'),
    Proxy: ref('AgentProxy'),
    Connect: ref('ServiceConnect'),
  },
}

export const AGENT_SCHEMAS = {
  AgentSelf: object(
    {
      Config: object({
        ...{ Datacenter: text, NodeName: text, NodeID: text, Revision: text, Server: flag, Version: text },
      }),
      DebugConfig: map(anything),
      Coord: orNull(ref('Coordinate')),
      Member: ref('Member'),
      Stats: map(map(text)),
      Meta: mapOrNull(text),
    },
    ['Coord'],
  ),
  AgentHost: object({
    Memory: map(number),
    CPU: list(
      object({
        ...{ cpu: whole, vendorId: text, family: text, model: text, stepping: whole, physicalId: text, coreId: text },
        ...{ cores: whole, modelName: text, mhz: number, cacheSize: whole, flags: list(text), microcode: text },
      }),
    ),
    Host: object({
      ...{ hostname: text, uptime: whole, bootTime: whole, procs: whole, os: text, platform: text },
      ...{ platformFamily: text, platformVersion: text, kernelVersion: text, kernelArch: text },
      ...{ virtualizationSystem: text, virtualizationRole: text, hostid: text },
    }),
    Disk: object({
      ...{ path: text, fstype: text, total: whole, free: whole, used: whole, usedPercent: number },
      ...{ inodesTotal: whole, inodesUsed: whole, inodesFree: whole, inodesUsedPercent: number },
    }),
    CollectionTime: whole,
    Errors: listOrNull(anything),
  }),
  Metrics: object({
    Timestamp: text,
    Gauges: list(object({ Name: text, Value: number, Labels: map(text) })),
    Points: list(object({ Name: text, Points: list(number) })),
    Counters: list(ref('MetricSummary')),
    Samples: list(ref('MetricSummary')),
  }),
  MetricSummary: object(summary),
  Member: object({
    ...{ Name: text, Addr: text, Port: whole, Tags: map(text), Status: whole, ProtocolMin: whole, ProtocolMax: whole },
    ...{ ProtocolCur: whole, DelegateMin: whole, DelegateMax: whole, DelegateCur: whole },
  }),
  Coordinate: row(coordinate),
  AgentUpstream: row(upstream, {
    optional: ['DestinationType', 'DestinationNamespace', 'Datacenter', 'LocalBindAddress', 'LocalBindPort', 'Config'],
    hidden: ['IngressHosts'],
    as: { MeshGateway: ref('MeshGateway') },
  }),
  AgentProxy: object(
    {
      ...{
        DestinationServiceName: text,
        DestinationServiceID: text,
        LocalServiceAddress: text,
        LocalServicePort: whole,
      },
      ...{ Config: map(anything), Upstreams: list(ref('AgentUpstream')) },
      ...{ MeshGateway: ref('MeshGateway'), Expose: ref('Expose') },
    },
    [
      ...['DestinationServiceName', 'DestinationServiceID', 'LocalServiceAddress', 'LocalServicePort'],
      ...['Config', 'Upstreams'],
    ],
  ),
  AgentService: row(nodeService, AGENT_SERVICE),
  HashedAgentService: row(nodeService, { ...AGENT_SERVICE, more: { ContentHash: text } }),
  AgentServices: map(ref('AgentService')),
  AgentChecks: map(ref('HealthCheck')),
  AgentHealth: object({
    AggregatedStatus: text,
    Service: orNull(ref('AgentService')),
    Checks: listOrNull(ref('AgentHealthCheck')),
  }),
  AgentHealthCheck: object({
    ...{ Node: text, CheckID: text, Name: text, Status: text, Notes: text, Output: text, ServiceID: text },
    ...{ ServiceName: text, ServiceTags: listOrNull(text), Type: text },
    Definition: object({
      ...{ Interval: text, Timeout: text, DeregisterCriticalServiceAfter: text, HTTP: text },
      ...{ Header: mapOrNull(list(text)), Method: text, Body: text, TLSSkipVerify: flag, TCP: text },
    }),
    ...{ CreateIndex: whole, ModifyIndex: whole },
  }),
  UserEvent: object({
    ...{ ID: text, Name: text, Payload: bytes, NodeFilter: text },
    ...{ ServiceFilter: text, TagFilter: text, Version: whole, LTime: whole },
  }),

  CheckDefinition: body({ ID: text, Token: text, ...check }, ['Name']),
  CheckOfService: body({ CheckID: text, ...check }),
  CheckUpdate: body({ Status: choice('passing', 'warning', 'critical'), Output: text }, ['Status']),
  ServiceDefinition: body(
    {
      Name: text,
      ...service,
      Connect: body({ Native: flag, SidecarService: orNull(ref('SidecarDefinition')) }),
    },
    ['Name'],
  ),
  SidecarDefinition: body({ Name: text, ...service }),
  AgentToken: body({ Token: text }, ['Token']),
}
