/**
 * Drives this node's own services and checks: brings registrations from the doors to the core, its calls to the
 * servers, and its files to the data directory.
 */

import { createHash } from 'node:crypto'
import { messageOf } from '../base/message-of.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import {
  centralQuestion,
  isCentral,
  type LocalCall,
  type LocalEffect,
  type LocalInput,
  makeLocal,
  type PersistFolder,
} from '../core/local/local.ts'
import type { Disk, Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { Args, Caller } from '../model/rpc.ts'
import type { Self } from '../serve/backend.ts'
import { followCentral } from './central.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { localDefinitions } from './definitions.ts'
import { drive } from './drive.ts'

export interface RunningLocal {
  self: Pick<
    Self,
    | 'services'
    | 'checks'
    | 'registerService'
    | 'deregisterService'
    | 'registerCheck'
    | 'deregisterCheck'
    | 'updateCheck'
    | 'sidecarPorts'
    | 'maintain'
    | 'nextChange'
  >
  /**
   * Takes up what the configuration says now of services, checks and this node's meta.
   * @throws Error for what it refuses; nothing has changed then
   */
  reload(config: RuntimeConfig): Promise<void>
  /** Begins to bring what is registered here to the catalog. */
  start(): void
  /** Of this node, as it reaches the catalog. */
  meta(): Record<string, string>
  counts(): { services: number; checks: number; ttls: number }
  leaderChanged(): void
  /** Members of the LAN now: with more of them, each compares itself with the catalog less often. */
  clusterChanged(nodes: number): void
  /** From now on nothing is brought to the catalog: the leader takes this node out of it, and nobody must put it back. */
  leaving(): void
  /** Resolves when all that was registered is on disk. */
  flush(): Promise<void>
  stop(): void
}

export interface LocalParts {
  config: RuntimeConfig
  nodeId: string
  host: Host
  disk: Disk
  dispatch: Caller
  members(): number
}

/** Source: Consul's agent/checks/alias.go. */
const ALIAS_WAIT_MS = 60_000
const ALIAS_STALE_MS_MAX = 15_000

type Request = LocalInput extends infer Input
  ? Input extends { ticket: number }
    ? Omit<Input, 'ticket'>
    : never
  : never

export async function runLocal(parts: LocalParts): Promise<RunningLocal> {
  const { config, nodeId, host, disk, dispatch } = parts
  const core = makeLocal({
    nodeId,
    nodeName: config.nodeName,
    datacenter: config.datacenter,
    address: config.advertiseAddr,
    taggedAddresses: config.taggedAddresses,
    meta: config.nodeMeta,
    syncInterval: config.syncInterval,
    checkUpdateInterval: config.checkUpdateInterval,
    discardCheckOutput: config.discardCheckOutput,
    checkOutputMaxSize: config.checkOutputMaxSize,
    centralConfig: config.centralConfig,
    durable: config.dataDir !== '',
    random: host.random,
  })
  const waiting = new Map<number, { done(): void; refused(error: Error): void }>()
  const attempts = new Map<number, AbortController>()
  const central = followCentral({
    host,
    caller: dispatch,
    tell: (id, defaults) => driven.tell({ kind: 'central-defaults', id, defaults }),
  })
  const questions = new Map<number, AbortController>()
  let nextTicket = 1
  /** Files are written one after another, so that the last word on a file is the one that stays. */
  let files: Promise<unknown> = Promise.resolve()
  const driven = drive<LocalInput, LocalEffect>(core, host, perform)

  const watching = new Set<() => void>()
  let told = true
  let stopped = false

  /** Those who watch are told once a turn, however much changes in it. */
  function tellWatching(): void {
    if (watching.size === 0 || !told) return
    told = false
    host.soon(() => {
      told = true
      for (const run of [...watching]) run()
    })
  }

  function perform(effect: LocalEffect): void {
    if (effect.kind !== 'log') tellWatching()
    switch (effect.kind) {
      case 'call':
        call(effect)
        return
      case 'persist':
        write(() => disk.writeFile(fileName(effect.folder, effect.id), toJson(effect.value)))
        return
      case 'forget':
        write(() => disk.removeFile(fileName(effect.folder, effect.id)))
        return
      case 'probe': {
        const { attempt } = effect
        const gone = begin(attempts, attempt)
        host.probe(effect.probe, gone).then((result) => {
          if (attempts.delete(attempt)) driven.tell({ kind: 'probed', attempt, result })
        })
        return
      }
      case 'follow-defaults':
        central.follow(effect.id, effect.question)
        return
      case 'unfollow-defaults':
        central.unfollow(effect.id)
        return
      case 'abandon':
        abandon(attempts, effect.attempt)
        return
      case 'ask-alias': {
        const { question } = effect
        nodeHealth(dispatch, effect, begin(questions, question)).then(
          (health) => questions.delete(question) && driven.tell({ kind: 'alias-answer', question, health }),
          (error: unknown) => {
            if (!questions.delete(question)) return
            driven.tell({ kind: 'alias-failed', question, message: messageOf(error) })
          },
        )
        return
      }
      case 'abandon-alias':
        abandon(questions, effect.question)
        return
      case 'done': {
        const { ticket } = effect
        files.then(
          () => settle(ticket)?.done(),
          (error: unknown) => settle(ticket)?.refused(error instanceof Error ? error : new Error(String(error))),
        )
        return
      }
      case 'refused':
        settle(effect.ticket)?.refused(new ConsulError('refused', effect.message))
        return
      case 'log':
        ;(effect.part === '' ? host.log : host.log.named(effect.part))[effect.level](effect.message, effect.fields)
        return
    }
  }

  function call({ id, method, args }: LocalCall): void {
    dispatch.call(method, args).then(
      (reply) => driven.tell({ kind: 'reply', id, reply }),
      (error: unknown) => {
        const code = error instanceof ConsulError ? error.code : 'refused'
        driven.tell({ kind: 'failed', id, code, message: messageOf(error) })
      },
    )
  }

  function write(run: () => Promise<void>): void {
    // One file that fails is told to whoever waits for it, and does not keep later ones from being written.
    files = files.then(run, run)
    files.catch((error: unknown) => host.log.error('failed to write to the data directory', { error: String(error) }))
  }

  function settle(ticket: number) {
    const waiter = waiting.get(ticket)
    waiting.delete(ticket)
    return waiter
  }

  function ask(request: Request): Promise<void> {
    return new Promise((done, refused) => {
      const ticket = nextTicket++
      waiting.set(ticket, { done, refused })
      driven.tell({ ...request, ticket } as LocalInput)
    })
  }

  const load = async (wanted: RuntimeConfig) => {
    const others = core.services().map(({ service }) => service)
    return ask({ kind: 'load', definitions: localDefinitions(wanted, others) })
  }

  const restored = await readFiles(host, disk)
  const loaded = load(config)
  driven.tell({ kind: 'restore', date: host.date(), files: restored })
  driven.tell({ kind: 'cluster-size', nodes: parts.members() })
  await loaded

  return {
    self: {
      services: () => core.services(),
      checks: () => core.checks(),
      async registerService(registration) {
        const { service, token } = registration
        const asked = config.centralConfig && isCentral(service)
        const question = asked ? centralQuestion(service, token, config.datacenter) : undefined
        const defaults = question === undefined ? undefined : await central.ask(service.ID || service.Service, question)
        await ask({ kind: 'register-service', registration: { ...registration, defaults } })
      },
      deregisterService: (id) => ask({ kind: 'deregister-service', id }),
      registerCheck: (registration) => ask({ kind: 'register-check', registration }),
      deregisterCheck: (id) => ask({ kind: 'deregister-check', id }),
      sidecarPorts: config.sidecarPorts,
      maintain: (wish) => ask({ kind: 'maintain', ...wish }),
      updateCheck: (id, status, output) => ask({ kind: 'update-check', id, status, output, date: host.date() }),
      nextChange: (timeoutMs, gone) =>
        new Promise((resolve) => {
          const finish = (changed: boolean) => {
            cancel()
            watching.delete(woken)
            gone.removeEventListener('abort', over)
            resolve(changed && !stopped)
          }
          const woken = () => finish(true)
          const over = () => finish(false)
          const cancel = host.wake(host.now() + timeoutMs, over)
          watching.add(woken)
          gone.addEventListener('abort', over)
          if (gone.aborted || stopped) over()
        }),
    },
    async reload(fresh) {
      try {
        await load(fresh)
      } catch (error) {
        const message = messageOf(error)
        const what = message.startsWith('Failed to register check') ? 'checks' : 'services'
        throw new ConsulError('refused', `Failed reloading ${what}: ${message}`)
      }
    },
    start() {
      driven.tellNow({ kind: 'start' })
      central.start()
    },
    meta: core.meta,
    counts: () => ({ services: core.services().length, checks: core.checks().length, ttls: core.ttls() }),
    clusterChanged: (nodes) => driven.tell({ kind: 'cluster-size', nodes }),
    leaderChanged() {
      driven.tell({ kind: 'leader-changed' })
      central.again()
    },
    leaving: () => driven.tellNow({ kind: 'stop' }),
    flush: () => files.then(() => {}),
    stop() {
      stopped = true
      for (const finish of [...watching]) finish()
      driven.tellNow({ kind: 'stop' })
      driven.stop()
      central.stop()
      for (const id of [...attempts.keys()]) abandon(attempts, id)
      for (const id of [...questions.keys()]) abandon(questions, id)
    },
  }
}

function begin(underWay: Map<number, AbortController>, id: number): AbortSignal {
  const controller = new AbortController()
  underWay.set(id, controller)
  return controller.signal
}

function abandon(underWay: Map<number, AbortController>, id: number): void {
  const controller = underWay.get(id)
  underWay.delete(id)
  controller?.abort()
}

/** One blocking read for an alias; and whether the service is there, where its checks don't already say so. */
async function nodeHealth(
  dispatch: Caller,
  { node: Node, service, index, token: Token }: LocalEffect & { kind: 'ask-alias' },
  signal: AbortSignal,
) {
  const asked = { Node, Token, AllowStale: true, MaxStaleDuration: ALIAS_STALE_MS_MAX * NANOS_PER_MS }
  const blocking = { ...asked, MinQueryIndex: index, MaxQueryTime: ALIAS_WAIT_MS * NANOS_PER_MS }
  const { HealthChecks, Index } = await dispatch.call('Health.NodeChecks', blocking, { signal })
  const checks = HealthChecks ?? []
  const known = checks.some(({ ServiceID }) => ServiceID === service)
  // Nobody who cannot say whether it is there says that it is not.
  const exists = known || (await hasService(dispatch, asked, service, signal).catch(() => true))
  return { index: Index, checks, exists }
}

async function hasService(
  dispatch: Caller,
  asked: Args<'Catalog.NodeServices'>,
  service: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { NodeServices } = await dispatch.call('Catalog.NodeServices', asked, { signal })
  return NodeServices?.Services[service] !== undefined
}

const FOLDERS: PersistFolder[] = ['services', 'checks', 'checks/state', 'services/configs']

/** Ids are any text, so files are named by a digest of them. */
function fileName(folder: PersistFolder, id: string): string {
  return `${folder}/${createHash('sha256').update(id).digest('hex')}`
}

function toJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

async function readFiles(host: Host, disk: Disk) {
  const [services, checks, states, configs] = await Promise.all(
    FOLDERS.map(async (folder) => {
      const values: unknown[] = []
      for (const name of await disk.listFiles(folder)) {
        const bytes = await disk.readFile(`${folder}/${name}`)
        if (bytes === undefined) continue
        try {
          values.push(JSON.parse(Buffer.from(bytes).toString()))
        } catch (error) {
          host.log.error('failed to read a registration from the data directory: it is left out', {
            file: `${folder}/${name}`,
            error: String(error),
          })
        }
      }
      return values
    }),
  )
  return { services: services!, checks: checks!, states: states!, configs: configs! }
}
