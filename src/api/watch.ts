/**
 * Watches: one view of the cluster, read again after each change, handed on when it is another than before. Here are the
 * kinds of watches with the parameters that each takes, and the loop; what happens at a change is the caller's.
 * Source: Consul's api/watch.
 */
import { ApiError, bodyText, type Caller, escapePath, type Parameters } from './client.ts'
import {
  CHECKS,
  EVENTS,
  INSTANCES,
  NODES,
  PAIR,
  PAIRS,
  type Plain,
  parsePlain,
  SERVICE,
  SERVICES,
  type Shape,
  shaped,
  writePlain,
} from './watch-shapes.ts'

export type { Plain } from './watch-shapes.ts'
export { writePlain } from './watch-shapes.ts'

export class WatchError extends Error {
  override name = 'WatchError'
}

/** One thing to look at, compiled from its parameters. */
export interface WatchPlan {
  type: string
  datacenter?: string
  token?: string
  /** What was said besides, of the names that the caller allows. */
  rest: Record<string, Plain>
  view: View
}

interface View {
  path: string
  parameters: Parameters
  /** What comes back, made into what handlers get. */
  read(body: Plain): Plain
  /** A key that is not there is an answer, too. */
  missing?: Plain
  /** Waits by the content's hash, not by an index. */
  byHash?: boolean
  /** Each answer holds all of them: those up to the last one that was seen are cut off. */
  events?: boolean
}

/** Parameters that are taken one by one; what is left at the end is wrong. */
class Taken {
  readonly left: Map<string, Plain>
  constructor(params: Readonly<Record<string, Plain>>) {
    this.left = new Map(Object.entries(params))
  }
  text(name: string): string {
    const value = this.#take(name)
    if (value === undefined) return ''
    if (typeof value !== 'string') throw new WatchError(`Expecting ${name} to be a string`)
    return value
  }
  flag(name: string): boolean {
    const value = this.#take(name)
    if (value === undefined) return false
    if (typeof value !== 'boolean') throw new WatchError(`Expecting ${name} to be a boolean`)
    return value
  }
  texts(name: string): string[] {
    const value = this.#take(name)
    if (value === undefined) return []
    if (typeof value === 'string') return [value]
    if (!Array.isArray(value)) throw new WatchError(`Expecting ${name} to be a string or []string`)
    return value.map((item, i) => {
      if (typeof item !== 'string') throw new WatchError(`Index ${i} of ${name} expected to be string`)
      return item
    })
  }
  #take(name: string): Plain | undefined {
    const value = this.left.get(name)
    this.left.delete(name)
    return value
  }
}

const as = (shape: Shape) => (body: Plain) => shaped(body, shape)

const KINDS: Record<string, (taken: Taken) => View> = {
  key(taken) {
    const parameters = { stale: taken.flag('stale') }
    const key = taken.text('key')
    if (key === '') throw new WatchError('Must specify a single key to watch')
    const first = (body: Plain) => shaped(Array.isArray(body) ? body[0] : null, PAIR)
    return { path: `/v1/kv/${escapePath(key)}`, parameters, read: first, missing: null }
  },
  keyprefix(taken) {
    const parameters = { stale: taken.flag('stale'), recurse: true }
    const prefix = taken.text('prefix')
    if (prefix === '') throw new WatchError('Must specify a single prefix to watch')
    return { path: `/v1/kv/${escapePath(prefix)}`, parameters, read: as(PAIRS), missing: null }
  },
  services: (taken) => ({
    path: '/v1/catalog/services',
    parameters: { stale: taken.flag('stale') },
    read: as(SERVICES),
  }),
  nodes: (taken) => ({ path: '/v1/catalog/nodes', parameters: { stale: taken.flag('stale') }, read: as(NODES) }),
  service(taken) {
    const stale = taken.flag('stale')
    const service = taken.text('service')
    if (service === '') throw new WatchError('Must specify a single service to watch')
    const tag = taken.texts('tag')
    const passing = taken.flag('passingonly')
    const parameters = { stale, tag: tag.length === 0 ? undefined : tag, passing: passing ? '1' : undefined }
    return { path: `/v1/health/service/${escapePath(service)}`, parameters, read: as(INSTANCES) }
  },
  checks(taken) {
    const parameters = { stale: taken.flag('stale') }
    const service = taken.text('service')
    const state = taken.text('state')
    if (service !== '' && state !== '') throw new WatchError('Cannot specify service and state')
    const path =
      service === '' ? `/v1/health/state/${escapePath(state || 'any')}` : `/v1/health/checks/${escapePath(service)}`
    return { path, parameters, read: as(CHECKS) }
  },
  event: (taken) => ({
    path: '/v1/event/list',
    parameters: { name: taken.text('name') || undefined },
    read: as(EVENTS),
    events: true,
  }),
  connect_roots: () => ({ path: '/v1/agent/connect/ca/roots', parameters: {}, read: (body) => body }),
  connect_leaf: (taken) => ({
    path: `/v1/agent/connect/ca/leaf/${escapePath(taken.text('service'))}`,
    parameters: {},
    read: (body) => body,
  }),
  agent_service: (taken) => ({
    path: `/v1/agent/service/${escapePath(taken.text('service_id'))}`,
    parameters: {},
    read: as(SERVICE),
    byHash: true,
  }),
}

