/**
 * What goes wrong in a simulated world, as a list that is written before anything happens: so that it can be printed,
 * shortened, and played again. Servers are named by number; -1 is whoever leads at that moment.
 */
import type { Random } from '../base/random.ts'
import type { Millis } from '../base/units.ts'
import type { ServerChange } from '../core/raft/messages.ts'
import type { Cluster } from './cluster.ts'
import { FAIR } from './network.ts'
import type { SimServer } from './server.ts'

export type Fault = { at: Millis } & (
  | { kind: 'crash'; server: number }
  /** Down and up again at once: what was only in memory is gone. */
  | { kind: 'bounce'; server: number }
  | { kind: 'restart'; server: number }
  | { kind: 'pause'; server: number; ms: Millis }
  /** The servers whose bits are set, away from the others. */
  | { kind: 'partition'; side: number }
  | { kind: 'isolate'; server: number }
  | { kind: 'cut'; from: number; to: number }
  | { kind: 'heal' }
  | { kind: 'weather'; loss: number; duplicates: number; delayMs: Millis }
  | { kind: 'disk-full'; server: number }
  | { kind: 'disk-slow'; server: number; ms: Millis }
  | { kind: 'disks-well' }
  | { kind: 'rot'; server: number }
  | { kind: 'clock'; server: number; rate: number }
  | { kind: 'change'; change: 'add-voter' | 'add-nonvoter' | 'demote' | 'remove'; server: number }
  | { kind: 'transfer' }
  /** The state becomes again what it is now, after a while. */
  | { kind: 'restore'; afterMs: Millis }
  /** Two halves that hear each other only through one server. */
  | { kind: 'bridge'; server: number; side: number }
  /** Waits for the next server that does this, and strikes it. */
  | { kind: 'ambush'; when: Moment; blow: Blow; afterMs: Millis }
)
type What = Fault extends infer F ? (F extends Fault ? Omit<F, 'at'> : never) : never

/** What a blow may wait for. */
const MOMENTS = ['votes', 'leads', 'writes', 'commits', 'changes', 'answers'] as const
export type Moment = (typeof MOMENTS)[number] | 'replaces'
const BLOWS = ['crash', 'bounce', 'isolate', 'pause'] as const
/** The last one cuts a server off until another leads, and lets it follow for a moment before it goes down. */
const BLOWS_AT_RESTORE = [...BLOWS, 'isolate', 'seclude', 'seclude'] as const
type Blow = (typeof BLOWS_AT_RESTORE)[number]

const LEADER = -1
/** Of the pauses between faults: they come in bursts, with quiet times in between. */
const GAP_MS = 150
const QUIET_MS = 4000
/** Long enough for the others to find another leader. */
const PAUSE_MS = 2600
const RESTORE_AFTER_MS_MAX = 1500
const SECLUDED_MS = 1800
const FOLLOWING_MS = 900

