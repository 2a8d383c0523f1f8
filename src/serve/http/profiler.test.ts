import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeDoor } from '../../../test/support/http-door.ts'
import type { Profiler, ProfileWish } from '../../host/host.ts'

function make(options: object = { enableDebug: true }) {
  const wishes: ProfileWish[] = []
  const profiler: Profiler = {
    commandLine: () => ['/bin/consul', 'agent', '-dev'],
    resources: () => [
      ['TCPSocketWrap', 3],
      ['Timeout', 1],
    ],
    async take(wish) {
      wishes.push(wish)
      if (wish.ms === 7000) throw new Error('cpu profiling already in use')
      return Buffer.from(wish.asText ? 'text' : 'bytes')
    },
  }
  return { door: makeDoor({ ...options, profiler }), wishes }
}

suite('profiles over HTTP', () => {
  test('are there for whoever may debug', async () => {
    const { door } = make({ dev: false })
    const { status, text } = await door.ask('GET', '/debug/pprof/heap')
    assert.deepEqual([status, text], [401, 'ACL support disabled'])
  })

  test('each is measured as it was asked', async () => {
    const { door, wishes } = make()
    const cases: [string, Omit<ProfileWish, 'gone'>][] = [
      ['profile', { kind: 'profile', ms: 30_000, asText: false, collect: false }],
      ['profile?seconds=2&debug=1', { kind: 'profile', ms: 2000, asText: false, collect: false }],
      ['profile?seconds=-1', { kind: 'profile', ms: 30_000, asText: false, collect: false }],
      ['profile?seconds=999999', { kind: 'profile', ms: 3_600_000, asText: false, collect: false }],
      ['heap?gc=1&debug=1', { kind: 'heap', ms: 0, asText: true, collect: true }],
      ['allocs?seconds=5', { kind: 'allocs', ms: 5000, asText: false, collect: false }],
      ['goroutine?debug=2', { kind: 'goroutine', ms: 0, asText: true, collect: false }],
    ]
    for (const [path, expected] of cases) {
      const { status, headers, text } = await door.ask('GET', `/debug/pprof/${path}`)
      const { gone: _, ...wish } = wishes.pop()!
      assert.deepEqual([status, wish], [200, expected], path)
      assert.equal(headers.includes('application/octet-stream'), !expected.asText)
      assert.equal(text, expected.asText ? 'text' : 'bytes')
    }
  })

  test('a measurement ends when the asker goes', async () => {
    const { door, wishes } = make()
    let leave = (): void => {}
    await door.stream('GET', '/debug/pprof/profile', (run) => {
      leave = run
    })
    assert.equal(wishes[0]!.gone.aborted, false)
    leave()
    assert.equal(wishes[0]!.gone.aborted, true)
  })

  test('what cannot be said is said so', async () => {
    const { door } = make()
    const said = async (name: string) => {
      const { status, text } = await door.ask('GET', `/debug/pprof/${name}`)
      return [status, text]
    }
    assert.deepEqual(await said('none'), [404, 'Unknown profile\n'])
    assert.deepEqual(await said('profile?seconds=7'), [
      500,
      'Could not enable CPU profiling: cpu profiling already in use\n',
    ])
    assert.deepEqual(await said('mutex'), [501, 'mutex: Node has no locks that its threads wait for\n'])
    assert.deepEqual(await said('symbol?0x1'), [200, 'num_symbols: 0\n'])
    assert.deepEqual(await said('cmdline'), [200, '/bin/consul\0agent\0-dev'])
    const [status, page] = await said('')
    assert.equal(status, 200)
    assert.match(String(page), /<td>4<\/td><td><a href="goroutine\?debug=1">goroutine/)
  })
})
