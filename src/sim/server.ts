/**
 * One simulated server: the real Raft core, replica, store, method table, dispatcher, snapshots and recovery, on a host
 * of virtual time and a disk that can lose power. It is started, crashed and paused from outside, and tells the judges
 * all that its core is told and says. What is left out beside the real thing is gossip, and bytes on sockets.
 */
import { type Acts, type Dispatch, makeDispatch } from '../agent/dispatch.ts'
import { keepSnapshots, openState } from '../agent/durable.ts'
import { makeSink, makeSource } from '../agent/install.ts'
import { takeLeadership } from '../agent/leadership.ts'
import { ConnectionLost, type Pool } from '../agent/pool.ts'
import { makeReplica, type Replica } from '../agent/replica.ts'
import { userSnapshot } from '../agent/snapshots.ts'
import { silentLog } from '../base/log.ts'
import { NO_METRICS } from '../base/metrics.ts'
import { type Random, uuid } from '../base/random.ts'
import type { Index, Instant } from '../base/units.ts'
import { makeLockDelays } from '../core/leader/lock-delay.ts'
import { methods } from '../core/methods/index.ts'
import type { ConfigurationCodec, RaftTiming, Server } from '../core/raft/messages.ts'
import type { makeRaft, Raft } from '../core/raft/raft.ts'
import type { ReadTxn } from '../core/store/rows.ts'
import type { Store } from '../core/store/store.ts'
import type { Host } from '../host/host.ts'
import { AUTOPILOT_DEFAULTS } from '../model/autopilot.ts'
import { decodeConfiguration, decodePeers, encodeConfiguration } from '../wire/raft-log.ts'
import { encodeState, StateReader } from '../wire/snapshot.ts'
import type { Checkers } from './checkers.ts'
import { each, SimDisk } from './disk.ts'
import { type Past, textOf } from './history.ts'
import type { Network } from './network.ts'
import { makeWire, type Wire } from './transport.ts'
import type { World } from './world.ts'

const TIMING: RaftTiming = {
  heartbeatTimeoutMs: 1000,
  electionTimeoutMs: 1000,
  leaderLeaseTimeoutMs: 500,
  commitTimeoutMs: 50,
}

const CODEC: ConfigurationCodec = {
  encode: encodeConfiguration,
  decode: (type, data) => (type === 'configuration' ? decodeConfiguration(data) : decodePeers(data)),
}

const DISPATCH = {
  datacenter: 'dc1',
  primaryDatacenter: 'dc1',
  defaultQueryTime: 10_000,
  maxQueryTime: 10_000,
  rpcHoldTimeout: 2000,
}

/** How this cluster's servers are set up. */
export interface Settings {
  /** Who asks before standing, and knows such a question: real servers do not. */
  preVote: 'all' | 'some' | 'none'
  trailingLogs: number
  snapshotThreshold: number
  snapshotIntervalMs: number
  appendEntriesMax: number
}

export interface ServerParts {
  server: Server
  world: World
  network: Network
  /** Its own source of chance. */
  random: Random
  checkers: Checkers
  settings: Settings
  makeRaft: typeof makeRaft
  /** Another server, by its id or by its address. */
  find(name: string): SimServer | undefined
}

/** A snapshot as a user keeps it. */
export interface Archive {
  index: Index
  state: Uint8Array[]
  past: Past
}

/** What runs while a server is up. */
export interface Running {
  raft: Raft
  replica: Replica
  dispatch: Dispatch
  store: Store
  wire: Wire
  /** Calls of clients and peers that would never end when it crashes. */
  calls: Set<() => void>
  save(): Archive
  /** As agent/snapshots.ts does it, archives and tokens aside. */
  restore(archive: Archive): Promise<void>
}

export class SimServer {
  readonly server: Server
  readonly disk: SimDisk
  running: Running | undefined
  /** Counts the starts; whatever was meant for an earlier life is dropped. */
  life = 0
  /** Counts the states that took the place of what it had: what it shows may then be older than what it showed. */
  states = 0
  /** Its clock runs so much faster than the world's. */
  rate = 1
  private clock: { at: Instant; reads: Instant }
  private paused = false
  private backlog: (() => void)[] = []
  private readonly parts: ServerParts

  constructor(parts: ServerParts) {
    this.parts = parts
    this.server = parts.server
    this.disk = new SimDisk(parts.world, parts.random)
    this.clock = { at: 0, reads: parts.random.float() * 1e6 }
  }

