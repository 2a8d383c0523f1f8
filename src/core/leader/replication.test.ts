/** What another datacenter's entries and intentions make a secondary write. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ProxyDefaults, ServiceDefaults } from '../../model/config-entry.ts'
import type { Intention } from '../../model/intention.ts'
import { ZERO_TIME } from '../../model/time.ts'
import { configReplication, intentionReplication } from './replication.ts'

const COMMON = { Meta: null, MeshGateway: { Mode: '' }, Expose: { Checks: false, Paths: null } }

function defaults(Name: string, Protocol: string, index: number): ServiceDefaults {
  const indexes = { CreateIndex: index, ModifyIndex: index }
  return { ...COMMON, Kind: 'service-defaults', Name, Protocol, ExternalSNI: '', ...indexes }
}

function proxies(Config: ProxyDefaults['Config']): ProxyDefaults {
  return { ...COMMON, Kind: 'proxy-defaults', Name: 'global', Config, CreateIndex: 1, ModifyIndex: 1 }
}

function intention(ID: string, Action: string, ModifyIndex = 1): Intention {
  return {
    ID,
    Description: '',
    SourceNS: 'default',
    SourceName: 'a',
    DestinationNS: 'default',
    DestinationName: 'b',
    SourceType: 'consul',
    Action,
    DefaultAddr: '',
    DefaultPort: 0,
    Meta: null,
    Precedence: 9,
    CreatedAt: ZERO_TIME,
    UpdatedAt: ZERO_TIME,
    Hash: Uint8Array.of(1),
    CreateIndex: 1,
    ModifyIndex,
  }
}

suite('replication', () => {
  test('entries: what is gone goes first, what differs follows, what is the same stays', () => {
    const own = [defaults('same', 'http', 3), defaults('other', 'http', 4), defaults('gone', 'tcp', 5)]
    const primary = [defaults('same', 'http', 90), defaults('other', 'grpc', 91), defaults('new', 'http2', 92)]
    const commands = configReplication(own, primary, 'dc2')
    assert.deepEqual(
      commands.map(({ type, body }) => [type, 'Op' in body && body.Op, 'Entry' in body && body.Entry]),
      [
        ['ConfigEntry', 'delete', own[2]],
        ['ConfigEntry', 'upsert', primary[1]],
        ['ConfigEntry', 'upsert', primary[2]],
      ],
    )
  })

  test('settings are the same in whatever order, and large numbers count', () => {
    const number = (n: bigint) => proxies({ n })
    assert.deepEqual(configReplication([proxies({ a: 1, b: 2 })], [proxies({ b: 2, a: 1 })], 'dc2'), [])
    assert.equal(configReplication([number(1n)], [number(2n)], 'dc2').length, 1)
  })

  test('intentions are known by their ids', () => {
    const own = [intention('1', 'allow'), intention('2', 'allow'), intention('3', 'allow')]
    const primary = [intention('1', 'allow', 70), intention('2', 'deny'), intention('4', 'allow')]
    assert.deepEqual(
      intentionReplication(own, primary, 'dc2').map(({ body }) => 'Op' in body && body.Op),
      ['delete', 'update', 'create'],
    )
  })
})
