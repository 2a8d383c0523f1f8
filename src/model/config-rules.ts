/**
 * What a configuration entry may say by itself: the form in which it is kept, and what is wrong with it. Whether it
 * makes sense beside all others is decided in core/store/config-graph.ts. Source: Consul's agent/structs,
 * `Normalize` and `Validate` of each kind.
 */
import { formatGoDuration } from '../base/go-duration.ts'
import { bytesFromText } from '../base/text.ts'
import {
  type ConfigEntry,
  type IngressGateway,
  type IngressListener,
  PROXY_CONFIG_GLOBAL,
  type ServiceResolver,
  type ServiceRoute,
  type ServiceRouter,
  type ServiceSplitter,
  type TerminatingGateway,
  WILDCARD,
} from './config-entry.ts'
import { listed } from './service-rules.ts'

const META_PAIRS_MAX = 64
const META_KEY_BYTES_MAX = 128
export const META_VALUE_BYTES_MAX = 512

const DEFAULT_NAMESPACE = 'default'
const PROTOCOLS = ['tcp', 'http', 'http2', 'grpc']
const SUBSET_CHARS_MAX = 63
const SUBSET = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/
const LABEL_BYTES_MAX = 63
const HOST_BYTES_MAX = 254
/** Weights are counted in hundredths of a percent. */
const WHOLE = 100 * 100

/** As it is kept: spelled alike, defaults filled in. */
export function normalizedEntry(entry: ConfigEntry): ConfigEntry {
  switch (entry.Kind) {
    case 'service-defaults':
      return { ...entry, Protocol: entry.Protocol.toLowerCase() }
    case 'proxy-defaults':
      return { ...entry, Name: PROXY_CONFIG_GLOBAL }
    case 'service-router':
      return { ...entry, Routes: entry.Routes?.map(normalizedRoute) ?? null }
    case 'service-splitter':
      return {
        ...entry,
        Splits: entry.Splits?.map((split) => ({ ...split, Weight: splitWeight(split.Weight) })) ?? null,
      }
    case 'ingress-gateway':
      return {
        ...entry,
        Listeners:
          entry.Listeners?.map((listener) => ({ ...listener, Protocol: (listener.Protocol || 'tcp').toLowerCase() })) ??
          null,
      }
    default:
      return entry
  }
}

/** A destination is only looked at where methods are matched: so 1.8.7 has it. */
function normalizedRoute(route: ServiceRoute): ServiceRoute {
  const http = route.Match?.HTTP ?? null
  if (http === null || http.Methods === null || http.Methods.length === 0) return route
  const to = route.Destination
  return {
    Match: { HTTP: { ...http, Methods: http.Methods.map((method) => method.toUpperCase()) } },
    Destination: to !== null && to.Namespace === '' ? { ...to, Namespace: DEFAULT_NAMESPACE } : to,
  }
}

/** Percent with two digits behind the point, in 32-bit floats, as every server of a cluster must round it alike. */
export function splitWeight(weight: number): number {
  return Math.fround(scaledWeight(weight) / 100)
}

/** In hundredths of a percent. */
function scaledWeight(weight: number): number {
  const scaled = Math.fround(Math.fround(weight) * 100)
  return Math.sign(scaled) * Math.round(Math.abs(scaled))
}

/** @returns the first thing that is wrong with a normalized entry, in the words that Consul's users see, or undefined */
export function entryFault(entry: ConfigEntry): string | undefined {
  switch (entry.Kind) {
    case 'service-defaults':
    case 'proxy-defaults':
      return metaFault(entry.Meta)
    case 'service-router':
      return nameFault(entry) ?? metaFault(entry.Meta) ?? routerFault(entry)
    case 'service-splitter':
      return nameFault(entry) ?? splitterFault(entry)
    case 'service-resolver':
      return nameFault(entry) ?? metaFault(entry.Meta) ?? resolverFault(entry)
    case 'ingress-gateway':
      return metaFault(entry.Meta) ?? ingressFault(entry)
    case 'terminating-gateway':
      return metaFault(entry.Meta) ?? terminatingFault(entry)
  }
}

function nameFault({ Name }: ConfigEntry): string | undefined {
  return Name === '' ? 'Name is required' : undefined
}

export function metaFaults(meta: Record<string, string> | null): string[] {
  const pairs = Object.entries(meta ?? {})
  const faults: string[] = []
  if (pairs.length > META_PAIRS_MAX) faults.push(`Meta exceeds maximum element count ${META_PAIRS_MAX}`)
  for (const [key, value] of pairs) {
    if (bytesFromText(key).length > META_KEY_BYTES_MAX) {
      faults.push(`Meta key "${key}" exceeds maximum length ${META_KEY_BYTES_MAX}`)
    }
    if (bytesFromText(value).length > META_VALUE_BYTES_MAX) {
      faults.push(`Meta value for key "${key}" exceeds maximum length ${META_VALUE_BYTES_MAX}`)
    }
  }
  return faults
}

