/**
 * Three servers in network namespaces of their own, under load, while ways between them are cut, both ways and one way;
 * what clients saw must have been possible. Clients reach a server that is cut off no more than its peers do.
 */
import { after, suite, test } from 'node:test'
import { anyLeader, anyTakes, type Load, pause, startLoad, untilWritable } from '../support/chaos.ts'
import { makeNamespaces, type Namespaces, whyNoNamespaces } from '../support/namespaces.ts'
import { type Quorum, startQuorum } from '../support/quorum.ts'

suite('three servers between which the network breaks', { timeout: 400_000, skip: whyNoNamespaces() ?? false }, () => {
  let spaces: Namespaces | undefined
  let quorum: Quorum | undefined
  let load: Load | undefined
  after(async () => {
    await load?.stop()
    await quorum?.stop()
    spaces?.remove()
  })

  test('go on where a majority is, and agree again', async (context) => {
    spaces = makeNamespaces(3)
    quorum = await startQuorum(['ours', 'ours', 'ours'], { network: spaces.network, within: spaces.within })
    load = startLoad(quorum, 12)
    await load.goesOn()

    // The leader loses everybody, clients too.
    const alone = await anyLeader(quorum)
    spaces.unplug(alone.host)
    await untilWritable(quorum)
    await load.goesOn()
    spaces.plug(alone.host)
    await load.goesOn()
    await pause(500)

    // The leader hears the others, and clients reach it, but what it says to its peers does not arrive.
    const mute = await anyLeader(quorum)
    const peers = quorum.servers.filter((server) => server !== mute)
    for (const { host } of peers) spaces.deafen(mute.host, host)
    await quorum.until('another leads', () => anyTakes(peers, 'other'))
    await load.goesOn()
    for (const { host } of peers) spaces.hear(mute.host, host)
    await load.goesOn()
    await pause(500)

    // Two do not hear each other; the third hears both.
    const bridge = await anyLeader(quorum)
    const [a, b] = quorum.servers.filter((server) => server !== bridge)
    spaces.deafen(a!.host, b!.host)
    spaces.deafen(b!.host, a!.host)
    await bridge.kill()
    bridge.start()
    await pause(2500)
    spaces.hear(a!.host, b!.host)
    spaces.hear(b!.host, a!.host)
    await untilWritable(quorum)
    await load.goesOn()

    const { operations, unknown, acknowledged } = await load.judge()
    context.diagnostic(
      `${operations} operations, ${unknown} of them without an answer; ${acknowledged} keys acknowledged`,
    )
  })
})
