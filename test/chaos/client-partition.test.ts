/**
 * A client agent and three servers in network namespaces of their own: ways between it and servers are cut, both ways and
 * one way, while it is asked. Whom it can reach answers; what it registers while it is cut off comes to the catalog later.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { makeNamespaces, type Namespaces, whyNoNamespaces } from '../support/namespaces.ts'
import { CONSUL } from '../support/process.ts'
import { LAN_PORT, type Quorum, startQuorum } from '../support/quorum.ts'

/** Gossip that finds out within a few seconds, and not by what holds a busy machine up: who knows no server says so at once. */
const SETTINGS = { gossip_lan: { probe_interval: '300ms', probe_timeout: '300ms', suspicion_mult: 6 } }
/** A server that has fallen silent is given up when its keepalive goes unanswered: after 30 and 10 seconds, as by Consul. */
const ASK_MS = 120_000

suite('a client agent that the network keeps from servers', {
  timeout: 400_000,
  skip: whyNoNamespaces() ?? false,
}, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-cut-'))
  let spaces: Namespaces | undefined
  let quorum: Quorum | undefined
  let client: ChildProcess | undefined
  after(async () => {
    client?.kill('SIGKILL')
    await quorum?.stop()
    spaces?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  test('asks those that it can reach, and makes up for what was missed', async () => {
    spaces = makeNamespaces(4)
    const { network } = spaces
    const host = `${network}.4`
    quorum = await startQuorum(['ours', 'ours', 'ours'], { network, within: spaces.within, settings: SETTINGS })
    const settings = join(folder, 'settings.json')
    writeFileSync(settings, JSON.stringify(SETTINGS))
    const { command, args } = spaces.within(host, CONSUL, [
      'agent',
      '-node=client',
      `-data-dir=${join(folder, 'data')}`,
      `-config-file=${settings}`,
      `-bind=${host}`,
      `-client=${host}`,
      ...quorum.servers.map((server) => `-retry-join=${server.host}:${LAN_PORT}`),
    ])
    client = spawn(command, args, { stdio: 'ignore' })

    function ask(method: string, path: string, body = ''): Promise<{ status: number; body: string }> {
      return new Promise((done, fail) => {
        const call = request({ host, port: 8500, method, path, agent: false, timeout: ASK_MS }, (answer) => {
          let text = ''
          answer
            .on('data', (chunk) => (text += chunk))
            .on('end', () => done({ status: answer.statusCode!, body: text }))
        })
        call.on('error', fail)
        call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer in time`)))
        call.end(body)
      })
    }
    const writable = () =>
      quorum!.until('the client writes', async () => (await ask('PUT', '/v1/kv/a', 'x')).body.trim() === 'true')
    await writable()
    for (const server of quorum.servers) {
      await quorum.until('every server has it', async () => (await server.ask('GET', '/v1/kv/a?stale')).status === 200)
    }

    // The leader is cut off from all: the client finds another server, which answers from what it knows, and then, by
    // the new leader, for certain.
    const alone = await quorum.leader()
    spaces.unplug(alone.host)
    const reads = await Promise.all(Array.from({ length: 20 }, () => ask('GET', '/v1/kv/a?raw&stale')))
    for (const read of reads) assert.deepEqual(read, { status: 200, body: 'x' })
    await writable()
    spaces.plug(alone.host)
    const all = quorum
    await all.until('all servers are passing again', async () => {
      const { body } = await ask('GET', '/v1/health/service/consul?passing')
      return (JSON.parse(body) as unknown[]).length === 3
    })

    // One server hears the client, but the client does not hear it: gossip goes round, calls go to others.
    const [mute] = all.servers
    spaces.deafen(mute!.host, host)
    for (let n = 0; n < 10; n++) assert.deepEqual(await ask('GET', '/v1/kv/a?raw&stale'), { status: 200, body: 'x' })
    spaces.hear(mute!.host, host)

    // The client is cut off: what it is told meanwhile comes to the catalog when it is back.
    spaces.unplug(host)
    await all.until('it is found missing', async () => {
      const { body } = await all.servers[1]!.ask('GET', '/v1/health/node/client')
      return body.includes('critical')
    })
    spaces.plug(host)
    assert.equal((await ask('PUT', '/v1/agent/service/register', '{"Name":"late"}')).status, 200)
    await all.until('its service is in the catalog', async () => {
      const { body } = await all.servers[1]!.ask('GET', '/v1/health/service/late?passing')
      return body.includes('"late"')
    })
  })
})
