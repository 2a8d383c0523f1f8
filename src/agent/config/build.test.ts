/** Configurations that are taken: what they say, which source wins, and what is warned of. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Interface } from './addresses.ts'
import { ETH0, file, LOOPBACK, load, refusal } from './build.testing.ts'
import { AGENT_FLAGS } from './flags.ts'
import { CONFIG_SHAPE, HONOURED_KEYS, type Shape } from './keys.ts'

suite('config: modes', () => {
  test('dev mode', () => {
    const { config, warnings } = load({ args: ['-dev'] })
    assert.deepEqual(warnings, [])
    assert.deepEqual(
      [config.dev, config.server, config.bootstrap, config.bindAddr, config.advertiseAddr, config.logLevel],
      [true, true, false, '127.0.0.1', '127.0.0.1', 'debug'],
    )
    assert.deepEqual(config.ports, {
      dns: 8600,
      http: 8500,
      https: -1,
      grpc: 8502,
      serfLan: 8301,
      serfWan: 8302,
      server: 8300,
    })
    assert.equal(config.raftMultiplier, 1)
    assert.equal(config.dataDir, '')
    assert.deepEqual([config.leaveOnTerminate, config.skipLeaveOnInterrupt], [false, true])
  })

  test('a server', () => {
    const { config, warnings } = load({ args: ['-server', '-bootstrap', '-data-dir=/d'] })
    assert.deepEqual(warnings, ['bootstrap = true: do not enable unless necessary'])
    assert.deepEqual(
      [config.bindAddr, config.advertiseAddr, config.clientAddrs],
      ['0.0.0.0', '10.1.2.3', ['127.0.0.1']],
    )
    assert.deepEqual(config.taggedAddresses, {
      lan: '10.1.2.3',
      lan_ipv4: '10.1.2.3',
      wan: '10.1.2.3',
      wan_ipv4: '10.1.2.3',
    })
    assert.deepEqual([config.nodeName, config.datacenter, config.dataDir], ['host', 'dc1', '/d'])
    assert.deepEqual([config.raftMultiplier, config.logLevel, config.ports.grpc], [5, 'info', -1])
  })

  test('a client', () => {
    const { config } = load({ args: ['-data-dir=/d'] })
    assert.equal(config.server, false)
    assert.deepEqual([config.leaveOnTerminate, config.skipLeaveOnInterrupt], [true, false])
  })

  test('one expected server is bootstrap mode', () => {
    const { config, warnings } = load({ args: ['-server', '-bootstrap-expect=1', '-data-dir=/d'] })
    assert.deepEqual([config.bootstrap, config.bootstrapExpect], [true, 0])
    assert.equal(warnings[0], 'BootstrapExpect is set to 1; this is the same as Bootstrap mode.')
  })

  test('several expected servers', () => {
    assert.deepEqual(load({ args: ['-server', '-bootstrap-expect=3', '-data-dir=/d'] }).warnings, [
      'bootstrap_expect > 0: expecting 3 servers',
    ])
    assert.equal(load({ args: ['-server', '-bootstrap-expect=4', '-data-dir=/d'] }).warnings.length, 2)
  })
})

suite('config: what wins', () => {
  test('flags over files, later files over earlier ones, files over dev mode', () => {
    const { config } = load({
      args: ['-dev', '-config-file=z.json', '-config-dir=conf', '-http-port=7000', '-datacenter=EAST'],
      files: {
        'z.json': '{"node_name":"z","ports":{"http":1,"dns":2},"log_level":"warn","datacenter":"west"}',
        'conf/b.json': '{"node_name":"b"}',
        'conf/a.json': '{"node_name":"a","ports":{"dns":3}}',
        'conf/notes.txt': 'not JSON at all',
        'conf/sub/c.json': '{"node_name":"c"}',
      },
    })
    assert.deepEqual([config.nodeName, config.datacenter, config.logLevel], ['b', 'east', 'warn'])
    assert.deepEqual([config.ports.http, config.ports.dns], [7000, 3])
  })

  test('lists are joined, those of flags first; maps are overlaid', () => {
    const { config } = load({
      args: ['-dev', '-recursor=1.1.1.1', '-node-meta=a:flag', '-config-file=f.json', '-config-file=g.json'],
      files: {
        'f.json': '{"recursors":["2.2.2.2"],"node_meta":{"a":"f","b":"f"}}',
        'g.json': '{"recursors":["3.3.3.3","1.1.1.1"],"node_meta":{"b":"g"}}',
      },
    })
    assert.deepEqual(config.dns.recursors, ['1.1.1.1', '2.2.2.2', '3.3.3.3'])
    assert.deepEqual(config.nodeMeta, { a: 'flag', b: 'g' })
  })

  test('an embedding program has the last word, and may take any free port', () => {
    const { config } = load({ args: ['-dev', '-http-port=0'], settings: { ports: { dns: 0 }, node_name: 'inside' } })
    assert.deepEqual([config.ports.http, config.ports.dns, config.nodeName], [-1, 0, 'inside'])
  })

  test('an empty file says nothing', () => {
    assert.equal(load({ args: ['-dev', '-config-file=f.json'], files: { 'f.json': '' } }).config.dev, true)
  })
})

suite('config: values', () => {
  test('everything that a file can say of DNS, limits and timing', () => {
    const { config } = load({
      ...file({
        data_dir: '/d',
        domain: 'Example.COM',
        alt_domain: 'alt',
        dns_config: {
          node_ttl: '1m30s',
          service_ttl: { '*': '10s', web: '1h' },
          soa: { min_ttl: 60, refresh: 5 },
          udp_answer_limit: 8,
          only_passing: true,
        },
        limits: { kv_max_value_size: 1024, http_max_conns_per_client: -1 },
        performance: { raft_multiplier: 10, rpc_hold_timeout: '1500ms' },
        check_update_interval: '0s',
        http_config: { response_headers: { 'X-Y': 'z' } },
        max_query_time: '10m',
        proconsul: { state_engine: 'lmdb' },
      }),
    })
    assert.equal(config.dns.domain, 'example.com.')
    assert.equal(config.dns.altDomain, 'alt.')
    assert.equal(config.dns.nodeTtlSeconds, 90)
    assert.deepEqual(config.dns.serviceTtlSeconds, { '*': 10, web: 3600 })
    assert.deepEqual(config.dns.soa, { refresh: 5, retry: 600, expire: 86400, minttl: 60 })
    assert.deepEqual([config.kvMaxValueSize, config.txnMaxReqLen], [1024, 524288])
    assert.deepEqual([config.rpcHoldTimeout, config.checkUpdateInterval, config.raftMultiplier], [1500, 0, 10])
    assert.deepEqual(config.httpResponseHeaders, { 'X-Y': 'z' })
    assert.equal(config.stateEngine, 'lmdb')
  })

  test('keys in any case, lists of one, null for nothing', () => {
    const { config } = load(file({ Data_Dir: '/d', ports: [{ http: 1 }], node_name: null, client_addr: ['1.2.3.4'] }))
    assert.deepEqual([config.dataDir, config.ports.http, config.nodeName], ['/d', 1, 'host'])
    assert.deepEqual(config.clientAddrs, ['1.2.3.4'])
  })

  test('addresses by template, and several for clients', () => {
    const wifi: Interface = { name: 'wlan0', address: '192.168.7.7', family: 4, internal: false }
    const { config } = load({
      args: ['-data-dir=/d', '-bind={{ GetInterfaceIP "wlan0" }}', '-client=127.0.0.1 {{ GetPrivateIP }} [::]'],
      interfaces: [LOOPBACK, ETH0, wifi],
    })
    assert.deepEqual([config.bindAddr, config.advertiseAddr], ['192.168.7.7', '192.168.7.7'])
    assert.deepEqual(config.clientAddrs, ['127.0.0.1', '10.1.2.3', '::'])
  })

  test('doors may have addresses of their own', () => {
    const { config } = load(file({ data_dir: '/d', addresses: { http: '10.1.2.3', dns: '0.0.0.0' } }))
    assert.deepEqual(config.addresses, { http: ['10.1.2.3'], dns: ['0.0.0.0'], https: ['127.0.0.1'] })
  })

  test('other addresses for the wide area, and of both families', () => {
    const { config } = load(
      file({ data_dir: '/d', bind_addr: '10.1.2.3', advertise_addr_wan: '5.6.7.8', advertise_addr_ipv6: 'FD00:0::1' }),
    )
    assert.deepEqual(config.taggedAddresses, {
      lan: '10.1.2.3',
      lan_ipv4: '10.1.2.3',
      lan_ipv6: 'fd00::1',
      wan: '5.6.7.8',
      wan_ipv4: '5.6.7.8',
    })
  })

  test('the loopback is advertised when there is nothing else', () => {
    assert.equal(load({ args: ['-data-dir=/d'], interfaces: [LOOPBACK] }).config.advertiseAddr, '127.0.0.1')
  })
})

suite('config: warnings', () => {
  test('names that DNS cannot carry', () => {
    const dotted = load({ args: ['-dev', '-node=a.b'] })
    assert.deepEqual(dotted.warnings, [
      'Node name "a.b" will not be discoverable via DNS due to invalid characters. Valid characters include all alpha-numerics and dashes.',
    ])
    const long = load({ args: ['-dev', `-node=${'a'.repeat(64)}`] })
    assert.match(long.warnings[0]!, /too long/)
  })

  test('keys that do nothing yet, Enterprise keys, deprecated keys, files that are skipped', () => {
    const { warnings } = load({
      args: ['-dev', '-ui', '-config-dir=c'],
      files: {
        'c/a.json': JSON.stringify({
          acl_enforce_version_8: true,
          audit: { enabled: true },
          services: [{ name: 'web' }],
          check: { id: 'c', args: ['x'] },
          telemetry: { circonus_api_app: 'p' },
          domain: 'consul',
        }),
        'c/b.txt': '',
      },
    })
    assert.deepEqual(warnings.sort(), [
      '"audit" is a Consul Enterprise configuration and will have no effect',
      'config key "acl_enforce_version_8" is deprecated and should be removed',
      'config key "telemetry.circonus_api_app" is not supported yet and will have no effect',
      'config key "ui" is not supported yet and will have no effect',
      'skipping file c/b.txt, extension must be .hcl or .json, or config format must be set',
    ])
  })
})

suite('config: HCL', () => {
  test('whatever a file in HCL says, the answer is a configuration or a refusal', () => {
    const key = fc.constantFrom(...CONFIG_SHAPE.fields.keys(), 'name', 'check', 'port', 'bogus')
    const scalar = fc.constantFrom(
      '1',
      '-1',
      '0x1F',
      '1.5',
      'true',
      '"x"',
      '"10s"',
      '"127.0.0.1"',
      '[]',
      '["a"]',
      '[{}]',
      '<<E\nx\nE\n',
    )
    const line = fc.tuple(key, scalar).map(([name, value]) => `${name} = ${value}`)
    const body = fc.array(line, { maxLength: 3 }).map((lines) => lines.join('\n'))
    const block = fc
      .tuple(key, fc.constantFrom('', '"label"'), body)
      .map(([name, label, text]) => `${name} ${label} {\n${text}\n}`)
    const text = fc.array(fc.oneof(line, block), { maxLength: 5 }).map((parts) => parts.join('\n'))
    fc.assert(
      fc.property(text, (written) => {
        assert.equal(typeof refusal({ args: ['-dev', '-config-file=f.hcl'], files: { 'f.hcl': written } }), 'string')
      }),
      { numRuns: 500 },
    )
  })

  test('a file in HCL says what the same in JSON says', () => {
    const hcl = `
      node_name = "n" ports { http = 0x50 } node_meta { a = "b" } retry_join = ["x"]
      service { name = "web" tags = ["a"] check { ttl = "5s" } connect { sidecar_service { port = 3 } } }
      services = [{ name = "db" }] watches = [{ type = "key" key = "k" args = ["a"] }]
    `
    const same = {
      node_name: 'n',
      ports: { http: 80 },
      node_meta: { a: 'b' },
      retry_join: ['x'],
      service: { name: 'web', tags: ['a'], check: { ttl: '5s' }, connect: { sidecar_service: { port: 3 } } },
      services: [{ name: 'db' }],
      watches: [{ type: 'key', key: 'k', args: ['a'] }],
    }
    const read = (name: string, text: string) =>
      load({ args: ['-dev', `-config-file=${name}`], files: { [name]: text } })
    assert.deepEqual(read('f.hcl', hcl), read('f.json', JSON.stringify(same)))
  })
})

suite('config: tables', () => {
  const shapeAt = (key: string): Shape | undefined => {
    let at: Shape | undefined = CONFIG_SHAPE
    for (const part of key.split('.'))
      at = typeof at === 'object' && at.kind === 'struct' ? at.fields.get(part) : undefined
    return at
  }

  test('every flag stands for a key of its own kind', () => {
    assert.equal(AGENT_FLAGS.length, 65)
    for (const flag of AGENT_FLAGS) {
      if (flag.key === null) continue
      const shape = shapeAt(flag.key)
      assert.notEqual(shape, undefined, flag.name)
      const kind = typeof shape === 'string' ? shape : shape?.kind === 'list' ? 'strings' : 'pairs'
      assert.equal(kind, flag.kind, flag.name)
    }
  })

  test('flags are listed in the order of their names', () => {
    const names = AGENT_FLAGS.map((flag) => flag.name)
    assert.deepEqual(names, [...names].sort())
  })

  test('every honoured key exists', () => {
    for (const key of HONOURED_KEYS) assert.notEqual(shapeAt(key), undefined, key)
  })
})
