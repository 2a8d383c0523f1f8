/**
 * What is wrong is refused with Consul's status or exit code and a message that names it; the agent keeps answering, and
 * nothing that was stored is lost: at the end it is killed, started again, and asked for everything.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { seededRandom } from '../src/base/random.ts'
import { startTestAgent } from '../src/testing.ts'
import { type AgentProcess, freePorts, type Ports, runCommand, startAgentProcess } from './support/process.ts'

const folder = mkdtempSync(join(tmpdir(), 'proconsul-bad-input-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const STORED = { a: 'one', 'b/c': 'two', é: 'three' }
const SERVER = ['-server', '-bootstrap', '-bind=127.0.0.1', '-node=bad-input', '-log-level=err']
const LEADER = 'GET /v1/status/leader HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const NUL = '\0'

suite('a running agent', () => {
  const data = join(folder, 'data')
  const settings = join(folder, 'settings.json')
  let ports: Ports
  let agent: AgentProcess

  before(async () => {
    // Room for the queries that are opened at once; one client may have 200 connections otherwise, as in Consul.
    writeFileSync(settings, JSON.stringify({ limits: { http_max_conns_per_client: 400 } }))
    ports = await freePorts()
    agent = await startAgentProcess([...SERVER, `-data-dir=${data}`, `-config-file=${settings}`], { ports })
    for (const [key, value] of Object.entries(STORED)) {
      await agent.http('PUT', `/v1/kv/stored/${encodeURIComponent(key)}`, value)
    }
    const service = { Node: 'stored', Address: '10.0.0.1', Service: { Service: 'stored', Port: 1 } }
    await agent.http('PUT', '/v1/catalog/register', JSON.stringify(service))
  })
  after(() => agent?.kill())

  /** Everything that was stored at first, and nothing that was refused. */
  async function isWhole(): Promise<void> {
    const keys = await agent.http('GET', '/v1/kv/?recurse')
    const found = (JSON.parse(keys.body) as { Key: string; Value: string }[]).map(({ Key, Value }) => [
      Key.slice('stored/'.length),
      Buffer.from(Value, 'base64').toString(),
    ])
    assert.deepEqual(Object.fromEntries(found), STORED)
    const nodes = await agent.http('GET', '/v1/catalog/nodes')
    assert.deepEqual(
      (JSON.parse(nodes.body) as { Node: string }[]).map(({ Node }) => Node),
      ['bad-input', 'stored'],
    )
    const services = await agent.http('GET', '/v1/catalog/services')
    assert.deepEqual(JSON.parse(services.body), { consul: [], stored: [] })
    const own = await agent.http('GET', '/v1/agent/services')
    assert.deepEqual(JSON.parse(own.body), {})
    assert.notEqual((await askDns(ports.dns)).length, 0)
  }

  suite('refuses requests', () => {
    const TOO_LARGE = 'v'.repeat(512 * 1024 + 1)
    const cases: [method: string, path: string, body: string | undefined, status: number, says: RegExp][] = [
      ['PUT', '/v1/catalog/register', '{', 400, /Request decode failed: unexpected EOF/],
      ['PUT', '/v1/catalog/register', '', 400, /Request decode failed: EOF/],
      [
        'PUT',
        '/v1/catalog/register',
        '{"Node":1}',
        400,
        /cannot unmarshal number into Go struct field .*Node of type string/,
      ],
      ['PUT', '/v1/catalog/register', '{"Nodes":"x"}', 400, /unknown field "Nodes"/],
      ['PUT', '/v1/catalog/register', '{"Node":"x"}', 500, /Must provide address if SkipNodeUpdate is not set/],
      ['PUT', '/v1/catalog/register', NUL, 400, /invalid character '\\x00' looking for beginning of value/],
      ['PUT', '/v1/catalog/register', '['.repeat(100_000), 400, /exceeded max depth|decode failed/],
      ['PUT', '/v1/catalog/deregister', '{}', 500, /Must provide node/],
      [
        'PUT',
        '/v1/agent/service/register',
        '{"Name":"","Port":"80"}',
        400,
        /cannot unmarshal string into Go struct field .*Port of type int/,
      ],
      ['PUT', '/v1/agent/service/register', '{"Name":"x","Check":{"TTL":"5"}}', 400, /missing unit in duration "5"/],
      ['PUT', '/v1/agent/check/register', '{"Name":"x"}', 400, /Interval|TTL/],
      ['PUT', '/v1/agent/check/pass/none', '', 500, /CheckID "none" does not have associated TTL/],
      [
        'PUT',
        '/v1/session/create',
        '{"TTL":"1s"}',
        500,
        /Invalid Session TTL '1000000000', must be between \[10s=24h0m0s\]/,
      ],
      ['PUT', '/v1/session/create', '{"Node":"none"}', 500, /Missing node registration/],
      ['PUT', '/v1/kv/k?flags=x', 'v', 500, /parsing "x": invalid syntax/],
      ['PUT', '/v1/kv/k?cas=x', 'v', 500, /parsing "x": invalid syntax/],
      ['PUT', '/v1/kv/k?acquire=none', 'v', 500, /invalid session|UUID/],
      ['PUT', '/v1/kv/', 'v', 400, /Missing key name/],
      ['PUT', '/v1/kv/k', TOO_LARGE, 413, /Request body\(524289 bytes\) too large, max size: 524288 bytes/],
      ['DELETE', '/v1/kv/', undefined, 400, /Missing key name/],
      ['GET', '/v1/kv/k?wait=soon', undefined, 400, /Invalid wait time/],
      ['GET', '/v1/kv/k?index=x', undefined, 400, /Invalid index/],
      ['GET', '/v1/kv/k?max_stale=x', undefined, 400, /Invalid max_stale value "x"/],
      ['GET', '/v1/kv/k?stale&consistent', undefined, 400, /Cannot specify \?stale with \?consistent/],
      ['GET', '/v1/kv/k?dc=none', undefined, 500, /No path to datacenter/],
      ['GET', '/v1/kv/k?ns=x', undefined, 400, /Namespaces are a Consul Enterprise feature/],
      ['GET', '/v1/kv/%zz', undefined, 400, /Bad Request/],
      ['POST', '/v1/kv/k', 'v', 405, /method POST not allowed/],
      ['BREW', '/v1/kv/k', undefined, 405, /method BREW not allowed/],
      ['GET', '/v1/no/such/thing', undefined, 404, /^$/],
      ['GET', '/v1/txn', undefined, 405, /method GET not allowed/],
      ['PUT', '/v1/txn', '{}', 400, /Failed to parse body/],
      ['GET', '/v1/connect/ca/roots', undefined, 501, /this endpoint of Consul is not built yet/],
    ]
    for (const [method, path, body, status, says] of cases) {
      const shown = body === undefined || body.length < 60 ? (body ?? '') : `(${body.length} bytes)`
      test(`${method} ${path} ${shown.replaceAll(NUL, '\\0')}`, async () => {
        const line = `${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
        const bytes = Buffer.from(body ?? '')
        const answer = await exchange(
          ports.http,
          Buffer.concat([Buffer.from(`${line}Content-Length: ${bytes.length}\r\n\r\n`), bytes]),
        )
        const text = answer.toString('latin1')
        assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `))
        assert.match(bodyOf(text), says)
      })
    }

    test('a key as long as a request line may be is stored and found; a longer line is refused', async () => {
      const key = `/v1/kv/${'k'.repeat(500_000)}`
      assert.equal((await agent.http('PUT', key, 'v')).status, 200)
      assert.equal((await agent.http('GET', `${key}?raw`)).body, 'v')
      assert.equal((await agent.http('DELETE', key)).status, 200)
      const answer = await exchange(
        ports.http,
        Buffer.from(`GET /v1/kv/${'k'.repeat(2 << 20)} HTTP/1.1\r\nHost: x\r\n\r\n`),
      )
      assert.match(answer.toString(), /^HTTP\/1\.1 431 /)
    })

    test('a body of many megabytes, chunked, is refused without being kept', async () => {
      const chunk = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1 << 20), Buffer.from('\r\n')])
      const head = 'PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n'
      const answer = await exchange(
        ports.http,
        Buffer.concat([Buffer.from(head), ...Array(8).fill(chunk), Buffer.from('0\r\n\r\n')]),
      )
      assert.match(answer.toString(), /^HTTP\/1\.1 413 [\s\S]*too large/)
    })

    test('and all is as before', isWhole)
  })

  suite('bears what is no HTTP', () => {
    const random = seededRandom(7)
    const cases: [string, Buffer, RegExp][] = [
      ['random bytes', Buffer.from(random.bytes(4096)), /^HTTP\/1\.1 400 /],
      ['a TLS greeting', Buffer.from('16030100f5010000f10303', 'hex'), /^(HTTP\/1\.1 400 |$)/],
      ['a DNS question', dnsQuestion(), /^HTTP\/1\.1 400 |^$/],
      ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /^HTTP\/1\.1 (400|505) |^$/],
      ['HTTP/9.9', Buffer.from('GET / HTTP/9.9\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 (400|505) /],
      ['a header without a colon', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n'), /^HTTP\/1\.1 400 /],
      ['a request without a host', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /^HTTP\/1\.1 400 /],
      [
        'two lengths',
        Buffer.from('PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
        /^HTTP\/1\.1 400 /,
      ],
      [
        'a negative length',
        Buffer.from('PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'),
        /^HTTP\/1\.1 400 /,
      ],
      [
        // As Go has it, the chunks count: what comes after them is another request.
        'a length and chunks',
        Buffer.from(
          'PUT /v1/txn HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        ),
        /^HTTP\/1\.1 400 [\s\S]*Failed to parse body: EOF/,
      ],
      [
        'a chunk of no size',
        Buffer.from('PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
        /^HTTP\/1\.1 (400|500) /,
      ],
      ['line feeds alone', Buffer.from('\n\n\n\n\n\n'), /^(HTTP\/1\.1 400 |$)/],
      ['nothing at all', Buffer.alloc(0), /^$/],
      ['half a request', Buffer.from('GET /v1/kv/x HT'), /^(HTTP\/1\.1 400 |$)/],
      [
        'half a body',
        Buffer.from('PUT /v1/kv/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf'),
        /^(HTTP\/1\.1 400 |$)/,
      ],
    ]
    for (const [what, bytes, expected] of cases) {
      test(what, async () => {
        // The client says all that it has to say and closes its side: a half-open connection.
        assert.match((await exchange(ports.http, bytes, { end: true })).toString('latin1'), expected)
      })
    }

    test('clients that send a byte now and then keep nobody waiting', async () => {
      const slow = await Promise.all(Array.from({ length: 50 }, () => open(ports.http)))
      for (const socket of slow) socket.write(LEADER.slice(0, 10))
      for (let i = 0; i < 20; i++) assert.equal((await agent.http('GET', '/v1/kv/stored/a?raw')).body, STORED.a)
      const answers = slow.map(received)
      for (const char of LEADER.slice(10)) {
        for (const socket of slow) socket.write(char)
        await new Promise(setImmediate)
      }
      for (const answer of answers) assert.match((await answer).toString(), /^HTTP\/1\.1 200 OK/)
    })

    test('requests at once on one connection are answered in order', async () => {
      const one = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
      const last = 'GET /v1/kv/stored/a?raw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
      const many =
        Array.from({ length: 200 }, (_, i) => one(i % 2 ? '/v1/nothing' : '/v1/kv/stored/b/c?raw')).join('') + last
      const text = (await exchange(ports.http, Buffer.from(many))).toString()
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
      assert.deepEqual(statuses, [...Array.from({ length: 200 }, (_, i) => (i % 2 ? 404 : 200)), 200])
    })

    test('a client that has too many connections is told so', async () => {
      const sockets = await Promise.all(Array.from({ length: 400 }, () => open(ports.http)))
      try {
        const text = (await exchange(ports.http, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))).toString()
        assert.match(text, /^HTTP\/1\.1 429 Too Many Requests[\s\S]*too many concurrent connections/)
      } finally {
        for (const socket of sockets) socket.destroy()
      }
      await eventually(async () => (await agent.http('GET', '/v1/status/leader')).status === 200)
    })

    test('and all is as before', isWhole)
  })

  suite('bears what is no DNS', () => {
    const random = seededRandom(8)
    const sound = dnsQuestion()
    const broken: [string, Buffer][] = [
      ['nothing', Buffer.alloc(0)],
      ['one byte', Buffer.from([1])],
      ['a header cut short', sound.subarray(0, 11)],
      ['a header alone', sound.subarray(0, 12)],
      ['a question cut short', sound.subarray(0, 20)],
      ['an answer', Buffer.concat([sound.subarray(0, 2), Buffer.from([0x80]), sound.subarray(3)])],
      ['a name that points at itself', Buffer.concat([sound.subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])])],
      ['a name that points ahead', Buffer.concat([sound.subarray(0, 12), Buffer.from([0xc0, 0xff, 0, 1, 0, 1])])],
      ['a label that is too long', Buffer.concat([sound.subarray(0, 12), Buffer.from([0xbf]), Buffer.alloc(200, 'a')])],
      ['65535 questions', Buffer.concat([sound.subarray(0, 4), Buffer.from([255, 255]), sound.subarray(6)])],
      ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
      ['random bytes', Buffer.from(random.bytes(512))],
      ['the largest datagram', Buffer.from(random.bytes(60_000))],
    ]
    test('over UDP', async () => {
      const socket = createSocket('udp4')
      try {
        for (const [, bytes] of broken) await send(socket, bytes, ports.dns)
        for (let i = 0; i < 500; i++) await send(socket, Buffer.from(random.bytes(random.int(600))), ports.dns)
      } finally {
        socket.close()
      }
      assert.equal(answersOf(await askDns(ports.dns)), 1)
    })
    for (const [what, bytes] of broken) {
      test(`over TCP: ${what}`, async () => {
        const framed = Buffer.concat([Buffer.from([bytes.length >>> 8, bytes.length & 0xff]), bytes])
        await exchange(ports.dns, framed, { end: true })
        assert.equal(answersOf(await askDns(ports.dns)), 1)
      })
    }
    test('over TCP: a frame that never comes whole, while others are answered', async () => {
      const socket = await open(ports.dns)
      socket.write(Buffer.from([0xff, 0xff, 1, 2, 3]))
      const framed = Buffer.concat([Buffer.from([0, sound.length]), sound])
      const other = await open(ports.dns)
      const answer = new Promise<Buffer>((done) => other.once('data', done))
      for (const byte of framed) other.write(Buffer.from([byte]))
      assert.equal(answersOf((await answer).subarray(2)), 1)
      socket.destroy()
      other.destroy()
    })
    test('and all is as before', isWhole)
  })

  test('thousands of blocking queries, opened and dropped, keep no file open and nobody waiting', async () => {
    const index = Number((await agent.http('GET', '/v1/kv/stored/a')).headers['x-consul-index'])
    const files = () => readdirSync(`/proc/${agent.child.pid}/fd`).length
    const filesBefore = files()
    for (let round = 0; round < 8; round++) {
      await openAndDrop(ports.http, 300, index)
      await eventually(async () => files() <= filesBefore + 5)
    }
    await isWhole()
  })

  test('after kill -9 and a new start, all is there', async () => {
    assert.equal(await agent.kill(), 'SIGKILL')
    agent = await startAgentProcess([...SERVER, `-data-dir=${data}`], { ports })
    await isWhole()
  })

  suite('a second agent', () => {
    test('may not use the same data directory', async () => {
      const { code, text } = await refused([...SERVER, `-data-dir=${data}`])
      assert.equal(code, 1)
      assert.match(text, new RegExp(`data directory "${data}" is in use by process ${agent.child.pid}`))
    })
    for (const [name, flag] of [
      ['HTTP', 'http'],
      ['DNS', 'dns'],
    ] as const) {
      test(`may not use the same ${name} port`, async () => {
        const { code, text } = await refused(['-dev', '-bind=127.0.0.1'], {
          ...(await freePorts()),
          [flag]: ports[flag],
        })
        assert.equal(code, 1)
        assert.match(text, new RegExp(`listen (tcp|udp) 127\\.0\\.0\\.1:${ports[flag]}: bind: address already in use`))
      })
    }
    test('nor a DNS port that is taken over TCP alone', async () => {
      const server = createServer()
      const free = await freePorts()
      const port = free.dns
      await new Promise<void>((done) => server.listen(port, '127.0.0.1', done))
      const { code, text } = await refused(['-dev'], free)
      server.close()
      assert.equal(code, 1)
      assert.match(text, new RegExp(`listen tcp 127\\.0\\.0\\.1:${port}: bind: address already in use`))
    })
    test('and the first one does not mind', isWhole)
  })
})

