/**
 * The state of a real Consul, of every kind that 1.8.7 has, followed by one of ours: a real server leads and is given
 * tokens, policies, roles, rules, auth methods, configuration entries, intentions, a certificate authority, queries and
 * the rest; ours follows, applies the same log, and its snapshot says the same record for record. The real one takes it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { bytesFromText } from '../../src/base/text.ts'
import { Reader } from '../../src/wire/msgpack.ts'
import { type AgentProcess, CONSUL, realConsul, runCommand, startAgentProcess } from '../support/process.ts'
import { CONFIG_REQUESTS } from './requests/config.ts'

const consul = realConsul()
const skip = consul === undefined && 'the real Consul is not here'
const MASTER = '11111111-2222-3333-4444-555555555555'
const WAIT_MS = 60_000
const RSA_KEY = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtDLsYorEDYS2gHd4IdKMZRM3e7u3
ADoqiZ1e6RahHgpjR9yagrluvUP0z+lJKK+HLRJS5dbspCS+ujTjKjpvgw==
-----END PUBLIC KEY-----
`

type Records = Map<number, unknown[]>

interface Saved {
  /** Of the last command in it, by the archive's meta.json. */
  index: number
  records: Records
}

function read(archive: Uint8Array): Saved {
  const tar = gunzipSync(archive)
  const { Index } = JSON.parse(memberOf(tar, 'meta.json').toString()) as { Index: number }
  return { index: Index, records: recordsOf(memberOf(tar, 'state.bin')) }
}

/**
 * Records of a state by type; of the chunking state, whose keys are numbers, nothing, and nothing of the header: the
 * real one says the last index of its tables there, among which autopilot's does not count.
 */
function recordsOf(state: Uint8Array): Records {
  const reader = new Reader(state)
  const found: Records = new Map()
  for (let at = 0; at < state.length; at = reader.at) {
    const type = at === 0 ? undefined : state[at]!
    reader.at = at === 0 ? 0 : at + 1
    if (type === undefined || type === 29) reader.skip()
    else found.set(type, [...(found.get(type) ?? []), opened(reader.any())])
  }
  return found
}

/** Go writes maps in any order, also those within the bytes that a record may consist of. */
function opened(record: unknown): unknown {
  if (typeof record !== 'string' && !(record instanceof Uint8Array)) return record
  const bytes = typeof record === 'string' ? bytesFromText(record) : record
  const inner = new Reader(bytes)
  const parts: unknown[] = []
  while (inner.at < bytes.length) parts.push(inner.any())
  return parts
}

function memberOf(tar: Buffer, wanted: string): Buffer {
  for (let at = 0; tar[at] !== 0; ) {
    const name = tar.toString('latin1', at, at + 100).replace(/\0.*/s, '')
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 136), 8)
    if (name === wanted) return tar.subarray(at + 512, at + 512 + size)
    at += 512 + Math.ceil(size / 512) * 512
  }
  throw new Error(`the archive has no ${wanted}`)
}

