/** Snapshots of a running cluster: saved under writes, restored everywhere at once, refused without a trace. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { noArchive } from '../src/model/snapshot.ts'
import { anEntry } from './support/cluster.ts'
import { startAgentProcess } from './support/process.ts'
import { type Cluster, type Member, startCluster } from './support/servers.ts'

const Datacenter = 'dc1'
const TRIES = 10

async function save(member: Member, AllowStale = false): Promise<{ index: number; archive: Buffer }> {
  const asked = { Datacenter, Token: '', AllowStale, Op: 'save' as const }
  const { meta, archive } = await member.running!.backend.snapshot(asked, noArchive())
  const chunks: Uint8Array[] = []
  for await (const chunk of archive) chunks.push(chunk)
  return { index: meta.Index, archive: Buffer.concat(chunks) }
}

async function restore(member: Member, archive: Uint8Array): Promise<void> {
  async function* given() {
    for (let at = 0; at < archive.length; at += 5000) yield archive.subarray(at, at + 5000)
  }
  await member.running!.backend.snapshot({ Datacenter, Token: '', AllowStale: false, Op: 'restore' }, given())
}

const put = (member: Member, key: string, value: string) =>
  member.call('KVS.Apply', {
    Datacenter,
    Op: 'set',
    DirEnt: { ...anEntry({ Key: key }), Value: new TextEncoder().encode(value) },
  })

async function get(member: Member, key: string): Promise<string | undefined> {
  const { Entries } = await member.call('KVS.Get', { Datacenter, Key: key, AllowStale: true })
  const value = Entries?.[0]?.Value
  return value === undefined || value === null ? undefined : Buffer.from(value).toString()
}

for (const disk of [true, false]) {
  suite(`three servers ${disk ? 'on disk' : 'in memory'}`, { timeout: 180_000 }, () => {
    let cluster: Cluster
    before(async () => {
      // Whatever holds up all three at once, as large states do, must not be longer than a lease.
      cluster = await startCluster(3, { disk, settings: { performance: { raft_multiplier: 4 } } })
    })
    after(() => cluster.stop())

    test('a snapshot taken of any server is restored through any, and all have it', async () => {
      const leader = await cluster.leader()
      for (const [n, member] of cluster.members.entries()) {
        await put(leader, 'kept', `round ${n}`)
        const { archive } = await save(member)
        await put(leader, 'kept', 'changed')
        await put(leader, 'dropped', 'x')
        await restore(cluster.members[(n + 1) % 3]!, archive)
        await put(leader, 'after', String(n))
        for (const each of cluster.members) {
          await cluster.until('each has the state', async () => {
            if ((await get(each, 'after')) !== String(n)) return false
            return (await get(each, 'kept')) === `round ${n}` && (await get(each, 'dropped')) === undefined
          })
        }
      }
    })

    test('what waits is answered, though the index fell', async () => {
      const leader = await cluster.leader()
      const { archive } = await save(leader)
      for (let n = 0; n < 20; n++) await put(leader, `more/${n}`, 'x')
      const { Index } = await leader.call('KVS.Get', { Datacenter, Key: 'kept' })
      const waiting = leader.call('KVS.Get', { Datacenter, Key: 'nothing', MinQueryIndex: Index + 100 })
      await restore(leader, archive)
      assert.ok((await waiting).Index < Index + 100)
    })

    test('writes go on while it is taken, and each is in it whole or not at all', async () => {
      const leader = await cluster.leader()
      const value = 'v'.repeat(2000)
      await Promise.all(Array.from({ length: 500 }, (_, n) => put(leader, `big/${n}`, value)))
      let running = true
      let written = 0
      const writer = (async () => {
        while (running) {
          await put(leader, 'counter', String(written + 1))
          written += 1
        }
      })()
      const saved: { archive: Buffer; low: number; high: number }[] = []
      // If no write came through meanwhile, this would not end.
      while (saved.length < 5 || written <= 5) {
        const low = written
        const { archive } = await save(leader)
        saved.push({ archive, low, high: written + 1 })
      }
      running = false
      await writer
      for (const { archive, low, high } of saved.slice(-5)) {
        await restore(leader, archive)
        const found = Number((await get(leader, 'counter')) ?? 0)
        assert.ok(found >= low && found <= high, `${low} <= ${found} <= ${high}`)
      }
    })

    test('a stale one needs no leader, and a restore does', async () => {
      const [one, ...others] = cluster.members as [Member, ...Member[]]
      const { archive } = await save(one)
      await Promise.all(others.map((other) => other.stop()))
      await cluster.until('nobody leads', () => one.running!.backend.self.stats().consul!.leader_addr === '')
      assert.ok((await save(one, true)).archive.length > 100)
      await assert.rejects(save(one), { message: 'No cluster leader' })
      await assert.rejects(restore(one, archive), { message: 'No cluster leader' })
      await Promise.all(others.map((other) => other.start()))
      await cluster.leader()
      if (disk) assert.equal(await get(one, 'kept'), 'round 2')
    })
  })
}

test('a leader that falls in the middle of a restore takes back the state of those who went on', {
  timeout: 180_000,
}, async () => {
  // A lease long enough to restore in, with the others gone.
  const cluster = await startCluster(3, { settings: { performance: { raft_multiplier: 3 } } })
  try {
    const { fallen, others, restoring } = await fallWithin(cluster)
    await fallen.stop()
    assert.equal(await restoring, 'failed')
    await Promise.all(others.map((member) => member.start()))
    const leader = await cluster.leader()
    // The first of these is at the place where the snapshot ends in the other's log.
    for (let n = 0; n < 5; n++) await put(leader, `later/${n}`, 'x')
    await fallen.start()
    await cluster.until('it has what the others have', async () => {
      return (await get(fallen, 'key').catch(() => undefined)) === 'after it' && (await get(fallen, 'later/4')) === 'x'
    })
    assert.ok(fallen.log.some(({ message }) => message.startsWith('our state is not the cluster’s')))
    // Its own word counts again: alone with one of the others it makes a majority.
    await others.find((member) => member !== leader)!.stop()
    await put(leader, 'with it', 'x')
    await cluster.until('it has that too', async () => (await get(fallen, 'with it')) === 'x')
    await fallen.stop()
    await fallen.start()
    await cluster.until('also after a restart', async () => {
      return (await get(fallen, 'with it').catch(() => undefined)) === 'x'
    })
    assert.equal(await get(fallen, 'key'), 'after it')
    assert.equal(await get(fallen, 'later/0'), 'x')
  } finally {
    await cluster.stop()
  }
})

/** One whose state is that of a snapshot, while the others, who do not have it, are stopped. */
async function fallWithin(
  cluster: Cluster,
): Promise<{ fallen: Member; others: Member[]; restoring: Promise<'done' | 'failed'> }> {
  for (let tries = 1; ; tries++) {
    const fallen = await cluster.leader()
    await put(fallen, 'key', 'in the snapshot')
    const { archive } = await save(fallen)
    await put(fallen, 'key', 'after it')
    const others = cluster.members.filter((member) => member !== fallen)
    await Promise.all(others.map((member) => member.stop()))
    let over = false
    const restoring = restore(fallen, archive)
      .then(
        () => 'done' as const,
        () => 'failed' as const,
      )
      .finally(() => {
        over = true
      })
    const isRestored = () => fallen.log.some(({ message }) => message === 'restored user snapshot')
    await cluster.until('its state is the one of the snapshot', () => isRestored() || over)
    if (isRestored()) return { fallen, others, restoring }
    // On a busy machine its lease may be over before it has come to that.
    assert.ok(tries < TRIES, 'it lost its office each time')
    await Promise.all(others.map((member) => member.start()))
  }
}

