/**
 * Rules between the configuration's keys, for parts of Consul that are built here and for those that are not: what is
 * refused, and what only gets a warning. Each rule is a row: the keys it is about stand in its own text. Rules about
 * names, modes, ports and addresses are in validate.ts. Source: agent/config/builder.go (Build, Validate).
 */
import { quoteGo } from '../../base/go-quote.ts'
import { serviceFault } from '../../model/service-rules.ts'
import { parseIp } from './addresses.ts'
import { bootstrapEntries } from './bootstrap-entries.ts'
import { type Settings, settingAt } from './decode.ts'
import type { RuntimeConfig } from './runtime.ts'

/** What a rule looks at. */
export interface Facts {
  config: RuntimeConfig
  settings: Settings
}

type Rule = (facts: Facts & Looks) => string | undefined | false

interface Looks {
  on(key: string): boolean
  text(key: string): string
  /** Undefined when nothing was said. */
  whole(key: string): number | undefined
  count(key: string): number
}

const CIPHERS = new Set(
  ['ECDSA', 'RSA'].flatMap((key) =>
    ['AES_128_CBC_SHA', 'AES_128_CBC_SHA256', 'AES_128_GCM_SHA256', 'AES_256_CBC_SHA', 'AES_256_GCM_SHA384'].map(
      (cipher) => `TLS_ECDHE_${key}_WITH_${cipher}`,
    ),
  ),
)
const CA_PROVIDERS = new Set(['', 'consul', 'vault', 'aws-pca'])
const DATACENTER = /^[a-z0-9_-]+$/
const UI_PATH = /^[A-Za-z0-9/_-]+$/

/** The first that answers ends the start. */
const REFUSALS: readonly Rule[] = [
  ({ settings }) => {
    const entries = bootstrapEntries(settings)
    return typeof entries === 'string' && entries
  },
  ({ on }) =>
    on('connect.enable_mesh_gateway_wan_federation') &&
    !on('connect.enabled') &&
    !on('auto_encrypt.allow_tls') &&
    !on('auto_config.enabled') &&
    "'connect.enable_mesh_gateway_wan_federation=true' requires 'connect.enabled=true'",
  ({ whole }) => strictlyPositive('cache.entry_fetch_max_burst', whole('cache.entry_fetch_max_burst')),
  ({ whole }) => strictlyPositive('cache.entry_fetch_rate', whole('cache.entry_fetch_rate')),
  ({ text }) => {
    const path = uiPath(text('ui_content_path'))
    if (!UI_PATH.test(path)) return `ui-content-path can only contain alphanumeric, -, _, or /. received: ${path}`
    return /^\/v\d+\/$/.test(path) && `ui-content-path cannot have 'v[0-9]'. received: ${path}`
  },
  ({ whole }) => {
    const logs = whole('autopilot.max_trailing_logs') ?? 0
    return logs < 0 && `autopilot.max_trailing_logs cannot be ${logs}. Must be greater than or equal to zero`
  },
  ({ text }) => {
    const name = (text('primary_datacenter') || text('acl_datacenter')).toLowerCase()
    return (
      name !== '' && !DATACENTER.test(name) && `acl_datacenter cannot be ${quoteGo(name)}. Please use only [a-z0-9-_]`
    )
  },
  ({ config, on, text }) =>
    !config.dev &&
    on('ui') &&
    text('ui_dir') !== '' &&
    `Both the ui and ui-dir flags were specified, please provide only one.
If trying to use your own web UI resources, use the ui-dir flag.
The web UI is included in the binary so use ui to enable it`,
  ({ config, on, count }) => {
    if (!on('connect.enable_mesh_gateway_wan_federation')) return undefined
    const enabled = "'connect.enable_mesh_gateway_wan_federation = true'"
    if (!config.server) return `${enabled} requires 'server = true'`
    if (config.nodeName.includes('/')) return `${enabled} requires that 'node_name' not contain '/' characters`
    if (count('start_join_wan') > 0) return `'start_join_wan' is incompatible with ${enabled}`
    return count('retry_join_wan') > 0 && `'retry_join_wan' is incompatible with ${enabled}`
  },
  ({ config, text, count }) => {
    if (count('primary_gateways') === 0) return undefined
    if (!config.server) return "'primary_gateways' requires 'server = true'"
    const primary = (text('primary_datacenter') || text('acl_datacenter') || config.datacenter).toLowerCase()
    return primary === config.datacenter && "'primary_gateways' should only be configured in a secondary datacenter"
  },
]