test('what waited for a blocking query that was dropped is let go', async () => {
  // In this process, where the garbage can be collected and what is left be measured.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const agent = await startTestAgent({ config: { limits: { http_max_conns_per_client: 0 } } })
  const port = Number(new URL(agent.http).port)
  const used: number[] = []
  const connections = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length
  try {
    for (let round = 0; round < 9; round++) {
      await openAndDrop(port, 500, 1)
      // Who has closed his side is given a while for the answer before he is taken for gone.
      while (connections() > 50) await new Promise((later) => setTimeout(later, 20))
      await (await fetch(`${agent.http}/v1/status/leader`)).text()
      collect()
      used.push(process.memoryUsage().heapUsed)
    }
  } finally {
    await agent.stop()
  }
  // The first rounds warm up, and tables that double do so once in a while. Were they still there, the queries of every
  // round would hold some kilobytes each.
  const growth = used.slice(2).map((bytes, i) => bytes - used[i + 1]!)
  const median = growth.sort((a, b) => a - b)[growth.length >> 1]!
  assert.ok(median < 1 << 19, `bytes in use after each 500 queries: ${used.join(', ')}`)
})

suite('the agent refuses to start', () => {
  const inFolder = (name: string) => join(folder, name)
  writeFileSync(inFolder('file'), '')
  mkdirSync(inFolder('foreign/raft'), { recursive: true })
  writeFileSync(inFolder('foreign/raft/raft.db'), 'a log of HashiCorp Consul')
  mkdirSync(inFolder('newer'))
  writeFileSync(inFolder('newer/proconsul.json'), '{"layout":99}')
  mkdirSync(inFolder('garbled'))
  writeFileSync(inFolder('garbled/proconsul.json'), 'garbage')
  mkdirSync(inFolder('closed'))
  chmodSync(inFolder('closed'), 0)
  writeFileSync(inFolder('broken.json'), '{"node_name": ')
  writeFileSync(inFolder('unknown.json'), '{"node_nmae": "x"}')
  writeFileSync(inFolder('typed.json'), '{"ports": {"http": "many"}}')
  writeFileSync(inFolder('duration.json'), '{"max_query_time": "soon"}')
  const server = ['-server', '-bootstrap', '-bind=127.0.0.1']
  const isRoot = process.getuid?.() === 0

  const cases: [what: string, args: string[], says: RegExp, skip?: boolean][] = [
    ['without a data directory', server, /data_dir cannot be empty/],
    ['on a file', [...server, `-data-dir=${inFolder('file')}`], /data_dir ".*file" is not a directory/],
    ['below a file', [...server, `-data-dir=${inFolder('file/sub')}`], /data directory ".*sub".* is a file/],
    [
      "on a real Consul's data",
      [...server, `-data-dir=${inFolder('foreign')}`],
      /belongs to a HashiCorp Consul server/,
    ],
    ['on data of a newer version', [...server, `-data-dir=${inFolder('newer')}`], /has layout 99/],
    ['on data that is garbled', [...server, `-data-dir=${inFolder('garbled')}`], /proconsul\.json is unreadable/],
    ['on what may not be read', [...server, `-data-dir=${inFolder('closed')}`], /closed".*permission denied/, isRoot],
    ['with a flag that is none', ['-dev', '-bogus'], /flag provided but not defined: -bogus/],
    ['with a port that is no number', ['-dev', '-http-port=x'], /invalid value "x" for flag -http-port/],
    ['with a port that is none', ['-dev', '-https-port=70000'], /ports\.https: invalid port: 70000/],
    ['with an address that is none', ['-dev', '-bind=300.1.1.1'], /bind_addr.*300\.1\.1\.1/],
    ['with words after the flags', ['-dev', 'now'], /Unexpected|argument|now/],
    ['with an unknown log level', ['-dev', '-log-level=loud'], /Invalid log level: LOUD|loud/i],
    ['with a file that is not there', ['-dev', '-config-file=/no/such.json'], /\/no\/such\.json/],
    ['with a file that is no JSON', ['-dev', `-config-file=${inFolder('broken.json')}`], /broken\.json/],
    ['with a key that is none', ['-dev', `-config-file=${inFolder('unknown.json')}`], /node_nmae/],
    ['with a value of the wrong type', ['-dev', `-config-file=${inFolder('typed.json')}`], /ports.*http|http.*many/i],
    [
      'with a duration that is none',
      ['-dev', `-config-file=${inFolder('duration.json')}`],
      /max_query_time: invalid duration/,
    ],
  ]
  for (const [what, args, says, skip = false] of cases) {
    test(what, { skip: skip && 'root may read everything' }, async () => {
      const { code, text } = await refused(args)
      assert.equal(code, 1, text)
      assert.match(text, says)
    })
  }
  test("the real Consul's directory was left alone", () => {
    assert.deepEqual(readdirSync(inFolder('foreign')), ['raft'])
    assert.deepEqual(readdirSync(inFolder('foreign/raft')), ['raft.db'])
  })
})

suite('the command line names the mistake', () => {
  const cases: [args: string[], code: number, says: RegExp][] = [
    [[], 127, /Usage: consul/],
    [['bogus'], 127, /Usage: consul/],
    [['kv', 'get'], 1, /Missing KEY argument/],
    [['kv', 'get', '-bogus', 'k'], 1, /flag provided but not defined: -bogus/],
    [['kv', 'put', '-flags=x', 'k', 'v'], 1, /invalid value "x" for flag -flags/],
    [['kv', 'put', 'k', '@/no/such/file'], 1, /no such file/],
    [['kv', 'get', '-http-addr=127.0.0.1:1', 'k'], 1, /127\.0\.0\.1:1: connect: connection refused/],
    [['members', '-http-addr=127.0.0.1:1'], 1, /connection refused/],
    [['leave', '-http-addr=127.0.0.1:1'], 1, /connection refused/],
    [['services', 'register'], 1, /file|argument|-name/],
    [['lock', 'x'], 1, /Key prefix and child command must be specified/],
    [['login'], 1, /not available in this version of Proconsul/],
  ]
  for (const [args, expected, says] of cases) {
    test(`consul ${args.join(' ')}`, async () => {
      const { code, stderr } = await runCommand(args)
      assert.equal(code, expected)
      assert.match(stderr, says)
    })
  }
})

/** Starts an agent that must not come up. */
async function refused(args: string[], ports?: Ports): Promise<{ code: number | NodeJS.Signals; text: string }> {
  const agent = await startAgentProcess(args, { ports, wait: false })
  const timer = setTimeout(() => agent.kill(), 60_000)
  const code = await agent.exited
  clearTimeout(timer)
  return { code, text: agent.output() }
}

function open(port: number): Promise<Socket> {
  return new Promise((done, fail) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.once('connect', () => {
      socket.off('error', fail)
      socket.on('error', () => {})
      done(socket)
    })
    socket.once('error', fail)
  })
}

