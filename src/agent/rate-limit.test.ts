import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NO_METRICS } from '../base/metrics.ts'
import type { Caller } from '../model/rpc.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { limitedCaller, reloadedLimit } from './rate-limit.ts'

const NOBODY_ASKED = {} as never
const LIMITED = { code: 'rate-limited' }

suite('the limit of calls', () => {
  let at = 0
  const host = { now: () => at, metrics: NO_METRICS }
  const answers: Caller = {
    call: () => Promise.resolve(NOBODY_ASKED),
    peek: () => NOBODY_ASKED,
  }

  function limited(rpcRate: number, rpcMaxBurst: number) {
    let take: (fresh: RuntimeConfig) => void = () => {}
    const limit = reloadedLimit({ rpcRate, rpcMaxBurst }, host, (taker) => {
      take = taker
    })
    const caller = limitedCaller(answers, host, limit)
    return {
      call: () => caller.call('KVS.Get', NOBODY_ASKED),
      peek: () => caller.peek('KVS.Get', NOBODY_ASKED),
      reload: (rate: number, burst: number) => take({ rpcRate: rate, rpcMaxBurst: burst } as RuntimeConfig),
    }
  }

  test('there is none where none is configured, and answers at once stay so', async () => {
    const { call, peek } = limited(Number.POSITIVE_INFINITY, 1)
    await Promise.all([call(), call(), call()])
    assert.equal(peek(), NOBODY_ASKED)
  })

  test('what is over it is refused, until time has passed', async () => {
    const { call, peek } = limited(1, 2)
    await Promise.all([call(), call()])
    await assert.rejects(call(), LIMITED)
    // Counted once: by the call that follows.
    assert.equal(peek(), undefined)
    at += 1000
    await call()
    await assert.rejects(call(), LIMITED)
  })

  test('a reload changes it', async () => {
    const { call, peek, reload } = limited(0, 1)
    await call()
    await assert.rejects(call(), LIMITED)
    reload(0, 2)
    await Promise.all([call(), call()])
    await assert.rejects(call(), LIMITED)
    reload(Number.POSITIVE_INFINITY, 1)
    await call()
    assert.equal(peek(), NOBODY_ASKED)
  })
})
