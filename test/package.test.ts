/**
 * The package as it is published: what `npm pack` puts into it, and that a project which has nothing but that can run the
 * command, import the three faces from JavaScript, and compile against their types.
 *
 * The project's other packages are links to ours, so that the test needs no registry.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, posix } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type AgentProcess, ROOT, runCommand, startAgentProcess } from './support/process.ts'

interface Manifest {
  version: string
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
}

const MANIFEST: Manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const TSC = join(ROOT, 'node_modules/typescript/bin/tsc')

/** Real paths: where a program lies is not where it was asked for, behind a link. */
const project = realpathSync(mkdtempSync(join(tmpdir(), 'proconsul-package-')))
const modules = join(project, 'node_modules')
const installed = join(modules, 'proconsul')
const command = join(modules, '.bin', 'consul')

before(() => {
  const npm = (...args: string[]) => execFileSync('npm', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' })
  npm('run', 'build')
  const [{ filename }] = JSON.parse(npm('pack', '--json', '--ignore-scripts', `--pack-destination=${project}`))
  mkdirSync(join(modules, '.bin'), { recursive: true })
  execFileSync('tar', ['-xzf', join(project, filename), '-C', modules])
  execFileSync('mv', [join(modules, 'package'), installed])
  for (const name of [...Object.keys(MANIFEST.dependencies), '@types']) {
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  }
  symlinkSync('../proconsul/bin/consul', command)
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
})
after(() => rmSync(project, { recursive: true, force: true }))

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1))
}

