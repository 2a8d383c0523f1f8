/**
 * Agents as processes that take up changed configuration: by signal, by HTTP, under load; maintenance that outlives a
 * restart; watches of the configuration; the log in a file. The reload itself runs on the real Consul, too.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type AgentProcess, CONSUL, realConsul, runCommand, startAgentProcess } from './support/process.ts'

const real = realConsul()
const WAIT_MS = 60_000

async function until<T>(read: () => Promise<T> | T, good: (value: T) => boolean): Promise<T> {
  for (const end = Date.now() + WAIT_MS; ; ) {
    const value = await read()
    if (good(value)) return value
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(value)}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

const json = async (agent: AgentProcess, path: string) => JSON.parse((await agent.http('GET', path)).body)
const names = async (agent: AgentProcess) => Object.keys(await json(agent, '/v1/agent/services')).sort()

for (const [what, command] of [
  ['Proconsul', CONSUL],
  ['the real Consul', real],
] as const) {
  suite(`reload of ${what}`, { skip: command === undefined && 'the real Consul is not here' }, () => {
    let folder = ''
    let agent: AgentProcess
    const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'proconsul-reload-'))
      write('a.hcl', 'service { name = "a" port = 1 check { ttl = "10m" } }\nnode_meta { k = "v" }')
      const log = join(folder, 'log/')
      mkdirSync(log)
      const args = ['-dev', '-node=x', `-config-dir=${folder}`, `-log-file=${log}agent.log`]
      agent = await startAgentProcess(args, { command })
    })
    after(async () => {
      await agent?.kill()
      rmSync(folder, { recursive: true, force: true })
    })

    test('services come, change and go; a check that stays keeps its status', async () => {
      assert.deepEqual(await names(agent), ['a'])
      assert.equal((await agent.http('PUT', '/v1/agent/check/pass/service:a')).status, 200)
      write('b.json', '{"services": [{"name": "b", "port": 2}, {"name": "c", "port": 3}]}')
      assert.equal((await agent.http('PUT', '/v1/agent/reload')).status, 200)
      assert.deepEqual(await names(agent), ['a', 'b', 'c'])
      assert.equal((await json(agent, '/v1/agent/checks'))['service:a'].Status, 'passing')
      write('b.json', '{"services": [{"name": "b", "port": 4}]}')
      agent.child.kill('SIGHUP')
      // One after the other.
      await until(
        () => json(agent, '/v1/agent/services'),
        (found) => found.c === undefined && found.b?.Port === 4,
      )
    })

    test('what is wrong is told, and changes nothing', async () => {
      write('z.hcl', 'service { name = "d" prot = 1 }')
      const { status, body } = await agent.http('PUT', '/v1/agent/reload')
      assert.equal(status, 500)
      assert.match(body, /failed to parse .*z\.hcl: 1 error occurred:\n\t\* invalid config key service\.prot/)
      assert.deepEqual(await names(agent), ['a', 'b'])
      rmSync(join(folder, 'z.hcl'))
    })

    // The real one may leave it to the next comparison, a minute or two later.
    const late = command !== CONSUL && 'only ours does so at once, always'
    test('node meta reaches the catalog', { skip: late }, async () => {
      write('m.json', '{"node_meta": {"k": "w"}}')
      await agent.http('PUT', '/v1/agent/reload')
      await until(
        () => json(agent, '/v1/catalog/node/x'),
        ({ Node }) => Node.Meta.k === 'w',
      )
    })

    test('node meta is told by the agent', async () => {
      write('n.json', '{"node_meta": {"k": "x"}}')
      await agent.http('PUT', '/v1/agent/reload')
      assert.deepEqual((await json(agent, '/v1/agent/self')).Meta, { 'consul-network-segment': '', k: 'x' })
    })

    test('it shows what it has measured when it is told to', async () => {
      const end = Date.now() + WAIT_MS
      // There is something to show once the first interval is over.
      for (let shown = false; !shown && Date.now() < end; ) {
        agent.child.kill('SIGUSR1')
        await new Promise((done) => setTimeout(done, 200))
        shown = /^\[\d{4}-.* UTC\]\[G\] 'consul\..*runtime\.alloc_bytes': \d+\.\d{3}$/m.test(agent.output())
      }
      await agent.printed(/\[C\] '[^\n]*': Count: \d+ /)
      assert.deepEqual(await names(agent), ['a', 'b'])
    })

    test('the log stands in a file named after the moment of the start', async () => {
      const files = readdirSync(join(folder, 'log'))
      assert.match(files.join(' '), /^agent-\d{19}\.log$/)
      // It may be written after the answers that go with it.
      await until(
        () => readFileSync(join(folder, 'log', files[0]!), 'utf8'),
        (text) => /^\d{4}-.*\[INFO\] {2}agent/m.test(text),
      )
    })
  })
}

suite('an agent on disk', () => {
  let folder = ''
  let agent: AgentProcess | undefined
  const start = async () => {
    const args = ['-server', '-bootstrap', '-bind=127.0.0.1', '-node=x', `-config-dir=${folder}/conf`]
    agent = await startAgentProcess([...args, `-data-dir=${folder}/data`, `-pid-file=${folder}/pid`])
    return agent
  }
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'proconsul-disk-'))
    mkdirSync(join(folder, 'conf'))
  })
  after(async () => {
    await agent?.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  test('maintenance outlives a restart, and files win over what was registered', async () => {
    const first = await start()
    assert.equal(readFileSync(join(folder, 'pid'), 'utf8'), String(first.child.pid))
    await first.http('PUT', '/v1/agent/service/register', '{"Name": "api", "Port": 1}')
    await first.http('PUT', '/v1/agent/service/register', '{"Name": "both", "Port": 1}')
    await first.http('PUT', '/v1/agent/service/maintenance/api?enable=true&reason=why')
    const settings = { CONSUL_HTTP_ADDR: `127.0.0.1:${first.ports.http}` }
    const { stdout } = await runCommand(['maint'], { env: settings })
    assert.equal(stdout, 'Service:\n  ID:     api\n  Reason: why\n\n')
    await first.kill('SIGKILL')
    writeFileSync(join(folder, 'conf/both.hcl'), 'service { name = "both" port = 2 }')
    const second = await start()
    assert.deepEqual(await names(second), ['api', 'both'])
    assert.equal((await json(second, '/v1/agent/services')).both.Port, 2)
    assert.equal((await json(second, '/v1/agent/checks'))['_service_maintenance:api'].Notes, 'why')
  })

  test('watches run a program at each change, and begin anew with a reload', async () => {
    const out = join(folder, 'out')
    const watch = (key: string) => ({
      type: 'key',
      key,
      args: ['sh', '-c', `cat > ${out}; echo $CONSUL_INDEX >> ${out}`],
    })
    writeFileSync(join(folder, 'conf/w.json'), JSON.stringify({ watches: [watch('k')] }))
    const text = () => {
      try {
        return readFileSync(out, 'utf8')
      } catch {
        return ''
      }
    }
    assert.equal((await agent!.http('PUT', '/v1/agent/reload')).status, 200)
    await until(text, (now) => now.startsWith('null\n'))
    await agent!.http('PUT', '/v1/kv/k', 'v')
    await until(text, (now) => /^\{"Key":"k",.*"Value":"dg==","Session":""\}\n\d+\n$/.test(now))
    writeFileSync(join(folder, 'conf/w.json'), JSON.stringify({ watches: [{ type: 'connect_roots', args: ['true'] }] }))
    const { status, body } = await agent!.http('PUT', '/v1/agent/reload')
    assert.deepEqual(
      [status, body],
      [500, 'Failed reloading watches: Watch type connect_roots is not allowed in agent config'],
    )
  })

  test('reloads and requests at once', async () => {
    const many = Array.from({ length: 200 }, (_, i) => ({ name: `s${i}`, port: i + 1, check: { ttl: '10m' } }))
    writeFileSync(join(folder, 'conf/w.json'), '{}')
    const work = Array.from({ length: 6 }, async (_, round) => {
      const services = many.map((one) => ({ ...one, tags: [`r${round}`] }))
      writeFileSync(join(folder, 'conf/many.json'), JSON.stringify({ services }))
      const [reload, ...others] = await Promise.all([
        agent!.http('PUT', '/v1/agent/reload'),
        ...Array.from({ length: 20 }, (__, i) => agent!.http('PUT', `/v1/kv/load/${round}/${i}`, 'x')),
      ])
      return [reload!, ...others].map(({ status }) => status)
    })
    assert.deepEqual([...new Set((await Promise.all(work)).flat())], [200])
    assert.equal((await names(agent!)).length, 202)
  })
})
