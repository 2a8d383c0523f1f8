/**
 * `consul debug`, ours and the real one, each of its own agent and of the other's: the archives hold the same files. One
 * is missing of ours, a trace, which is of Go's runtime.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { readPprof } from '../support/pprof.ts'
import { type AgentProcess, CONSUL, realConsul, runCommand, settled, startAgentProcess } from '../support/process.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

/** The shortest that the command allows. */
const TIMES = ['-duration=10s', '-interval=5s']
const TIMEOUT_MS = 120_000
const TRIES = 4
/** What gzip begins with. */
const GZIP = 0x1f8b

suite('debug archives side by side', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-debug-'))
  let ours: AgentProcess
  let theirs: AgentProcess

  before(async () => {
    const args = ['-dev', '-node=x', '-log-level=err']
    ours = await startAgentProcess(args)
    theirs = await startAgentProcess(args, { command: real })
    await Promise.all([ours, theirs].map((agent) => settled(agent)))
  })
  after(async () => {
    await Promise.all([ours?.kill(), theirs?.kill()])
    rmSync(folder, { recursive: true })
  })

  async function archived(command: string, agent: AgentProcess, name: string): Promise<Map<string, Buffer>> {
    for (let tries = 1; ; tries++) {
      const found = await archive(command, agent, `${name}-${tries}`)
      if (typeof found !== 'string') return found
      // The real one stumbles over a file that grows while it packs it.
      assert.ok(command !== CONSUL && found.includes('write too long') && tries < TRIES, found)
    }
  }

  /** @returns its files, or why there is none */
  async function archive(command: string, agent: AgentProcess, name: string): Promise<Map<string, Buffer> | string> {
    const output = join(folder, name)
    const address = `-http-addr=127.0.0.1:${agent.ports.http}`
    const args = ['debug', address, ...TIMES, `-output=${output}`]
    const { code, stderr } = await runCommand(args, { command, timeoutMs: TIMEOUT_MS })
    if (code !== 0) return stderr
    execFileSync('tar', ['xzf', `${output}.tar.gz`, '-C', folder])
    const found = readdirSync(output, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const paths = found.map((entry) => join(entry.parentPath, entry.name))
    return new Map(paths.map((path) => [relative(output, path), readFileSync(path)]))
  }

  /** But for the log, which is there only where something was logged meanwhile. */
  const namesOf = (files: Map<string, Buffer>) => {
    const names = new Set([...files.keys()].map((name) => name.replace(/^\d+\//, '<time>/')))
    names.delete('<time>/consul.log')
    return [...names].sort()
  }

  test('hold the same files, of which profiles can be read', async () => {
    // Two at a time ask one agent: its profiler serves one, and each archive goes on without the other's.
    const [own, real1] = await Promise.all([archived(CONSUL, ours, 'own'), archived(real!, theirs, 'real')])
    const [crossed, crossed2] = await Promise.all([
      archived(real!, ours, 'crossed'),
      archived(CONSUL, theirs, 'crossed2'),
    ])
    const expected = namesOf(real1)
    assert.deepEqual(namesOf(crossed2), expected)
    const trace = '<time>/trace.out'
    assert.ok(expected.includes(trace))
    const without = expected.filter((name) => name !== trace)
    for (const files of [own, crossed]) {
      assert.deepEqual(
        namesOf(files).filter((name) => name !== trace),
        without,
      )
      for (const [kind, type] of [
        ['profile', 'cpu'],
        ['heap', 'inuse_space'],
        ['goroutine', 'goroutine'],
      ] as const) {
        // On a busy machine a profile may find the one before it still under way, and be a refusal; never all of them.
        const profiles = [...files].filter(([name]) => name.endsWith(`/${kind}.prof`)).map(([, bytes]) => bytes)
        const whole = profiles.find((bytes) => bytes.readUInt16BE(0) === GZIP)
        assert.ok(whole, profiles.map((bytes) => bytes.toString('latin1', 0, 200)).join('\n'))
        const { types, samples } = readPprof(gunzipSync(whole))
        assert.equal(types.at(-1)![0], type)
        // Of what an idle agent allocates in that time nothing need be held.
        assert.ok(samples.length > 0 || kind === 'heap', kind)
      }
    }
  })
})
