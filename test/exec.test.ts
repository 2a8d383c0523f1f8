/** `consul exec`: jobs that run where the configuration allows it, told of as they run, and leaving nothing behind. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { type AgentProcess, runCommand, startAgentProcess } from './support/process.ts'

/** Of silence, after which a job counts as over. A busy machine may be silent for long before a node has the job. */
const QUIET = '20s'
const WAIT_MS = 60_000
const LOOK_MS = 20

suite('jobs on nodes', { timeout: 180_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-exec-'))
  const agents: AgentProcess[] = []

  before(async () => {
    const settings = join(folder, 'settings.json')
    // In dev mode a third of a second of silence is a death, which ends the session that a job is kept by.
    const gossip = { probe_interval: '1s', probe_timeout: '500ms', suspicion_mult: 8 }
    writeFileSync(settings, JSON.stringify({ disable_remote_exec: false, gossip_lan: gossip }))
    agents.push(await startAgentProcess(['-dev', '-node=runs', `-config-file=${settings}`]))
    agents.push(
      await startAgentProcess([
        '-node=refuses',
        '-bind=127.0.0.1',
        `-data-dir=${join(folder, 'data')}`,
        `-retry-join=127.0.0.1:${agents[0]!.ports.serfLan}`,
      ]),
    )
    // A job is kept by a session on the node of who asks: the leader has met it once it is in the catalog.
    const isKnown = async () => (await agents[0]!.http('GET', '/v1/health/node/refuses')).body.includes('"passing"')
    for (const end = Date.now() + WAIT_MS; !(await isKnown()); ) {
      assert.ok(Date.now() < end, 'the client is not in the catalog')
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
  })
  after(async () => {
    await Promise.all(agents.map((agent) => agent.kill()))
    rmSync(folder, { recursive: true, force: true })
  })

  const exec = (args: string[], input?: string) =>
    runCommand(['exec', `-http-addr=127.0.0.1:${agents[1]!.ports.http}`, `-wait=${QUIET}`, ...args], {
      ...(input !== undefined && { input }),
    })

  // All at once: each is over only after its silence.
  suite('of several askers', { concurrency: true }, () => {
    test('what it prints and how it ends is told; who does not allow it says nothing', async () => {
      const { code, stdout } = await exec(['echo hello; exit 3'])
      assert.equal(code, 2)
      assert.deepEqual(stdout.trimEnd().split('\n').sort(), [
        '    runs:',
        '    runs: hello',
        '1 / 1 node(s) completed / acknowledged',
        '==> runs: finished with exit code 3',
      ])
      await agents[1]!.printed(/ignoring remote exec event, disabled/)
    })

    test('a script from standard input, and a program without a shell', async () => {
      const [script, plain, none] = await Promise.all([
        exec(['-'], 'echo from a "script"\n'),
        exec(['-shell=false', 'echo', '$HOME']),
        exec(['-shell=false', '/no/such/program']),
      ])
      assert.match(script.stdout, /runs: from a script\n/)
      assert.match(plain.stdout, /runs: \$HOME\n/)
      assert.match(none.stdout, /exit code 255/)
    })

    test('more than one piece comes whole and in order', async () => {
      const { stdout } = await exec(['seq 1 5000'])
      const numbers = stdout.match(/\d+(?=\n)/g)!.join('')
      assert.ok(stdout.includes('exit code 0'))
      assert.ok(numbers.length > 4096)
      assert.equal(stdout.replaceAll(/^ {4}runs: /gm, '').includes('\n2500\n2501\n'), true)
    })

    test('a filter that nobody meets, and one that is no expression', async () => {
      const nobody = await exec(['-node=^nobody$', 'true'])
      assert.deepEqual([nobody.code, nobody.stdout], [0, '0 / 0 node(s) completed / acknowledged\n'])
      const wrong = await exec(['-node=(', 'true'])
      assert.equal(wrong.code, 1)
      assert.match(wrong.stderr, /Failed to compile node filter regexp/)
    })
  })

  test('nothing stays behind', async () => {
    const keys = await agents[0]!.http('GET', '/v1/kv/_rexec?keys')
    assert.deepEqual([keys.status, (await agents[0]!.http('GET', '/v1/session/list')).body.trim()], [404, '[]'])
  })
})
