/** Which command the arguments name, and what is printed where when it is none, or help. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { run } from './canned.suite.ts'
import type { Command } from './command.ts'
import { takeApart } from './main.ts'
import { TABLE } from './table.ts'

const NAMES = Object.keys(TABLE)
const USAGE = 'Usage: consul [--version] [--help] <command> [<args>]\n\nAvailable commands are:\n'
const NOT_BUILT = /^"consul ([a-z -]+)" is not available in this version of Proconsul\.\n$/
/** Commands that only hold others. */
const isGroup = (name: string) => NAMES.some((other) => other.startsWith(`${name} `)) && name !== 'connect envoy'

async function commandOf(name: string): Promise<Command> {
  const { commands } = await TABLE[name]!.module()
  return commands[name]!
}

suite('arguments are taken apart', () => {
  const cases: [string, string[], ReturnType<typeof takeApart>][] = [
    ['nothing', [], { name: '', argv: [], help: false, version: false, flagsFirst: false }],
    [
      'the longest name wins',
      ['kv', 'get', '-keys', 'x'],
      { name: 'kv get', argv: ['-keys', 'x'], help: false, version: false, flagsFirst: false },
    ],
    [
      'an unknown subcommand is an argument',
      ['kv', 'bogus'],
      { name: 'kv', argv: ['bogus'], help: false, version: false, flagsFirst: false },
    ],
    [
      'names end at a flag',
      ['kv', '-x', 'get'],
      { name: 'kv', argv: ['-x', 'get'], help: false, version: false, flagsFirst: false },
    ],
    [
      'help before the command',
      ['--help', 'members'],
      { name: 'members', argv: [], help: true, version: false, flagsFirst: false },
    ],
    [
      'help far behind it',
      ['kv', 'put', 'a', '-h'],
      { name: 'kv put', argv: ['a', '-h'], help: true, version: false, flagsFirst: false },
    ],
    [
      'no help after --',
      ['kv', 'put', '--', '-h'],
      { name: 'kv put', argv: ['--', '-h'], help: false, version: false, flagsFirst: false },
    ],
    [
      'a version flag counts before a command alone',
      ['kv', 'get', '-v'],
      { name: 'kv get', argv: ['-v'], help: false, version: false, flagsFirst: false },
    ],
    [
      'two words in one are no name',
      ['kv get'],
      { name: '', argv: [], help: false, version: false, flagsFirst: false },
    ],
    ['a flag first', ['-x', 'members'], { name: 'members', argv: [], help: false, version: false, flagsFirst: true }],
  ]
  for (const [what, argv, expected] of cases) test(what, () => assert.deepEqual(takeApart(argv), expected))
})

suite('usage', () => {
  test('without arguments it is an error, exit code 127', async () => {
    const { code, out, err } = await run([])
    assert.equal(code, 127)
    assert.equal(out, '')
    assert.ok(
      err.startsWith(
        `${USAGE}    acl            Interact with Consul's ACLs\n    agent          Runs a Consul agent\n`,
      ),
    )
    assert.ok(err.endsWith('    watch          Watch for changes in Consul\n\n'))
  })
  test('it lists every command of Consul 1.8.7, and configtest, in order', async () => {
    const { err } = await run([])
    const listed = [...err.matchAll(/^ {4}([a-z-]+) /gm)].map((match) => match[1])
    const expected =
      'acl agent catalog config configtest connect debug event exec force-leave info intention join keygen keyring kv leave lock login logout maint members monitor operator reload rtt services snapshot tls validate version watch'
    assert.deepEqual(listed, expected.split(' '))
  })
  for (const flag of ['-h', '-help', '--help']) {
    test(`${flag} is no error`, async () => {
      const { code, out, err } = await run([flag])
      assert.equal(code, 0)
      assert.ok(out.startsWith(USAGE))
      assert.equal(err, '')
    })
  }
  for (const argv of [['bogus'], ['-bogus'], ['bogus', '--help'], ['constructor'], ['']]) {
    test(`unknown: ${JSON.stringify(argv)}`, async () => {
      const { code, out, err } = await run(argv)
      assert.equal(code, 127)
      assert.equal(out, '')
      assert.ok(err.startsWith(USAGE))
    })
  }
  test('flags before the command are refused, with the help of the command', async () => {
    const { code, out, err } = await run(['-http-addr=x', 'members'])
    assert.equal(code, 1)
    assert.equal(out, '')
    assert.match(err, /^Invalid flags before the subcommand\..*\n\nUsage: consul members \[options\]\n/s)
  })
})

