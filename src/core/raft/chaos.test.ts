/**
 * Many small histories of clusters of one to seven servers, each drawn from a seed: crashes, partitions, bad networks,
 * full disks, snapshots, changes of servers and of leaders, all at once. The judges watch throughout; when the faults
 * stop, everybody must agree again. To look at one: PROCONSUL_RAFT_SEED=17, and to look longer: PROCONSUL_RAFT_SEEDS=5000.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom, shuffle } from '../../base/random.ts'
import type { ServerChange } from './messages.ts'
import { type Node, Simulation, serverOf } from './simulation.suite.ts'

const SEEDS = Number(process.env.PROCONSUL_RAFT_SEEDS ?? 210)
const ONLY = process.env.PROCONSUL_RAFT_SEED
const CHAOS_MS = 15_000
/** Elections, the longest waiting after failures, and catching up: all fit in well below this. */
const RECOVERY_MS = 60_000

type Fault = (world: Simulation, random: Random) => void

/** Weights are relative. */
const FAULTS: [weight: number, Fault][] = [
  [
    60,
    (world, random) => {
      const leader = world.leader()
      if (leader === undefined) return
      for (let n = random.int(20); n >= 0; n--) world.propose(leader, `value ${world.now} ${n}`)
    },
  ],
  [10, (world, random) => world.propose(someone(world, random), 'to whoever')],
  [15, (world, random) => void world.ask(world.leader() ?? someone(world, random), { kind: 'verify' })],
  [5, (world, random) => void world.ask(world.leader() ?? someone(world, random), { kind: 'barrier' })],
  [3, (world, random) => void world.ask(someone(world, random), { kind: 'verify' })],
  [
    6,
    (world, random) =>
      world.crash(random.float() < 0.4 ? (world.leader() ?? someone(world, random)) : someone(world, random)),
  ],
  [9, (world, random) => startOne(world, random)],
  [3, (world, random) => partition(world, random)],
  [2, (world, random) => cutOneWay(world, random)],
  [4, (world) => world.cut.clear()],
  [3, (world, random) => fillDisk(someone(world, random))],
  [4, (world) => emptyDisks(world)],
  [3, (world, random) => slowDisk(someone(world, random), random)],
  [10, (world, random) => world.snapshot(someone(world, random))],
  [6, (world, random) => changeServers(world, random)],
  [3, (world, random) => transfer(world, random)],
  [4, (world, random) => weather(world, random)],
]

const TOTAL_WEIGHT = FAULTS.reduce((sum, [weight]) => sum + weight, 0)

function someone(world: Simulation, random: Random): Node {
  return world.nodes[random.int(world.nodes.length)]!
}

function fillDisk({ disk }: Node): void {
  disk.full = true
}

function emptyDisks({ nodes }: Simulation): void {
  for (const { disk } of nodes) disk.full = false
}

function slowDisk({ disk }: Node, random: Random): void {
  disk.delayMs = random.float() < 0.5 ? 2 : 150
}

function startOne(world: Simulation, random: Random): void {
  const down = world.nodes.filter((node) => node.raft === null)
  if (down.length > 0) world.start(down[random.int(down.length)]!)
}

function partition(world: Simulation, random: Random): void {
  const ids = shuffle(
    world.nodes.map((node) => node.server.id),
    random,
  )
  const there = new Set(ids.slice(0, 1 + random.int(ids.length)))
  for (const a of ids) {
    for (const b of ids) if (there.has(a) !== there.has(b)) world.cut.add(`${a}>${b}`)
  }
}

function cutOneWay(world: Simulation, random: Random): void {
  world.cut.add(`${someone(world, random).server.id}>${someone(world, random).server.id}`)
}

function weather(world: Simulation, random: Random): void {
  const bad = random.float() < 0.5
  world.network.loss = bad ? random.float() * 0.3 : 0
  world.network.duplicates = bad ? random.float() * 0.3 : 0
  world.network.delayMsMax = bad ? 5 + random.float() * 200 : 5
}

