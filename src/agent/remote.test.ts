import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ConsulError, errorFromText } from '../model/errors.ts'
import { ConnectionLost } from './pool.ts'
import { callDatacenter, mayRetry } from './remote.ts'

suite('a call that failed is made again', () => {
  test('whatever it was, when nothing can have happened', () => {
    for (const error of [new ConsulError('no-leader'), new ConnectionLost('refused', false)]) {
      assert.equal(mayRetry('KVS.Get', error), true)
      assert.equal(mayRetry('KVS.Apply', error), true)
    }
  })

  test('when it only reads, if the leader lost its office or went away over it', () => {
    const errors = [
      new ConnectionLost('reset', true),
      new ConsulError('leadership-lost'),
      new ConsulError('not-leader'),
      new ConsulError('shutting-down'),
      // As it comes from another server.
      errorFromText('rpc error making call: leadership lost while committing log'),
    ]
    for (const error of errors) {
      assert.equal(mayRetry('Health.ServiceNodes', error), true, error.message)
      assert.equal(mayRetry('KVS.Apply', error), false, error.message)
    }
  })

  test('never, when it was refused', () => {
    for (const error of [new ConsulError('permission-denied'), new ConsulError('refused', 'no'), new Error('a bug')]) {
      assert.equal(mayRetry('KVS.Get', error), false, error.message)
    }
  })
})

suite('a call for another datacenter', () => {
  const servers = (...failed: boolean[]) => ({
    of: () => failed.map((one, i) => ({ name: `s${i}`, address: `s${i}:1`, failed: one })) as never,
    failed: () => {},
  })
  const ask = (router: ReturnType<typeof servers>, call: () => Promise<never>) =>
    callDatacenter({ router, pool: { call } }, 'dc2', 'KVS.Get', {} as never, {})
  const lost = () => Promise.reject(new ConnectionLost('refused', false))

  test('has no path to one that nobody knows, and says otherwise of one whose servers are all gone', async () => {
    await assert.rejects(ask(servers(), lost), { code: 'no-path-to-datacenter', message: 'No path to datacenter' })
    for (const known of [servers(true), servers(false), servers(false, false, true)]) {
      await assert.rejects(ask(known, lost), { code: 'datacenter-unreachable', message: /No path to datacenter$/ })
    }
  })

  test('is told apart also by what another server says', () => {
    for (const code of ['no-path-to-datacenter', 'datacenter-unreachable'] as const) {
      assert.equal(errorFromText(`rpc error making call: ${new ConsulError(code).message}`).code, code)
    }
  })
})
