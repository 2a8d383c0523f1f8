/**
 * The newcomer's path, step by step, with real processes: the command without arguments, its version, an agent in dev mode
 * with its banner and log, members, the first HTTP and DNS answers, a service, some keys, and the end. What is printed is
 * held against the real Consul 1.8.7 where that is at hand.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { askDns } from './support/dns-client.ts'
import { type AgentProcess, realConsul, runCommand, startAgentProcess } from './support/process.ts'

const NODE = 'csst-ubuntu-server'
const WAIT_MS = 60_000
const LOOK_MS = 20
const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

/** Of Consul 1.8.7, and `configtest` of older ones, which the usual introductions still show. */
const COMMANDS: Record<string, string> = {
  acl: "Interact with Consul's ACLs",
  agent: 'Runs a Consul agent',
  catalog: 'Interact with the catalog',
  config: "Interact with Consul's Centralized Configurations",
  configtest: 'Validate config file',
  connect: 'Interact with Consul Connect',
  debug: 'Records a debugging archive for operators',
  event: 'Fire a new event',
  exec: 'Executes a command on Consul nodes',
  'force-leave': 'Forces a member of the cluster to enter the "left" state',
  info: 'Provides debugging information for operators.',
  intention: 'Interact with Connect service intentions',
  join: 'Tell Consul agent to join cluster',
  keygen: 'Generates a new encryption key',
  keyring: 'Manages gossip layer encryption keys',
  kv: 'Interact with the key-value store',
  leave: 'Gracefully leaves the Consul cluster and shuts down',
  lock: 'Execute a command holding a lock',
  login: 'Login to Consul using an auth method',
  logout: 'Destroy a Consul token created with login',
  maint: 'Controls node or service maintenance mode',
  members: 'Lists the members of a Consul cluster',
  monitor: 'Stream logs from a Consul agent',
  operator: 'Provides cluster-level tools for Consul operators',
  reload: 'Triggers the agent to reload configuration files',
  rtt: 'Estimates network round trip time between nodes',
  services: 'Interact with services',
  snapshot: 'Saves, restores and inspects snapshots of Consul server state',
  tls: 'Builtin helpers for creating CAs and certificates',
  validate: 'Validate config files/directories',
  version: 'Prints the Consul version',
  watch: 'Watch for changes in Consul',
}

/** What a dev agent tells of its start, and of its election, each in this order. `<...>` stands for what differs from run to run. */
const START_LOG = [
  '[INFO]  agent.server.raft: initial configuration: index=1 servers="[{Suffrage:Voter ID:<id> Address:127.0.0.1:<server>}]"',
  '[INFO]  agent.server.raft: entering follower state: follower="Node at 127.0.0.1:<server> [Follower]" leader=',
  `[INFO]  agent.server.serf.wan: serf: EventMemberJoin: ${NODE}.dc1 127.0.0.1`,
  `[INFO]  agent.server.serf.lan: serf: EventMemberJoin: ${NODE} 127.0.0.1`,
  `[INFO]  agent.server: Adding LAN server: server="${NODE} (Addr: tcp/127.0.0.1:<server>) (DC: dc1)"`,
  `[INFO]  agent.server: Handled event for server in area: event=member-join server=${NODE}.dc1 area=wan`,
  '[INFO]  agent: Started DNS server: address=127.0.0.1:<dns> network=udp',
  '[INFO]  agent: Started DNS server: address=127.0.0.1:<dns> network=tcp',
  '[INFO]  agent: Started HTTP server: address=127.0.0.1:<http> network=tcp',
  '[INFO]  agent: started state syncer',
  '==> Consul agent running!',
]
const ELECTION_LOG = [
  '[WARN]  agent.server.raft: heartbeat timeout reached, starting election: last-leader=',
  '[INFO]  agent.server.raft: entering candidate state: node="Node at 127.0.0.1:<server> [Candidate]" term=2',
  '[DEBUG] agent.server.raft: votes: needed=1',
  '[DEBUG] agent.server.raft: vote granted: from=<id> term=2 tally=1',
  '[INFO]  agent.server.raft: election won: tally=1',
  '[INFO]  agent.server.raft: entering leader state: leader="Node at 127.0.0.1:<server> [Leader]"',
  '[INFO]  agent.server: cluster leadership acquired',
  `[INFO]  agent.server: New leader elected: payload=${NODE}`,
  `[INFO]  agent.server: member joined, marking health alive: member=${NODE}`,
  '[INFO]  agent: Synced node info',
  '[DEBUG] agent: Node info in sync',
]