function changeServers(world: Simulation, random: Random): void {
  const { id, address } = someone(world, random).server
  const changes: ServerChange[] = [
    { kind: 'add-voter', id, address },
    { kind: 'add-voter', id, address },
    { kind: 'add-nonvoter', id, address },
    { kind: 'demote', id },
    { kind: 'remove', id },
  ]
  const change = changes[random.int(changes.length)]!
  world.ask(world.leader() ?? someone(world, random), { kind: 'change-servers', change })
}

function transfer(world: Simulation, random: Random): void {
  const to = random.float() < 0.5 ? null : someone(world, random).server.id
  world.ask(world.leader() ?? someone(world, random), { kind: 'transfer-leadership', to })
}

function run(seed: number): Simulation {
  const random = seededRandom(seed * 7919)
  const size = 1 + (seed % 7)
  const spare = random.int(3)
  const world = new Simulation(random, size + spare)
  world.trailingLogs = random.int(3) * 10
  const preVote = random.int(3)
  for (const node of world.nodes) {
    node.preVote = preVote > 0
    node.knowsPreVote = preVote < 2 || random.float() < 0.5
    world.start(node)
  }
  world.bootstrap(Array.from({ length: size }, (_, n) => serverOf(n + 1)))

  while (world.now < CHAOS_MS) {
    world.run(random.float() * 60)
    let draw = random.float() * TOTAL_WEIGHT
    for (const [weight, fault] of FAULTS) {
      draw -= weight
      if (draw < 0) {
        fault(world, random)
        break
      }
    }
  }
  recover(world)
  return world
}

/** The faults stop. Everyone in the configuration must come to the same state, a new entry included. */
function recover(world: Simulation): void {
  Object.assign(world.network, { loss: 0, duplicates: 0, delayMsMin: 1, delayMsMax: 5 })
  world.cut.clear()
  for (const node of world.nodes) {
    node.disk.full = false
    node.disk.delayMs = 2
    if (node.raft === null) world.start(node)
  }
  let last = -1
  const agreed = world.runUntil(() => {
    const leader = world.leader()
    if (leader === undefined) return false
    if (last < 0 || (world.judge.outcome(last) !== 'open' && world.judge.outcome(last) !== 'committed')) {
      last = world.propose(leader, 'after the storm')
    }
    if (world.judge.outcome(last) !== 'committed') return false
    const members = leader.raft!.status(world.now).configuration.servers
    return members.every(({ id }) => world.node(id).state.index === world.judge.lastCommitted)
  }, RECOVERY_MS)
  assert(agreed, `no agreement within ${RECOVERY_MS} ms: ${world.nodes.map(describe).join('; ')}`)
  assert.equal(world.judge.entryAt(world.judge.lastCommitted) !== undefined, true)
  // Transfers and changes that were under way may still run into their timeouts.
  world.run(3000)
  world.judge.assertAllSettled()
}

function describe({ server, raft, role, state }: Node): string {
  const status = raft?.status(Number.MAX_SAFE_INTEGER)
  return `${server.id} ${role} term ${status?.term} last ${status?.lastIndex} commit ${status?.commitIndex} applied ${state.index}`
}

const seeds = ONLY === undefined ? Array.from({ length: SEEDS }, (_, n) => n + 1) : [Number(ONLY)]

test(`${seeds.length} histories keep Raft's promises`, () => {
  const totals = { elections: 0, commits: 0, refused: 0, verified: 0, changes: 0 }
  for (const seed of seeds) {
    try {
      const { counts } = run(seed).judge
      for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += counts[key]
    } catch (error) {
      throw new Error(`seed ${seed} (PROCONSUL_RAFT_SEED=${seed}): ${String(error)}`, { cause: error })
    }
  }
  // A storm that elects nobody and commits nothing would prove nothing.
  if (ONLY !== undefined) return
  assert(totals.elections > seeds.length * 2, `only ${totals.elections} elections`)
  assert(totals.commits > seeds.length * 100, `only ${totals.commits} commits`)
  assert(totals.verified > seeds.length * 5, `only ${totals.verified} reads were verified`)
  assert(totals.changes > seeds.length, `only ${totals.changes} server changes`)
})