suite('every command', () => {
  for (const name of NAMES) {
    const words = name.split(' ')
    test(`consul ${name} --help`, async () => {
      const command = await commandOf(name)
      const { code, out, err } = await run([...words, '--help'])
      assert.equal(code, 0)
      assert.equal(err, '')
      assert.ok(out.startsWith(`Usage: consul ${name}`), out)
      for (const flag of command.flags) {
        assert.match(out, new RegExp(`^ {2}-${flag.name}(=<.+>)?$`, 'm'))
      }
      assert.equal(new Set(command.flags.map((flag) => flag.name)).size, command.flags.length, 'a flag stands twice')
    })
    test(`consul ${name} with a wrong flag`, async () => {
      const { code, out, err } = await run([...words, '-bogus-flag'])
      assert.equal(code, 1)
      assert.equal(out, '')
      if (isGroup(name)) assert.ok(err.startsWith(`Usage: consul ${name}`))
      else if (NOT_BUILT.test(err)) assert.equal(NOT_BUILT.exec(err)?.[1], name)
      else assert.match(err, /^flag provided but not defined: -bogus-flag\nUsage:\n/)
    })
  }
  test('a group lists what it holds, aligned', async () => {
    const { code, out, err } = await run(['kv'])
    assert.equal(code, 1)
    assert.equal(out, '')
    const listed = [
      'Subcommands:',
      '    delete    Removes data from the KV store',
      '    export    Exports a tree from the KV store as JSON',
      '    get       Retrieves or lists data from the KV store',
      '    import    Imports a tree stored as JSON to the KV store',
      '    put       Sets or updates data in the KV store',
      '',
    ]
    assert.ok(err.endsWith(`\n\n${listed.join('\n')}`))
  })
  test('what this version must have is there', async () => {
    const built = `version agent members info leave keygen kv get, kv put, kv delete, kv export, kv import, catalog datacenters,
      catalog nodes, catalog services, services register, services deregister`
    for (const name of built.split(/,\s*|\s+(?=agent|members|info|leave|keygen|kv)/)) {
      const { err } = await run([...name.trim().split(' '), '-bogus-flag'])
      assert.doesNotMatch(err, NOT_BUILT)
    }
  })
})

suite('version', () => {
  const lines =
    /^Consul v1\.8\.7\nProtocol 2 spoken by default, understands 2 to 3 \(agent will automatically use protocol >2 when speaking to compatible agents\)\nProconsul v\d+\.\d+\.\d+\S*\n\n$/
  for (const argv of [['version'], ['--version'], ['-v'], ['-version'], ['version', 'more']]) {
    test(argv.join(' '), async () => {
      const { code, out, err } = await run(argv)
      assert.equal(code, 0)
      assert.match(out, lines)
      assert.equal(err, '')
    })
  }
  test('as JSON', async () => {
    const { code, out } = await run(['version', '-format=json'])
    assert.equal(code, 0)
    const { Proconsul, ...consul } = JSON.parse(out)
    assert.deepEqual(consul, { Version: '1.8.7', Revision: '', Prerelease: '', RPC: { Default: 2, Min: 2, Max: 3 } })
    assert.match(Proconsul, /^\d+\.\d+\.\d+/)
  })
  test('in no other format', async () => {
    assert.deepEqual(await run(['version', '-format=x']), { code: 1, out: '', err: 'Unknown format: x\n' })
  })
})

suite('wrong flags are told in the words of Go', () => {
  const cases: [string[], string][] = [
    [['members', '-http-addr'], 'flag needs an argument: -http-addr'],
    [['members', '-detailed=maybe'], 'invalid boolean value "maybe" for -detailed: parse error'],
    [
      ['kv', 'get', '-stale=maybe', 'a'],
      'invalid boolean value "maybe" for -stale: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [['kv', 'put', '-flags=-1', 'a', 'b'], 'invalid value "-1" for flag -flags: parse error'],
    [
      ['kv', 'put', '-flags=18446744073709551616', 'a', 'b'],
      'invalid value "18446744073709551616" for flag -flags: value out of range',
    ],
    [
      ['catalog', 'nodes', '-node-meta', 'x'],
      'invalid value "x" for flag -node-meta: Missing "=" value in argument: x',
    ],
    [['kv', 'get', '---x'], 'bad flag syntax: ---x'],
  ]
  for (const [argv, message] of cases) {
    test(message, async () => {
      const { code, out, err } = await run(argv)
      assert.equal(code, 1)
      assert.equal(out, '')
      assert.ok(err.startsWith(`${message}\nUsage:\n  -`), err)
    })
  }
  test('the flags follow in order, with their defaults', async () => {
    const { err } = await run(['kv', 'get', '-x'])
    assert.match(err, /\n {2}-separator string\n {4}\t.* \(default "\/"\)\n/)
    const names = [...err.matchAll(/^ {2}-([a-z-]+)/gm)].map((match) => match[1])
    assert.deepEqual(names, [...names].sort())
  })
})
