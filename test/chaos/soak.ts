/**
 * The same as in the tests beside it, but for as long as one likes and in an order drawn at random: servers are killed,
 * stopped and cut off under load, and every round is judged. `npm run soak:processes`, with PROCONSUL_CHAOS_ROUNDS and
 * PROCONSUL_CHAOS_STEPS (faults in each round) in the environment; PROCONSUL_CHAOS_KINDS=ours,real,ours mixes real servers in.
 * Without root nothing is cut off.
 */
import { after, suite, test } from 'node:test'
import { anyLeader, pause, startLoad, untilWritable } from '../support/chaos.ts'
import { makeNamespaces, type Namespaces, whyNoNamespaces } from '../support/namespaces.ts'
import { type Kind, type Quorum, type QuorumServer, startQuorum } from '../support/quorum.ts'

const ROUNDS = Number(process.env.PROCONSUL_CHAOS_ROUNDS ?? 10)
const STEPS = Number(process.env.PROCONSUL_CHAOS_STEPS ?? 12)
const KINDS = (process.env.PROCONSUL_CHAOS_KINDS ?? 'ours,ours,ours').split(',') as Kind[]
const unable = whyNoNamespaces()

type Step = (quorum: Quorum, spaces: Namespaces | undefined) => Promise<void>

const some = (quorum: Quorum): QuorumServer => quorum.servers[Math.floor(Math.random() * quorum.servers.length)]!
const either = async (quorum: Quorum) => (Math.random() < 0.6 ? anyLeader(quorum) : some(quorum))
const span = (ms: number) => pause(Math.random() * ms)

const restart: Step = async (quorum) => {
  const server = await either(quorum)
  await server.kill()
  await span(2500)
  server.start()
}
const restartAll: Step = async (quorum) => {
  await Promise.all(quorum.servers.map((server) => server.kill()))
  for (const server of quorum.servers) {
    await span(300)
    server.start()
  }
}
const stop: Step = async (quorum) => {
  const server = await either(quorum)
  server.signal('SIGSTOP')
  await span(5000)
  server.signal('SIGCONT')
}
const unplug: Step = async (quorum, spaces) => {
  const { host } = await either(quorum)
  spaces?.unplug(host)
  await span(5000)
  spaces?.plug(host)
}
const deafen: Step = async (quorum, spaces) => {
  const from = await either(quorum)
  const to = quorum.servers.filter((server) => server !== from && Math.random() < 0.7)
  for (const { host } of to) spaces?.deafen(from.host, host)
  await span(5000)
  for (const { host } of to) spaces?.hear(from.host, host)
}

suite('servers under random faults', { timeout: ROUNDS * (STEPS * 10_000 + 120_000) }, () => {
  let spaces: Namespaces | undefined
  let quorum: Quorum | undefined
  after(async () => {
    await quorum?.stop()
    spaces?.remove()
  })

  test(`${ROUNDS} rounds of ${STEPS} faults`, async (context) => {
    if (unable === undefined) spaces = makeNamespaces(3)
    else context.diagnostic(unable)
    const steps = [restart, restart, stop, stop, restartAll, ...(spaces === undefined ? [] : [unplug, unplug, deafen])]
    const settings = { autopilot: { cleanup_dead_servers: true } }
    quorum = await startQuorum(KINDS, { settings, ...(spaces && { network: spaces.network, within: spaces.within }) })
    for (let round = 1; round <= ROUNDS; round++) {
      const load = startLoad(quorum, 8, KINDS.includes('real'))
      for (let n = 0; n < STEPS; n++) {
        await span(1500)
        await steps[Math.floor(Math.random() * steps.length)]!(quorum, spaces)
        if (Math.random() < 0.5) await untilWritable(quorum)
      }
      await untilWritable(quorum)
      const found = await load.judge()
      context.diagnostic(`round ${round}: ${JSON.stringify(found)}`)
    }
  })
})
