/** `bin/consul` as a process: found from anywhere, on the right Node.js, with signals and exit codes as if it were not there. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { after, suite, test } from 'node:test'

const ROOT = resolve(import.meta.dirname, '../..')
const BIN = join(ROOT, 'bin/consul')
const work = realpathSync(mkdtempSync(join(tmpdir(), 'proconsul-bin-')))
after(() => rmSync(work, { recursive: true }))
mkdirSync(join(work, 'cache'))
/** Far beyond what a run takes: one that hangs fails its test, and not the whole run of tests. */
const HANGS_MS = 60_000
const VERSION = /^Consul v1\.8\.7\n/

function run(path: string, argv: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {}) {
  const env = { ...process.env, XDG_CACHE_HOME: join(work, 'cache'), NODE_COMPILE_CACHE: undefined, ...options.env }
  const { status, stdout, stderr } = spawnSync(path, argv, {
    cwd: work,
    encoding: 'utf8',
    timeout: HANGS_MS,
    ...options,
    env,
  })
  return { code: status, out: stdout, err: stderr }
}

suite('found', () => {
  test('from another directory', () => {
    const { code, out, err } = run(BIN, ['version'])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, VERSION)
  })
  test('through symbolic links: absolute, relative, one to another', () => {
    const absolute = join(work, 'absolute')
    symlinkSync(BIN, absolute)
    mkdirSync(join(work, 'links'))
    const relatively = join(work, 'links/relative')
    symlinkSync(relative(join(work, 'links'), BIN), relatively)
    const chain = join(work, 'chain')
    symlinkSync('links/relative', chain)
    for (const path of [absolute, relatively, chain]) assert.match(run(path, ['version']).out, VERSION)
  })
  test('by a relative path, and on the PATH', () => {
    assert.match(run('./consul', ['version'], { cwd: join(ROOT, 'bin') }).out, VERSION)
    assert.match(run('bin/consul', ['version'], { cwd: ROOT }).out, VERSION)
    const env = { PATH: `${join(ROOT, 'bin')}:${process.env.PATH}` }
    assert.match(run('sh', ['-c', 'consul version'], { env }).out, VERSION)
  })
  test('in a directory with spaces in its name', () => {
    const place = join(work, 'a b/node_modules/.bin')
    mkdirSync(place, { recursive: true })
    symlinkSync(BIN, join(place, 'consul'))
    assert.match(run(join(place, 'consul'), ['version']).out, VERSION)
  })
})

