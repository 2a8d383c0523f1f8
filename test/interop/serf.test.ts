/**
 * Our pools and HashiCorp's own Serf agent (Debian's package `serf`) in one: joining, events and queries both ways, tags,
 * keys, deaths, farewells and coming back after a restart, plain and sealed. Without the program the suite is skipped.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, suite, test } from 'node:test'
import { type GossipPool, openPool } from '../../src/agent/gossip.ts'
import { makeLog } from '../../src/base/log.ts'
import { LAN } from '../../src/core/gossip/config.ts'
import { nodeHost } from '../../src/host/node.ts'

const SERF = findSerf()
const PORT = 25_310
const WAIT_MS = 60_000
const POLL_MS = 50
const KEY = '0123456789abcdef'

/** The installed one; else, where Debian's packages can be had, one unpacked for this run. */
function findSerf(): string | undefined {
  try {
    execFileSync('serf', ['version'], { stdio: 'ignore' })
    return 'serf'
  } catch {
    // Not installed.
  }
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-serf-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  try {
    const options = { cwd: folder, stdio: 'ignore', timeout: 20_000 } as const
    execFileSync('apt-get', ['download', 'serf'], options)
    execFileSync('sh', ['-c', 'dpkg -x serf_*.deb .'], options)
    return join(folder, 'usr', 'bin', 'serf')
  } catch {
    return undefined
  }
}

interface Theirs {
  name: string
  address: string
  folder: string
  output(): string
  ask(command: string, ...rest: string[]): Promise<string>
  kill(signal: NodeJS.Signals): Promise<void>
}

const processes = new Set<Theirs>()
const pools = new Set<GossipPool>()
/** Of this process alone: others are tested at the same time. */
const NETWORK = `127.${randomInt(20, 250)}.${randomInt(1, 250)}`
let nextHost = 1

async function theirs(name: string, extra: string[] = [], from?: Theirs): Promise<Theirs> {
  const address = from?.address ?? `${NETWORK}.${nextHost++}:${PORT}`
  const rpc = address.replace(String(PORT), String(PORT + 1))
  const folder = from?.folder ?? mkdtempSync(join(tmpdir(), 'proconsul-serf-'))
  const handler = 'user=echo EVENT $SERF_USER_EVENT $(cat) >&2'
  const answer = 'query:hello=echo -n "hi from $SERF_SELF_NAME"'
  const args = ['agent', `-node=${name}`, `-bind=${address}`, `-rpc-addr=${rpc}`, '-log-level=debug']
  args.push(`-event-handler=${handler}`, `-event-handler=${answer}`, `-snapshot=${join(folder, 'snapshot')}`, ...extra)
  const child: ChildProcess = spawn(SERF!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (data) => {
      output += data
    })
  const exited = new Promise<void>((done) => child.once('close', () => done()))
  const agent: Theirs = {
    name,
    address,
    folder,
    output: () => output,
    ask: (command, ...rest) => run([command, `-rpc-addr=${rpc}`, ...rest]),
    async kill(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await exited
      processes.delete(agent)
    },
  }
  processes.add(agent)
  await eventually(`${name} to answer`, async () => (await agent.ask('members')).includes(name))
  return agent
}

function run(args: string[]): Promise<string> {
  return new Promise((done, fail) => {
    execFile(SERF!, args, (error, out) => (error === null ? done(out) : fail(error)))
  })
}

/** Asks again until it is so; fails after a minute. */
async function eventually(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const until = Date.now() + WAIT_MS
  for (;;) {
    if (await Promise.resolve(isSo()).catch(() => false)) return
    if (Date.now() > until) {
      const said = [...processes].map(({ name, output }) => `--- ${name}\n${output().slice(-2000)}`)
      assert.fail(`waited in vain for ${what}\n${said.join('\n')}`)
    }
    await new Promise((done) => setTimeout(done, POLL_MS))
  }
}

interface Ours {
  name: string
  address: string
  pool: GossipPool
  heard: string[]
  stop(): Promise<void>
}