async function until(what: string, agents: AgentProcess[], holds: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WAIT_MS
  while (!(await holds().catch(() => false))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${agents.map((a) => a.output()).join('\n')}`)
    await new Promise((done) => setTimeout(done, 50))
  }
}

/** Everything that the API of a real server can be brought to write down. What is refused is refused by all alike. */
async function fill(agent: AgentProcess): Promise<void> {
  const send = async (method: string, path: string, body: unknown = '') => {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const { body: answer } = await agent.http(method, path, text, { 'X-Consul-Token': MASTER })
    return answer
  }
  const made = async (path: string, body: unknown, method = 'PUT') => {
    const answer = await send(method, path, body)
    assert.match(answer, /^\s*\{/, `${method} ${path}: ${answer}`)
    return JSON.parse(answer) as Record<string, string>
  }
  const policy = await made('/v1/acl/policy', {
    Name: 'Ops',
    Rules: 'key_prefix "" { policy = "read" }',
    Datacenters: ['dc1'],
  })
  const gone = await made('/v1/acl/policy', { Name: 'gone', Rules: '' })
  const role = await made('/v1/acl/role', {
    Name: 'r1',
    Policies: [{ ID: policy.ID }, { ID: gone.ID }],
    ServiceIdentities: [{ ServiceName: 'web', Datacenters: ['dc1'] }],
    NodeIdentities: [{ NodeName: 'n', Datacenter: 'dc1' }],
  })
  const token = await made('/v1/acl/token', {
    Description: 't',
    Policies: [{ Name: 'Ops' }],
    Roles: [{ ID: role.ID }],
    ServiceIdentities: [{ ServiceName: 'api' }],
    ExpirationTTL: '2h',
    Local: true,
  })
  await made(`/v1/acl/token/${token.AccessorID}`, { ...token, Description: 'changed', ExpirationTTL: undefined })
  const dropped = await made('/v1/acl/token', { Description: 'dropped' })
  await send('DELETE', `/v1/acl/token/${dropped.AccessorID}`)
  await send('DELETE', `/v1/acl/policy/${gone.ID}`)
  await made('/v1/acl/policy/00000000-0000-0000-0000-000000000001', {
    ...(JSON.parse(await send('GET', '/v1/acl/policy/00000000-0000-0000-0000-000000000001')) as object),
    Description: 'all',
  })
  const legacy = await made('/v1/acl/create', { Name: 'old', Type: 'client', Rules: 'key "" { policy = "read" }' })
  await send('PUT', '/v1/acl/update', { ID: legacy.ID, Name: 'older', Type: 'client', Rules: '' })
  const legacyGone = await made('/v1/acl/create', { Name: 'old', Type: 'management' })
  await send('PUT', `/v1/acl/destroy/${legacyGone.ID}`)
  const method = {
    Type: 'jwt',
    Config: { JWTValidationPubKeys: [RSA_KEY], ClaimMappings: { sub: 'sub' } },
    MaxTokenTTL: '1h',
  }
  await made('/v1/acl/auth-method', { ...method, Name: 'passing' })
  await made('/v1/acl/binding-rule', { AuthMethod: 'passing', BindType: 'service', BindName: 'x' })
  await send('DELETE', '/v1/acl/auth-method/passing')
  await made('/v1/acl/auth-method', { ...method, Name: 'jwt', TokenLocality: 'global', DisplayName: 'J' })
  const rule = await made('/v1/acl/binding-rule', {
    AuthMethod: 'jwt',
    BindType: 'role',
    BindName: 'r1',
    Selector: 'value.sub==web',
  })
  await made(`/v1/acl/binding-rule/${rule.ID}`, { ...rule, Description: 'changed' })
  await made('/v1/acl/binding-rule', { AuthMethod: 'jwt', BindType: 'service', BindName: 'svc' })

  for (const request of CONFIG_REQUESTS) {
    // The last deletions of the table are left out, so that something of each kind stays.
    if (request.method === 'GET' || request.wokenBy !== undefined) continue
    if (request.method === 'DELETE' && /router\/web|splitter|resolver\/(web|r1)|defaults/.test(request.url)) continue
    if (request.method === 'DELETE' && /gateway\/in/.test(request.url)) continue
    await send(
      request.method,
      request.url.replaceAll(/\{\w+\}/g, 'x'),
      request.body === undefined ? '' : String(request.body),
    )
  }
  const intention = { SourceName: 'web', DestinationName: 'db', Action: 'allow', Meta: { a: '1' } }
  const first = await made('/v1/connect/intentions', intention, 'POST')
  await made(`/v1/connect/intentions/${first.ID}`, { ...intention, Action: 'deny' })
  const second = await made('/v1/connect/intentions', { ...intention, SourceName: '*' }, 'POST')
  await made('/v1/connect/intentions', { ...intention, DestinationName: '*' }, 'POST')
  await send('DELETE', `/v1/connect/intentions/${second.ID}`)
  await send('PUT', '/v1/agent/service/register', { Name: 'web', Port: 80, Connect: { SidecarService: {} } })
  await send('GET', '/v1/agent/connect/ca/leaf/web')
  // Another kind of key is another root: the old one stays, no longer active.
  await send('PUT', '/v1/connect/ca/configuration', {
    Provider: 'consul',
    Config: { LeafCertTTL: '48h', PrivateKeyType: 'rsa', PrivateKeyBits: 2048 },
  })
  await made('/v1/query', { Name: 'q', Service: { Service: 'web', Failover: { NearestN: 2 } } }, 'POST')
  const { ID: session } = await made('/v1/session/create', { Name: 's', LockDelay: '1s' })
  await send('PUT', `/v1/kv/locked?acquire=${session}`, 'x')
  await send('PUT', '/v1/kv/large', 'x'.repeat(500_000))
  await send('DELETE', '/v1/kv/locked')
  await send('PUT', '/v1/txn', [{ KV: { Verb: 'set', Key: 't', Value: 'eA==' } }])
  await send('PUT', '/v1/operator/autopilot/configuration', { MaxTrailingLogs: 300 })
}

/** What must be there, or the test would prove little. */
const WANTED = [0, 2, 3, 5, 7, 9, 12, 13, 14, 15, 16, 17, 19, 22, 23, 25, 27, 30]
/** What a server writes of itself by and by is not compared where it was restored. */
const KEPT = [7, 12, 14, 17, 19, 22, 23, 25, 27]

suite('the state of a real Consul', { skip, timeout: 400_000 }, () => {
  test('of every kind is followed by ours, and told again record for record', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-state-'))
    const agents: AgentProcess[] = []
    const save = async (agent: AgentProcess, name: string, ...flags: string[]): Promise<Saved> => {
      const file = join(folder, name)
      const where = `-http-addr=127.0.0.1:${agent.ports.http}`
      const { code, stderr } = await runCommand(['snapshot', 'save', where, `-token=${MASTER}`, ...flags, file], {
        command: consul,
      })
      assert.equal(code, 0, stderr)
      return read(readFileSync(file))
    }
    try {
      const acl = join(folder, 'acl.json')
      writeFileSync(
        acl,
        JSON.stringify({
          acl: { enabled: true, default_policy: 'allow', tokens: { master: MASTER, agent: MASTER } },
          connect: { enabled: true },
          performance: { raft_multiplier: 3 },
        }),
      )
      const server = (name: string) => [
        '-server',
        '-bind=127.0.0.1',
        `-node=${name}`,
        `-data-dir=${join(folder, name)}`,
      ]
      const theirs = await startAgentProcess([...server('theirs'), '-bootstrap', `-config-file=${acl}`], {
        command: consul!,
      })
      agents.push(theirs)
      const ours = await startAgentProcess(
        [...server('ours'), `-retry-join=127.0.0.1:${theirs.ports.serfLan}`, '-retry-interval=1s'],
        { wait: false },
      )
      agents.push(ours)
      await until('ours follows', agents, async () => {
        const { body } = await theirs.http('GET', `/v1/operator/raft/configuration?token=${MASTER}`)
        return (JSON.parse(body) as { Servers: { Voter: boolean }[] }).Servers.filter(({ Voter }) => Voter).length === 2
      })
      await fill(theirs)
      // A leader gives legacy tokens an accessor in its own time, as would the one to which all is restored.
      await until('legacy tokens are upgraded', agents, async () => {
        const { body } = await theirs.http('GET', `/v1/acl/tokens?token=${MASTER}`)
        return (JSON.parse(body) as { AccessorID: string }[]).every(({ AccessorID }) => AccessorID !== '')
      })
      let [wanted, found]: [Records, Records] = [new Map(), new Map()]
      // Both snapshots must be of the same moment: what servers write of themselves may come between.
      await until('both stand at one index', agents, async () => {
        const saved = [await save(theirs, 'theirs.snap'), await save(ours, 'ours.snap', '-stale')] as const
        ;[wanted, found] = [saved[0].records, saved[1].records]
        return saved[0].index === saved[1].index
      })
      for (const type of WANTED) assert.ok((wanted.get(type)?.length ?? 0) > 0, `no record of type ${type}`)
      assert.deepEqual([...found.keys()].sort(), [...wanted.keys()].sort())
      for (const [type, records] of wanted) assert.deepEqual(found.get(type), records, `records of type ${type}`)

      const third = await startAgentProcess(['-dev', `-config-file=${acl}`, '-node=third', '-log-level=err'], {
        command: consul!,
      })
      agents.push(third)
      const where = `-http-addr=127.0.0.1:${third.ports.http}`
      const file = join(folder, 'ours.snap')
      const restored = await runCommand(['snapshot', 'restore', where, `-token=${MASTER}`, file], { command: consul })
      assert.equal(restored.code, 0, restored.stderr)
      const { records: again } = await save(third, 'third.snap')
      for (const type of KEPT) assert.deepEqual(again.get(type), wanted.get(type), `restored records of type ${type}`)
      assert.equal((await runCommand(['snapshot', 'inspect', file], { command: CONSUL })).code, 0)
    } finally {
      await Promise.all(agents.map((agent) => agent.kill()))
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
