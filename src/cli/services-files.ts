/**
 * Services as configuration files define them, in the form that the API registers them in. The files are read as an agent
 * reads them (agent/config), in either format. Source: Consul's command/services/config.go.
 */
import { loadConfig } from '../agent/config/build.ts'
import type { Definitions } from '../agent/config/definitions.ts'
import type { CheckDefinition as ApiCheck, ServiceDefinition as ApiService } from '../api/agent.ts'
import { formatGoDuration } from '../base/go-duration.ts'
import { makeLog } from '../base/log.ts'
import { nodeHost } from '../host/node.ts'

type ServiceDefinition = Definitions['services'][number]
type CheckDefinition = ServiceDefinition['checks'][number]

/** @throws ConfigError for what an agent would not take */
export function servicesOfFiles(paths: readonly string[]): { services: ApiService[]; warnings: string[] } {
  const host = nodeHost(
    makeLog(
      'services',
      () => {},
      () => 'error',
    ),
  )
  const { config, warnings } = loadConfig({
    // Dev mode: everything but the services has a value that can be.
    args: ['-dev', ...paths.map((path) => `-config-file=${path}`)],
    hostname: host.hostname(),
    interfaces: host.interfaces(),
  })
  return { services: config.services.map(apiService), warnings }
}

function apiService({ service, checks, sidecar }: ServiceDefinition): ApiService {
  const { Service: Name, ID, Connect, Proxy: proxy, Weights } = service
  const asks = Connect.Native || sidecar !== undefined
  return said({
    Name,
    ID: ID === Name ? undefined : ID,
    Kind: service.Kind,
    Tags: service.Tags,
    Port: service.Port,
    Address: service.Address,
    TaggedAddresses: service.TaggedAddresses,
    Meta: service.Meta,
    Weights,
    EnableTagOverride: service.EnableTagOverride,
    Proxy:
      service.Kind === '' && proxy.DestinationServiceName === '' && proxy.Config === null ? undefined : said(proxy),
    Connect: asks ? said({ Native: Connect.Native, SidecarService: sidecar && apiService(sidecar) }) : undefined,
    Checks: checks.length === 0 ? undefined : checks.map(apiCheck),
  }) as unknown as ApiService
}

const DURATIONS = new Set(['Interval', 'Timeout', 'TTL', 'DeregisterCriticalServiceAfter'])
/** Said only where it differs from what holds anyway; the agents of 1.8.7 do not know it. */
const ON_BY_DEFAULT = 'H2PingUseTLS'

function apiCheck({ id, name, notes, status, run }: CheckDefinition): ApiCheck {
  const how = Object.entries(run).map(([field, value]) => {
    if (DURATIONS.has(field)) return [field, value === 0 ? '' : formatGoDuration(Number(value))]
    if (field === ON_BY_DEFAULT) return [field, run.H2PING === '' ? false : value]
    return [field === 'ScriptArgs' ? 'Args' : field, value]
  })
  return said({ CheckID: id, Name: name, Notes: notes, Status: status, ...Object.fromEntries(how) })
}

/** What has a value. */
function said<T extends object>(fields: T): Partial<T> {
  const kept = Object.entries(fields).filter(([, value]) => {
    if (value === null || value === undefined || value === '' || value === 0 || value === false) return false
    return !Array.isArray(value) || value.length > 0
  })
  return Object.fromEntries(kept) as Partial<T>
}
