import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { NO_PROXY, type NodeService } from './catalog.ts'
import { expandSidecar } from './sidecar.ts'

const PORTS = { min: 21000, max: 21002 }
const EMPTY: NodeService = {
  Kind: '',
  ID: '',
  Service: '',
  Tags: null,
  Address: '',
  TaggedAddresses: null,
  Meta: null,
  Port: 0,
  Weights: null,
  EnableTagOverride: false,
  Proxy: NO_PROXY,
  Connect: { Native: false, SidecarService: null },
  LocallyRegisteredAsSidecar: false,
  CreateIndex: 0,
  ModifyIndex: 0,
}
const WEB: NodeService = {
  ...EMPTY,
  ID: 'web1',
  Service: 'web',
  Port: 80,
  Address: '::1',
  Tags: ['a'],
  Meta: { k: 'v' },
}
const NOTHING = { service: EMPTY, checks: [] }

suite('a sidecar', () => {
  test('inherits from its service, and is checked', () => {
    const made = expandSidecar(WEB, NOTHING, [], PORTS)
    assert.ok(typeof made !== 'string')
    const { Kind, ID, Service, Tags, Meta, Address, Port, Proxy: proxy } = made.service
    assert.deepEqual(
      { Kind, ID, Service, Tags, Meta, Address, Port },
      {
        Kind: 'connect-proxy',
        ID: 'web1-sidecar-proxy',
        Service: 'web-sidecar-proxy',
        Tags: ['a'],
        Meta: { k: 'v' },
        Address: '::1',
        Port: 21000,
      },
    )
    assert.deepEqual(
      [proxy.DestinationServiceName, proxy.DestinationServiceID, proxy.LocalServiceAddress, proxy.LocalServicePort],
      ['web', 'web1', '127.0.0.1', 80],
    )
    assert.deepEqual(
      made.checks.map(({ check, run }) => [check.Name, run.TCP, run.AliasService]),
      [
        ['Connect Sidecar Listening', '127.0.0.1:21000', ''],
        ['Connect Sidecar Aliasing web1', '', 'web1'],
      ],
    )
  })

  test('takes the lowest free port, keeps the one it has, and is refused when none is left', () => {
    const at = (ID: string, Port: number) => ({ ...EMPTY, ID, Port })
    const port = (others: NodeService[], range = PORTS) => {
      const made = expandSidecar(WEB, NOTHING, others, range)
      return typeof made === 'string' ? made : made.service.Port
    }
    assert.equal(port([at('x', 21000), at('y', 80)]), 21001)
    assert.equal(port([at('x', 21000), at('web1-sidecar-proxy', 21002)]), 21002)
    const all = [21000, 21001, 21002].map((one) => at(`s${one}`, one))
    assert.equal(port(all), 'no port provided for sidecar_service and none left in the configured range [21000, 21002]')
    const off = { min: -1, max: -1 }
    assert.equal(port([], off), 'no port provided for sidecar_service and auto-assignment disabled in config')
  })
})