const WATCHED = ['kv/a', 'kv/?recurse', 'kv/?keys', 'catalog/nodes', 'catalog/service/consul', 'health/service/consul']

/** Opens blocking queries that nothing answers, waits until the agent has them, and hangs up: half politely, half not. */
async function openAndDrop(port: number, count: number, index: number): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: count }, () => open(port)))
  for (const [i, socket] of sockets.entries()) {
    const path = WATCHED[i % WATCHED.length]!
    const rest = `index=${index + 1_000_000}&wait=10m HTTP/1.1\r\nHost: x\r\n\r\n`
    socket.write(`GET /v1/${path}${path.includes('?') ? '&' : '?'}${rest}`)
  }
  // This comes after all of those.
  assert.match((await exchange(port, Buffer.from(LEADER))).toString(), /^HTTP\/1\.1 200 OK/)
  const closed = sockets.map((socket) => new Promise((done) => socket.once('close', done)))
  for (const [i, socket] of sockets.entries()) i % 2 ? socket.destroy() : socket.resetAndDestroy()
  await Promise.all(closed)
}

/** All that comes until the other side closes. */
function received(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((done) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    const over = () => {
      socket.destroy()
      done(Buffer.concat(chunks))
    }
    socket.on('end', over)
    socket.on('close', over)
  })
}