  get id(): string {
    return this.server.id
  }

  get knowsPreVote(): boolean {
    const { preVote } = this.parts.settings
    return preVote === 'all' || (preVote === 'some' && Number(this.id.slice(1)) % 2 === 0)
  }

  now(): Instant {
    return this.clock.reads + (this.parts.world.now - this.clock.at) * this.rate
  }

  setRate(rate: number): void {
    this.clock = { at: this.parts.world.now, reads: this.now() }
    this.rate = rate
  }

  /** Stands still, as after SIGSTOP: what arrives waits, the clock goes on. */
  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    const waiting = this.backlog
    this.backlog = []
    for (const run of waiting) this.parts.world.at(this.parts.world.now, run)
  }

  crash(): void {
    this.life++
    this.paused = false
    this.backlog = []
    this.disk.crash()
    const { running } = this
    this.running = undefined
    this.parts.checkers.stopped(this)
    for (const end of running?.calls ?? []) end()
  }

  /** Runs in that life only (this one unless said), and once it is not paused. */
  live(run: () => void, life = this.life): () => void {
    const attempt = () => {
      if (life !== this.life) return
      if (this.paused) this.backlog.push(attempt)
      else run()
    }
    return attempt
  }

  /** @param first the servers that begin a new cluster; the disk's content decides where there is any */
  async start(first: Server[]): Promise<void> {
    const { server, random, checkers, settings, world } = this.parts
    this.life++
    const { life } = this
    const host = this.host(life)
    const { store, saved, logDisk, snapshots, kept, chunks } = await openState(
      { stateEngine: 'memory' },
      this.disk.mount(),
      silentLog,
    )
    if (life !== this.life) return
    const raft = checkers.watch(
      this,
      this.parts.makeRaft({
        id: server.id,
        address: server.address,
        timing: TIMING,
        random,
        preVote: this.knowsPreVote,
        trailingLogs: settings.trailingLogs,
        appendEntriesMax: settings.appendEntriesMax,
        codec: CODEC,
        saved,
        now: this.now(),
      }),
    )
    const installs = { host, store, snapshots, kept, chunks, replica: () => replica }
    const wire = makeWire({
      name: server.id,
      world,
      network: this.parts.network,
      live: (run) => this.live(run, life),
      peer: (id) => {
        const there = this.parts.find(id)
        if (there?.running === undefined) return undefined
        return { receive: there.running.wire.receive, live: (run) => there.live(run), knows: there.knowsPreVote }
      },
      source: makeSource(installs),
      sink: (restore, size, drained) => {
        const sink = makeSink(installs, restore, size, drained)
        return {
          ...sink,
          finish: async () => {
            const commit = await sink.finish()
            return () => {
              commit()
              this.states++
              checkers.restored(this, restore.meta)
            }
          },
        }
      },
      breaksOff: () => random.float() < 0.1,
    })
    const replica = makeReplica({
      host,
      raft,
      disk: logDisk,
      store,
      chunks,
      transport: wire,
      restored: saved.snapshot,
      log: silentLog,
    })
    const lockDelays = makeLockDelays()
    const env = {
      get now() {
        return host.date()
      },
      uuid: () => uuid(random),
      lockDelayed: (key: string) => lockDelays.delayed(host.now(), key),
      datacenter: 'dc1',
      node: server.id,
    }
    const calls = new Set<() => void>()
    const pool = { call: (address: string, method: never, args: never) => this.callPeer(life, address, method, args) }
    // One datacenter, and nobody who asks for what a server answers from itself.
    const dispatch = makeDispatch({
      host,
      config: DISPATCH,
      methods,
      acts: {} as Acts,
      router: { of: () => [], failed: () => {} },
      store,
      replica,
      pool: pool as Pick<Pool, 'call'>,
      env,
      log: silentLog,
    })
    const save = (): Archive => {
      const { index } = replica.stateMeta()
      const pending = chunks.pending()
      const { rows } = store.snapshot()
      const state = [...encodeState(rows, index, pending)].map((chunk) => chunk.slice())
      rows.release()
      return { index, state, past: store.read(pastOf) }
    }
    const restore = async ({ index, state, past }: Archive): Promise<void> => {
      const replacement = store.replace()
      const reader = new StateReader(replacement.txn)
      for (const chunk of state) reader.push(chunk)
      const { pending } = reader.finish()
      const stored = await snapshots.receive!(each(state))
      const snapshot = userSnapshot({ host, kept, chunks }, { replacement, pending, stored, size: 0 })
      await replica.restore(index, {
        ...snapshot,
        keep: (meta) => {
          checkers.restores(this, meta, past)
          return snapshot.keep(meta)
        },
        commit: (at) => {
          snapshot.commit(at)
          this.states++
        },
      })
      await replica.barrier()
      await leadership.reassert()
    }
    this.running = { raft, replica, dispatch, store, wire, calls, save, restore }
    checkers.started(this, saved)
    store.onCommit((commit) => {
      checkers.applied(this, commit)
      lockDelays.step(host.now(), { kind: 'commit', changes: commit.changes })
    })
    const leadership = takeLeadership({
      host,
      config: { autopilot: AUTOPILOT_DEFAULTS, bootstrapEntries: [], datacenter: 'dc1', primaryDatacenter: '' },
      replica,
      store,
      dispatch,
      duties: [],
      reconcile: () => [],
      nameOf: (id) => id,
      log: silentLog,
    })
    keepSnapshots({
      config: { raftSnapshotInterval: settings.snapshotIntervalMs, raftSnapshotThreshold: settings.snapshotThreshold },
      host,
      store,
      replica,
      snapshots,
      kept,
      chunks,
      log: silentLog,
    })
    const untouched = saved.snapshot === null && saved.entries.length === 0 && saved.hardState.term === 0
    const isFounder = first.some(({ id }) => id === server.id)
    replica.begin(untouched && isFounder ? { servers: first } : null)
  }

  /** The state as bytes, and how far it is. */
  stateBytes(): { applied: Index; bytes: Uint8Array[] } | undefined {
    if (this.running === undefined) return undefined
    const { applied, rows } = this.running.store.snapshot()
    const bytes = [...encodeState(rows, 0, [])].map((chunk) => chunk.slice())
    rows.release()
    return { applied, bytes }
  }

  /** Runs a call that a client or a peer made here; it ends, in an error, also when this server crashes meanwhile. */
  serve<T>(
    call: (dispatch: Dispatch, running: Running) => Promise<T>,
    settle: (error: unknown, value?: T) => void,
  ): void {
    const { running } = this
    if (running === undefined) {
      settle(new ConnectionLost('connection refused', false))
      return
    }
    let open = true
    const end = (error: unknown, value?: T) => {
      if (!open) return
      open = false
      running.calls.delete(crashed)
      settle(error, value)
    }
    const crashed = () => end(new ConnectionLost('EOF', true))
    running.calls.add(crashed)
    call(running.dispatch, running).then((value) => end(undefined, value), end)
  }

  private callPeer(life: number, address: string, method: never, args: never): Promise<never> {
    const { network, find } = this.parts
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => this.live(() => reject(error), life)()
      const broken = () => fail(new ConnectionLost('EOF', true))
      network.once(
        this.id,
        find(address)?.id ?? address,
        () => {
          const there = find(address)
          if (there?.running === undefined) return fail(new ConnectionLost('connection refused', false))
          there.live(() =>
            there.serve(
              (dispatch) => dispatch.call(method, args),
              (error, value) =>
                network.once(
                  there.id,
                  this.id,
                  this.live(() => (error === undefined ? resolve(value as never) : reject(error)), life),
                  broken,
                ),
            ),
          )()
        },
        broken,
      )
    })
  }

  private host(life: number): Host {
    const { world, random } = this.parts
    const nowhere = () => {
      throw new Error('a simulated server has no sockets and starts no programs')
    }
    return {
      now: () => this.now(),
      date: () => 1_600_000_000_000 + Math.floor(world.now),
      random,
      wake: (at, run) => {
        const delayMs = Math.max(0, (at - this.now()) / this.rate)
        // A hair late, so that the clock has certainly passed `at`.
        return world.after(delayMs + 1e-3, this.live(run, life))
      },
      soon: (run) => void world.after(0, this.live(run, life)),
      http: nowhere,
      udp: nowhere,
      messages: nowhere,
      run: nowhere,
      listen: nowhere,
      dial: nowhere,
      disk: nowhere,
      probe: nowhere,
      hostname: () => this.id,
      machineId: () => undefined,
      interfaces: () => [],
      log: silentLog,
      metrics: NO_METRICS,
    }
  }
}

function pastOf(txn: ReadTxn): Past {
  const rows = [...txn.prefix('kvs', '')]
  return new Map(rows.map(({ Key, Value, Session }) => [Key, { value: textOf(Value), session: Session }]))
}
