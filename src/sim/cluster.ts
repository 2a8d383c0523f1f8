/**
 * Simulated servers that form a cluster, and the false world around them: who there is, who leads, and what may be done
 * to them (faults.ts). Every source of chance is drawn from one seed.
 */
import { type Random, seededRandom } from '../base/random.ts'
import type { Server } from '../core/raft/messages.ts'
import type { makeRaft } from '../core/raft/raft.ts'
import { ConsulError } from '../model/errors.ts'
import { Checkers } from './checkers.ts'
import type { Moment } from './faults.ts'
import { History, type Restore } from './history.ts'
import { Network } from './network.ts'
import { type Archive, type Settings, SimServer } from './server.ts'
import { World } from './world.ts'

export interface ClusterOptions {
  seed: number
  /** Servers that begin the cluster, and others that may join it. */
  size: number
  spares: number
  settings: Settings
  makeRaft: typeof makeRaft
}

export class Cluster {
  readonly world = new World()
  readonly network: Network
  readonly history = new History()
  readonly servers: SimServer[]
  readonly founders: Server[]
  readonly checkers: Checkers
  /** Who waits for a server to do something. */
  readonly ambushes: { when: Moment; strike(server: SimServer): void }[] = []
  /** The storm is over: nobody is struck any more. */
  calm = false
  private readonly seed: number
  private sources = 0

  constructor({ seed, size, spares, settings, makeRaft }: ClusterOptions) {
    this.seed = seed
    this.checkers = new Checkers(
      () => this.servers,
      () => {
        this.world.halted = true
      },
    )
    this.checkers.moment = (server, when) => {
      const at = this.ambushes.findIndex((ambush) => ambush.when === when)
      if (at >= 0) this.ambushes.splice(at, 1)[0]!.strike(server)
    }
    this.world.onError = (error) => this.checkers.fail(String(error))
    this.network = new Network(this.world, this.random())
    const all: Server[] = Array.from({ length: size + spares }, (_, n) => ({
      id: `s${n + 1}`,
      address: `10.0.0.${n + 1}:8300`,
      suffrage: 'voter',
    }))
    this.founders = all.slice(0, size)
    this.servers = all.map(
      (server) =>
        new SimServer({
          server,
          world: this.world,
          network: this.network,
          random: this.random(),
          checkers: this.checkers,
          settings,
          makeRaft,
          find: (name) => this.servers.find(({ server: { id, address } }) => id === name || address === name),
        }),
    )
  }

  /** A source of chance of its own, so that what one part draws changes nothing for the others. */
  random(): Random {
    return seededRandom(Math.imul(this.seed, 0x9e3779b1) + Math.imul(++this.sources, 0x85ebca6b))
  }

  start(server: SimServer): void {
    if (server.running !== undefined) return
    server.start(this.founders).catch((error: unknown) => {
      const { disk } = server
      if (!disk.rotten || !(error instanceof ConsulError)) {
        this.checkers.fail(`${server.id} did not start: ${String(error)}`)
        return
      }
      // Rightly refused: what it acknowledged is gone. Somebody brings the disk's content back.
      disk.rotten = false
      this.checkers.counts.refusals++
      this.start(server)
    })
  }

  /** The one that leads the newest term. */
  leader(): SimServer | undefined {
    let best: SimServer | undefined
    let newest = -1
    for (const server of this.servers) {
      const role = server.running?.replica.role()
      if (role === undefined || !role.leading || role.term <= newest) continue
      best = server
      newest = role.term
    }
    return best
  }

  /** Asks whoever leads, as an operator does, who is told how it went. */
  restore(archive: Archive): void {
    const { world, history } = this
    const restore: Restore = {
      past: archive.past,
      asked: world.now,
      answered: Number.POSITIVE_INFINITY,
      done: undefined,
    }
    history.restores.push(restore)
    this.leader()?.serve(
      (_, running) => running.restore(archive),
      (error) => {
        if (error === undefined) Object.assign(restore, { answered: world.now, done: true })
      },
    )
  }

  heal(): void {
    this.ambushes.length = 0
    this.network.cuts.clear()
  }
}
