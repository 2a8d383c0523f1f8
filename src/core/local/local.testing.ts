/** What the tests of this folder share: plain rows and registrations, a catalog that answers, and a bench to drive a core. */
import assert from 'node:assert/strict'
import { seededRandom } from '../../base/random.ts'
import { NO_SERVICE, type Node, type NodeService } from '../../model/catalog.ts'
import { type CheckRun, NO_RUN } from '../../model/check-run.ts'
import { type HealthCheck, NO_CHECK } from '../../model/health.ts'
import type { Reply } from '../../model/rpc.ts'
import {
  type Local,
  type LocalCall,
  type LocalCheckRegistration,
  type LocalEffect,
  type LocalInput,
  type LocalServiceRegistration,
  type LocalSettings,
  makeLocal,
  type SyncMethod,
} from './local.ts'

/** Of an agent with little to say of itself. */
export const PLAIN: LocalSettings = {
  nodeId: 'f0000000-0000-0000-0000-000000000001',
  nodeName: 'n1',
  datacenter: 'dc1',
  address: '127.0.0.1',
  taggedAddresses: {},
  meta: {},
  syncInterval: 60_000,
  checkUpdateInterval: 0,
  discardCheckOutput: false,
  checkOutputMaxSize: 4096,
  centralConfig: true,
  durable: true,
}

const SETTINGS: LocalSettings = {
  ...PLAIN,
  taggedAddresses: { lan: '127.0.0.1', wan: '127.0.0.1' },
  meta: { rack: '7' },
  checkUpdateInterval: 300_000,
}

/** With the id that registering gives it, its name, unless told otherwise. */
export function service(name: string, more: Partial<NodeService> = {}): NodeService {
  return { ...NO_SERVICE, Service: name, Port: 80, ...more }
}

/** That nobody has reported on. */
export function checkRow(id: string, more: Partial<HealthCheck> = {}): HealthCheck {
  return { ...NO_CHECK, CheckID: id, Name: id, ...more }
}

/** As somebody registers it. */
export function asked(
  id: string,
  how: Partial<CheckRun> = {},
  more: Partial<HealthCheck> = {},
  token = '',
): LocalCheckRegistration {
  return { check: checkRow(id, more), run: { ...NO_RUN, ...how }, token }
}

export const ttl = (seconds: number): Partial<CheckRun> => ({ TTL: seconds * 1e9 })
export const unnamed = (how: Partial<CheckRun>): LocalCheckRegistration => asked('', how, { Name: '' })
export const web = (more: Partial<LocalServiceRegistration> = {}): LocalServiceRegistration => ({
  service: service('web'),
  checks: [],
  token: '',
  replaceExistingChecks: false,
  ...more,
})

/** What a server would keep of this node, answering calls as the catalog does. */
class Catalog {
  node: Node | null = null
  services = new Map<string, NodeService>()
  checks = new Map<string, HealthCheck>()

  constructor() {
    this.checks.set('serfHealth', checkRow('serfHealth', { Status: 'passing', Node: 'n1' }))
    this.services.set('consul', service('consul', { ID: 'consul' }))
  }

  answer({ method, args }: LocalCall): Reply<SyncMethod> {
    const meta = { Index: 1, LastContact: 0, KnownLeader: true }
    if (method === 'Catalog.NodeServiceList') {
      return { ...meta, NodeServices: { Node: this.node, Services: [...this.services.values()] } }
    }
    if (method === 'Health.NodeChecks') return { ...meta, HealthChecks: [...this.checks.values()] }
    if ('SkipNodeUpdate' in args) {
      if (!args.SkipNodeUpdate || this.node === null) {
        this.node = {
          ID: args.ID ?? '',
          Node: args.Node,
          Address: args.Address,
          Datacenter: 'dc1',
          TaggedAddresses: args.TaggedAddresses ?? null,
          Meta: args.NodeMeta ?? null,
          CreateIndex: 1,
          ModifyIndex: 1,
        }
      }
      if (args.Service) this.services.set(args.Service.ID, args.Service)
      for (const one of [...(args.Check ? [args.Check] : []), ...(args.Checks ?? [])]) {
        assert.ok(one.ServiceID === '' || this.services.has(one.ServiceID), `${one.CheckID} comes after its service`)
        this.checks.set(one.CheckID, one)
      }
    } else if ('ServiceID' in args && args.ServiceID) {
      this.services.delete(args.ServiceID)
      for (const [id, one] of this.checks) if (one.ServiceID === args.ServiceID) this.checks.delete(id)
    } else if ('CheckID' in args && args.CheckID) this.checks.delete(args.CheckID)
    return {}
  }
}

