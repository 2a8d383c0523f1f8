/**
 * Proconsul and the real Consul in one gossip pool: joining both ways, plain and encrypted; deaths, farewells and user
 * events seen on both sides; nobody falsely accused. Each agent has a loopback address of its own. Needs the real binary.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { CONSUL, realConsul } from '../support/process.ts'

const REAL = realConsul()
const PORT_BASE = 26_000
const WAIT_MS = 30_000
const POLL_MS = 25
const KEY = 'MDEyMzQ1Njc4OWFiY2RlZg=='

interface Member {
  Name: string
  Addr: string
  Port: number
  Status: number
  Tags: Record<string, string>
}

interface TestAgent {
  name: string
  /** Where others join it. */
  lan: string
  output(): string
  kill(signal: NodeJS.Signals): Promise<void>
  get<T>(path: string): Promise<T>
  put(path: string, body?: string): Promise<{ status: number; body: string }>
  members(): Promise<Record<string, string>>
}

const STATUS = ['none', 'alive', 'leaving', 'left', 'failed']
const started: TestAgent[] = []
let nextHost = 30

/** @param kind whose agent; a client can only be a real one */
async function start(kind: 'ours' | 'real' | 'real-client', name: string, extra: string[] = []): Promise<TestAgent> {
  const host = `127.0.0.${nextHost++}`
  const ports = { http: PORT_BASE, dns: PORT_BASE + 1, server: PORT_BASE + 2, lan: PORT_BASE + 3, wan: PORT_BASE + 4 }
  const folder = kind === 'real-client' ? mkdtempSync(join(tmpdir(), 'proconsul-gossip-')) : ''
  const args = [
    'agent',
    ...(kind === 'real-client' ? [`-data-dir=${folder}`] : ['-dev', `-serf-wan-port=${ports.wan}`, '-grpc-port=-1']),
    `-node=${name}`,
    `-bind=${host}`,
    `-client=${host}`,
    `-http-port=${ports.http}`,
    `-dns-port=${ports.dns}`,
    `-server-port=${ports.server}`,
    `-serf-lan-port=${ports.lan}`,
    '-log-level=debug',
    ...extra,
  ]
  const child: ChildProcess = spawn(kind === 'ours' ? CONSUL : REAL!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (data) => {
      output += data
    })
  const exited = new Promise<void>((done) => child.once('close', () => done()))
  exited.then(() => folder !== '' && rmSync(folder, { recursive: true, force: true }))
  const ask = (method: string, path: string, body?: string) =>
    new Promise<{ status: number; body: string }>((done, fail) => {
      const call = request({ host, port: ports.http, method, path, agent: false }, (response) => {
        let text = ''
        response.on('data', (data) => {
          text += data
        })
        response.on('end', () => done({ status: response.statusCode!, body: text }))
      })
      call.on('error', fail)
      call.end(body)
    })
  const agent: TestAgent = {
    name,
    lan: `${host}:${ports.lan}`,
    output: () => output,
    async kill(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await exited
    },
    get: async (path) => JSON.parse((await ask('GET', path)).body),
    put: (path, body) => ask('PUT', path, body),
    async members() {
      const members: Member[] = await this.get('/v1/agent/members')
      return Object.fromEntries(members.map(({ Name, Status }) => [Name, STATUS[Status] ?? String(Status)]))
    },
  }
  started.push(agent)
  await eventually(`${name} to come up`, async () => 'alive' === (await agent.members())[name])
  return agent
}

/** Asks again until it is so; fails with what the agents said after half a minute. */
async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + WAIT_MS
  for (;;) {
    if (await isSo().catch(() => false)) return
    if (Date.now() > until) {
      const said = started.map(({ name, output }) => `--- ${name}\n${output().slice(-3000)}`)
      assert.fail(`waited in vain for ${what}\n${said.join('\n')}`)
    }
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
}

async function allSee(agents: TestAgent[], expected: Record<string, string>): Promise<void> {
  for (const agent of agents) {
    await eventually(`${agent.name} to see ${JSON.stringify(expected)}`, async () => {
      const found = await agent.members()
      return Object.entries(expected).every(([name, status]) => found[name] === status)
    })
  }
}

interface UserEvent {
  Name: string
  Payload: string | null
}

async function hears(agent: TestAgent, name: string, payload: string): Promise<void> {
  await eventually(`${agent.name} to hear ${name}`, async () => {
    const events = await agent.get<UserEvent[]>(`/v1/event/list?name=${name}`)
    return events.some(({ Payload }) => Payload === Buffer.from(payload).toString('base64'))
  })
}

