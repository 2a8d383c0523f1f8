/** Configurations that are refused, with the words of Consul 1.8.7 (seen on the real one). */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ETH0, file, type Given, load, one, refusal, wrong } from './build.testing.ts'
import { CONFIG_SHAPE } from './keys.ts'

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
