/** Configurations that are taken, and those that are refused with the words of Consul 1.8.7 (seen on the real one). */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Interface } from './addresses.ts'
import { loadConfig } from './build.ts'
import { ConfigError } from './error.ts'
import type { ConfigDisk } from './files.ts'
import { AGENT_FLAGS } from './flags.ts'
import { CONFIG_SHAPE, HONOURED_KEYS, type Shape } from './keys.ts'

const LOOPBACK: Interface = { name: 'lo', address: '127.0.0.1', family: 4, internal: true }
const ETH0: Interface = { name: 'eth0', address: '10.1.2.3', family: 4, internal: false }

interface Given {
  args?: string[]
  files?: Record<string, string>
  interfaces?: Interface[]
  hostname?: string
  settings?: Record<string, unknown>
}

/** A disk of these files; a name that ends in a slash is an empty folder. */
function diskOf(files: Record<string, string>): ConfigDisk {
  const paths = Object.keys(files)
  return {
    kind(path) {
      if (files[path] !== undefined) return 'file'
      return paths.some((one) => one.startsWith(`${path}/`)) ? 'folder' : 'missing'
    },
    resolve: (path) => path,
    read: (path) => files[path]!,
    list: (path) => [
      ...new Set(
        paths.flatMap((one) => (one.startsWith(`${path}/`) ? [one.slice(path.length + 1).split('/')[0]!] : [])),
      ),
    ],
  }
}

function load({ args = [], files = {}, interfaces = [LOOPBACK, ETH0], hostname = 'host', settings }: Given) {
  return loadConfig({ args, hostname, interfaces, settings, disk: diskOf(files) })
}

function refusal(given: Given): string {
  try {
    load(given)
  } catch (problem) {
    if (problem instanceof ConfigError) return problem.message
    throw problem
  }
  return 'taken'
}

const file = (value: unknown): Given => ({ args: ['-config-file=f.json'], files: { 'f.json': JSON.stringify(value) } })
const one = (problem: string) => `1 error occurred:\n\t* ${problem}\n\n`
const wrong = (...problems: string[]) =>
  `failed to parse f.json: ${problems.length} error(s) decoding:\n\n${problems.map((text) => `* ${text}`).join('\n')}`

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