/** The lines without times, and with words for what differs from run to run. */
function normalised(agent: AgentProcess): string[] {
  const { ports } = agent
  let text = agent.output().replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d{4}) /g, '')
  // Ids first: there may be a port's digits in one.
  text = text.replace(new RegExp(UUID, 'g'), '<id>')
  for (const [name, port] of Object.entries(ports))
    text = text.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), `<${name}>`)
  return text.split('\n')
}

/** All of a start is told: of its two threads neither waits for the other to come to its end. */
async function started(agent: AgentProcess): Promise<void> {
  await agent.printed(/==> Consul agent running!/)
  await agent.printed(/Node info in sync/)
}

const env = (agent: AgentProcess) => ({ CONSUL_HTTP_ADDR: `127.0.0.1:${agent.ports.http}` })

describe('consul', () => {
  test('without arguments prints the usage with every command on stderr, and ends with 127', async () => {
    const { code, stdout, stderr } = await runCommand([])
    assert.equal(code, 127)
    assert.equal(stdout, '')
    const lines = stderr.split('\n')
    assert.deepEqual(lines.slice(0, 3), [
      'Usage: consul [--version] [--help] <command> [<args>]',
      '',
      'Available commands are:',
    ])
    const listed = Object.entries(COMMANDS).map(([name, about]) => `    ${name.padEnd(14)} ${about}`)
    assert.deepEqual(lines.slice(3).filter(Boolean), listed)
  })

  test('version tells the compatible version first, then its own', async () => {
    const { code, stdout, stderr } = await runCommand(['version'])
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
    const [first, second, third] = stdout.split('\n')
    assert.equal(first, 'Consul v1.8.7')
    assert.match(second!, /^Protocol 2 spoken by default, understands 2 to 3 \(/)
    assert.match(third!, /^Proconsul v\d+\.\d+\.\d+/)
  })
})

describe('consul agent -dev', () => {
  let agent: AgentProcess
  const cli = (...args: string[]) => runCommand(args, { env: env(agent) })
  const get = async (path: string) => {
    const { status, body } = await agent.http('GET', path)
    assert.equal(status, 200, `${path}: ${body}`)
    return JSON.parse(body)
  }
  const put = async (path: string, body: unknown) => {
    const answer = await agent.http('PUT', path, typeof body === 'string' ? body : JSON.stringify(body))
    assert.equal(answer.status, 200, `${path}: ${answer.body}`)
    return answer.body.trim()
  }

  before(async () => {
    agent = await startAgentProcess(['-dev', `-node=${NODE}`])
    await started(agent)
  })
  after(() => agent.kill())

  test('the banner', () => {
    const lines = normalised(agent)
    const end = lines.findIndex((line) => line.includes('Log data'))
    assert.deepEqual(lines.slice(0, end + 2), [
      '==> Starting Consul agent...',
      "           Version: '1.8.7'",
      "           Node ID: '<id>'",
      `         Node name: '${NODE}'`,
      "        Datacenter: 'dc1' (Segment: '<all>')",
      '            Server: true (Bootstrap: false)',
      '       Client Addr: [127.0.0.1] (HTTP: <http>, HTTPS: -1, gRPC: -1, DNS: <dns>)',
      '      Cluster Addr: 127.0.0.1 (LAN: <serfLan>, WAN: <serfWan>)',
      '           Encrypt: Gossip: false, TLS-Outgoing: false, TLS-Incoming: false, Auto-Encrypt-TLS: false',
      '',
      '==> Log data will now stream in as it occurs:',
      '',
    ])
  })

  test('the log of a start: configuration, members, doors, election, sync', () => {
    const told = normalised(agent).map((line) => line.trim())
    // Two threads of one story: a leader may be found before or after the doors are open.
    for (const expected of [START_LOG, ELECTION_LOG]) {
      assert.deepEqual(
        told.filter((line) => expected.includes(line)),
        expected,
      )
    }
    const stamped = /^ {4}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d{4}) \[INFO\] {2}agent: Synced node info$/m
    assert.match(agent.output(), stamped)
  })

  test('the same banner and log lines as the real one', async (t) => {
    const command = realConsul()
    if (command === undefined) return t.skip('the real Consul is not at hand')
    const real = await startAgentProcess(['-dev', `-node=${NODE}`], { command })
    try {
      await started(real)
      const [theirs, ours] = [normalised(real), normalised(agent)]
      const banner = (lines: string[]) => lines.slice(0, lines.findIndex((line) => line.includes('Log data')) + 2)
      assert.deepEqual(banner(ours), banner(theirs))
      // Its parts log from several threads: the order is not always the same, nor what comes last.
      const missing = () => {
        const told = new Set(normalised(real).map((line) => line.trim()))
        return [...START_LOG, ...ELECTION_LOG].filter((line) => !told.has(line))
      }
      for (const end = Date.now() + WAIT_MS; missing().length > 0 && Date.now() < end; ) {
        await new Promise((done) => setTimeout(done, LOOK_MS))
      }
      assert.deepEqual(missing(), [])
    } finally {
      await real.kill()
    }
  })

  test('members, and what they tell with -detailed', async () => {
    const { ports } = agent
    const plain = await cli('members')
    assert.deepEqual(plain, {
      code: 0,
      stderr: '',
      stdout: [
        'Node                Address          Status  Type    Build  Protocol  DC   Segment',
        `${NODE}  127.0.0.1:${ports.serfLan}  alive   server  1.8.7  2         dc1  <all>`,
        '',
      ].join('\n'),
    })
    const detailed = await cli('members', '-detailed')
    assert.equal(detailed.code, 0)
    const [head, row] = detailed.stdout.split('\n')
    assert.equal(head, 'Node                Address          Status  Tags')
    const tags =
      `acls=0,build=1.8.7:,dc=dc1,ft_fs=1,id=${UUID},port=${ports.server},raft_vsn=3,role=consul,` +
      `segment=<all>,vsn=2,vsn_max=3,vsn_min=2,wan_join_port=${ports.serfWan}`
    assert.match(row!, new RegExp(`^${NODE}  127\\.0\\.0\\.1:${ports.serfLan}  alive   ${tags}$`))
  })

  test('GET /v1/catalog/nodes, indented as in dev mode', async () => {
    const { status, headers, body } = await agent.http('GET', '/v1/catalog/nodes')
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'application/json')
    const [id] = agent.output().match(new RegExp(UUID))!
    const [{ CreateIndex, ModifyIndex }] = JSON.parse(body)
    assert.ok(CreateIndex > 0 && ModifyIndex >= CreateIndex)
    const lan = { lan: '127.0.0.1', lan_ipv4: '127.0.0.1', wan: '127.0.0.1', wan_ipv4: '127.0.0.1' }
    const Meta = { 'consul-network-segment': '' }
    const node = { ID: id, Node: NODE, Address: '127.0.0.1', Datacenter: 'dc1', TaggedAddresses: lan, Meta }
    assert.equal(body.trimEnd(), JSON.stringify([{ ...node, CreateIndex, ModifyIndex }], null, 4))
  })

  test('a DNS query for the node: qr aa rd, lifetime 0', async () => {
    const answer = await askDns(agent.ports.dns, `${NODE}.node.consul`)
    const rcode = (answer.flags ?? 0) & 0xf
    const { flag_qr, flag_aa, flag_tc, flag_rd, flag_ra, questions } = answer
    assert.deepEqual(
      { rcode, flag_qr, flag_aa, flag_tc, flag_rd, flag_ra, questions },
      {
        rcode: 0,
        flag_qr: true,
        flag_aa: true,
        flag_tc: false,
        flag_rd: true,
        flag_ra: false,
        questions: [{ name: `${NODE}.node.consul`, type: 'A', class: 'IN' }],
      },
    )
    const a = { name: `${NODE}.node.consul`, type: 'A', ttl: 0, class: 'IN', flush: false, data: '127.0.0.1' }
    assert.deepEqual(answer.answers, [a])
    assert.deepEqual(answer.authorities, [])
  })

  test('a service registered with the agent is found everywhere', async () => {
    const before = Number((await agent.http('GET', '/v1/catalog/services')).headers['x-consul-index'])
    assert.equal(await put('/v1/agent/service/register', { Name: 'web', Port: 8080, Tags: ['v1'] }), '')
    // The agent brings it to the catalog by itself: that is waited for as users do, by a blocking query.
    for (let index = before; !('web' in (await get('/v1/catalog/services'))); ) {
      const { headers } = await agent.http('GET', `/v1/catalog/services?index=${index}&wait=10s`)
      index = Number(headers['x-consul-index'])
    }
    assert.deepEqual((await get('/v1/catalog/services')).web, ['v1'])
    assert.deepEqual(await get('/v1/catalog/service/web').then(summary), [[NODE, '127.0.0.1', 'web', '', 8080]])
    const [found, ...more] = await get('/v1/health/service/web?passing')
    assert.deepEqual([found.Node.Node, found.Service.ID, found.Service.Port, more], [NODE, 'web', 8080, []])
    assert.deepEqual(found.Checks.map((check: { CheckID: string }) => check.CheckID).sort(), ['serfHealth'])
    await foundByDns('web', { address: '127.0.0.1', node: NODE, port: 8080 })
    await foundByDns('v1.web', { address: '127.0.0.1', node: NODE, port: 8080 })
  })

  test('so is one that is registered with the catalog, on a node of its own', async () => {
    const Service = { ID: 'db-1', Service: 'db', Port: 5432, Address: '10.1.2.4' }
    assert.equal(await put('/v1/catalog/register', { Node: 'outside', Address: '10.1.2.3', Service }), 'true')
    assert.deepEqual((await get('/v1/catalog/services')).db, [])
    assert.deepEqual(await get('/v1/catalog/service/db').then(summary), [
      ['outside', '10.1.2.3', 'db-1', '10.1.2.4', 5432],
    ])
    const [{ Node, Checks }] = await get('/v1/health/service/db')
    assert.deepEqual([Node.Address, Checks], ['10.1.2.3', []])
    await foundByDns('db', { address: '10.1.2.4', node: '0a010204.addr.dc1.consul', port: 5432 })
  })

  const summary = (rows: Record<string, unknown>[]) =>
    rows.map(({ Node, Address, ServiceID, ServiceAddress, ServicePort }) => [
      Node,
      Address,
      ServiceID,
      ServiceAddress,
      ServicePort,
    ])

  async function foundByDns(service: string, expected: { address: string; node: string; port: number }) {
    const name = `${service}.service.consul`
    const a = await askDns(agent.ports.dns, name)
    const head = { name, ttl: 0, class: 'IN', flush: false }
    assert.deepEqual(a.answers, [{ ...head, type: 'A', data: expected.address }])
    const srv = await askDns(agent.ports.dns, name, 'SRV')
    const target = expected.node.includes('.') ? expected.node : `${expected.node}.node.dc1.consul`
    const data = { priority: 1, weight: 1, port: expected.port, target }
    assert.deepEqual(srv.answers, [{ ...head, type: 'SRV', data }])
    const glue = srv.additionals?.filter(({ type }) => type === 'A')
    assert.deepEqual(glue, [{ ...head, name: target, type: 'A', data: expected.address }])
  }

  test('keys: put, get, flags, raw, recurse, keys, cas, delete', async () => {
    assert.equal(await put('/v1/kv/app/colour', 'green'), 'true')
    assert.equal(await put('/v1/kv/app/size?flags=18446744073709551615', 'large'), 'true')
    assert.equal(await put('/v1/kv/app/deep/er', ''), 'true')
    const [colour] = await get('/v1/kv/app/colour')
    const { CreateIndex, ModifyIndex, ...rest } = colour
    assert.deepEqual(rest, { LockIndex: 0, Key: 'app/colour', Flags: 0, Value: 'Z3JlZW4=' })
    assert.equal(CreateIndex, ModifyIndex)
    const raw = await agent.http('GET', '/v1/kv/app/colour?raw')
    assert.deepEqual([raw.status, raw.body, raw.headers['x-consul-index']], [200, 'green', String(ModifyIndex)])
    // Past what a number holds in JavaScript: looked at as text.
    assert.match((await agent.http('GET', '/v1/kv/app/size')).body, /"Flags": 18446744073709551615,/)
    const all = await get('/v1/kv/app/?recurse')
    assert.deepEqual(
      all.map(({ Key, Value }: { Key: string; Value: string | null }) => [Key, Value]),
      [
        ['app/colour', 'Z3JlZW4='],
        ['app/deep/er', null],
        ['app/size', 'bGFyZ2U='],
      ],
    )
    assert.deepEqual(await get('/v1/kv/app/?keys'), ['app/colour', 'app/deep/er', 'app/size'])
    assert.deepEqual(await get('/v1/kv/app/?keys&separator=/'), ['app/colour', 'app/deep/', 'app/size'])
    assert.equal(await put('/v1/kv/app/colour?cas=0', 'red'), 'false')
    assert.equal(await put(`/v1/kv/app/colour?cas=${ModifyIndex}`, 'red'), 'true')
    assert.equal((await agent.http('GET', '/v1/kv/app/colour?raw')).body, 'red')
    assert.equal((await agent.http('DELETE', `/v1/kv/app/colour?cas=${ModifyIndex}`)).body.trim(), 'false')
    assert.equal((await agent.http('DELETE', '/v1/kv/app/colour')).body.trim(), 'true')
    assert.deepEqual(await agent.http('GET', '/v1/kv/app/colour').then(({ status, body }) => [status, body]), [404, ''])
    assert.equal((await agent.http('DELETE', '/v1/kv/app/?recurse')).body.trim(), 'true')
    assert.equal((await agent.http('GET', '/v1/kv/app/?recurse')).status, 404)
  })

  test('a blocking query waits for the change of its own key, and has the headers', async () => {
    await put('/v1/kv/watched', 'one')
    const first = await agent.http('GET', '/v1/kv/watched')
    const index = Number(first.headers['x-consul-index'])
    assert.equal(first.headers['x-consul-knownleader'], 'true')
    assert.equal(first.headers['x-consul-lastcontact'], '0')
    assert.equal(index, JSON.parse(first.body)[0].ModifyIndex)

    let answered = false
    const waiting = agent.http('GET', `/v1/kv/watched?index=${index}&wait=60s`).finally(() => {
      answered = true
    })
    // Answered in order on the same server: had the change of another key woken it, it would be answered by then.
    await put('/v1/kv/watched-too', 'other')
    await get('/v1/kv/watched-too')
    assert.equal(answered, false)
    await put('/v1/kv/watched', 'two')
    const second = await waiting
    const [{ ModifyIndex, Value }] = JSON.parse(second.body)
    assert.deepEqual([Buffer.from(Value, 'base64').toString(), ModifyIndex > index], ['two', true])
    assert.equal(Number(second.headers['x-consul-index']), ModifyIndex)

    // Time runs out: the same answer, the same index, still good for the next wait.
    const third = await agent.http('GET', `/v1/kv/watched?index=${ModifyIndex}&wait=10ms`)
    assert.deepEqual(
      [third.status, third.body, third.headers['x-consul-index']],
      [200, second.body, String(ModifyIndex)],
    )

    // A key that is not there yet can be waited for, and one that goes wakes its waiter with a higher index.
    const absent = await agent.http('GET', '/v1/kv/to-come')
    assert.equal(absent.status, 404)
    const coming = agent.http('GET', `/v1/kv/to-come?index=${absent.headers['x-consul-index']}&wait=60s`)
    await put('/v1/kv/to-come', 'here')
    const come = await coming
    assert.equal(come.status, 200)
    const going = agent.http('GET', `/v1/kv/to-come?index=${come.headers['x-consul-index']}&wait=60s`)
    await agent.http('DELETE', '/v1/kv/to-come')
    const gone = await going
    assert.equal(gone.status, 404)
    assert.ok(Number(gone.headers['x-consul-index']) > Number(come.headers['x-consul-index']))
  })

  test('the same by commands', async () => {
    assert.deepEqual(await cli('kv', 'put', 'cli/a', 'value'), {
      code: 0,
      stdout: 'Success! Data written to: cli/a\n',
      stderr: '',
    })
    assert.deepEqual(await cli('kv', 'get', 'cli/a'), { code: 0, stdout: 'value\n', stderr: '' })
    assert.deepEqual(await cli('kv', 'get', '-keys', 'cli/'), { code: 0, stdout: 'cli/a\n', stderr: '' })
    assert.deepEqual(await cli('kv', 'delete', 'cli/a'), {
      code: 0,
      stdout: 'Success! Deleted key: cli/a\n',
      stderr: '',
    })
    assert.deepEqual(await cli('kv', 'get', 'cli/a'), {
      code: 1,
      stdout: '',
      stderr: 'Error! No key exists at: cli/a\n',
    })
    assert.deepEqual(await cli('catalog', 'datacenters'), { code: 0, stdout: 'dc1\n', stderr: '' })
    assert.deepEqual(await cli('catalog', 'services'), { code: 0, stdout: 'consul\ndb\nweb\n', stderr: '' })
    const nodes = (await cli('catalog', 'nodes')).stdout.split('\n').map((line) => line.split(/ {2,}/)[0])
    assert.deepEqual(nodes, ['Node', NODE, 'outside', ''])
    const info = await cli('info')
    assert.equal(info.code, 0)
    for (const line of ['leader = true', 'server = true', 'state = Leader', 'num_peers = 0', 'version = 1.8.7']) {
      assert.ok(info.stdout.includes(`\t${line}\n`), `${line} in\n${info.stdout}`)
    }
  })

  test('consul leave ends it with 0', async () => {
    assert.deepEqual(await cli('leave'), { code: 0, stdout: 'Graceful leave complete\n', stderr: '' })
    assert.equal(await agent.exited, 0)
    assert.match(agent.output(), /agent\.server: server starting leave\n[\s\S]*agent: Exit code: code=0\n$/)
    const { code, stderr } = await cli('members')
    assert.equal(code, 1)
    assert.match(stderr, /connect: connection refused/)
  })
})