async function ours(name: string, keys: readonly Uint8Array[]): Promise<Ours> {
  const host = `${NETWORK}.${nextHost++}`
  const heard: string[] = []
  const pool = await openPool({
    host: nodeHost(
      makeLog(
        'agent',
        () => {},
        () => 'error',
      ),
    ),
    role: 'server',
    pool: 'lan',
    name,
    bind: { host, port: PORT },
    advertise: host,
    tags: { flavour: 'proconsul' },
    memberlist: LAN,
    keyring: { keys, save: async () => {} },
    verifyIncoming: true,
    verifyOutgoing: true,
    refusal: () => undefined,
    onMember: (event, member) => heard.push(`${event} ${member.name}`),
    onUserEvent: (event, payload) => heard.push(`event ${event} ${Buffer.from(payload ?? []).toString()}`),
    onQuery: (_name, _payload, respond) => respond(Buffer.from(`hello from ${name}`)),
  })
  pools.add(pool)
  return {
    name,
    address: `${host}:${PORT}`,
    pool,
    heard,
    async stop() {
      pools.delete(pool)
      await pool.stop()
    },
  }
}

async function stopAll(): Promise<void> {
  await Promise.all([...processes].map((agent) => agent.kill('SIGKILL')))
  await Promise.all([...pools].map((pool) => pool.stop()))
  pools.clear()
}

async function statuses(agent: Theirs): Promise<Record<string, string>> {
  const { members } = JSON.parse(await agent.ask('members', '-format=json')) as {
    members: { name: string; status: string }[]
  }
  return Object.fromEntries(members.map(({ name, status }) => [name, status]))
}

const base64 = (key: Uint8Array) => Buffer.from(key).toString('base64')

