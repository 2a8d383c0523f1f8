/** Snapshot archives both ways: ours restored by the real Consul, its by us, and each by a cluster of both kinds. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { noVectors, vectorFile } from '../../src/wire/testdata/vectors.ts'
import { type AgentProcess, CONSUL, freePorts, realConsul, runCommand, startAgentProcess } from '../support/process.ts'

const consul = realConsul()
const skip = consul === undefined && 'the real Consul is not here'
const NODE_ID = '5b8e2c1a-0000-4000-8000-0000000000aa'

/** What the data endpoints tell, indexes and all; of what each agent writes of itself, nothing. */
async function dump(agent: AgentProcess): Promise<Record<string, unknown>> {
  const paths = [
    '/v1/kv/?recurse',
    '/v1/catalog/nodes',
    '/v1/catalog/services',
    '/v1/catalog/service/web',
    '/v1/catalog/node/elsewhere',
    '/v1/health/node/elsewhere',
    '/v1/health/service/web',
    '/v1/session/list',
    '/v1/operator/autopilot/configuration',
  ]
  const found: Record<string, unknown> = {}
  for (const path of paths) {
    const { status, body } = await agent.http('GET', path)
    assert.equal(status, 200, `${path}: ${body}`)
    const value: unknown = JSON.parse(body)
    // The real one gathers tags in a map, and tells them in any order.
    if (path === '/v1/catalog/services')
      for (const tags of Object.values(value as Record<string, string[]>)) tags.sort()
    found[path] =
      path === '/v1/catalog/nodes' ? (value as { Node: string }[]).filter(({ Node }) => Node !== 'same') : value
  }
  return found
}

async function fill(agent: AgentProcess): Promise<void> {
  const put = async (path: string, body: string | Uint8Array) => {
    const { status, body: answer } = await agent.http('PUT', path, body)
    assert.equal(status, 200, `${path}: ${answer}`)
    return answer
  }
  for (let n = 0; n < 300; n++) await put(`/v1/kv/many/${n}?flags=${n}`, `value ${n}`.repeat(n % 7))
  await put('/v1/kv/binary', Buffer.from([0, 1, 2, 0xff, 0xfe]))
  await put('/v1/kv/gone', 'x')
  await agent.http('DELETE', '/v1/kv/gone')
  await put(
    '/v1/catalog/register',
    JSON.stringify({
      Node: 'elsewhere',
      Address: '10.1.1.1',
      NodeMeta: { rack: 'a' },
      TaggedAddresses: { lan: '10.1.1.1', wan: '192.0.2.1' },
      Service: {
        ID: 'web-1',
        Service: 'web',
        Tags: ['a', 'b'],
        Port: 80,
        Meta: { v: '1' },
        Weights: { Passing: 3, Warning: 1 },
      },
      Checks: [{ Node: 'elsewhere', CheckID: 'up', Name: 'up', Status: 'passing', ServiceID: 'web-1', Output: 'fine' }],
    }),
  )
  const { ID } = JSON.parse(
    await put(
      '/v1/session/create',
      JSON.stringify({ Node: 'elsewhere', Name: 'lock', NodeChecks: [], LockDelay: '5s' }),
    ),
  )
  await put(`/v1/kv/locked?acquire=${ID}`, 'held')
}

