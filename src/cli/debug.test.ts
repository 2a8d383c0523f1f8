/** What `consul debug` gathers, from an agent that answers as it was told. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { connect } from '../api/index.ts'
import { formatGoDuration } from '../base/go-duration.ts'
import { TarReader } from '../wire/tar.ts'
import { cannedAgent, run } from './canned.suite.ts'
import { gather } from './debug.ts'

const folder = mkdtempSync(join(tmpdir(), 'proconsul-debug-'))
after(() => rmSync(folder, { recursive: true }))

const SELF = { Config: { Version: '1.8.7' }, DebugConfig: { EnableDebug: false } }
const ANSWERS = {
  'GET /v1/agent/self': { body: SELF },
  'GET /v1/agent/host': { body: { Memory: {} } },
  'GET /v1/agent/members?wan=1': { body: [{ Name: 'n1' }] },
  'GET /v1/agent/metrics': { body: { Gauges: [] } },
  'GET /v1/agent/monitor?loglevel=DEBUG': { body: 'a line\nanother\n' },
}
const MS = 1e6
const SHORTEST_MS = 500
const LONGEST_MS = 32_000

/** Runs it with times that the command line refuses. */
async function gathered(
  output: string,
  wish: { archive: boolean; capture: string[]; intervalMs?: number },
  answers: object = ANSWERS,
) {
  const agent = await cannedAgent(answers as typeof ANSWERS)
  const lines: string[] = []
  const io = {
    out: (line: string) => lines.push(line),
    err: (line: string) => lines.push(`! ${line}`),
    outBytes: () => {},
    stdin: () => new Uint8Array(0),
    env: {},
  }
  const stop = new AbortController()
  const consul = connect({ address: `http://${agent.address}` })
  // The first interval over, it is stopped.
  const out = io.out
  io.out = (line) => {
    if (line.startsWith('==> Capture successful')) stop.abort()
    return out(line)
  }
  const { intervalMs = SHORTEST_MS, ...rest } = wish
  const times = { interval: intervalMs * MS, duration: 60_000 * MS }
  const code = await gather(io, consul, { ...rest, ...times, output }, stop.signal)
  return { code, lines, agent }
}

/** The whole of an agent, and the files of the archive by their names. */
async function gatheredAll(intervalMs: number) {
  const output = join(mkdtempSync(join(folder, 'whole-')), 'all')
  const { code, lines } = await gathered(output, { archive: true, capture: [], intervalMs })
  const files = new Map<string, string>()
  let name = ''
  for (const part of new TarReader().push(gunzipSync(readFileSync(`${output}.tar.gz`)))) {
    if (part.kind === 'file') {
      name = part.name.replace(/\/\d+\//, '/<time>/')
      files.set(name, '')
    }
    if (part.kind === 'data') files.set(name, (files.get(name) ?? '') + Buffer.from(part.bytes).toString())
  }
  return { code, lines, files, output }
}

suite('consul debug', () => {
  test('everything but profiles, of an agent that gives none, in one archive', async () => {
    // What the agent logs is taken up to the interval's end: the answer of a busy machine may come later than that.
    let intervalMs = SHORTEST_MS
    let found = await gatheredAll(intervalMs)
    while (!found.files.get('all/<time>/consul.log') && intervalMs < LONGEST_MS) {
      intervalMs *= 2
      found = await gatheredAll(intervalMs)
    }
    const { code, lines, files, output } = found
    const interval = formatGoDuration(intervalMs * MS)
    assert.equal(code, 0)
    assert.equal(existsSync(output), false)
    assert.deepEqual(lines.slice(0, 7), [
      '! [WARN] Unable to capture pprof. Set enable_debug to true on target agent to enable profiling.',
      '==> Starting debugger and capturing static information...',
      "     Agent Version: '1.8.7'",
      `          Interval: '${interval}'`,
      "          Duration: '1m0s'",
      `            Output: '${output}.tar.gz'`,
      "           Capture: 'metrics, logs, host, agent, cluster'",
    ])
    assert.equal(lines.at(-1), `    Saved debug archive: ${output}.tar.gz`)
    assert.deepEqual(
      [...files.keys()].sort(),
      ['<time>/consul.log', '<time>/metrics.json', 'agent.json', 'cluster.json', 'host.json', 'index.json'].map(
        (path) => `all/${path}`,
      ),
    )
    assert.equal(files.get('all/<time>/consul.log'), 'a line\nanother\n')
    assert.deepEqual(JSON.parse(files.get('all/index.json')!), {
      Version: 1,
      AgentVersion: '1.8.7',
      Interval: interval,
      Duration: '1m0s',
      Targets: ['metrics', 'logs', 'host', 'agent', 'cluster'],
    })
  })

  test('what fails is told, and the rest stays in the folder', async () => {
    const output = join(folder, 'some')
    const answers = {
      'GET /v1/agent/self': { body: { ...SELF, DebugConfig: { EnableDebug: true } } },
      'GET /debug/pprof/heap': { body: 'heap' },
      'GET /debug/pprof/trace?seconds=1': { body: 'trace' },
    }
    const { code, lines } = await gathered(output, { archive: false, capture: ['pprof', 'host'] }, answers)
    assert.equal(code, 0)
    assert.deepEqual(
      lines.filter((line) => line.startsWith('! ')),
      [
        '! Static capture failed: Unexpected response code: 404 ()',
        '! ==> Capture failure Unexpected response code: 404 ()',
        '! ==> Capture failure Unexpected response code: 404 ()',
        '! ==> Error encountered during collection: stopping collection due to shutdown signal',
      ],
    )
    const [time] = readdirSync(output).filter((name) => /^\d+$/.test(name))
    assert.deepEqual(readdirSync(join(output, time!)).sort(), ['heap.prof', 'trace.out'])
  })

  test('wishes that make no sense are refused before anything is gathered', async () => {
    const { env } = await cannedAgent(ANSWERS)
    const taken = join(folder, 'taken')
    mkdirSync(taken)
    for (const [args, why] of [
      [['-duration=9s'], 'duration must be longer than 10s'],
      [['-interval=4s'], 'interval must be longer than 10s'],
      [['-duration=10s'], 'duration (10s) must be longer than interval (30s)'],
      [['-capture=nonsense'], 'target not found: nonsense'],
      [['-capture=host', `-output=${taken}`], `output directory already exists: ${taken}`],
    ] as const) {
      const { code, err } = await run(['debug', ...args], { env })
      assert.deepEqual([code, err], [1, `==> Capture validation failed: ${why}\n`])
    }
    const { err } = await run(['debug', 'x'], { env })
    assert.equal(err, '==> debug: Too many arguments provided, expected 0\n')
  })
})