describe('the published package', () => {
  test('holds the command, the compiled code with its types, and the papers; nothing of the tests', () => {
    const all = files(installed)
    const known = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|bin\/consul|docs\/.*|dist\/.*\.(js|d\.ts))$/
    assert.deepEqual(
      all.filter((path) => !known.test(path)),
      [],
    )
    assert.deepEqual(
      all.filter((path) => /\.(test|suite|testing|fixture)\.|testdata/.test(path)),
      [],
    )
    for (const path of [
      'bin/consul',
      'LICENSE',
      'README.md',
      'dist/index.js',
      'dist/api/index.js',
      'dist/testing.js',
    ]) {
      assert.ok(all.includes(path), path)
    }
    for (const face of ['index', 'testing', 'api/index']) assert.ok(all.includes(`dist/${face}.d.ts`), face)
    assert.ok((statSync(join(installed, 'bin/consul')).mode & 0o111) === 0o111, 'the command may be run')
  })

  test('imports nothing but its own files, its dependencies and Node.js', () => {
    const all = new Set(files(installed))
    const allowed = new Set(Object.keys(MANIFEST.dependencies))
    const astray: string[] = []
    for (const path of all) {
      if (!path.startsWith('dist/')) continue
      const text = readFileSync(join(installed, path), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '')
      for (const [, from, dynamic] of text.matchAll(/\bfrom '([^']+)'|\bimport\('([^']+)'\)/g)) {
        const name = from ?? dynamic!
        const target = posix.join(dirname(path), name)
        const found = name.startsWith('.')
          ? all.has(target) || (path.endsWith('.d.ts') && all.has(target.replace(/\.ts$/, '.d.ts')))
          : name.startsWith('node:') || allowed.has(name)
        if (!found) astray.push(`${path}: ${name}`)
      }
    }
    assert.deepEqual(astray, [])
  })

  test('brings the command, which runs on the pinned Node.js from anywhere', async () => {
    const path = { PATH: '/usr/bin:/bin' }
    const { code, stdout } = await runCommand(['version'], { command, cwd: tmpdir(), env: path })
    assert.equal(code, 0)
    assert.match(
      stdout,
      new RegExp(`^Consul v1\\.8\\.7\\n[^\\n]*\\nProconsul v${MANIFEST.version.replaceAll('.', '\\.')}\\n`),
    )
    const agent: AgentProcess = await startAgentProcess(['-dev', '-node=packed'], { command })
    try {
      const nodes = JSON.parse((await agent.http('GET', '/v1/catalog/nodes')).body)
      assert.equal(nodes[0].Node, 'packed')
      const { Stats } = JSON.parse((await agent.http('GET', '/v1/agent/self')).body)
      assert.equal(Stats.runtime.version, `node ${pinnedVersion()}`)
      const env = { CONSUL_HTTP_ADDR: `127.0.0.1:${agent.ports.http}` }
      assert.match((await runCommand(['members'], { command, env })).stdout, /^packed {2}127\.0\.0\.1:\d+ {2}alive/m)
    } finally {
      assert.equal(await agent.kill('SIGINT'), 1)
    }
  })

  test('brings the three faces, for JavaScript', async () => {
    const program = join(project, 'user.js')
    writeFileSync(
      program,
      `
      import { startAgent } from 'proconsul'
      import { connect } from 'proconsul/api'
      import { startTestAgent } from 'proconsul/testing'
      const ports = { http: 0, dns: 0, server: 0, serf_lan: 0, serf_wan: 0, grpc: -1 }
      const agents = [await startTestAgent(), await startAgent({ config: { ports } })]
      for (const agent of agents) {
        await agent.ready
        const { kv } = connect({ address: agent.http })
        await kv.put('greeting', 'hello')
        console.log(Buffer.from((await kv.get('greeting')).value.Value).toString())
      }
      await Promise.all(agents.map((agent) => agent.stop()))
      `,
    )
    // The pinned one, and whatever else the machine has: a program that embeds an agent brings its own.
    for (const command of new Set([process.execPath, ...otherNodes()])) {
      const result = await runCommand([program], { command })
      assert.deepEqual(result, { code: 0, stdout: 'hello\nhello\n', stderr: '' }, command)
    }
  })

  test('tells TypeScript their types, in Node.js and, for the client, in browsers', async () => {
    writeFileSync(
      join(project, 'node.ts'),
      `
      import { type Agent, type AgentOptions, ConfigError, startAgent } from 'proconsul'
      import { connect, type KVPair } from 'proconsul/api'
      import { startTestAgent } from 'proconsul/testing'
      const options: AgentOptions = { dev: true, config: { node_name: 'typed' } }
      const agent: Agent = await startAgent(options).catch((error: ConfigError) => startTestAgent())
      const { Nodes } = await agent.call('Catalog.ListNodes', {})
      const names: string[] | undefined = Nodes?.map(({ Node }) => Node)
      const pair: KVPair | null = (await connect({ address: agent.http }).kv.get('a')).value
      // @ts-expect-error There is no such method.
      await agent.call('Catalog.NoSuchMethod', {})
      // @ts-expect-error Its answer is no number.
      const wrong: number = pair
      console.log(names, wrong)
      `,
    )
    writeFileSync(
      join(project, 'browser.ts'),
      `
      import { connect, follow } from 'proconsul/api'
      for await (const { value } of follow((options) => connect().health.service('web', options))) {
        document.title = value.map(({ Node, Service }) => Node.Node + Service.Port.toFixed()).join()
      }
      `,
    )
    const check = (file: string, ...settings: string[]) =>
      runCommand([TSC, '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', ...settings, file], {
        command: process.execPath,
        cwd: project,
      })
    const [node, browser] = await Promise.all([
      check('node.ts', '--types', 'node'),
      check('browser.ts', '--types', '', '--lib', 'es2024,dom,dom.asynciterable'),
    ])
    assert.deepEqual(
      [node, browser].map(({ stdout, code }) => ({ stdout, code })),
      [
        { stdout: '', code: 0 },
        { stdout: '', code: 0 },
      ],
    )
  })
})

/** Every Node.js on the PATH outside of the package's own folders that the package says it runs on (20 and up). */
function otherNodes(): string[] {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'))
  const found = folders.map((folder) => join(folder, 'node')).filter((path) => existsSync(path))
  const version = (path: string) => execFileSync(path, ['--version'], { encoding: 'utf8' })
  return [...new Set(found.map((path) => realpathSync(path)))].filter(
    (path) => Number.parseInt(version(path).slice(1), 10) >= 20,
  )
}

function pinnedVersion(): string {
  const node = join(ROOT, 'node_modules/node/bin/node')
  return execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()
}
