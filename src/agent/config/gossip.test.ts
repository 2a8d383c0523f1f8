/** What the configuration says of gossip: timing by pool and mode, the key, whom to join. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { LAN, WAN } from '../../core/gossip/config.ts'
import { loadConfig } from './build.ts'

const INTERFACES = [{ name: 'eth0', address: '10.0.0.5', family: 4 as const, internal: false }]
const load = (args: string[], settings?: Record<string, unknown>) =>
  loadConfig({ args, settings, hostname: 'x', interfaces: INTERFACES })
const SERVER = ['-server', '-bootstrap', '-data-dir=/tmp/proconsul-none', '-bind=10.0.0.5']

suite('gossip by configuration', () => {
  test('unless told otherwise, as Consul has it; dev mode is quicker', () => {
    const { gossip } = load(SERVER).config
    assert.deepEqual(gossip.lan.memberlist, LAN)
    assert.deepEqual(gossip.wan.memberlist, WAN)
    assert.equal(gossip.key, undefined)
    assert.deepEqual([gossip.verifyIncoming, gossip.verifyOutgoing], [true, true])
    assert.deepEqual(gossip.lan.join, { atStart: [], retry: [], retryIntervalMs: 30_000, attemptsMax: 0 })
    const dev = load(['-dev']).config.gossip
    assert.deepEqual([dev.lan.memberlist.probeIntervalMs, dev.wan.memberlist.probeIntervalMs], [100, 100])
    assert.equal(dev.lan.memberlist.tcpTimeoutMs, LAN.tcpTimeoutMs)
  })

  test('keys, memory and who may come in, as Consul has it', () => {
    const { gossip } = load(SERVER).config
    assert.deepEqual([gossip.keyringFile, gossip.rejoinAfterLeave], [true, false])
    assert.deepEqual([gossip.lan.reconnectTimeoutMs, gossip.wan.reconnectTimeoutMs], [72 * 3_600_000, 72 * 3_600_000])
    assert.deepEqual([gossip.lan.allowedCidrs, gossip.wan.allowedCidrs], [[], []])
    assert.equal(load(['-dev']).config.gossip.keyringFile, false)
    assert.equal(gossip.coordinates, true)
    assert.equal(load(SERVER, { disable_coordinates: true }).config.gossip.coordinates, false)
    const args = [
      '-rejoin',
      '-disable-keyring-file',
      '-serf-lan-allowed-cidrs=10.0.0.0/8',
      '-serf-lan-allowed-cidrs=fe80::/10',
    ]
    const { config, warnings } = load([...SERVER, ...args], {
      reconnect_timeout: '9h',
      reconnect_timeout_wan: '1h',
      serf_wan_allowed_cidrs: ['192.0.2.0/24'],
    })
    assert.deepEqual(
      warnings.filter((text) => text.includes('config key')),
      [],
    )
    assert.deepEqual([config.gossip.keyringFile, config.gossip.rejoinAfterLeave], [false, true])
    assert.deepEqual(config.gossip.lan.allowedCidrs, ['10.0.0.0/8', 'fe80::/10'])
    assert.deepEqual(config.gossip.wan.allowedCidrs, ['192.0.2.0/24'])
    assert.deepEqual(
      [config.gossip.lan.reconnectTimeoutMs, config.gossip.wan.reconnectTimeoutMs],
      [9 * 3_600_000, 3_600_000],
    )
    assert.throws(() => load([...SERVER, '-serf-wan-allowed-cidrs=10.0.0.0/33', '-serf-wan-allowed-cidrs=x']), {
      message: 'serf_wan_allowed_cidrs: 2 errors occurred:\n\t* invalid cidr: 10.0.0.0/33\n\t* invalid cidr: x\n\n',
    })
  })

  test('flags and keys reach their pool', () => {
    const args = [
      '-join=a',
      '-join=b',
      '-retry-join=c',
      '-retry-join-wan=d',
      '-retry-max=3',
      '-retry-interval=5s',
      '-serf-lan-bind=10.0.0.6',
    ]
    const { config, warnings } = load([...SERVER, ...args], {
      gossip_lan: { probe_interval: '2s', suspicion_mult: 9 },
      gossip_wan: { gossip_nodes: 7, gossip_interval: '90ms' },
      encrypt_verify_incoming: false,
    })
    const { lan, wan, verifyIncoming } = config.gossip
    assert.deepEqual(lan.join, { atStart: ['a', 'b'], retry: ['c'], retryIntervalMs: 5000, attemptsMax: 3 })
    assert.deepEqual(wan.join, { atStart: [], retry: ['d'], retryIntervalMs: 30_000, attemptsMax: 0 })
    assert.deepEqual([lan.bindAddr, wan.bindAddr], ['10.0.0.6', '10.0.0.5'])
    assert.deepEqual(lan.memberlist, { ...LAN, probeIntervalMs: 2000, suspicionMult: 9 })
    assert.deepEqual(wan.memberlist, { ...WAN, gossipNodes: 7, gossipIntervalMs: 90 })
    assert.equal(verifyIncoming, false)
    assert.deepEqual(
      warnings.filter((warning) => warning.includes('not supported')),
      [],
    )
  })

  test('a key has 16, 24 or 32 bytes', () => {
    for (const bytes of [16, 24, 32]) {
      const key = new Uint8Array(bytes).fill(bytes)
      assert.deepEqual(load([...SERVER, `-encrypt=${Buffer.from(key).toString('base64')}`]).config.gossip.key, key)
    }
    assert.throws(() => load([...SERVER, '-encrypt=YWJj']), /encrypt has invalid key/)
    assert.throws(() => load([...SERVER, '-encrypt=?']), /encrypt has invalid key/)
  })
})
