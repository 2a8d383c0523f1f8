/**
 * Configuration entries, intentions, discovery chains and gateways as JSON: fields in the order in which Consul 1.8.7
 * writes them, with its omissions. Fields that its own encoders shadow (durations) come first, as Go has it.
 */
import { formatGoDuration } from '../base/go-duration.ts'
import type { ExposeConfig, MeshGatewayConfig } from '../model/catalog.ts'
import type { ConfigEntry, HttpMatch, IngressListener, RouteDestination, ServiceRoute } from '../model/config-entry.ts'
import type { CompiledDiscoveryChain, DiscoveryNode, DiscoveryTarget } from '../model/discovery-chain.ts'
import type { GatewayService } from '../model/gateway.ts'
import type { Intention } from '../model/intention.ts'
import type { GoTime } from '../model/time.ts'
import { atDepth, type Depth, jsonBytes, jsonMap, jsonText, jsonTextMap, jsonTexts, jsonValue } from './json.ts'
import { exposeJson, meshGatewayJson } from './json-rows.ts'

/** A field's name and its text; undefined for one that says nothing. */
type Fields = [name: string, text: string | undefined][]

function object(fields: Fields): string {
  const parts = fields.filter(([, text]) => text !== undefined).map(([name, text]) => `"${name}":${text}`)
  return `{${parts.join(',')}}`
}

function array<T>(items: readonly T[] | null, item: (each: T) => string): string {
  return items === null ? 'null' : `[${items.map(item).join(',')}]`
}

const some = {
  text: (value: string) => (value === '' ? undefined : jsonText(value)),
  number: (value: number) => (value === 0 ? undefined : String(value)),
  flag: (value: boolean) => (value ? 'true' : undefined),
  duration: (nanos: number) => (nanos === 0 ? undefined : jsonText(formatGoDuration(nanos))),
  map: <T>(map: Record<string, T> | null, item: (each: T) => string) =>
    map === null || Object.keys(map).length === 0 ? undefined : jsonMap(map, item),
  list: <T>(items: readonly T[] | null, item: (each: T) => string) =>
    items === null || items.length === 0 ? undefined : array(items, item),
  value: <T>(value: T | null, text: (each: T) => string) => (value === null ? undefined : text(value)),
}

export function configEntryJson(entry: ConfigEntry, depth: Depth): string {
  const [before, own] = ownFields(entry)
  const fields: Fields = [
    ...before,
    ['Kind', jsonText(entry.Kind)],
    ['Name', jsonText(entry.Name)],
    ...own,
    ['Meta', some.map(entry.Meta, jsonText)],
    ['CreateIndex', String(entry.CreateIndex)],
    ['ModifyIndex', String(entry.ModifyIndex)],
  ]
  return atDepth(object(fields), depth)
}

/** What stands before kind and name, and what after. */
function ownFields(entry: ConfigEntry): [before: Fields, after: Fields] {
  switch (entry.Kind) {
    case 'service-defaults':
      return [
        [],
        [['Protocol', jsonText(entry.Protocol)], ...proxyFields(entry), ['ExternalSNI', some.text(entry.ExternalSNI)]],
      ]
    case 'proxy-defaults':
      return [[], [['Config', entry.Config === null ? 'null' : jsonValue(entry.Config)], ...proxyFields(entry)]]
    case 'service-router':
      return [[], [['Routes', array(entry.Routes, routeJson)]]]
    case 'service-splitter':
      return [
        [],
        [
          [
            'Splits',
            array(entry.Splits, (split) =>
              object([
                ['Weight', float32Text(split.Weight)],
                ['Service', some.text(split.Service)],
                ['ServiceSubset', some.text(split.ServiceSubset)],
                ['Namespace', some.text(split.Namespace)],
              ]),
            ),
          ],
        ],
      ]
    case 'service-resolver':
      return [[['ConnectTimeout', some.duration(entry.ConnectTimeout)]], resolverFields(entry)]
    case 'ingress-gateway':
      return [
        [],
        [
          ['TLS', object([['Enabled', String(entry.TLS.Enabled)]])],
          ['Listeners', array(entry.Listeners, listenerJson)],
        ],
      ]
    case 'terminating-gateway':
      return [
        [],
        [
          [
            'Services',
            array(entry.Services, (service) =>
              object([
                ['Name', some.text(service.Name)],
                ['CAFile', some.text(service.CAFile)],
                ['CertFile', some.text(service.CertFile)],
                ['KeyFile', some.text(service.KeyFile)],
                ['SNI', some.text(service.SNI)],
              ]),
            ),
          ],
        ],
      ]
  }
}

