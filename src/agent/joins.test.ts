/** When an agent tells whoever started it that it is ready. How it joins is shown by whole agents. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeLog } from '../base/log.ts'
import type { JoinConfig } from './config/runtime.ts'
import { makeJoins } from './joins.ts'

const QUIET = makeLog(
  'agent',
  () => {},
  () => 'error',
)
const NOBODY: JoinConfig = { atStart: [], retry: [], retryIntervalMs: 10, attemptsMax: 0 }

suite('an agent is ready', () => {
  function joins(lan: Partial<JoinConfig>) {
    const told: string[] = []
    let reachable = false
    let wake = () => {}
    const made = makeJoins({
      host: {
        now: () => 0,
        wake(_, run) {
          wake = run
          return () => {}
        },
        log: QUIET,
        ready: () => told.push('ready'),
      },
      lan: {
        async join() {
          if (!reachable) throw new Error('nobody is there')
          return 1
        },
      },
      wan: { join: async () => 1 },
      wishes: { lan: { ...NOBODY, ...lan }, wan: { ...NOBODY, atStart: ['w'] } },
      stopAgent: () => assert.fail(),
    })
    const settle = () => new Promise((done) => setImmediate(done))
    return {
      ...made,
      told,
      async reach() {
        reachable = true
        wake()
        await settle()
      },
      settle,
    }
  }

  test('at once, where it is to join nobody', async () => {
    const { atStart, told } = joins({})
    await atStart()
    assert.deepEqual(told, ['ready'])
  })

  test('once it has joined those that it retries', async () => {
    const { atStart, told, settle, reach } = joins({ retry: ['a'] })
    await atStart()
    await settle()
    assert.deepEqual(told, [])
    await reach()
    assert.deepEqual(told, ['ready'])
  })

  test('not when those that it must join are not there', async () => {
    const { atStart, told } = joins({ atStart: ['a'] })
    await assert.rejects(atStart())
    assert.deepEqual(told, [])
  })
})
