/** Three servers as processes under load: killed, stopped and started again; what clients saw must have been possible. */
import { after, suite, test } from 'node:test'
import { anyLeader, type Load, pause, startLoad, untilWritable } from '../support/chaos.ts'
import { type Quorum, startQuorum } from '../support/quorum.ts'

suite('three servers that are killed and stopped', { timeout: 400_000 }, () => {
  let quorum: Quorum
  let load: Load | undefined
  after(async () => {
    await load?.stop()
    await quorum?.stop()
  })

  test('lose nothing that was acknowledged, and answer in an order that makes sense', async (context) => {
    quorum = await startQuorum(['ours', 'ours', 'ours'])
    load = startLoad(quorum, 5)
    await load.goesOn()

    const killed = await anyLeader(quorum)
    await killed.kill()
    await untilWritable(quorum)
    killed.start()
    await load.goesOn()

    // A leader that stands still does not know, when it goes on, that another was elected meanwhile.
    const stopped = await anyLeader(quorum)
    stopped.signal('SIGSTOP')
    await untilWritable(quorum)
    await load.goesOn()
    stopped.signal('SIGCONT')
    await load.goesOn()
    await pause(500)

    const follower = quorum.servers.find((server) => server !== stopped)!
    follower.signal('SIGSTOP')
    await pause(1200)
    follower.signal('SIGCONT')
    await untilWritable(quorum)

    await Promise.all(quorum.servers.map((server) => server.kill()))
    for (const server of quorum.servers) server.start()
    await untilWritable(quorum)
    await load.goesOn()

    const { operations, unknown, acknowledged } = await load.judge()
    context.diagnostic(
      `${operations} operations, ${unknown} of them without an answer; ${acknowledged} keys acknowledged`,
    )
  })
})