/** After values that could not be read were told. */
const LATE_REFUSALS: readonly Rule[] = [
  ({ config }) => {
    for (const { service } of config.services) {
      const fault = serviceFault(service)
      if (fault !== undefined) return `service ${quoteGo(service.Service)}: ${fault}`
    }
    return undefined
  },
  ({ text }) => {
    const provider = text('connect.ca_provider')
    return !CA_PROVIDERS.has(provider) && `${provider} is not a valid CA provider`
  },
  ({ config, on }) => config.server && on('auto_encrypt.tls') && 'auto_encrypt.tls can only be used on a client.',
  ({ config, on }) =>
    !config.server && on('auto_encrypt.allow_tls') && 'auto_encrypt.allow_tls can only be used on a server.',
  ({ on }) =>
    on('auto_config.enabled') &&
    on('auto_encrypt.tls') &&
    'both auto_encrypt.tls and auto_config.enabled cannot be set to true.',
  ({ config, on, text }) => {
    if (!on('auto_config.authorization.enabled')) return undefined
    const key = 'auto_config.authorization.enabled'
    if (!config.server) return `${key} cannot be set to true for client agents`
    return text('cert_file') === '' && `${key} cannot be set without providing a TLS certificate for the server`
  },
  ({ config, on, text, count }) => {
    if (!on('auto_config.enabled')) return undefined
    if (!on('verify_outgoing') && !on('verify_server_hostname')) {
      return 'auto_config.enabled cannot be set without configuring TLS for server communications'
    }
    if (config.server) return 'auto_config.enabled cannot be set to true for server agents.'
    if (text('auto_config.intro_token') === '' && text('auto_config.intro_token_file') === '') {
      return 'One of auto_config.intro_token, auto_config.intro_token_file or the CONSUL_INTRO_TOKEN environment variable must be set to enable auto_config'
    }
    return (
      count('auto_config.server_addresses') === 0 && 'auto_config.enabled is set without providing a list of addresses'
    )
  },
]

const WARNINGS: readonly Rule[] = [
  ({ settings }) =>
    settings.acl_datacenter !== undefined &&
    "The 'acl_datacenter' field is deprecated. Use the 'primary_datacenter' field instead.",
  ({ on }) =>
    on('auto_encrypt.allow_tls') &&
    !on('verify_incoming') &&
    !on('verify_incoming_rpc') &&
    'if auto_encrypt.allow_tls is turned on, either verify_incoming or verify_incoming_rpc should be enabled. It is necessary to turn it off during a migration to TLS, but it should definitely be turned on afterwards.',
  ({ config, on, settings, count }) =>
    config.enableScriptChecks &&
    !(settingAt(settings, 'acl.enabled') === undefined ? settings.acl_datacenter !== undefined : on('acl.enabled')) &&
    count('http_config.allow_write_http_from') === 0 &&
    'using enable-script-checks without ACLs and without allow_write_http_from is DANGEROUS, use enable-local-script-checks instead, see https://www.hashicorp.com/blog/protecting-consul-from-rce-risk-in-specific-configurations/',
]

/** Durations of keys that nothing here reads yet; a key's name as complaints write it, where that is another. */
export const UNREAD_DURATIONS: readonly (readonly [key: string, shown?: string])[] = [
  ['acl_ttl'],
  ['acl.token_ttl'],
  ['acl.policy_ttl'],
  ['acl.role_ttl'],
  ['limits.https_handshake_timeout'],
  ['primary_gateways_interval'],
  ['auto_config.authorization.static.expiration_leeway'],
  ['auto_config.authorization.static.not_before_leeway'],
  ['auto_config.authorization.static.clock_skew_leeway'],
]

export function firstRefusal(facts: Facts): string | undefined {
  return firstOf(REFUSALS, facts)
}

export function lateRefusal(facts: Facts): string | undefined {
  return firstOf(LATE_REFUSALS, facts)
}

export function ruleWarnings(facts: Facts): string[] {
  const all = { ...facts, ...looks(facts.settings) }
  return [
    ...addressWarnings(facts.settings),
    ...WARNINGS.map((rule) => rule(all)).filter((text) => typeof text === 'string'),
  ]
}

function addressWarnings(settings: Settings): string[] {
  return [
    ['auto_encrypt.ip_san', 'AutoEncrypt.IPSAN'],
    ['auto_config.ip_sans', 'auto_config.ip_sans'],
  ].flatMap(([key = '', shown]) =>
    ((settingAt(settings, key) ?? []) as string[])
      .filter((text) => parseIp(text) === undefined)
      .map((text) => `Cannot parse ip ${quoteGo(text)} from ${shown}`),
  )
}

/** What is wrong with the value of a key that is not looked into anywhere else. */
export function cipherFault(suites: string): string | undefined {
  const unknown = suites
    .trim()
    .split(',')
    .find((name) => name !== '' && !CIPHERS.has(name))
  return unknown === undefined
    ? undefined
    : `tls_cipher_suites: invalid tls cipher suites: unsupported cipher ${quoteGo(unknown)}`
}

/** As the web UI's path is used: between slashes. */
function uiPath(given: string): string {
  return given === '' ? '/ui/' : `/${given.replace(/^\/+|\/+$/g, '')}/`
}

function firstOf(rules: readonly Rule[], facts: Facts): string | undefined {
  const all = { ...facts, ...looks(facts.settings) }
  for (const rule of rules) {
    const text = rule(all)
    if (typeof text === 'string') return text
  }
  return undefined
}

function looks(settings: Settings): Looks {
  const at = (key: string) => settingAt(settings, key)
  return {
    on: (key) => at(key) === true,
    text(key) {
      const value = at(key)
      return typeof value === 'string' ? value : ''
    },
    whole(key) {
      const value = at(key)
      return typeof value === 'number' ? value : undefined
    },
    count(key) {
      const value = at(key)
      return Array.isArray(value) ? value.length : 0
    },
  }
}

function strictlyPositive(key: string, value: number | undefined): string | undefined {
  return value !== undefined && value <= 0 ? `${key} must be strictly positive, was: ${value}` : undefined
}
