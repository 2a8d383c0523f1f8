import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { LogRecord } from '../base/log.ts'
import { type BannerInfo, bannerLines, jsonLine, makeAgentOutput, textLine } from './agent-output.ts'

const INFO: BannerInfo = {
  version: '1.8.7',
  nodeId: 'bbe9c659-337d-673b-f525-a8d79f03d29a',
  nodeName: 'x',
  datacenter: 'dc1',
  segment: '<all>',
  server: true,
  bootstrap: false,
  clientAddrs: ['127.0.0.1'],
  clusterAddr: '127.0.0.1',
  ports: { http: 8500, https: -1, grpc: 8502, dns: 8600, serfLan: 8301, serfWan: 8302 },
  encrypt: { gossip: false, tlsOutgoing: false, tlsIncoming: false, autoEncryptTls: false },
}
const AT = Date.UTC(2026, 10, 22, 14, 46, 55, 529)
const record = (fields: LogRecord['fields'], more: Partial<LogRecord> = {}): LogRecord => ({
  level: 'info',
  name: 'agent.server',
  message: 'Adding LAN server',
  fields,
  ...more,
})

/** A time that prints alike wherever the test runs. */
function inZone<T>(zone: string, read: () => T): T {
  const before = process.env.TZ
  process.env.TZ = zone
  try {
    return read()
  } finally {
    if (before === undefined) delete process.env.TZ
    else process.env.TZ = before
  }
}

suite('text', () => {
  const line = (what: LogRecord) => inZone('UTC', () => textLine(what, AT))
  test('a message alone', () => {
    assert.equal(line(record({})), '2026-11-22T14:46:55.529Z [INFO]  agent.server: Adding LAN server')
  })
  test('values with white space stand in quotes, as they are', () => {
    assert.equal(
      line(record({ server: 'x (Addr: tcp/1.2.3.4:8300) (DC: dc1)', count: 3, error: 'parsing "foo": bad', none: '' })),
      '2026-11-22T14:46:55.529Z [INFO]  agent.server: Adding LAN server: server="x (Addr: tcp/1.2.3.4:8300) (DC: dc1)" count=3 error="parsing "foo": bad" none=',
    )
  })
  test('levels are padded', () => {
    const levels = (['trace', 'debug', 'info', 'warn', 'error'] as const).map((level) =>
      line(record({}, { level, name: '', message: 'm' })).slice(25),
    )
    assert.deepEqual(levels, ['[TRACE] m', '[DEBUG] m', '[INFO]  m', '[WARN]  m', '[ERROR] m'])
  })
  test('the time is local, with its offset', () => {
    assert.match(
      inZone('Asia/Kolkata', () => textLine(record({}), AT)),
      /^2026-11-22T20:16:55\.529\+0530 /,
    )
    assert.match(
      inZone('America/New_York', () => textLine(record({}), AT)),
      /^2026-11-22T09:46:55\.529-0500 /,
    )
  })
})

suite('JSON', () => {
  test('names in order, microseconds, numbers as numbers', () => {
    const line = inZone('UTC', () => jsonLine(record({ tally: 1, from: 'a<b', ok: true }), AT + 0.123))
    assert.equal(
      line,
      '{"@level":"info","@message":"Adding LAN server","@module":"agent.server","@timestamp":"2026-11-22T14:46:55.529123Z","from":"a\\u003cb","ok":true,"tally":1}',
    )
    assert.equal(JSON.parse(line).from, 'a<b')
  })
  test('the offset has a colon', () => {
    assert.match(
      inZone('Asia/Kolkata', () => jsonLine(record({}), AT)),
      /"@timestamp":"2026-11-22T20:16:55\.529000\+05:30"/,
    )
  })
  test('64 bits stay whole', () => {
    assert.match(jsonLine(record({ flags: 2n ** 64n - 1n }), AT), /"flags":18446744073709551615\}/)
  })
})

suite('what is printed', () => {
  const make = (json: boolean) => {
    const printed: string[] = []
    return { printed, output: makeAgentOutput({ json, clock: () => AT, print: (line) => printed.push(line) }) }
  }
  test('the banner, then the log that was held back, then the log as it comes', () => {
    const { printed, output } = make(false)
    output.sink(record({}, { message: 'early' }))
    assert.deepEqual(printed, [])
    output.banner(INFO)
    output.say('Consul agent running!')
    output.sink(record({}, { message: 'late' }))
    const expected = [
      '==> Starting Consul agent...',
      "           Version: '1.8.7'",
      "           Node ID: 'bbe9c659-337d-673b-f525-a8d79f03d29a'",
      "         Node name: 'x'",
      "        Datacenter: 'dc1' (Segment: '<all>')",
      '            Server: true (Bootstrap: false)',
      '       Client Addr: [127.0.0.1] (HTTP: 8500, HTTPS: -1, gRPC: 8502, DNS: 8600)',
      '      Cluster Addr: 127.0.0.1 (LAN: 8301, WAN: 8302)',
      '           Encrypt: Gossip: false, TLS-Outgoing: false, TLS-Incoming: false, Auto-Encrypt-TLS: false',
      '',
      '==> Log data will now stream in as it occurs:\n',
    ]
    assert.deepEqual(printed.slice(0, expected.length), expected)
    assert.match(printed[11]!, /^ {4}2026-11-2\dT.* \[INFO\] {2}agent\.server: early$/)
    assert.equal(printed[12], '==> Consul agent running!')
    assert.match(printed[13]!, /: late$/)
    assert.equal(printed.length, 14)
  })
  test('with JSON there is nothing but records', () => {
    const { printed, output } = make(true)
    output.sink(record({}))
    output.banner(INFO)
    output.say('Consul agent running!')
    assert.equal(printed.length, 1)
    assert.equal(JSON.parse(printed[0]!)['@message'], 'Adding LAN server')
  })
  test('what is held back has an end: the newest are kept', () => {
    const { printed, output } = make(false)
    for (let count = 0; count < 3000; count++) output.sink(record({ count }))
    output.banner(INFO)
    const kept = printed.filter((line) => line.includes('count='))
    assert.ok(kept.length < 3000)
    assert.match(kept.at(-1)!, /count=2999$/)
  })
  test('several addresses stand beside each other', () => {
    assert.match(bannerLines({ ...INFO, clientAddrs: ['1.1.1.1', '::1'] })[5]!, /: \[1\.1\.1\.1 ::1\] \(/)
  })
})
