/**
 * The package as a library, by its own name and faces: agents in this process, the throw-away one for tests, and the typed
 * client. A program that stopped what it started must end by itself.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { type Agent, ConfigError, type LogRecord, startAgent } from 'proconsul'
import { ApiError, connect, follow } from 'proconsul/api'
import { startTestAgent } from 'proconsul/testing'
import { askDns } from './support/dns-client.ts'
import { ROOT, runCommand } from './support/process.ts'

const FREE_PORTS = { http: 0, dns: 0, server: 0, serf_lan: 0, serf_wan: 0, grpc: -1 }

describe('startAgent', () => {
  test('runs several in one process, each with its own state', async () => {
    const names = ['one', 'two', 'three']
    const agents = await Promise.all(
      names.map((name) => startAgent({ config: { node_name: name, datacenter: `dc-${name}`, ports: FREE_PORTS } })),
    )
    try {
      await Promise.all(agents.map((agent) => agent.ready))
      assert.equal(new Set(agents.map((agent) => agent.nodeId)).size, 3)
      assert.equal(new Set(agents.map((agent) => agent.http)).size, 3)
      for (const agent of agents) {
        const consul = connect({ address: agent.http })
        await consul.kv.put('who', agent.nodeName)
        await consul.agent.registerService({ Name: `only-${agent.nodeName}` })
      }
      for (const agent of agents) {
        const consul = connect({ address: agent.http })
        const pairs = (await consul.kv.list('')).value
        assert.deepEqual(
          pairs.map(({ Key, Value }) => [Key, new TextDecoder().decode(Value)]),
          [['who', agent.nodeName]],
        )
        const nodes = (await consul.catalog.nodes()).value
        assert.deepEqual(
          nodes.map(({ Node, Datacenter }) => [Node, Datacenter]),
          [[agent.nodeName, `dc-${agent.nodeName}`]],
        )
        const [own] = (await askDns(agent.dns!.port, `${agent.nodeName}.node.consul`)).answers ?? []
        assert.equal(own?.type, 'A')
        const other = names.find((name) => name !== agent.nodeName)
        assert.deepEqual((await askDns(agent.dns!.port, `${other}.node.consul`)).answers, [])
      }
      // One that stops leaves the others alone.
      await agents[0]!.stop()
      assert.equal(await connect({ address: agents[1]!.http }).status.leader().then(Boolean), true)
      await assert.rejects(fetch(`${agents[0]!.http}/v1/status/leader`))
    } finally {
      await Promise.all(agents.map((agent) => agent.stop()))
    }
  })

  test('hands the log to its owner, and prints nothing', async () => {
    const records: LogRecord[] = []
    const agent = await startAgent({ config: { ports: FREE_PORTS }, log: (record) => records.push(record) })
    await agent.ready
    await agent.stop()
    const told = records.map(({ name, message }) => `${name}: ${message}`)
    assert.ok(told.includes('agent.server: cluster leadership acquired'))
    assert.equal(told.at(-1), 'agent: shutdown complete')
  })

  test('keeps its state where a data directory is given', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-library-'))
    const config = { data_dir: folder, server: true, bootstrap: true, bind_addr: '127.0.0.1', ports: FREE_PORTS }
    try {
      let agent = await startAgent({ config })
      const id = agent.nodeId
      await agent.ready
      await connect({ address: agent.http }).kv.put('a', 'b')
      await assert.rejects(startAgent({ config }), /is in use/)
      await agent.stop()
      agent = await startAgent({ config })
      await agent.ready
      assert.equal(agent.nodeId, id)
      assert.equal(String((await connect({ address: agent.http }).kv.get('a')).value?.Key), 'a')
      await agent.stop()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('answers method calls without a socket', async () => {
    const agent = await startAgent({ config: { ports: { ...FREE_PORTS, http: -1, dns: -1 } } })
    try {
      assert.deepEqual([agent.http, agent.dns], ['', undefined])
      await agent.ready
      const { Nodes } = await agent.call('Catalog.ListNodes', {})
      assert.deepEqual(
        Nodes?.map(({ Node }) => Node),
        [agent.nodeName],
      )
    } finally {
      await agent.stop()
    }
  })

  test('refuses what cannot work, and leaves nothing open', async () => {
    await assert.rejects(startAgent({ config: { node_name: 7 } }), ConfigError)
    await assert.rejects(startAgent({ dev: true, args: ['-no-such-flag'] }), ConfigError)
    const first = await startAgent({ config: { ports: FREE_PORTS } })
    const port = Number(new URL(first.http).port)
    try {
      const taken = { ...FREE_PORTS, http: port }
      await assert.rejects(startAgent({ config: { ports: taken } }), new RegExp(`127\\.0\\.0\\.1:${port}: bind`))
    } finally {
      await first.stop()
    }
  })

  test('may be stopped at once, twice, and without waiting for it to be ready', async () => {
    const agent = await startAgent({ config: { ports: FREE_PORTS } })
    await Promise.all([agent.stop(), agent.stop()])
    await agent.ended
    await assert.rejects(agent.ready)
    await assert.rejects(agent.call('Catalog.ListNodes', {}))
  })
})

describe('startTestAgent', () => {
  const agents: Agent[] = []
  after(() => Promise.all(agents.map((agent) => agent.stop())))

  test('answers the first request of the typed client', async () => {
    const agent = await startTestAgent({ config: { node_name: 'tested' } })
    agents.push(agent)
    const consul = connect({ address: agent.http })
    const { value, meta } = await consul.catalog.nodes()
    assert.deepEqual([value[0]?.Node, meta.knownLeader, meta.index > 0], ['tested', true, true])
    await assert.rejects(consul.kv.put('', 'x'), (error) => error instanceof ApiError && error.status === 400)

    await consul.agent.registerService({ Name: 'web', Port: 80, Check: { TTL: '1m' } })
    const statuses: (string | undefined)[] = []
    for await (const { value: found } of follow((options) => consul.health.service('web', options))) {
      const status = found[0]?.Checks.find(({ ServiceName }) => ServiceName === 'web')?.Status
      if (status !== undefined && statuses.at(-1) !== status) statuses.push(status)
      if (status === 'critical') await consul.agent.updateCheck('service:web', 'passing')
      if (status === 'passing') break
    }
    assert.deepEqual(statuses, ['critical', 'passing'])
  })

  test('keeps the settings of its caller, and finds ports for several at a time', async () => {
    const more = await Promise.all(
      ['a', 'b', 'c'].map((name) => startTestAgent({ config: { node_name: name, ports: { dns: -1 } } })),
    )
    agents.push(...more)
    assert.deepEqual(
      more.map(({ nodeName, dns }) => [nodeName, dns]),
      [
        ['a', undefined],
        ['b', undefined],
        ['c', undefined],
      ],
    )
  })
})

describe('a program that uses the library', () => {
  const run = (program: string) =>
    runCommand(['--conditions=proconsul-source', '--input-type=module', '--eval', program], {
      command: process.execPath,
      cwd: ROOT,
    })

  test('ends by itself once it has stopped its agent', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-library-'))
    const durable = { data_dir: folder, server: true, bootstrap: true, bind_addr: '127.0.0.1', ports: FREE_PORTS }
    try {
      const [dev, kept] = await Promise.all([
        run(`
          import { startTestAgent } from 'proconsul/testing'
          import { connect } from 'proconsul/api'
          const agent = await startTestAgent()
          const consul = connect({ address: agent.http })
          await consul.kv.put('a', 'b')
          const waiting = consul.kv.get('a', { index: 1e6, waitMs: 600000 }).catch((error) => error.status)
          await consul.session.create({ TTL: '1h' })
          await agent.leave()
          await agent.stop()
          // Who waits for a change is told, and holds nobody up.
          if ((await waiting) === 500) console.log('stopped')
        `),
        run(`
          import { startAgent } from 'proconsul'
          const agent = await startAgent({ config: ${JSON.stringify(durable)} })
          await agent.ready
          await agent.stop()
          console.log('stopped')
        `),
      ])
      for (const result of [dev, kept]) assert.deepEqual(result, { code: 0, stdout: 'stopped\n', stderr: '' })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('ends by itself when its agent could not start', async () => {
    const { code, stdout } = await run(`
      import { startAgent } from 'proconsul'
      import { createServer } from 'node:net'
      const taken = createServer().listen(0, '127.0.0.1')
      await new Promise((done) => taken.once('listening', done))
      const ports = { ...${JSON.stringify(FREE_PORTS)}, http: taken.address().port }
      await startAgent({ config: { ports } }).catch((error) => console.log(error.message))
      taken.close()
    `)
    assert.equal(code, 0)
    assert.match(stdout, /^listen tcp 127\.0\.0\.1:\d+: bind: address already in use\n$/)
  })
})