/** @param servers founders and spares together */
export function drawFaults(random: Random, servers: number, untilMs: Millis): Fault[] {
  const someone = () => random.int(servers)
  const oneOrLeader = () => (random.float() < 0.5 ? LEADER : someone())
  const kinds: [weight: number, draw: () => What | What[]][] = [
    [6, () => ({ kind: 'crash', server: oneOrLeader() })],
    [5, () => ({ kind: 'bounce', server: oneOrLeader() })],
    [16, () => ({ kind: 'restart', server: someone() })],
    [4, () => ({ kind: 'pause', server: oneOrLeader(), ms: 50 + random.float() ** 2 * 2500 })],
    [3, () => ({ kind: 'partition', side: 1 + random.int(2 ** servers - 1) })],
    [3, () => ({ kind: 'isolate', server: oneOrLeader() })],
    [3, () => ({ kind: 'cut', from: oneOrLeader(), to: someone() })],
    [10, () => ({ kind: 'heal' })],
    [
      3,
      () => ({
        kind: 'weather',
        loss: random.float() * 0.25,
        duplicates: random.float() * 0.3,
        delayMs: 3 + random.float() ** 2 * 300,
      }),
    ],
    [3, () => ({ kind: 'weather', loss: 0, duplicates: 0, delayMs: 3 })],
    [2, () => ({ kind: 'disk-full', server: oneOrLeader() })],
    [3, () => ({ kind: 'disk-slow', server: oneOrLeader(), ms: random.float() < 0.5 ? 20 : 200 })],
    [3, () => ({ kind: 'disks-well' })],
    [2, () => ({ kind: 'rot', server: someone() })],
    [2, () => ({ kind: 'clock', server: someone(), rate: 0.9 + random.float() * 0.2 })],
    [6, () => drawChange(random, someone())],
    [2, () => Array.from({ length: 3 }, () => drawChange(random, someone()))],
    // Several at once, and the leader cut off with them.
    [
      3,
      () => [
        { kind: 'ambush', when: 'changes', blow: 'isolate', afterMs: 0 },
        ...Array.from(
          { length: 2 + random.int(2) },
          () => ({ kind: 'change', change: 'remove', server: someone() }) as const,
        ),
      ],
    ],
    [4, () => ({ kind: 'transfer' })],
    // An election in which two do not hear each other, and whoever votes for one of them forgets what was not written.
    [
      5,
      () => [
        { kind: 'bridge', server: LEADER, side: 1 + random.int(2 ** servers - 1) },
        { kind: 'ambush', when: 'votes', blow: 'bounce', afterMs: 0 },
        { kind: 'bounce', server: LEADER },
      ],
    ],
    [3, () => ({ kind: 'bridge', server: someone(), side: 1 + random.int(2 ** servers - 1) })],
    [
      14,
      () => ({
        kind: 'ambush',
        when: MOMENTS[random.int(MOMENTS.length)]!,
        blow: BLOWS[random.int(BLOWS.length)]!,
        afterMs: random.float() < 0.5 ? 0 : random.float() * 20,
      }),
    ],
  ]
  const total = kinds.reduce((sum, [weight]) => sum + weight, 0)
  const faults: Fault[] = []
  let at = 800
  while (at < untilMs) {
    let draw = random.float() * total
    const [, make] = kinds.find(([weight]) => {
      draw -= weight
      return draw < 0
    })!
    for (const what of [make()].flat()) faults.push({ at, ...what } as Fault)
    at += random.float() < 0.25 ? random.float() * QUIET_MS : random.float() * GAP_MS * 2
  }
  return faults
}

function drawChange(random: Random, server: number): What {
  const changes = ['add-voter', 'add-voter', 'add-nonvoter', 'demote', 'remove'] as const
  return { kind: 'change', change: changes[random.int(changes.length)]!, server }
}

/** Users restore what was, and the leader is struck while it makes that durable, or while nobody else has it yet. */
export function drawRestores(random: Random, servers: number, untilMs: Millis): Fault[] {
  const faults: Fault[] = []
  let at = 800 + random.float() * 1000
  const then = (afterMs: Millis, ...whats: What[]) => {
    at += afterMs
    for (const what of whats) faults.push({ at, ...what } as Fault)
  }
  while (at < untilMs) {
    const blow = BLOWS_AT_RESTORE[random.int(BLOWS_AT_RESTORE.length)]!
    if (blow === 'seclude') then(0, { kind: 'disk-slow', server: LEADER, ms: 1500 })
    else if (random.float() < 0.2) then(0, { kind: 'disk-slow', server: LEADER, ms: 150 })
    const soon = blow === 'seclude' || random.float() < 0.7
    if (random.float() < 0.9)
      then(0, { kind: 'ambush', when: 'replaces', blow, afterMs: random.float() * (soon ? 12 : 600) })
    then(0, { kind: 'restore', afterMs: random.float() < 0.1 ? 0 : random.float() * RESTORE_AFTER_MS_MAX })
    if (random.float() < 0.2) then(random.float() * 500, { kind: 'transfer' })
    then(2000 + random.float() * 3000, { kind: 'heal' }, { kind: 'disks-well' })
    for (let server = 0; server < servers; server++) then(0, { kind: 'restart', server })
    then(random.float() * 2000)
  }
  return faults
}