test('what is no archive changes nothing, and leaves nothing behind', { timeout: 180_000 }, async () => {
  const cluster = await startCluster(1)
  try {
    const leader = await cluster.leader()
    await put(leader, 'kept', 'x')
    const { archive } = await save(leader)
    const asked = [
      Buffer.from('nonsense'),
      archive.subarray(0, archive.length - 20),
      Buffer.concat([archive, archive]),
      gzipSync(Buffer.alloc(32 << 20)),
    ]
    for (const bytes of asked) await assert.rejects(restore(leader, bytes), /snapshot/)
    const both = await Promise.allSettled([restore(leader, archive), restore(leader, archive)])
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    assert.equal(await get(leader, 'kept'), 'x')
    await put(leader, 'kept', 'y')
    assert.equal(await get(leader, 'kept'), 'y')
    await leader.stop()
    await leader.start()
    // What is read without asking the leader is as old as what was applied by then.
    await cluster.until('the log is applied again', async () => (await get(leader, 'kept')) === 'y')
  } finally {
    await cluster.stop()
  }
})

test('on a full disk a restore fails, the state stays, and all goes on with room', { timeout: 180_000 }, async (t) => {
  const mounted = mkdtempSync(join(tmpdir(), 'proconsul-full-'))
  if (!mount(mounted)) return t.skip('only root may mount a small file system')
  const ballast = join(mounted, 'ballast')
  const dataDir = join(mounted, 'data')
  mkdirSync(dataDir)
  const args = ['-server', '-bootstrap', '-bind=127.0.0.1', `-data-dir=${dataDir}`, '-log-level=err']
  const agent = await startAgentProcess(args).catch((error: unknown) => {
    execFileSync('umount', [mounted])
    throw error
  })
  try {
    for (let n = 0; n < 40; n++) await agent.http('PUT', `/v1/kv/big/${n}`, randomText(50_000, n))
    const saving = await fetch(`http://127.0.0.1:${agent.ports.http}/v1/snapshot`)
    const archive = new Uint8Array(await saving.arrayBuffer())
    await agent.http('PUT', '/v1/kv/later', 'x')
    fillUp(ballast)
    const refused = await agent.http('PUT', '/v1/snapshot', archive)
    assert.equal(refused.status, 500)
    assert.match(refused.body, /no space left/)
    assert.equal((await agent.http('GET', '/v1/kv/later?raw')).body, 'x')
    assert.deepEqual(
      readdirSync(join(dataDir, 'raft', 'snapshots')).filter((name) => name.endsWith('.tmp')),
      [],
    )
    rmSync(ballast)
    const restored = await agent.http('PUT', '/v1/snapshot', archive)
    assert.equal(restored.status, 200, restored.body)
    assert.equal((await agent.http('GET', '/v1/kv/later')).status, 404)
    assert.equal((await agent.http('PUT', '/v1/kv/now', 'y')).body.trim(), 'true')
    await agent.kill('SIGKILL')
    const again = await startAgentProcess(args, { ports: agent.ports })
    try {
      assert.equal((await again.http('GET', '/v1/kv/now?raw')).body, 'y')
      assert.equal((await again.http('GET', '/v1/kv/big/39?raw')).body, randomText(50_000, 39))
    } finally {
      await again.kill()
    }
  } finally {
    await agent.kill()
    execFileSync('umount', [mounted])
    rmSync(mounted, { recursive: true, force: true })
  }
})

/** Text that gzip makes little shorter. */
function randomText(length: number, seed: number): string {
  let state = seed + 1
  let text = ''
  while (text.length < length) {
    state = (state * 1103515245 + 12345) % 2147483648
    text += state.toString(36)
  }
  return text.slice(0, length)
}

function mount(path: string): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function fillUp(path: string): void {
  try {
    for (;;) writeFileSync(path, Buffer.alloc(4096), { flag: 'a' })
  } catch (error) {
    assert.equal(error instanceof Error && 'code' in error && error.code, 'ENOSPC')
  }
}