suite('archives go both ways', { skip, timeout: 400_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-snapshots-'))
  let ours: AgentProcess
  let theirs: AgentProcess
  before(async () => {
    const args = ['-dev', '-node=same', `-node-id=${NODE_ID}`]
    ours = await startAgentProcess(args)
    theirs = await startAgentProcess([...args, '-log-level=err'], { command: consul! })
  })
  after(async () => {
    await Promise.all([ours?.kill(), theirs?.kill()])
    rmSync(folder, { recursive: true, force: true })
  })

  const cli = async (command: string, agent: AgentProcess, ...args: string[]) => {
    const { code, stdout, stderr } = await runCommand(args, {
      command,
      env: { CONSUL_HTTP_ADDR: `127.0.0.1:${agent.ports.http}` },
    })
    assert.equal(code, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }

  for (const [from, to] of [
    ['ours', 'theirs'],
    ['theirs', 'ours'],
  ] as const) {
    test(`from ${from} to ${to}, and the dump is the same`, async () => {
      const [source, target] = from === 'ours' ? [ours, theirs] : [theirs, ours]
      const [saving, restoring] = from === 'ours' ? [CONSUL, consul!] : [consul!, CONSUL]
      const file = join(folder, `${from}.snap`)
      await fill(source)
      await cli(saving, source, 'snapshot', 'save', file)
      const before = await dump(source)
      await source.http('PUT', '/v1/kv/later', 'x')
      assert.equal(
        await cli(CONSUL, ours, 'snapshot', 'inspect', file),
        await cli(consul!, ours, 'snapshot', 'inspect', file),
      )
      assert.equal(await cli(restoring, target, 'snapshot', 'restore', file), 'Restored snapshot\n')
      assert.deepEqual(await dump(target), before)
      // What was restored by the other comes back to us the same, and with it what we keep without knowing it.
      await cli(restoring, target, 'snapshot', 'save', join(folder, 'back.snap'))
      await cli(saving, source, 'snapshot', 'restore', join(folder, 'back.snap'))
      assert.deepEqual(await dump(source), before)
      assert.equal((await target.http('PUT', '/v1/kv/after', 'x')).body.trim(), 'true')
    })
  }

  test('records that we have no use for are kept for those who have', { skip: noVectors }, async () => {
    const archive = join(folder, 'vector.snap')
    writeFileSync(archive, vectorFile('snapshot', 'snapshot-a.tgz'))
    await cli(CONSUL, theirs, 'snapshot', 'restore', archive)
    const wanted = await kept(theirs)
    await cli(CONSUL, ours, 'snapshot', 'restore', archive)
    await cli(CONSUL, ours, 'snapshot', 'save', join(folder, 'vector-back.snap'))
    await cli(CONSUL, theirs, 'kv', 'put', 'meanwhile', 'x')
    await cli(CONSUL, theirs, 'snapshot', 'restore', join(folder, 'vector-back.snap'))
    assert.deepEqual(await kept(theirs), wanted)
    assert.notEqual(wanted['/v1/config/service-defaults'], '[]')
  })

  async function kept(agent: AgentProcess): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    for (const path of [
      '/v1/kv/?keys',
      '/v1/query',
      '/v1/connect/intentions',
      '/v1/config/service-defaults',
      '/v1/config/service-resolver',
    ]) {
      found[path] = (await agent.http('GET', path)).body
    }
    return found
  }

  test('what was spoilt is refused by both in the same words, and nothing changes', async () => {
    const good = readFileSync(join(folder, 'ours.snap'))
    const before = await dump(ours)
    for (const archive of [Buffer.alloc(0), Buffer.from('no archive at all'), good.subarray(0, good.length / 2)]) {
      const [a, b] = await Promise.all([ours, theirs].map((agent) => agent.http('PUT', '/v1/snapshot', archive)))
      assert.equal(a!.status, 500)
      assert.equal(b!.status, 500)
      // Where the archive stopped making sense depends on how much of it is taken at once.
      assert.match(a!.body, /^failed to (decompress|read) snapshot/)
      assert.match(b!.body, /^failed to (decompress|read) snapshot/)
    }
    assert.deepEqual(await dump(ours), before)
  })
})

for (const kinds of [
  ['ours', 'ours', 'theirs'],
  ['theirs', 'theirs', 'ours'],
] as const) {
  test(`a cluster of ${kinds.join(', ')} restores as one`, { skip, timeout: 400_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-restore-'))
    const agents: AgentProcess[] = []
    async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
      const end = Date.now() + 60_000
      while (!(await holds().catch(() => false))) {
        if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${agents.map((a) => a.output()).join('\n')}`)
        await new Promise((done) => setTimeout(done, 50))
      }
    }
    const settings = join(folder, 'settings.json')
    writeFileSync(settings, JSON.stringify({ performance: { raft_multiplier: 2 } }))
    const ports = await Promise.all(kinds.map(() => freePorts()))
    try {
      for (const [n, kind] of kinds.entries()) {
        const args = ['-server', '-bind=127.0.0.1', `-node=s${n}`, `-data-dir=${join(folder, String(n))}`]
        const join0 = [
          `-retry-join=127.0.0.1:${ports[0]!.serfLan}`,
          '-retry-interval=1s',
          `-config-file=${settings}`,
          '-bootstrap-expect=3',
        ]
        const options = { ports: ports[n]!, wait: false, ...(kind === 'theirs' && { command: consul! }) }
        agents.push(await startAgentProcess([...args, ...join0], options))
      }
      const [first] = agents
      await until('a leader', async () => (await first!.http('PUT', '/v1/kv/old', 'x')).status === 200)
      await until(
        'all are healthy',
        async () => (await first!.http('GET', '/v1/operator/autopilot/health')).status === 200,
      )
      for (const [n, agent] of agents.entries()) {
        // On a busy machine the leader may change at any moment: then it is asked again.
        const put = (key: string, value: string) =>
          until(`${key} is written`, async () => (await agent.http('PUT', key, value)).body.trim() === 'true')
        const run = (command: 'save' | 'restore') =>
          until(`the snapshot is there to ${command}`, async () => {
            const args = ['snapshot', command, `-http-addr=127.0.0.1:${agent.ports.http}`, file]
            const { code, stderr } = await runCommand(args)
            if (code !== 0) assert.match(stderr, /leader/)
            return code === 0
          })
        const file = join(folder, 'state.snap')
        await put('/v1/kv/kept', `by ${n}`)
        await run('save')
        await put('/v1/kv/dropped', 'x')
        await run('restore')
        await put(`/v1/kv/after/${n}`, 'x')
        for (const each of agents) {
          await until('each has what was restored', async () => {
            const kept = await each.http('GET', '/v1/kv/kept?raw&stale')
            const dropped = await each.http('GET', '/v1/kv/dropped?stale')
            const next = await each.http('GET', `/v1/kv/after/${n}?stale`)
            return kept.body === `by ${n}` && dropped.status === 404 && next.status === 200
          })
        }
      }
      await until('all tell of the same peers', async () => {
        const told = await Promise.all(agents.map((agent) => agent.http('GET', '/v1/operator/raft/configuration')))
        return told.every(({ body }) => isDeepStrictEqual(JSON.parse(body), JSON.parse(told[0]!.body)))
      })
    } finally {
      await Promise.all(agents.map((agent) => agent.kill()))
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