/**
 * @param allowed names that are the caller's to read, in `rest`
 * @throws WatchError for what cannot be watched
 */
export function parseWatch(params: Readonly<Record<string, Plain>>, allowed: readonly string[] = []): WatchPlan {
  const taken = new Taken(params)
  const datacenter = taken.text('datacenter') || undefined
  const token = taken.text('token') || undefined
  const type = taken.text('type')
  if (type === '') throw new WatchError('Watch type must be specified')
  const kind = Object.hasOwn(KINDS, type) ? KINDS[type] : undefined
  if (kind === undefined) throw new WatchError(`Unsupported watch type: ${type}`)
  const view = kind(taken)
  const rest: Record<string, Plain> = {}
  for (const name of allowed) {
    const value = taken.left.get(name)
    if (value !== undefined) rest[name] = value
    taken.left.delete(name)
  }
  if (taken.left.size > 0) throw new WatchError(`Invalid parameters: [${[...taken.left.keys()].join(' ')}]`)
  return { type, datacenter, token, rest, view }
}

const RETRY_MS = 5_000
const RETRY_MS_MAX = 180_000

export interface WatchRun {
  signal: AbortSignal
  /** A change. The next one is looked for once it is handled. */
  changed(index: string, value: Plain): Promise<void>
  failed(error: unknown, retryMs: number): void
  /** Resolves after so long, or at once when the signal aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>
}

/** Goes on until the signal aborts. */
export async function runWatch(caller: Caller, plan: WatchPlan, run: WatchRun): Promise<void> {
  const { signal } = run
  let mark = ''
  let last: string | undefined
  for (let failures = 0; !signal.aborted; ) {
    try {
      const found = await look(caller, plan, mark, signal)
      if (signal.aborted) return
      failures = 0
      if (mark !== '' && found.mark === mark) continue
      const first = mark === ''
      // An index that went back means that the state was restored: the next read does not wait for the old one.
      mark = found.mark
      const written = writePlain(found.value)
      if (!first && written === last) continue
      last = written
      await run.changed(plan.view.byHash ? '0' : mark, found.value)
    } catch (error) {
      if (signal.aborted) return
      failures += 1
      mark = ''
      const retryMs = Math.min(RETRY_MS * failures * failures, RETRY_MS_MAX)
      run.failed(error, retryMs)
      await run.pause(retryMs, signal)
    }
  }
}

/** Indexes are kept as text: those of events have all 64 bits. */
async function look(
  caller: Caller,
  { view, datacenter, token }: WatchPlan,
  mark: string,
  signal: AbortSignal,
): Promise<{ mark: string; value: Plain }> {
  const waiting = mark === '' || mark === '0' ? {} : view.byHash ? { hash: mark } : { index: mark }
  const response = await caller.send(
    'GET',
    view.path,
    { datacenter, token, signal },
    { ...view.parameters, ...waiting },
  )
  const found = response.header(view.byHash ? 'X-Consul-Contenthash' : 'X-Consul-Index') ?? '0'
  if (response.status === 404 && view.missing !== undefined) return { mark: found, value: view.missing }
  if (response.status !== 200) throw new ApiError(response.status, bodyText(response))
  const value = view.read(parsePlain(bodyText(response)))
  return { mark: found, value: view.events && Array.isArray(value) ? newEvents(value, mark) : value }
}

function newEvents(events: Plain[], mark: string): Plain[] {
  const seen = events.findIndex((event) => eventIndex((event as { ID: string }).ID) === mark)
  return events.slice(seen + 1)
}

/** The halves of the id, folded onto each other: so the agent makes an index of an event. */
function eventIndex(id: string): string {
  const digits = id.replaceAll('-', '')
  if (!/^[0-9a-f]{32}$/i.test(digits)) return ''
  return String(BigInt(`0x${digits.slice(0, 16)}`) ^ BigInt(`0x${digits.slice(16)}`))
}
