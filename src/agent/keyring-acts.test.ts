/** Who is asked for gossip's keys: both pools here, the LANs of the other datacenters, and nobody twice. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { KeyOutcome, KeyRequestParams } from '../core/gossip/serf.ts'
import type { KeyringRequest, KeyringResponse } from '../model/keyring.ts'
import type { Caller } from '../model/rpc.ts'
import type { PoolName } from './gossip.ts'
import { keyringOperation } from './keyring-acts.ts'
import type { Pools } from './pools.ts'

const OUTCOME: KeyOutcome = { messages: {}, keys: { a: 2 }, primaryKeys: { a: 2 }, nodes: 2, error: '' }

function start({ wan = true, datacenters = ['dc1', 'dc2', 'dc3'] } = {}) {
  const asked: string[] = []
  const remote: KeyringRequest[] = []
  const pools: Pick<Pools, 'keys' | 'wan'> = {
    wan: wan ? ({} as Pools['wan']) : undefined,
    async keys(pool: PoolName, { operation, key, relayFactor }: KeyRequestParams) {
      asked.push(`${pool} ${operation} ${key} ${relayFactor}`)
      return pool === 'wan' ? { ...OUTCOME, error: '1/2 nodes reported success' } : OUTCOME
    },
  }
  const call = (async (method: string, args: KeyringRequest) => {
    assert.equal(method, 'Internal.KeyringOperation')
    remote.push(args)
    const answer: Partial<KeyringResponse> = { Datacenter: args.Datacenter ?? '', WAN: false }
    return { Responses: [answer] }
  }) as unknown as Caller['call']
  const operate = (args: KeyringRequest) =>
    keyringOperation({ datacenter: 'dc1', pools, datacenters: () => datacenters, call }, args)
  return { asked, remote, operate }
}

suite('keys of all datacenters', () => {
  test('the WAN, the LAN here, and one server of each other datacenter, which asks its LAN alone', async () => {
    const { asked, remote, operate } = start()
    const { Responses } = await operate({ Operation: 'install', Key: 'k', RelayFactor: 3, Token: 't' })
    assert.deepEqual(asked, ['wan install k 3', 'lan install k 3'])
    assert.deepEqual(
      Responses?.map(({ WAN, Datacenter }) => [WAN, Datacenter]),
      [
        [true, 'dc1'],
        [false, 'dc1'],
        [false, 'dc2'],
        [false, 'dc3'],
      ],
    )
    assert.equal(Responses?.[0]?.Error, '1/2 nodes reported success')
    assert.deepEqual(
      remote.map(({ Datacenter, Forwarded, Token, RelayFactor }) => [Datacenter, Forwarded, Token, RelayFactor]),
      [
        ['dc2', true, 't', 3],
        ['dc3', true, 't', 3],
      ],
    )
  })

  test('forwarded, local, or without a WAN: this LAN alone', async () => {
    for (const [args, options] of [
      [{ Forwarded: true }, {}],
      [{ LocalOnly: true }, {}],
      [{}, { wan: false }],
    ] as const) {
      const { asked, remote, operate } = start(options)
      await operate({ Operation: 'list', ...args })
      assert.deepEqual(asked, ['lan list  0'])
      assert.deepEqual(remote, [])
    }
  })

  test('changes cannot be local, nor be of a sort that nobody knows', async () => {
    const { operate } = start()
    await assert.rejects(operate({ Operation: 'use', Key: 'k', LocalOnly: true }), {
      message: 'argument error: LocalOnly can only be used for List operations',
    })
    await assert.rejects(operate({ Operation: 'burn' as 'use' }), { message: 'Invalid keyring operation' })
  })
})