function proxyFields({ MeshGateway, Expose }: { MeshGateway: MeshGatewayConfig; Expose: ExposeConfig }): Fields {
  return [
    ['MeshGateway', meshGatewayJson(MeshGateway)],
    ['Expose', exposeJson(Expose)],
  ]
}

function routeJson({ Match, Destination }: ServiceRoute): string {
  return object([
    ['Match', some.value(Match, ({ HTTP }) => object([['HTTP', some.value(HTTP, httpMatchJson)]]))],
    ['Destination', some.value(Destination, destinationJson)],
  ])
}

function httpMatchJson(match: HttpMatch): string {
  return object([
    ['PathExact', some.text(match.PathExact)],
    ['PathPrefix', some.text(match.PathPrefix)],
    ['PathRegex', some.text(match.PathRegex)],
    [
      'Header',
      some.list(match.Header, (header) =>
        object([
          ['Name', jsonText(header.Name)],
          ['Present', some.flag(header.Present)],
          ['Exact', some.text(header.Exact)],
          ['Prefix', some.text(header.Prefix)],
          ['Suffix', some.text(header.Suffix)],
          ['Regex', some.text(header.Regex)],
          ['Invert', some.flag(header.Invert)],
        ]),
      ),
    ],
    [
      'QueryParam',
      some.list(match.QueryParam, (param) =>
        object([
          ['Name', jsonText(param.Name)],
          ['Present', some.flag(param.Present)],
          ['Exact', some.text(param.Exact)],
          ['Regex', some.text(param.Regex)],
        ]),
      ),
    ],
    ['Methods', some.list(match.Methods, jsonText)],
  ])
}

function destinationJson(to: RouteDestination): string {
  return object([
    ['RequestTimeout', some.duration(to.RequestTimeout)],
    ['Service', some.text(to.Service)],
    ['ServiceSubset', some.text(to.ServiceSubset)],
    ['Namespace', some.text(to.Namespace)],
    ['PrefixRewrite', some.text(to.PrefixRewrite)],
    ['NumRetries', some.number(to.NumRetries)],
    ['RetryOnConnectFailure', some.flag(to.RetryOnConnectFailure)],
    ['RetryOnStatusCodes', some.list(to.RetryOnStatusCodes, String)],
  ])
}

function resolverFields(entry: Extract<ConfigEntry, { Kind: 'service-resolver' }>): Fields {
  return [
    ['DefaultSubset', some.text(entry.DefaultSubset)],
    ['Subsets', some.map(entry.Subsets, subsetJson)],
    [
      'Redirect',
      some.value(entry.Redirect, (to) =>
        object([
          ['Service', some.text(to.Service)],
          ['ServiceSubset', some.text(to.ServiceSubset)],
          ['Namespace', some.text(to.Namespace)],
          ['Datacenter', some.text(to.Datacenter)],
        ]),
      ),
    ],
    [
      'Failover',
      some.map(entry.Failover, (to) =>
        object([
          ['Service', some.text(to.Service)],
          ['ServiceSubset', some.text(to.ServiceSubset)],
          ['Namespace', some.text(to.Namespace)],
          ['Datacenters', some.list(to.Datacenters, jsonText)],
        ]),
      ),
    ],
  ]
}

function subsetJson({ Filter, OnlyPassing }: { Filter: string; OnlyPassing: boolean }): string {
  return object([
    ['Filter', some.text(Filter)],
    ['OnlyPassing', some.flag(OnlyPassing)],
  ])
}

function listenerJson({ Port, Protocol, Services }: IngressListener): string {
  return object([
    ['Port', String(Port)],
    ['Protocol', jsonText(Protocol)],
    [
      'Services',
      array(Services, ({ Name, Hosts, Meta }) =>
        object([
          ['Name', jsonText(Name)],
          ['Hosts', jsonTexts(Hosts)],
          ['Meta', some.map(Meta, jsonText)],
        ]),
      ),
    ],
  ])
}

/** Enough digits for any 32-bit float. */
const FLOAT32_DIGITS = 9

/** As few digits as tell the 32-bit float from its neighbours. */
function float32Text(value: number): string {
  for (let digits = 1; digits < FLOAT32_DIGITS; digits++) {
    const short = Number(value.toPrecision(digits))
    if (Math.fround(short) === Math.fround(value)) return String(short)
  }
  return String(Number(value.toPrecision(FLOAT32_DIGITS)))
}

