import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { suite, test } from 'node:test'
import { defaultInterface, interfaces } from './interfaces.ts'

const ROUTES = `Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0102A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth1\t00000000\t0102000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
`

suite('interfaces', () => {
  test('the default route with the lowest metric says which one leads out', () => {
    assert.equal(defaultInterface(ROUTES), 'eth1')
    assert.equal(defaultInterface(ROUTES.split('\n').slice(0, 1).join('\n')), undefined)
    assert.equal(defaultInterface(''), undefined)
  })

  test('of this machine have addresses and sizes', () => {
    for (const { address, family, bits } of interfaces()) {
      assert.equal(isIP(address), family)
      assert.ok(bits >= 0 && bits <= 128)
    }
  })
})