suite('one pool with Serf itself', { skip: SERF === undefined && 'no serf here, nor can its package be had' }, () => {
  afterEach(stopAll)

  for (const sealed of [false, true]) {
    test(`members meet, tell, ask, die, leave and come back${sealed ? ', all sealed' : ''}`, async () => {
      const keys = sealed ? [Buffer.from(KEY)] : []
      const flags = sealed ? [`-encrypt=${base64(keys[0]!)}`] : []
      const [a, b] = [await ours('a', keys), await ours('b', keys)]
      // One of them joins us; we join the other.
      const first = await theirs('first', [...flags, `-join=${a.address}`])
      const second = await theirs('second', [...flags, '-tag=flavour=serf'])
      assert.equal(await b.pool.join([second.address, first.address]), 2)
      const names = ['a', 'b', 'first', 'second']
      const expected = Object.fromEntries(names.map((name) => [name, 'alive']))
      for (const agent of [first, second]) {
        await eventually(`${agent.name} to see all`, async () => {
          assert.deepEqual(await statuses(agent), expected)
          return true
        })
      }
      for (const { pool } of [a, b]) {
        await eventually('us to see all', () => names.every((name) => pool.serf.member(name)?.status === 'alive'))
      }
      assert.deepEqual(a.pool.serf.member('second')?.tags, { flavour: 'serf' })
      assert.match(await first.ask('members', '-tag=flavour=proconsul'), /^a .*\nb .*\n$|^b .*\na .*\n$/)

      await a.pool.fire('from-ours', Buffer.from('some words'), false)
      await first.ask('event', 'from-theirs', 'more words')
      for (const agent of [first, second]) {
        for (const said of ['EVENT from-ours some words', 'EVENT from-theirs more words']) {
          await eventually(`${agent.name} to hear "${said}"`, () => agent.output().includes(said))
        }
      }
      for (const { heard } of [a, b]) {
        await eventually('us to hear both', () =>
          ['event from-ours some words', 'event from-theirs more words'].every((said) => heard.includes(said)),
        )
      }

      // We ask them and each other, they ask us.
      // A question is told like all else, so that now and then a member does not hear it: then it is asked again.
      await eventually('all to answer us', async () => {
        const answers = await b.pool.query({
          name: 'hello',
          payload: null,
          wantAcks: true,
          relayFactor: 1,
          timeoutMs: 2000,
        })
        const said = Object.fromEntries(
          [...answers.responses].map(([name, bytes]) => [name, String(bytes && Buffer.from(bytes))]),
        )
        assert.deepEqual(said, {
          a: 'hello from a',
          b: 'hello from b',
          first: 'hi from first',
          second: 'hi from second',
        })
        assert.deepEqual(answers.acks.sort(), names)
        return true
      })
      await eventually('one to answer by its tag', async () => {
        const filters = [{ kind: 'tag', tag: 'flavour', expr: '^se' } as const]
        const { responses } = await a.pool.query({ name: 'hello', payload: null, filters, timeoutMs: 1000 })
        return responses.size === 1 && responses.has('second')
      })
      await eventually('all to answer them', async () => {
        const told = await second.ask('query', '-timeout=2s', 'hello')
        return ["Response from 'a': hello from a", "Response from 'b': hello from b", 'Total Responses: 4'].every(
          (said) => told.includes(said),
        )
      })
      assert.match(await first.ask('rtt', 'a', 'second'), /rtt: [\d.]+ ms/)

      await a.pool.setTags({ flavour: 'changed' })
      await eventually('the new tag to arrive', async () => (await first.ask('members')).includes('flavour=changed'))

      if (sealed) {
        const fresh = Buffer.alloc(32, 9)
        await eventually('all to have a new key', async () => {
          await first.ask('keys', `-install=${base64(fresh)}`)
          return true
        })
        await eventually('all to use it', async () => {
          await first.ask('keys', `-use=${base64(fresh)}`)
          return true
        })
        await eventually('all to drop the old one', async () => {
          const removed = await b.pool.keys({ operation: 'remove', key: base64(keys[0]!), relayFactor: 0 })
          return removed.error === ''
        })
        await eventually('all to tell of the new one alone', async () => {
          const listed = await b.pool.keys({ operation: 'list', key: '', relayFactor: 0 })
          assert.deepEqual(listed.keys, { [base64(fresh)]: 4 })
          return true
        })
      }

      // A farewell of each sort; deaths take their time, and are the same when sealed.
      await second.ask('leave')
      await second.kill('SIGKILL')
      await eventually('us to see it leave', () => a.pool.serf.member('second')?.status === 'left')
      if (!sealed) {
        await Promise.all([b.stop(), first.kill('SIGKILL')])
        const witness = await theirs('witness', [...flags, `-join=${a.address}`])
        await eventually('them to see our death', async () => (await statuses(witness)).b === 'failed')
        await witness.ask('force-leave', 'b')
        await eventually('us to hear that it is given up', () => a.pool.serf.member('b')?.status === 'left')
        await eventually('us to see their death', () => a.pool.serf.member('first')?.status === 'failed')
        // Its snapshot brings it back without anybody's word.
        await theirs('first', flags, first)
        await eventually('it to come back', () => a.pool.serf.member('first')?.status === 'alive')
        await a.pool.leave()
        await eventually('them to see us leave', async () => (await statuses(witness)).a === 'left')
      }
      // Nobody was ever called dead who was not.
      const failed = a.heard.filter((said) => said.startsWith('failed'))
      assert.deepEqual([...new Set(failed)].sort(), sealed ? [] : ['failed b', 'failed first'])
      await stopAll()
    })
  }

  test('what we write down for a restart is what Serf writes', async () => {
    const { openSerfSnapshot } = await import('../../src/agent/serf-snapshot.ts')
    const { openDisk } = await import('../../src/host/disk.ts')
    const log = makeLog(
      'agent',
      () => {},
      () => 'error',
    )
    const keeper = await ours('keeper', [])
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-serf-'))
    const disk = await openDisk(folder, log)
    const { host } = { host: nodeHost(log) }
    const ourFile = await openSerfSnapshot({ pool: 'lan', disk, host, rejoinAfterLeave: false, log })
    ourFile.onMember('join', { ...keeper.pool.serf.member('keeper')!, name: 'keeper' })
    ourFile.onClocks({ member: 7, event: 3, query: 2 })
    await ourFile.stop()
    // Serf is given our file, and comes to us by what it says.
    const reader = await theirs('reader', [`-snapshot=${join(folder, 'serf', 'local.snapshot')}`])
    await eventually('Serf to follow our file', () => keeper.pool.serf.member('reader')?.status === 'alive')
    await eventually('Serf to say whose word it followed', () =>
      reader.output().includes('Re-joined to previously known node: keeper'),
    )
    await reader.ask('leave')
    await reader.kill('SIGKILL')
    // And we read what it has made of it: it has left.
    const again = await openSerfSnapshot({ pool: 'lan', disk, host, rejoinAfterLeave: true, log })
    assert.ok(again.previous.some(({ name, address }) => name === 'keeper' && address === keeper.address))
    assert.ok(again.clocks.member >= 7)
    assert.deepEqual((await openSerfSnapshot({ pool: 'lan', disk, host, rejoinAfterLeave: false, log })).previous, [])
    await disk.close()
    rmSync(folder, { recursive: true, force: true })
    await stopAll()
  })
})