export function intentionJson(row: Intention, depth: Depth): string {
  const fields: Fields = [
    ['ID', jsonText(row.ID)],
    ['Description', jsonText(row.Description)],
    ['SourceNS', jsonText(row.SourceNS)],
    ['SourceName', jsonText(row.SourceName)],
    ['DestinationNS', jsonText(row.DestinationNS)],
    ['DestinationName', jsonText(row.DestinationName)],
    ['SourceType', jsonText(row.SourceType)],
    ['Action', jsonText(row.Action)],
    ['DefaultAddr', jsonText(row.DefaultAddr)],
    ['DefaultPort', String(row.DefaultPort)],
    ['Meta', jsonTextMap(row.Meta)],
    ['Precedence', String(row.Precedence)],
    ['CreatedAt', timeJson(row.CreatedAt)],
    ['UpdatedAt', timeJson(row.UpdatedAt)],
    ['Hash', jsonBytes(row.Hash)],
    ['CreateIndex', String(row.CreateIndex)],
    ['ModifyIndex', String(row.ModifyIndex)],
  ]
  return atDepth(object(fields), depth)
}

/** RFC 3339 with as many digits of the second as there are, in the time's own zone. */
function timeJson({ seconds, nanos, offsetMin }: GoTime): string {
  const local = new Date((seconds + (offsetMin ?? 0) * 60) * 1000).toISOString().slice(0, 19)
  const fraction = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`
  return `"${local}${fraction}${zoneText(offsetMin ?? 0)}"`
}

function zoneText(minutes: number): string {
  if (minutes === 0) return 'Z'
  const pair = (value: number) => String(value).padStart(2, '0')
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${pair(Math.floor(size / 60))}:${pair(size % 60)}`
}

export function gatewayServiceJson(row: GatewayService, depth: Depth): string {
  const fields: Fields = [
    ['Gateway', object([['Name', jsonText(row.Gateway.Name)]])],
    ['Service', object([['Name', jsonText(row.Service.Name)]])],
    ['GatewayKind', jsonText(row.GatewayKind)],
    ['Port', some.number(row.Port)],
    ['Protocol', some.text(row.Protocol)],
    ['Hosts', some.list(row.Hosts, jsonText)],
    ['CAFile', some.text(row.CAFile)],
    ['CertFile', some.text(row.CertFile)],
    ['KeyFile', some.text(row.KeyFile)],
    ['SNI', some.text(row.SNI)],
    ['FromWildcard', some.flag(row.FromWildcard)],
    ['CreateIndex', String(row.CreateIndex)],
    ['ModifyIndex', String(row.ModifyIndex)],
  ]
  return atDepth(object(fields), depth)
}

export function chainJson(chain: CompiledDiscoveryChain, depth: Depth): string {
  const fields: Fields = [
    ['ServiceName', jsonText(chain.ServiceName)],
    ['Namespace', jsonText(chain.Namespace)],
    ['Datacenter', jsonText(chain.Datacenter)],
    ['CustomizationHash', some.text(chain.CustomizationHash)],
    ['Protocol', some.text(chain.Protocol)],
    ['StartNode', some.text(chain.StartNode)],
    ['Nodes', some.map(chain.Nodes, chainNodeJson)],
    ['Targets', some.map(chain.Targets, targetJson)],
  ]
  return atDepth(object(fields), depth)
}

function chainNodeJson(node: DiscoveryNode): string {
  return object([
    ['Type', jsonText(node.Type)],
    ['Name', jsonText(node.Name)],
    [
      'Routes',
      some.list(node.Routes, ({ Definition, NextNode }) =>
        object([
          ['Definition', some.value(Definition, routeJson)],
          ['NextNode', some.text(NextNode)],
        ]),
      ),
    ],
    [
      'Splits',
      some.list(node.Splits, ({ Weight, NextNode }) =>
        object([
          ['Weight', Weight === 0 ? undefined : float32Text(Weight)],
          ['NextNode', some.text(NextNode)],
        ]),
      ),
    ],
    [
      'Resolver',
      some.value(node.Resolver, (resolver) =>
        object([
          ['ConnectTimeout', some.duration(resolver.ConnectTimeout)],
          ['Default', some.flag(resolver.Default)],
          ['Target', some.text(resolver.Target)],
          [
            'Failover',
            some.value(resolver.Failover, ({ Targets }) => object([['Targets', some.list(Targets, jsonText)]])),
          ],
        ]),
      ),
    ],
  ])
}

function targetJson(target: DiscoveryTarget): string {
  return object([
    ['ID', some.text(target.ID)],
    ['Service', some.text(target.Service)],
    ['ServiceSubset', some.text(target.ServiceSubset)],
    ['Namespace', some.text(target.Namespace)],
    ['Datacenter', some.text(target.Datacenter)],
    ['MeshGateway', meshGatewayJson(target.MeshGateway)],
    ['Subset', subsetJson(target.Subset)],
    ['External', some.flag(target.External)],
    ['SNI', some.text(target.SNI)],
    ['Name', some.text(target.Name)],
  ])
}