suite('config: refusals', () => {
  const server = ['-server', '-data-dir=/d']
  const REFUSED: [what: string, given: Given, text: string][] = [
    ['no data directory', {}, 'data_dir cannot be empty'],
    ['a file as data directory', { args: ['-data-dir=x'], files: { x: '' } }, 'data_dir "x" is not a directory'],
    ['words after the flags', { args: ['-dev', 'a', 'b'] }, 'Unexpected extra arguments: [a b]'],
    ['bootstrap of a client', { args: ['-bootstrap', '-data-dir=/d'] }, "'bootstrap = true' requires 'server = true'"],
    [
      'servers expected by a client',
      { args: ['-bootstrap-expect=3', '-data-dir=/d'] },
      "'bootstrap_expect > 0' requires 'server = true'",
    ],
    [
      'servers expected in dev mode',
      { args: ['-dev', '-bootstrap-expect=3'] },
      "'bootstrap_expect > 0' not allowed in dev mode",
    ],
    [
      'both ways to bootstrap',
      { args: [...server, '-bootstrap', '-bootstrap-expect=2'] },
      "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive",
    ],
    [
      'less than no servers',
      { args: [...server, '-bootstrap-expect=-1'] },
      'bootstrap_expect cannot be -1. Must be greater than or equal to zero',
    ],
    [
      'one port for two doors',
      { args: [...server, '-http-port=8600'] },
      'HTTP address 127.0.0.1:8600 already configured for DNS',
    ],
    [
      'one port for RPC and gossip',
      { args: [...server, '-server-port=8301'] },
      'Serf Advertise LAN address 10.1.2.3:8301 already configured for RPC Advertise',
    ],
    ['a port too high', { args: ['-dev', '-http-port=70000'] }, one('ports.http: invalid port: 70000')],
    ['no bind address', { args: [...server, '-bind='] }, 'bind_addr cannot be empty'],
    [
      'two bind addresses',
      { args: [...server, '-bind=1.1.1.1 2.2.2.2'] },
      "bind_addr cannot contain multiple addresses. Use 'addresses.{dns,http,https}' instead.",
    ],
    ['a socket to bind', { args: [...server, '-bind=unix:///x'] }, 'bind_addr cannot be a unix socket'],
    ['a name to bind', { args: [...server, '-bind=foo'] }, one('bind_addr: invalid ip address: foo')],
    [
      'an address of an unknown interface',
      { args: [...server, '-bind={{ GetInterfaceIP "x" }}'] },
      one('bind_addr: error parsing "{{ GetInterfaceIP \\"x\\" }}": no address on an interface "x"'),
    ],
    [
      'any address, advertised',
      { args: [...server, '-advertise=0.0.0.0'] },
      'Advertise address cannot be 0.0.0.0, :: or [::]',
    ],
    [
      'any address, advertised wide',
      { args: [...server, '-advertise-wan=::'] },
      'Advertise WAN address cannot be 0.0.0.0, :: or [::]',
    ],
    ['an advertised name', { args: [...server, '-advertise=foo'] }, one('advertise_addr: invalid ip address: foo')],
    ['no address to advertise', { args: server, interfaces: [] }, 'No private IPv4 address found'],
    ['no IPv6 address to advertise', { args: [...server, '-bind=::'] }, 'No public IPv6 address found'],
    [
      'several addresses to advertise',
      { args: server, interfaces: [ETH0, { ...ETH0, address: '10.9.9.9' }] },
      "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'.",
    ],
    ['a client name', { args: [...server, '-client=foo'] }, one('client_addr: invalid ip address: foo')],
    ['a client socket', { args: [...server, '-client=unix:///x'] }, one('client_addr cannot be a unix socket')],
    ['a DNS socket', file({ data_dir: '/d', addresses: { dns: 'unix:///x' } }), 'DNS address cannot be a unix socket'],
    ['an empty node name', { args: ['-dev', '-node= '] }, 'node_name cannot be empty'],
    [
      'a datacenter with a space',
      { args: ['-dev', '-datacenter=A b'] },
      'datacenter cannot be "a b". Please use only [a-z0-9-_]',
    ],
    ['no datacenter', { args: ['-dev', '-datacenter='] }, 'datacenter cannot be empty'],
    [
      'an unknown log level',
      { args: ['-dev', '-log-level=foo'] },
      'Invalid log level: foo. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]',
    ],
    [
      'a node id that is none',
      { args: ['-dev', '-node-id=x'] },
      'failed to setup node ID: specified NodeID is invalid: uuid string is wrong length',
    ],
    [
      'reserved node meta',
      { args: ['-dev', '-node-meta=consul-x:1'] },
      "node_meta invalid: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use",
    ],
    [
      'a second domain that looks like a query',
      { args: ['-dev', '-alt-domain=service.foo'] },
      'alt_domain cannot start with {service,connect,node,query,addr,dc1}',
    ],
    [
      'any address as recursor',
      { args: ['-dev', '-recursor=0.0.0.0'] },
      'DNS recursor address cannot be 0.0.0.0, :: or [::]',
    ],
    ['a segment', { args: ['-dev', '-segment=a'] }, 'Network segments are not supported in this version of Consul'],
    [
      'no check output',
      { args: ['-dev', '-check_output_max_size=0'] },
      'check_output_max_size must be positive, to discard check output use the discard_check_output flag',
    ],
    [
      'a wrong format',
      { args: ['-dev', '-config-format=xml'] },
      "config: -config-format must be either 'hcl' or 'json'",
    ],
    [
      'a file that is not there',
      { args: ['-dev', '-config-file=/nope'] },
      'config: Open failed on /nope. open /nope: no such file or directory',
    ],
    [
      'a file in HCL that cannot be read',
      { args: ['-dev', '-config-file=a.hcl'], files: { 'a.hcl': 'server = true\nports { http = }' } },
      'failed to parse a.hcl: At 2:17: object expected closing RBRACE got: EOF',
    ],
    [
      'HCL as a flag',
      { args: ['-dev', '-hcl=ports = 1', '-hcl=x = 1'] },
      "failed to parse flags-0.hcl: 1 error(s) decoding:\n\n* 'ports' expected a map, got 'int'",
    ],
    [
      'JSON with more behind it',
      { args: ['-dev', '-config-file=a.json'], files: { 'a.json': '{} x' } },
      "failed to parse a.json: invalid character 'x' after top-level value",
    ],
    [
      'JSON that ends too soon',
      { args: ['-dev', '-config-file=a.json'], files: { 'a.json': '{"server": tru' } },
      'failed to parse a.json: unexpected end of JSON input',
    ],
    [
      'two blocks of what may come once',
      { args: ['-dev', '-config-file=a.hcl'], files: { 'a.hcl': 'service { name = "a" } service { name = "b" }' } },
      "failed to parse a.hcl: 1 error(s) decoding:\n\n* 'service' expected a map, got 'slice'",
    ],
    [
      'a list for a file',
      file([1]),
      'failed to parse f.json: json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
    [
      'unknown keys',
      file({ bogus: 1, ports: { foo: 1 }, service: { nam: 'x' } }),
      'failed to parse f.json: 3 errors occurred:\n\t* invalid config key bogus\n\t* invalid config key ports.foo\n\t* invalid config key service.nam\n\n',
    ],
    [
      'a number for text',
      file({ data_dir: 1 }),
      wrong("'data_dir' expected type 'string', got unconvertible type 'float64'"),
    ],
    [
      'text for a number',
      file({ ports: { http: '1' } }),
      wrong("'ports.http' expected type 'int', got unconvertible type 'string'"),
    ],
    [
      'text for a list',
      file({ recursors: 'x' }),
      wrong("'recursors': source data must be an array or slice, got string"),
    ],
    ['a number for a section', file({ ports: 3 }), wrong("'ports' expected a map, got 'float64'")],
    [
      'several wrong types',
      file({ service: { port: '80', tags: [1] }, server: 1, bogus: 2, node_meta: { a: 1 } }),
      wrong(
        "'node_meta[a]' expected type 'string', got unconvertible type 'float64'",
        "'server' expected type 'bool', got unconvertible type 'float64'",
        "'service.port' expected type 'int', got unconvertible type 'string'",
        "'service.tags[0]' expected type 'string', got unconvertible type 'float64'",
      ),
    ],
    [
      'a size below zero',
      file({ limits: { kv_max_value_size: -1 } }),
      wrong("cannot parse 'limits.kv_max_value_size', -1.000000 overflows uint"),
    ],
    [
      'a duration without unit',
      file({ data_dir: '/d', max_query_time: '5' }),
      one('max_query_time: invalid duration: "5": time: missing unit in duration "5"'),
    ],
    [
      'a TTL that is no duration',
      file({ data_dir: '/d', dns_config: { service_ttl: { a: 'x' } } }),
      one('dns_config.service_ttl["a"]: invalid duration: "x": time: invalid duration "x"'),
    ],
    [
      'a duration below zero',
      file({ data_dir: '/d', max_query_time: '-5s' }),
      one('max_query_time cannot be -5s. Must not be negative'),
    ],
    [
      'Raft eleven times slower',
      file({ performance: { raft_multiplier: 11 } }),
      'performance.raft_multiplier cannot be 11. Must be between 1 and 10',
    ],
    [
      'a protection that cannot be given',
      file({ data_dir: '/d', acl: { enabled: true } }),
      'acl.enabled asks for a protection that this version of Proconsul cannot give yet; to run without it, take it out',
    ],
  ]
  for (const [what, given, text] of REFUSED) test(what, () => assert.equal(refusal(given), text))

  test('a file that is not JSON is named', () => {
    for (const text of ['{', '{"a":}', '\n', '{} {}']) {
      assert.match(refusal({ args: ['-config-file=f.json'], files: { 'f.json': text } }), /^failed to parse f\.json: ./)
    }
  })

  test('errors of the command line are told apart from those of the configuration', () => {
    assert.throws(() => load({ args: ['-bogus'] }), { code: 'flags', message: 'flag provided but not defined: -bogus' })
    assert.throws(() => load({ args: ['-h'] }), { code: 'help' })
    assert.throws(() => load({ args: [] }), { code: 'refused' })
  })

  test('whatever a file says, the answer is a configuration or a refusal', () => {
    const keys = [...CONFIG_SHAPE.fields.keys()]
    const sections = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 3 }))
    fc.assert(
      fc.property(sections, (value) => {
        assert.equal(
          typeof refusal({ args: ['-dev', '-config-file=f.json'], files: { 'f.json': JSON.stringify(value) } }),
          'string',
        )
      }),
      { numRuns: 300 },
    )
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
