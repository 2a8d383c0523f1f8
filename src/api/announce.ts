/**
 * A service that says itself that it is well: registered with a TTL check, reported on well before the TTL runs out, and
 * taken off the agent in the end. When the agent has forgotten it (restarted without its files), it is registered again.
 */
/// <reference lib="esnext.disposable" preserve="true" />
import { parseGoDuration } from '../base/go-duration.ts'
import type { CheckStatus } from '../model/health.ts'
import type { Agent, ServiceDefinition } from './agent.ts'
import type { RequestOptions } from './client.ts'

const NANOS_PER_MS = 1e6
const TTL_DEFAULT = '15s'

export interface AnnounceOptions extends RequestOptions {
  /** Without a report for so long the service counts as critical: "15s". */
  ttl?: string
  /** And is taken off after so long in that state: at least "1m". Never, unless given. */
  deregisterAfter?: string
  /** Asked before each report; passing unless given. */
  check?(): Health | Promise<Health>
  /** Told of reports that did not come through; the next is tried in time all the same. */
  onError?(error: unknown): void
}

export type Health = CheckStatus | { status: CheckStatus; output: string }

export interface Announced extends AsyncDisposable {
  readonly id: string
  /** Reports at once, beside the regular reports. */
  report(health: Health): Promise<void>
  /** Takes the service off the agent. */
  stop(): Promise<void>
}

export async function announce(
  agent: Agent,
  service: ServiceDefinition,
  options: AnnounceOptions = {},
): Promise<Announced> {
  const { ttl = TTL_DEFAULT, deregisterAfter, check = () => 'passing' as const, onError = () => {} } = options
  const { datacenter, token, namespace } = options
  const request = { datacenter, token, namespace }
  const id = service.ID ?? service.Name
  const checkId = `proconsul:${id}`
  const periodMs = (parseGoDuration(ttl) ?? 0) / NANOS_PER_MS / 3
  const registration: ServiceDefinition = {
    ...service,
    Checks: [
      ...(service.Checks ?? []),
      { CheckID: checkId, Name: `${service.Name} reports`, TTL: ttl, DeregisterCriticalServiceAfter: deregisterAfter },
    ],
  }
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined

  async function report(health: Health): Promise<void> {
    const { status, output } = typeof health === 'string' ? { status: health, output: '' } : health
    try {
      await agent.updateCheck(checkId, status, output, request)
    } catch (error) {
      if (!/does not have associated TTL|Unknown check/i.test(String(error)) || stopped) throw error
      await agent.registerService(registration, request)
      await agent.updateCheck(checkId, status, output, request)
    }
  }

  async function beat(): Promise<void> {
    try {
      await report(await check())
    } catch (error) {
      onError(error)
    }
    if (!stopped) timer = setTimeout(() => void beat(), periodMs)
  }

  await agent.registerService(registration, request)
  await beat()
  const stop = async () => {
    if (stopped) return
    stopped = true
    clearTimeout(timer)
    await agent.deregisterService(id, request)
  }
  return { id, report, stop, [Symbol.asyncDispose]: stop }
}