function metaFault(meta: Record<string, string> | null): string | undefined {
  const faults = metaFaults(meta)
  return faults.length === 0 ? undefined : listed(faults)
}

function routerFault({ Routes }: ServiceRouter): string | undefined {
  for (const [i, route] of (Routes ?? []).entries()) {
    const fault = routeFault(route)
    if (fault !== undefined) return `Route[${i}] ${fault}`
  }
  return undefined
}

function routeFault({ Match, Destination }: ServiceRoute): string | undefined {
  const http = Match?.HTTP ?? null
  if (http !== null) {
    for (const name of ['PathExact', 'PathPrefix'] as const) {
      if (http[name] !== '' && !http[name].startsWith('/')) return `${name} doesn't start with '/': "${http[name]}"`
    }
    if (given(http.PathExact, http.PathPrefix, http.PathRegex) > 1) {
      return 'should only contain at most one of PathExact, PathPrefix, or PathRegex'
    }
    for (const [j, header] of (http.Header ?? []).entries()) {
      if (header.Name === '') return `Header[${j}] missing required Name field`
      if (given(header.Present, header.Exact, header.Regex, header.Prefix, header.Suffix) !== 1) {
        return `Header[${j}] should only contain one of Present, Exact, Prefix, Suffix, or Regex`
      }
    }
    for (const [j, param] of (http.QueryParam ?? []).entries()) {
      if (param.Name === '') return `QueryParam[${j}] missing required Name field`
      if (given(param.Present, param.Exact, param.Regex) !== 1) {
        return `QueryParam[${j}] should only contain one of Present, Exact, or Regex`
      }
    }
    const twice = repeated(http.Methods ?? [])
    if (twice !== undefined) return `Methods contains "${twice}" more than once`
  }
  if (Destination !== null && Destination.PrefixRewrite !== '' && !http?.PathExact && !http?.PathPrefix) {
    return 'cannot make use of PrefixRewrite without configuring either PathExact or PathPrefix'
  }
  return undefined
}

function given(...fields: (string | boolean)[]): number {
  return fields.filter((field) => field !== '' && field !== false).length
}

function repeated(texts: readonly string[]): string | undefined {
  return texts.find((text, i) => texts.indexOf(text) < i)
}

function splitterFault({ Name, Splits, Meta }: ServiceSplitter): string | undefined {
  if (Splits === null || Splits.length === 0) return 'no splits configured'
  const meta = metaFault(Meta)
  if (meta !== undefined) return meta
  const twice = repeated(
    Splits.map(
      ({ Service, ServiceSubset, Namespace }) =>
        `service="${Service || Name}", subset="${ServiceSubset}", namespace="${Namespace}"`,
    ),
  )
  if (twice !== undefined) return `split destination occurs more than once: ${twice}`
  const sum = Splits.reduce((total, { Weight }) => total + scaledWeight(Weight), 0)
  if (sum !== WHOLE) return `the sum of all split weights must be 100, not ${Math.fround(sum / 100).toFixed(6)}`
  return undefined
}

function resolverFault(entry: ServiceResolver): string | undefined {
  const subsets = entry.Subsets ?? {}
  const isSubset = (name: string) => Object.hasOwn(subsets, name)
  for (const name of Object.keys(subsets)) {
    if (name === '') return 'Subset defined with empty name'
    const fault = subsetFault(name)
    if (fault !== undefined) return `Subset "${name}" is invalid: ${fault}`
  }
  if (entry.DefaultSubset !== '' && !isSubset(entry.DefaultSubset)) {
    return `DefaultSubset "${entry.DefaultSubset}" is not a valid subset`
  }
  const fault = redirectFault(entry, isSubset) ?? failoverFault(entry, isSubset)
  if (fault !== undefined) return fault
  if (entry.ConnectTimeout < 0) return `Bad ConnectTimeout '${formatGoDuration(entry.ConnectTimeout)}', must be >= 0`
  return undefined
}

function subsetFault(name: string): string | undefined {
  if (bytesFromText(name).length > SUBSET_CHARS_MAX) return 'must be non-empty and 63 characters or fewer'
  if (SUBSET.test(name)) return undefined
  return (
    'must be 63 characters or fewer, begin or end with lower case alphanumeric characters, and contain lower case ' +
    "alphanumeric characters or '-' in between"
  )
}