describe('the end of an agent', () => {
  // A server does not leave on a signal unless told to, and says so with 1; a second one has no patience.
  for (const [signal, word] of [
    ['SIGINT', 'interrupt'],
    ['SIGTERM', 'terminated'],
  ] as const) {
    test(`${signal} ends it, with 1 as the real one`, async () => {
      const agent = await startAgentProcess(['-dev'])
      assert.equal(await agent.kill(signal), 1)
      const told = normalised(agent).map((line) => line.trim())
      const expected = [
        `[INFO]  agent: Caught: signal=${word}`,
        '[INFO]  agent: Graceful shutdown disabled. Exiting',
        '[INFO]  agent: Requesting shutdown',
        '[INFO]  agent.server: shutting down server',
        '[INFO]  agent: consul server down',
        '[INFO]  agent: shutdown complete',
        '[INFO]  agent: Exit code: code=1',
      ]
      assert.deepEqual(
        told.filter((line) => expected.includes(line)),
        expected,
      )
    })
  }

  test('where it is told to leave on a signal, it leaves and ends with 0', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-leave-'))
    const file = join(folder, 'agent.json')
    writeFileSync(file, JSON.stringify({ leave_on_terminate: true }))
    const agent = await startAgentProcess(['-dev', `-config-file=${file}`]).finally(() =>
      rmSync(folder, { recursive: true }),
    )
    assert.equal(await agent.kill('SIGTERM'), 0)
    assert.match(agent.output(), /Gracefully shutting down agent\.\.\.\n[\s\S]*Graceful exit completed\n/)
  })

  test('a port in use is told, and ends it with 1', async () => {
    const agent = await startAgentProcess(['-dev'])
    try {
      const second = await startAgentProcess(['-dev'], { ports: agent.ports, wait: false })
      assert.equal(await second.exited, 1)
      assert.match(
        second.output(),
        new RegExp(
          `Error starting agent: error="Failed to start Consul server: Failed to start RPC layer: ` +
            `listen tcp 127\\.0\\.0\\.1:${agent.ports.server}: bind: address already in use"`,
        ),
      )
    } finally {
      await agent.kill()
    }
  })
})