/** A package as npm lays it out: the launcher, built JavaScript that tells how it runs, and a Node.js. */
function published(name: string, nodeAt: string | null): string {
  const base = join(work, name)
  const root = join(base, 'lib/node_modules/proconsul')
  mkdirSync(join(root, 'bin'), { recursive: true })
  mkdirSync(join(root, 'dist/cli'), { recursive: true })
  copyFileSync(BIN, join(root, 'bin/consul'))
  writeFileSync(join(root, 'package.json'), '{"type":"module"}')
  writeFileSync(
    join(root, 'dist/cli/main.js'),
    `import { execPath, argv, env } from 'node:process'
     console.log(JSON.stringify({ execPath, argv: argv.slice(2), cache: env.NODE_COMPILE_CACHE ?? null }))
     process.exitCode = 7`,
  )
  if (nodeAt !== null) {
    const node = join(base, nodeAt, 'node_modules/node/bin')
    mkdirSync(node, { recursive: true })
    // A copy of the name alone: Node.js tells where it was started, through the link.
    writeFileSync(join(node, 'node'), `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 })
  }
  mkdirSync(join(base, 'bin'))
  symlinkSync('../lib/node_modules/proconsul/bin/consul', join(base, 'bin/consul'))
  return join(base, 'bin/consul')
}

suite('the published package', () => {
  for (const [what, nodeAt] of [
    ['its own Node.js', 'lib/node_modules/proconsul'],
    ['a Node.js beside it', 'lib'],
  ] as const) {
    test(`runs its built JavaScript on ${what}`, () => {
      const { code, out, err } = run(published(what.replaceAll(' ', '-'), nodeAt), ['a b', '', '-x=*', '--'], {
        env: { PATH: '/usr/bin:/bin' },
      })
      assert.deepEqual([code, err], [7, ''])
      assert.deepEqual(JSON.parse(out).argv, ['a b', '', '-x=*', '--'])
    })
  }
  test('takes a Node.js from the PATH when there is no other', () => {
    const path = join(work, 'path-node')
    mkdirSync(path)
    symlinkSync(process.execPath, join(path, 'node'))
    const { code } = run(published('on-path', null), [], { env: { PATH: `${path}:/usr/bin:/bin` } })
    assert.equal(code, 7)
  })
  test('says what to do when there is none, or an old one', () => {
    const old = join(work, 'old-node')
    mkdirSync(old)
    writeFileSync(join(old, 'node'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    const tools = join(work, 'tools')
    mkdirSync(tools)
    for (const tool of ['sh', 'readlink']) symlinkSync(realpathSync(join('/bin', tool)), join(tools, tool))
    const bin = published('no-node', null)
    for (const path of [tools, `${old}:${tools}`]) {
      const { code, out, err } = run(bin, ['version'], { env: { PATH: path } })
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, /npm ci/)
    }
  })
})

suite('the cache of compiled code', () => {
  test('is filled, in the folder of the user', () => {
    const cache = join(work, 'own-cache')
    mkdirSync(cache)
    assert.equal(run(BIN, ['version'], { env: { XDG_CACHE_HOME: cache } }).code, 0)
    assert.ok(readdirSync(join(cache, 'proconsul')).length > 0)
  })
  test('is done without when it cannot be written, and when the user has no folder', () => {
    const file = join(work, 'a-file')
    writeFileSync(file, '')
    for (const env of [
      { XDG_CACHE_HOME: file },
      { XDG_CACHE_HOME: '/proc/none' },
      { XDG_CACHE_HOME: undefined, HOME: undefined },
    ]) {
      const { code, out, err } = run(BIN, ['version'], { env })
      assert.deepEqual([code, err], [0, ''])
      assert.match(out, VERSION)
    }
  })
  test("is the user's own when there is one", () => {
    const own = join(work, 'node-cache')
    const none = join(work, 'unused')
    mkdirSync(none)
    assert.equal(run(BIN, ['version'], { env: { NODE_COMPILE_CACHE: own, XDG_CACHE_HOME: none } }).code, 0)
    assert.ok(existsSync(own))
    assert.deepEqual(readdirSync(none), [])
  })
})

suite('the process', () => {
  test('has the exit codes and the streams of the command', () => {
    assert.equal(run(BIN, []).code, 127)
    const { code, out, err } = run(BIN, ['kv', 'get'])
    assert.deepEqual([code, out, err], [1, '', 'Error! Missing KEY argument\n'])
  })
  test('reads standard input', () => {
    const { code, err } = run(BIN, ['kv', 'import', '-'], { input: '{' })
    assert.equal(code, 1)
    assert.match(err, /^Cannot unmarshal data: /)
  })
  test('is not upset by a reader that goes away', () => {
    const { err } = run('sh', ['-c', `{ '${BIN}' --help; echo $? >&2; } | :; { '${BIN}' --help; echo $? >&2; } >&-`])
    assert.equal(err, '0\n0\n')
  })
  test('is the one that was started: signals reach it', async () => {
    const bin = published('signals', 'lib')
    writeFileSync(
      join(bin, '../../lib/node_modules/proconsul/dist/cli/main.js'),
      `process.on('SIGTERM', () => process.exit(42))
       setInterval(() => {}, 1000)
       console.log(process.pid)`,
    )
    const child = spawn(bin, [], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, XDG_CACHE_HOME: work },
    })
    const pid = await new Promise<string>((resolve) => child.stdout.once('data', (text) => resolve(String(text))))
    assert.equal(Number(pid), child.pid)
    child.kill('SIGTERM')
    const code = await new Promise((resolve) => child.once('exit', resolve))
    assert.equal(code, 42)
  })
})
