/**
 * Clients of a simulated cluster. Each asks one thing at a time of a server of its choice, as an HTTP client would:
 * writes, compare-and-set on what it read, locks, reads of all three kinds; and when a request fails it tries again,
 * mostly elsewhere. What they see goes into a history; nothing is judged here.
 */
import { ConnectionLost } from '../agent/pool.ts'
import type { Random } from '../base/random.ts'
import type { Millis } from '../base/units.ts'
import { ConsulError } from '../model/errors.ts'
import type { DirEntry, KVOp } from '../model/kv.ts'
import type { Args, Method, Reply } from '../model/rpc.ts'
import type { Cluster } from './cluster.ts'
import { type Action, type History, type Seen, textOf } from './history.ts'
import type { SimServer } from './server.ts'

/** A client waits this long for an answer: some give up soon, and ask elsewhere. */
const PATIENCE_MS: [min: Millis, span: Millis] = [400, 2400]
const THINK_MS: Millis = 25
const WATCH_MS: Millis = 60
/** Keys of one time; they change, so that no key's history grows without end. */
const KEYS = 3
const KEY_LIFE_MS: Millis = 1500
const TRIES = 3

/** What became of a call. */
type Outcome<T> = { kind: 'answer'; value: T } | Failure
/** A session is gone where the state is one from before it. */
type Failure = { kind: 'refused' } | { kind: 'no-session' } | { kind: 'unknown' }

interface Read extends Seen {
  index: number
}

export class Client {
  private readonly name: string
  private readonly cluster: Cluster
  private readonly history: History
  private readonly random: Random
  private servers: SimServer[]
  private patienceMs: Millis
  private session = ''
  private values = 0
  /** What it last saw of a key: for compare-and-set. */
  private readonly seen = new Map<string, Read>()
  stopped = false