function make(more: Partial<LocalSettings> = {}): Local {
  return makeLocal({ ...SETTINGS, ...more, random: seededRandom(7) })
}

/** One line for each effect. */
export function tell(effect: LocalEffect): string {
  switch (effect.kind) {
    case 'probe':
      return `probe ${effect.attempt} ${effect.check}`
    case 'abandon':
      return `abandon ${effect.attempt}`
    case 'ask-alias':
      return `ask-alias ${effect.question} ${effect.node} ${effect.service} ${effect.index}`
    case 'abandon-alias':
      return `abandon-alias ${effect.question}`
    case 'follow-defaults':
      return `follow ${effect.id} ${JSON.stringify(effect.question)}`
    case 'unfollow-defaults':
      return `unfollow ${effect.id}`
    case 'call': {
      const { args } = effect
      const what: string[] = []
      if ('Service' in args && args.Service) what.push(`service ${args.Service.ID}`)
      if ('Check' in args && args.Check) what.push(`check ${args.Check.CheckID} ${args.Check.Status}`)
      if ('Checks' in args && args.Checks) what.push(`checks ${args.Checks.map((one) => one.CheckID).join(' ')}`)
      if ('ServiceID' in args && args.ServiceID) what.push(`service ${args.ServiceID}`)
      if ('CheckID' in args && args.CheckID) what.push(`check ${args.CheckID}`)
      return `call ${effect.method} ${what.join(', ')}`.trimEnd()
    }
    case 'persist':
    case 'forget':
      return `${effect.kind} ${effect.folder} ${effect.id}`
    case 'done':
      return `done ${effect.ticket}`
    case 'refused':
      return `refused ${effect.ticket}: ${effect.message}`
    case 'log':
      return `${effect.level} ${effect.message} ${JSON.stringify(effect.fields)}`
  }
}

/** Drives a core by hand: says things, answers its calls from the catalog, and writes down what came out. */
export class Bench {
  now = 0
  readonly catalog = new Catalog()
  readonly local: Local
  readonly lines: string[] = []
  calls: LocalCall[] = []
  #ticket = 0

  constructor(more: Partial<LocalSettings> = {}) {
    this.local = make(more)
  }

  say(input: LocalInput | { kind: 'tick' }): this {
    this.local.step(this.now, input)
    this.collect()
    return this
  }

  ask(input: AskInput): this {
    this.#ticket += 1
    return this.say({ ...input, ticket: this.#ticket } as LocalInput)
  }

  collect(): void {
    for (const effect of this.local.take()) {
      this.lines.push(tell(effect))
      if (effect.kind === 'call') this.calls.push(effect)
    }
  }

  /** Answers every call, also those that follow from the answers. */
  settle(): this {
    for (let next = this.calls.shift(); next !== undefined; next = this.calls.shift()) this.answer(next)
    return this
  }

  answer(call: LocalCall): void {
    this.say({ kind: 'reply', id: call.id, reply: this.catalog.answer(call) })
  }

  failAll(message: string): this {
    for (let next = this.calls.shift(); next !== undefined; next = this.calls.shift()) {
      this.say({ kind: 'failed', id: next.id, code: 'no-leader', message })
    }
    return this
  }

  /** Turns the clock to when the core asked to be woken. */
  wake(): this {
    const at = this.local.wakeAt()
    assert.notEqual(at, null, 'the core wants to be woken')
    this.now = Math.max(this.now, at!)
    return this.say({ kind: 'tick' })
  }

  read(): string[] {
    return this.lines.splice(0)
  }
}

export type AskInput = LocalInput extends infer I ? (I extends { ticket: number } ? Omit<I, 'ticket'> : never) : never
