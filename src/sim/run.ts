/**
 * One simulated history, from a seed: a cluster of three, five or seven servers and some spares, clients, and faults for
 * a while; then the faults stop, everybody must come to agree, and what the clients saw must have been possible. The
 * same options give the same run, bit for bit.
 */
import { seededRandom } from '../base/random.ts'
import type { Millis } from '../base/units.ts'
import { makeRaft } from '../core/raft/raft.ts'
import { Cluster } from './cluster.ts'
import { drawFaults, drawRestores, type Fault, inflict } from './faults.ts'
import { checkLinearizable } from './linearizable.ts'
import { FAIR } from './network.ts'
import type { Settings } from './server.ts'
import { checkStaleReads } from './stale.ts'
import { Client } from './workload.ts'

const SIZES = [3, 5, 7]
/** So many seeds, and one of them is about restored snapshots. */
export const RESTORES_EVERY = 8
const CHAOS_MS: [min: Millis, span: Millis] = [6000, 10_000]
/** Elections, the longest waiting after failures, and catching up: all fit in well below this. */
const RECOVERY_MS: Millis = 60_000
const LOOK_MS: Millis = 20
/** Requests that were under way when the storm ended come to their end. */
const CALM_MS: Millis = 4500

export interface RunOptions {
  seed: number
  /** Played instead of the faults that the seed gives. */
  faults?: Fault[]
  /** A core with a bug in it, for tests of the judges. */
  makeRaft?: typeof makeRaft
  /** Told everything that happens, in a line each. */
  trace?: (line: string) => void
}

export interface Outcome {
  seed: number
  /** The first rule that was broken. */
  violation: string | undefined
  faults: Fault[]
  /** Of everything that happened: equal digests mean equal runs. */
  digest: number
  counts: Cluster['checkers']['counts'] & {
    events: number
    operations: number
    unknown: number
    staleReads: number
    undecided: number
  }
}

interface Plan {
  size: number
  spares: number
  clients: number
  watchers: number
  settings: Settings
  chaosMs: Millis
  faults: Fault[]
}

function planOf({ seed, faults }: RunOptions): Plan {
  const random = seededRandom(Math.imul(seed, 7919) + 17)
  const restores = seed % RESTORES_EVERY === 0
  const size = SIZES[seed % SIZES.length]!
  const spares = random.int(3)
  const chaosMs = CHAOS_MS[0] + random.float() * CHAOS_MS[1]
  return {
    size,
    spares,
    clients: 3 + random.int(3),
    watchers: restores ? 2 : 0,
    settings: {
      preVote: (['all', 'all', 'some', 'none'] as const)[Math.floor(random.float() * 4)]!,
      trailingLogs: random.int(3) * 12,
      snapshotThreshold: 20 + random.int(80),
      snapshotIntervalMs: 200 + random.int(400),
      appendEntriesMax: [1, 3, 8, 64][random.int(4)]!,
    },
    chaosMs,
    faults: faults ?? (restores ? drawRestores : drawFaults)(random, size + spares, chaosMs),
  }
}

export async function simulate(options: RunOptions): Promise<Outcome> {
  const plan = planOf(options)
  const { seed } = options
  const { size, spares, settings } = plan
  const cluster = new Cluster({ seed, size, spares, settings, makeRaft: options.makeRaft ?? makeRaft })
  const { world, network, checkers, servers, history } = cluster
  const { trace } = options
  if (trace !== undefined) checkers.trace = (line) => trace(`${world.now.toFixed(2)} ${line}`)
  const clients = Array.from({ length: plan.clients }, (_, n) => new Client(`c${n + 1}`, cluster))

  for (const server of servers) cluster.start(server)
  for (const client of clients) void client.run()
  const watchers = Array.from({ length: plan.watchers }, (_, n) => new Client(`w${n + 1}`, cluster))
  for (const watcher of watchers) void watcher.watch()
  for (const fault of plan.faults) {
    world.after(fault.at, () => {
      checkers.trace?.(`fault ${JSON.stringify(fault)}`)
      inflict(cluster, fault)
    })
  }
  await world.run(world.now + plan.chaosMs)

  cluster.calm = true
  network.weather = FAIR
  cluster.heal()
  for (const server of servers) {
    Object.assign(server.disk, { full: false, delayMs: 2 })
    server.resume()
    cluster.start(server)
  }
  for (const client of [...clients, ...watchers]) client.stopped = true
  await world.run(world.now + CALM_MS)
  await agree(cluster)

  let undecided = 0
  if (!world.halted) {
    const reader = new Client('reader', cluster)
    let done = false
    const keys = new Set(history.operations.map(({ key }) => key))
    const { servers: listed } = cluster.leader()!.running!.replica.status().configuration
    const members = servers.filter(({ id }) => listed.some((server) => server.id === id))
    void reader.readAll(keys, members).then(() => {
      done = true
    })
    await world.run(world.now + RECOVERY_MS, () => done)
    if (!done) checkers.fail('when all was well again, reads were not answered')
  }
  if (checkers.violation === undefined) {
    checkers.compareStates()
    const verdict = checkLinearizable(history.all())
    if (verdict.kind === 'undecided') undecided++
    if (verdict.kind === 'violated')
      checkers.fail(`no order explains what ${verdict.key} showed: ${verdict.stuck.join('; ')}`)
    const stale = checkStaleReads(history.staleReads, checkers.versions)
    if (stale !== undefined) checkers.fail(stale)
  }
  return {
    seed,
    violation: checkers.violation,
    faults: plan.faults,
    digest: checkers.digest,
    counts: {
      ...checkers.counts,
      events: world.events,
      operations: history.operations.length,
      unknown: history.operations.filter(({ answer }) => answer === undefined).length,
      staleReads: history.staleReads.length,
      undecided,
    },
  }
}

/** Everyone in the configuration comes to the same state, a new entry included. */
async function agree(cluster: Cluster): Promise<void> {
  const { world, checkers, servers } = cluster
  let barrier: 'none' | 'waiting' | 'done' = 'none'
  const agreed = (): boolean => {
    const running = cluster.leader()?.running
    if (running === undefined) return false
    if (barrier === 'none') {
      barrier = 'waiting'
      running.replica.barrier().then(
        () => {
          barrier = 'done'
        },
        () => {
          barrier = 'none'
        },
      )
    }
    if (barrier !== 'done') return false
    const { configuration, lastIndex } = running.raft.status(cluster.leader()!.now())
    return configuration.servers.every(({ id }) => {
      const there = servers.find((server) => server.id === id)!
      return there.running?.raft.status(there.now()).appliedIndex === lastIndex
    })
  }
  const until = world.now + RECOVERY_MS
  while (world.now < until && !world.halted) {
    if (agreed()) return
    await world.run(world.now + LOOK_MS)
  }
  if (!world.halted) {
    const all = servers.map((server) => {
      const status = server.running?.raft.status(server.now())
      return `${server.id} ${status?.role} term ${status?.term} last ${status?.lastIndex} applied ${status?.appliedIndex}`
    })
    checkers.fail(`no agreement within ${RECOVERY_MS} ms after the faults: ${all.join(', ')}`)
  }
}