function redirectFault(
  { Name, Redirect: to, Failover }: ServiceResolver,
  isSubset: (name: string) => boolean,
): string | undefined {
  if (to === null) return undefined
  if (Object.keys(Failover ?? {}).length > 0) return 'Redirect and Failover cannot both be set'
  if (given(to.Service, to.ServiceSubset, to.Namespace, to.Datacenter) === 0) return 'Redirect is empty'
  if (to.Service === '') {
    if (to.ServiceSubset !== '') return 'Redirect.ServiceSubset defined without Redirect.Service'
    if (to.Namespace !== '') return 'Redirect.Namespace defined without Redirect.Service'
  } else if (to.Service === Name && to.ServiceSubset !== '' && !isSubset(to.ServiceSubset)) {
    return `Redirect.ServiceSubset "${to.ServiceSubset}" is not a valid subset of "${to.Service}"`
  }
  return undefined
}

function failoverFault({ Name, Failover }: ServiceResolver, isSubset: (name: string) => boolean): string | undefined {
  for (const [subset, to] of Object.entries(Failover ?? {})) {
    const bad = `Bad Failover["${subset}"]`
    if (subset !== WILDCARD && !isSubset(subset)) return `${bad}: not a valid subset`
    if (given(to.Service, to.ServiceSubset, to.Namespace) === 0 && (to.Datacenters ?? []).length === 0) {
      return `${bad} one of Service, ServiceSubset, Namespace, or Datacenters is required`
    }
    const own = to.Service === '' || to.Service === Name
    if (to.ServiceSubset !== '' && own && !isSubset(to.ServiceSubset)) {
      return `${bad}.ServiceSubset "${to.ServiceSubset}" is not a valid subset of "${to.Service}"`
    }
    if (to.Datacenters?.includes('')) return `${bad}.Datacenters: found empty datacenter`
  }
  return undefined
}

function ingressFault({ TLS, Listeners }: IngressGateway): string | undefined {
  const ports = new Set<number>()
  for (const listener of Listeners ?? []) {
    if (ports.has(listener.Port)) return `port ${listener.Port} declared on two listeners`
    ports.add(listener.Port)
    const fault = listenerFault(listener, TLS.Enabled)
    if (fault !== undefined) return fault
  }
  return undefined
}

function listenerFault({ Port, Protocol, Services }: IngressListener, tls: boolean): string | undefined {
  const where = `(listener on port ${Port})`
  if (!PROTOCOLS.includes(Protocol)) {
    return `protocol must be 'tcp', 'http', 'http2', or 'grpc'. '${Protocol}' is an unsupported protocol`
  }
  if (Services === null || Services.length === 0) return `No service declared for listener with port ${Port}`
  if (Protocol !== 'http' && Services.length > 1) {
    return `Multiple services per listener are only supported for protocol = 'http' ${where}`
  }
  const hosts = new Set<string>()
  for (const { Name, Hosts } of Services) {
    const count = Hosts?.length ?? 0
    if (Protocol === 'tcp') {
      if (Name === WILDCARD) return `Wildcard service name is only valid for protocol = 'http' ${where}`
      if (count > 0) return `Associating hosts to a service is not supported for the ${Protocol} protocol ${where}`
    }
    if (Name === '') return `Service name cannot be blank ${where}`
    if (Name === WILDCARD && count > 0) return `Associating hosts to a wildcard service is not supported ${where}`
    for (const host of Hosts ?? []) {
      if (hosts.has(host)) return `Hosts must be unique within a specific listener ${where}`
      hosts.add(host)
      const fault = hostFault(host, tls)
      if (fault !== undefined) return fault
    }
  }
  return undefined
}

function hostFault(host: string, tls: boolean): string | undefined {
  if (host === WILDCARD) {
    if (!tls) return undefined
    return "Host '*' is not allowed when TLS is enabled, all hosts must be valid DNS records to add as a DNSSAN"
  }
  if (!isDomainName(host)) return `Host "${host}" must be a valid DNS hostname`
  if (host.replace(/^\*\./, '').includes('*')) {
    return `Host "${host}" is not valid, a wildcard specifier is only allowed as the leftmost label`
  }
  return undefined
}

/** Any labels of a length that DNS can carry; what characters they are made of is not asked. */
function isDomainName(name: string): boolean {
  const bare = name.endsWith('.') ? name.slice(0, -1) : name
  if (name === '' || bytesFromText(bare).length > HOST_BYTES_MAX) return false
  return (
    name === '.' || bare.split('.').every((label) => label !== '' && bytesFromText(label).length <= LABEL_BYTES_MAX)
  )
}

function terminatingFault({ Services }: TerminatingGateway): string | undefined {
  const seen = new Set<string>()
  for (const { Name, CAFile, CertFile, KeyFile } of Services ?? []) {
    if (Name === '') return 'Service name cannot be blank.'
    if (seen.has(Name)) return `Service "${Name}" was specified more than once within a namespace`
    seen.add(Name)
    if ((CertFile !== '' || KeyFile !== '') && given(CAFile, CertFile, KeyFile) < 3) {
      return `Service "${Name}" must have a CertFile, CAFile, and KeyFile specified for TLS origination`
    }
  }
  return undefined
}
