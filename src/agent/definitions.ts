/**
 * From the services and checks of the configuration to what this node registers: sidecars beside their services, and
 * nothing that the agent may not run. Whatever is wrong is found before the first of them is registered.
 * Source: agent/agent.go (loadServices, loadChecks, addCheck).
 */
import { quoteGo } from '../base/go-quote.ts'
import type { LocalDefinitions } from '../core/local/local.ts'
import type { NodeService } from '../model/catalog.ts'
import { ConsulError } from '../model/errors.ts'
import { runFault, taggedAddressFault } from '../model/registration-rules.ts'
import type { ServiceRegistration } from '../serve/backend.ts'
import { checkRegistration, ownRegistration, sidecarRegistration } from '../serve/http/definitions.ts'
import type { RuntimeConfig } from './config/runtime.ts'

type Wanted = Pick<
  RuntimeConfig,
  'services' | 'checks' | 'sidecarPorts' | 'enableLocalScriptChecks' | 'nodeMeta' | 'discardCheckOutput'
>

/**
 * @param others registered here by other ways, or before: sidecars keep their ports, and take none that is in use
 * @throws ConsulError for the first definition that cannot be registered
 */
export function localDefinitions(config: Wanted, others: Iterable<NodeService>): LocalDefinitions {
  const services: ServiceRegistration[] = []
  const known = new Map([...others].map((service) => [service.ID, service]))
  const add = (registration: ServiceRegistration, name: string, what: string) => {
    const fault = serviceFault(registration, config.enableLocalScriptChecks)
    if (fault !== undefined) throw new ConsulError('refused', `Failed to register ${what} ${quoteGo(name)}: ${fault}`)
    services.push(registration)
    known.set(registration.service.ID, registration.service)
  }
  for (const definition of config.services) {
    const { service, checks, token, sidecar } = definition
    const name = service.Service
    refuseChecks(`Failed to validate checks for service ${quoteGo(name)}`, checks)
    const beside = sidecarRegistration(definition, token, known.values(), config.sidecarPorts)
    if (typeof beside === 'string') {
      throw new ConsulError('refused', `Failed to validate sidecar for service ${quoteGo(name)}: ${beside}`)
    }
    refuseChecks(`Failed to validate sidecar for service ${quoteGo(name)}`, sidecar?.checks ?? [])
    add(ownRegistration(definition, token), name, 'service')
    if (beside !== undefined) add(beside, name, 'sidecar for service')
  }
  const checks = config.checks.map((check) => {
    const id = check.id || check.name
    const fault = id === '' ? 'CheckID missing' : soleCheckFault(check, config.enableLocalScriptChecks)
    if (fault !== undefined) throw new ConsulError('refused', `Failed to register check '${check.name}': ${fault}`)
    return checkRegistration({ ...check, id }, check.token)
  })
  return { services, checks, meta: config.nodeMeta, discardCheckOutput: config.discardCheckOutput }
}

type Check = Parameters<typeof checkRegistration>[0]

function refuseChecks(what: string, checks: readonly Check[]): void {
  for (const { run } of checks) {
    const fault = runFault(run)
    if (fault !== undefined) throw new ConsulError('refused', `${what}: ${fault}`)
  }
}

function serviceFault({ service, checks }: ServiceRegistration, scripts: boolean): string | undefined {
  if (service.Service === '') return 'Service name missing'
  const script = !scripts && checks.some(({ run }) => isScript(run))
  return taggedAddressFault(service) ?? (script ? NO_SCRIPTS : undefined)
}

function soleCheckFault({ run }: Check, scripts: boolean): string | undefined {
  const fault = runFault(run)
  if (fault !== undefined) return `Check is not valid: ${fault}`
  return isScript(run) && !scripts ? NO_SCRIPTS : undefined
}

const NO_SCRIPTS =
  "Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true"

function isScript(run: Check['run']): boolean {
  return (run.ScriptArgs?.length ?? 0) > 0
}