export function inflict(cluster: Cluster, fault: Fault): void {
  const { world, network, servers } = cluster
  const pick = (n: number): SimServer | undefined => (n === LEADER ? cluster.leader() : servers[n % servers.length])
  switch (fault.kind) {
    case 'crash':
      pick(fault.server)?.crash()
      return
    case 'bounce':
      bounce(cluster, pick(fault.server))
      return
    case 'restart':
      cluster.start(pick(fault.server)!)
      return
    case 'pause':
      pause(cluster, pick(fault.server), fault.ms)
      return
    case 'partition':
      separate(cluster, (n) => (fault.side & (1 << n)) !== 0)
      return
    case 'isolate': {
      const server = pick(fault.server)
      separate(cluster, (n) => servers[n] === server)
      return
    }
    case 'cut': {
      const from = pick(fault.from)
      const to = pick(fault.to)
      if (from !== undefined && to !== undefined) network.cuts.add(`${from.id}>${to.id}`)
      return
    }
    case 'heal':
      cluster.heal()
      return
    case 'weather':
      network.weather = { ...FAIR, loss: fault.loss, duplicates: fault.duplicates, delayMsMax: fault.delayMs }
      return
    case 'disk-full': {
      const server = pick(fault.server)
      if (server !== undefined) server.disk.full = true
      return
    }
    case 'disk-slow': {
      const server = pick(fault.server)
      if (server !== undefined) server.disk.delayMs = fault.ms
      return
    }
    case 'disks-well':
      for (const { disk } of servers) {
        disk.full = false
        disk.delayMs = 3
      }
      return
    case 'rot':
      pick(fault.server)!.disk.rot()
      return
    case 'clock':
      pick(fault.server)!.setRate(fault.rate)
      return
    case 'change':
      change(cluster, { kind: fault.change, ...pick(fault.server)!.server })
      return
    case 'bridge': {
      const bridge = pick(fault.server)
      separate(cluster, (n) => (servers[n] === bridge ? undefined : (fault.side & (1 << n)) !== 0))
      return
    }
    case 'ambush':
      cluster.ambushes.push({
        when: fault.when,
        strike: (server) => world.after(fault.afterMs, () => strike(cluster, server, fault.blow)),
      })
      return
    case 'restore': {
      const archive = cluster.leader()?.running?.save()
      if (archive !== undefined) world.after(fault.afterMs, () => cluster.restore(archive))
      return
    }
    case 'transfer':
      // Nobody waits for how it ends.
      cluster
        .leader()
        ?.running?.replica.transfer()
        .catch(() => {})
      return
  }
}

function strike(cluster: Cluster, server: SimServer, blow: Blow): void {
  if (cluster.calm) return
  switch (blow) {
    case 'crash':
      server.crash()
      return
    case 'bounce':
      bounce(cluster, server)
      return
    case 'isolate':
      separate(cluster, (n) => cluster.servers[n] === server)
      return
    case 'pause':
      pause(cluster, server, PAUSE_MS)
      return
    case 'seclude':
      separate(cluster, (n) => cluster.servers[n] === server)
      cluster.world.after(SECLUDED_MS, () => cluster.heal())
      cluster.world.after(SECLUDED_MS + FOLLOWING_MS, () => bounce(cluster, server))
      return
  }
}

function bounce(cluster: Cluster, server: SimServer | undefined): void {
  if (server?.running === undefined) return
  server.crash()
  cluster.world.after(5, () => cluster.start(server))
}

function pause({ world }: Cluster, server: SimServer | undefined, ms: Millis): void {
  if (server?.running === undefined) return
  const { life } = server
  server.pause()
  world.after(ms, () => {
    if (server.life === life) server.resume()
  })
}

function change(cluster: Cluster, wanted: ServerChange): void {
  cluster
    .leader()
    ?.running?.replica.change(wanted)
    .catch(() => {})
}

/** @param there on which side a server is; undefined for both */
function separate({ servers, network }: Cluster, there: (n: number) => boolean | undefined): void {
  for (const [a, { id: from }] of servers.entries()) {
    for (const [b, { id: to }] of servers.entries()) {
      const apart = there(a) !== undefined && there(b) !== undefined && there(a) !== there(b)
      if (apart) network.cuts.add(`${from}>${to}`)
    }
  }
}