async function stopAll(): Promise<void> {
  for (const agent of started.splice(0)) await agent.kill('SIGKILL')
}

suite('one pool, two makers', { skip: REAL === undefined && 'the real Consul is not here' }, () => {
  after(stopAll)

  for (const encrypted of [false, true]) {
    const key = encrypted ? [`-encrypt=${KEY}`] : []

    test(`members come, talk, fail and leave${encrypted ? ', all sealed' : ''}`, async () => {
      const ours = await start('ours', 'ours', key)
      // A real client joins us; a real server is joined by us: LAN pools take any number of bootstrapped servers.
      const client = await start('real-client', 'client', [...key, `-join=${ours.lan}`])
      const real = await start('real', 'real', key)
      const joined = await ours.put(`/v1/agent/join/${real.lan}`)
      assert.equal(joined.status, 200, joined.body)
      const all = [ours, client, real]
      await allSee(all, { ours: 'alive', client: 'alive', real: 'alive' })

      const own = (await real.get<Member[]>('/v1/agent/members')).find(({ Name }) => Name === 'ours')
      assert.deepEqual(
        own,
        (await ours.get<Member[]>('/v1/agent/members')).find(({ Name }) => Name === 'ours'),
      )
      // Servers of one LAN bring each other into the WAN.
      await eventually('the WAN pools to be one', async () => {
        const names = (await ours.get<Member[]>('/v1/agent/members?wan=1')).map(({ Name }) => Name)
        return names.includes('real.dc1') && names.includes('ours.dc1')
      })

      await ours.put('/v1/event/fire/from-ours', 'some words')
      for (const agent of all) await hears(agent, 'from-ours', 'some words')
      assert.equal((await real.put('/v1/event/fire/from-real', 'more words')).status, 200)
      for (const agent of all) await hears(agent, 'from-real', 'more words')

      // A death: seen by both, and written into the catalog by our leader.
      await client.kill('SIGKILL')
      await allSee([ours, real], { client: 'failed' })
      await eventually('the catalog to call the dead client critical', async () => {
        const checks = await ours.get<{ Status: string }[]>('/v1/health/node/client')
        return checks.length === 0 || checks.every(({ Status }) => Status === 'critical')
      })
      const forced = await ours.put('/v1/agent/force-leave/client')
      assert.equal(forced.status, 200, forced.body)
      await allSee([ours, real], { client: 'left' })

      // Nobody else was ever called dead.
      for (const agent of [ours, real]) {
        const failures = agent.output().match(/EventMemberFailed: \S+/g) ?? []
        assert.deepEqual([...new Set(failures)], ['EventMemberFailed: client'], agent.output())
        assert.doesNotMatch(agent.output(), /Refuting|Failed to decode|failed to receive/)
      }

      // Farewells, one each way.
      const second = await start('real-client', 'second', [...key, `-join=${ours.lan}`])
      await allSee([ours, real, second], { second: 'alive' })
      await second.kill('SIGINT')
      await allSee([ours, real], { second: 'left' })
      const leaving = ours.put('/v1/agent/leave')
      await allSee([real], { ours: 'left' })
      await leaving
      await ours.kill('SIGKILL')
      await stopAll()
    })
  }

  test('an agent with another key, or none, stays outside', async () => {
    const ours = await start('ours', 'sealed', [`-encrypt=${KEY}`])
    const stranger = await start('real', 'stranger', ['-encrypt=MTIzNDU2Nzg5MGFiY2RlZg=='])
    const plain = await start('real', 'plain')
    for (const agent of [stranger, plain]) {
      assert.equal((await ours.put(`/v1/agent/join/${agent.lan}`)).status, 500)
      assert.equal((await agent.put(`/v1/agent/join/${ours.lan}`)).status, 500)
    }
    assert.deepEqual(await ours.members(), { sealed: 'alive' })
    await stopAll()
  })

  test('an agent of another datacenter is turned away, in the words that it knows', async () => {
    const ours = await start('ours', 'home')
    const foreign = await start('real', 'abroad', ['-datacenter=dc2'])
    const asked = await foreign.put(`/v1/agent/join/${ours.lan}`)
    assert.equal(asked.status, 500)
    assert.match(asked.body, /Member 'home' part of wrong datacenter 'dc1'/)
    const offered = await ours.put(`/v1/agent/join/${foreign.lan}`)
    assert.match(offered.body, /Member 'abroad' part of wrong datacenter 'dc2'/)
    assert.deepEqual(await ours.members(), { home: 'alive' })
    await stopAll()
  })
})