  constructor(name: string, cluster: Cluster) {
    this.name = name
    this.cluster = cluster
    this.history = cluster.history
    this.random = cluster.random()
    this.servers = cluster.servers
    this.patienceMs = PATIENCE_MS[0] + this.random.float() * PATIENCE_MS[1]
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      await this.pause(this.random.float() * THINK_MS)
      if (this.session === '') await this.openSession()
      else await this.step()
    }
  }

  /** Only reads, and is soon tired of waiting: so it is there when a server shows for a moment what it should not. */
  async watch(): Promise<void> {
    this.patienceMs = WATCH_MS
    while (!this.stopped) {
      await this.pause(this.random.float() * THINK_MS)
      await this.read(this.key(), {})
    }
  }

  /** A consistent read of each key at those servers, to be asked when all is well. */
  async readAll(keys: Iterable<string>, servers: SimServer[]): Promise<void> {
    this.servers = servers
    for (const key of keys) await this.read(key, { RequireConsistent: true })
  }

  private async step(): Promise<void> {
    const key = this.key()
    const draw = this.random.float()
    if (draw < 0.28) await this.write('set', key)
    else if (draw < 0.45) await this.read(key, {})
    else if (draw < 0.55) await this.read(key, { RequireConsistent: true })
    else if (draw < 0.7) await this.staleRead(key)
    else if (draw < 0.85) await this.write('cas', key)
    else if (draw < 0.88) await this.write('delete', key)
    else if (draw < 0.91) await this.write('delete-cas', key)
    else if (draw < 0.96) await this.write('lock', key)
    else await this.write('unlock', key)
  }

  private key(): string {
    return `k${Math.floor(this.cluster.world.now / KEY_LIFE_MS)}.${this.random.int(KEYS)}`
  }

  private async openSession(): Promise<void> {
    const Node = `client-${this.name}`
    const registered = await this.call(this.anyServer(), 'Catalog.Register', {
      Node,
      Address: '10.1.0.1',
    })
    if (registered.kind !== 'answer') return
    const session = await this.call(this.anyServer(), 'Session.Apply', {
      Op: 'create',
      Session: {
        ID: '',
        Name: '',
        Node,
        LockDelay: 0,
        Behavior: 'release',
        TTL: '',
        NodeChecks: null,
        ServiceChecks: null,
        Checks: null,
        CreateIndex: 0,
        ModifyIndex: 0,
      },
    })
    if (session.kind === 'answer') this.session = session.value
  }

  private async write(Op: KVOp, key: string): Promise<void> {
    const known = this.seen.get(key)
    if ((Op === 'cas' || Op === 'delete-cas') && known === undefined) {
      await this.read(key, {})
      return
    }
    for (let attempt = 0; attempt < TRIES && !this.stopped; attempt++) {
      const value = `${this.name}:${++this.values}`
      const action = this.action(Op, value, known)
      const pending = this.history.begin(this.name, key, action, this.cluster.world.now)
      const DirEnt: DirEntry = {
        LockIndex: 0,
        Key: key,
        Flags: 0n,
        Value: bytesOf(value),
        Session: Op === 'lock' || Op === 'unlock' ? this.session : '',
        CreateIndex: 0,
        ModifyIndex: known?.index ?? 0,
      }
      const outcome = await this.call(this.anyServer(), 'KVS.Apply', { Op, DirEnt })
      // A plain set or delete answers false also when it was done.
      if (outcome.kind === 'answer') {
        pending.answered(Op === 'set' || Op === 'delete' ? true : outcome.value, this.cluster.world.now)
        return
      }
      if (outcome.kind === 'refused') pending.refused()
      if (outcome.kind === 'no-session') {
        pending.refused()
        this.session = ''
        return
      }
    }
  }

  private action(op: KVOp, value: string, known: Read | undefined): Action {
    const expected = known?.value ?? null
    switch (op) {
      case 'cas':
        return { kind: 'cas', expected, value }
      case 'delete-cas':
        return { kind: 'delete-cas', expected }
      case 'delete':
        return { kind: 'delete' }
      case 'lock':
      case 'unlock':
        return { kind: op, session: this.session, value }
      default:
        return { kind: 'put', value }
    }
  }

  private async read(Key: string, how: { RequireConsistent?: boolean }): Promise<void> {
    const pending = this.history.begin(this.name, Key, { kind: 'get' }, this.cluster.world.now)
    for (let attempt = 0; attempt < TRIES && !this.stopped; attempt++) {
      const outcome = await this.call(this.anyServer(), 'KVS.Get', { Key, ...how })
      if (outcome.kind !== 'answer') continue
      const read = readOf(outcome.value)
      this.seen.set(Key, read)
      pending.answered({ value: read.value, session: read.session }, this.cluster.world.now)
      return
    }
  }

  /** Of the server's own state: before it has heard of a leader it passes also such a read on. */
  private async staleRead(Key: string): Promise<void> {
    const server = this.anyServer()
    await this.call(server, 'KVS.Get', { Key, AllowStale: true }, (found) => {
      const { value } = readOf(found)
      const at = this.history.staleReads.length
      this.history.staleReads.push({ server: `${server.id}/${server.life}.${server.states}`, key: Key, value, at })
    })
  }

  /** As through an agent's door: what can be answered at once is, the rest is called. */
  private call<M extends Method>(
    server: SimServer,
    method: M,
    args: Args<M>,
    peeked: (found: Reply<M>) => void = () => {},
  ): Promise<Outcome<Reply<M>>> {
    const { world, network } = this.cluster
    return new Promise((resolve) => {
      const { name } = this
      const cancel = world.after(this.patienceMs, () => resolve({ kind: 'unknown' }))
      const settle = (outcome: Outcome<Reply<M>>) => {
        cancel()
        resolve(outcome)
      }
      network.once(
        name,
        server.id,
        () => {
          if (server.running === undefined) return settle({ kind: 'refused' })
          server.live(() =>
            server.serve<Reply<M>>(
              async (dispatch) => {
                const found = dispatch.peek(method, args)
                if (found === undefined) return dispatch.call(method, args)
                peeked(found)
                return found
              },
              (error, value) =>
                network.once(
                  server.id,
                  name,
                  () => settle(error === undefined ? { kind: 'answer', value: value! } : outcomeOf(error)),
                  () => settle({ kind: 'unknown' }),
                ),
            ),
          )()
        },
        () => settle({ kind: 'unknown' }),
      )
    })
  }

  private anyServer(): SimServer {
    const { servers } = this
    return servers[this.random.int(servers.length)]!
  }

  private pause(ms: Millis): Promise<void> {
    return new Promise((done) => void this.cluster.world.after(ms, done))
  }
}

/** Which errors say that nothing happened: as the dispatcher itself counts them when it tries again. */
function outcomeOf(error: unknown): Failure {
  if (error instanceof ConnectionLost) return { kind: error.sent ? 'unknown' : 'refused' }
  if (!(error instanceof ConsulError)) return { kind: 'unknown' }
  if (error.message.startsWith('invalid session')) return { kind: 'no-session' }
  return { kind: error.code === 'no-leader' ? 'refused' : 'unknown' }
}

function readOf({ Entries }: Reply<'KVS.Get'>): Read {
  const entry = Entries?.[0]
  if (entry === undefined) return { value: null, session: '', index: 0 }
  return { value: textOf(entry.Value), session: entry.Session, index: entry.ModifyIndex }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0))
}