/** @param end close our side once all is sent */
async function exchange(port: number, bytes: Buffer, { end = false } = {}): Promise<Buffer> {
  const socket = await open(port)
  const answer = received(socket)
  if (bytes.length > 0) socket.write(bytes)
  if (end) socket.end()
  return answer
}

function bodyOf(answer: string): string {
  return answer.slice(answer.indexOf('\r\n\r\n') + 4)
}

/** `stored.service.consul` A. */
function dnsQuestion(): Buffer {
  const name = ['stored', 'service', 'consul'].map((label) => `${String.fromCharCode(label.length)}${label}`).join('')
  return Buffer.from(`\x12\x34\x01\0\0\x01\0\0\0\0\0\0${name}\0\0\x01\0\x01`, 'latin1')
}

function answersOf(message: Buffer): number {
  return message.readUInt16BE(6)
}

/** Asked again until answered: datagrams may be lost, most of all when many were sent at once. */
function askDns(port: number): Promise<Buffer> {
  const socket = createSocket('udp4')
  return new Promise((done) => {
    const ask = () => socket.send(dnsQuestion(), port, '127.0.0.1')
    const again = setInterval(ask, 200)
    socket.on('message', (message) => {
      clearInterval(again)
      socket.close()
      done(message)
    })
    ask()
  })
}

function send(socket: ReturnType<typeof createSocket>, bytes: Buffer, port: number): Promise<void> {
  return new Promise((done, fail) => socket.send(bytes, port, '127.0.0.1', (error) => (error ? fail(error) : done())))
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + 60_000
  while (!(await holds())) {
    assert.ok(Date.now() < until, 'it did not come to be so')
    await new Promise((done) => setTimeout(done, 10))
  }
}
