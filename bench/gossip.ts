/**
 * How much gossip one core bears, and how many agents one process:
 *
 *     node bench/gossip.ts packets          pings answered a second, without and with sockets, plain and sealed
 *     node bench/gossip.ts pools [500]      so many pools on loopback in this process, and whether they stay together
 *     node bench/gossip.ts http [seconds]   an agent that serves HTTP at full speed, and what its pool makes of it
 *
 * The figures of docs/gossip.md come from here.
 */
import { fork } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type GossipPool, openPool, type PoolParts } from '../src/agent/gossip.ts'
import { makeLog } from '../src/base/log.ts'
import { seededRandom } from '../src/base/random.ts'
import { LAN, SERF } from '../src/core/gossip/config.ts'
import { makeSerf } from '../src/core/gossip/serf.ts'
import { nodeHost } from '../src/host/node.ts'
import { decodePacket, encodeMessage, encodePacket } from '../src/wire/gossip.ts'
import { seal } from '../src/wire/gossip-crypto.ts'
import { gossipCodec } from '../src/wire/serf.ts'

const KEY = new Uint8Array(16).fill(7)
const PING = { type: 'ping', SeqNo: 1, Node: 'me', SourceAddr: '', SourcePort: 0, SourceNode: 'asker' } as const
const SECONDS = 5

function say(what: string, figure: string): void {
  console.log(`${what.padEnd(60)} ${figure}`)
}

function bare(sealed: boolean): void {
  const serf = makeSerf({
    name: 'me',
    address: { host: '10.0.0.1', port: 1 },
    tags: {},
    memberlist: LAN,
    serf: SERF,
    codec: gossipCodec,
    random: seededRandom(1),
    now: 0,
  })
  serf.take()
  const nonce = new Uint8Array(12)
  const keyring = { keys: sealed ? [KEY] : [] }
  const plain = encodeMessage({ ...PING, SourceAddr: '10.0.0.2', SourcePort: 2 })
  const packet = sealed ? seal(KEY, nonce, plain) : plain
  const from = { host: '10.0.0.2', port: 2 }
  const began = performance.now()
  const spent = process.cpuUsage()
  let handled = 0
  while (performance.now() - began < SECONDS * 1000) {
    for (let i = 0; i < 100; i++) {
      const { messages } = decodePacket(packet, { keyring })
      serf.step(handled * 0.001, { kind: 'packet', from, messages })
      for (const effect of serf.take()) {
        if (effect.kind !== 'send') continue
        const out = encodePacket(effect.parts, { crc: effect.crc, compress: true })
        if (sealed) seal(KEY, nonce, out)
      }
      handled += 1
    }
  }
  const { user, system } = process.cpuUsage(spent)
  const rate = handled / ((user + system) / 1e6)
  say(`pings answered, no sockets${sealed ? ', sealed' : ''}`, `${Math.round(rate)} a core and second`)
}

/** Where it happens that suspicions and deaths are told of. */
function watch() {
  const seen = { suspected: 0, refuted: 0, failed: 0 }
  const log = makeLog(
    'agent',
    ({ message }) => {
      if (message.includes('Suspect ')) seen.suspected += 1
      if (message.includes('Refuting')) seen.refuted += 1
    },
    () => 'info',
  )
  return { seen, host: nodeHost(log) }
}

function poolParts(name: string, sealed: boolean, watched: ReturnType<typeof watch>): PoolParts {
  return {
    host: watched.host,
    role: 'client',
    pool: 'lan',
    name,
    bind: { host: '127.0.0.1', port: 0 },
    advertise: '127.0.0.1',
    tags: { role: 'node', dc: 'dc1' },
    memberlist: LAN,
    keyring: { keys: sealed ? [KEY] : [], save: async () => {} },
    verifyIncoming: true,
    verifyOutgoing: true,
    refusal: () => undefined,
    onMember: (event) => {
      if (event === 'failed') watched.seen.failed += 1
    },
    onUserEvent: () => {},
  }
}

/** Sends pings as fast as they are answered, a few hundred on their way at a time, and counts the answers. */
function blast(port: number, packet: Uint8Array): void {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 22, sendBufferSize: 1 << 22 })
  let answered = 0
  const WINDOW = 400
  socket.on('message', () => {
    answered += 1
    socket.send(packet, port, '127.0.0.1')
  })
  socket.bind(0, '127.0.0.1', () => {
    for (let i = 0; i < WINDOW; i++) socket.send(packet, port, '127.0.0.1')
  })
  // Whatever was lost on the way is sent anew.
  let before = 0
  setInterval(() => {
    if (answered === before) for (let i = 0; i < WINDOW; i++) socket.send(packet, port, '127.0.0.1')
    before = answered
  }, 50)
  process.on('message', () => process.send?.(answered))
}

async function overSockets(sealed: boolean): Promise<void> {
  const pool = await openPool(poolParts('me', sealed, watch()))
  const plain = encodeMessage(PING)
  const packet = sealed ? seal(KEY, new Uint8Array(12), plain) : plain
  const child = fork(fileURLToPath(import.meta.url), [
    'blast',
    String(pool.port),
    Buffer.from(packet).toString('base64'),
  ])
  const ask = async () => {
    child.send('count')
    return (await once(child, 'message'))[0] as number
  }
  await new Promise((done) => setTimeout(done, 1000))
  const [answered, spent, began] = [await ask(), process.cpuUsage(), performance.now()]
  await new Promise((done) => setTimeout(done, SECONDS * 1000))
  const count = (await ask()) - answered
  const { user, system } = process.cpuUsage(spent)
  const seconds = (performance.now() - began) / 1000
  const cores = (user + system) / 1e6 / seconds
  const what = `pings answered over loopback${sealed ? ', sealed' : ''}`
  say(
    what,
    `${Math.round(count / seconds)} a second at ${cores.toFixed(2)} cores: ${Math.round(count / seconds / cores)} a core`,
  )
  child.kill()
  await pool.stop()
}

/** Pools that join at the same time, and how many begin to in a second: one process does the work of them all. */
const AT_ONCE = 10
const JOINS_A_SECOND = 5
/** How long they are watched once all know all. */
const SETTLE_MS = 10_000
const WATCH_MS = 120_000

function since(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(1)} s`
}

async function pools(count: number): Promise<void> {
  const watched = watch()
  const all: GossipPool[] = []
  const began = performance.now()
  for (let i = 0; i < count; i++) all.push(await openPool(poolParts(`n${i}`, false, watched)))
  say(`${count} pools open after`, since(began))
  const joining = performance.now()
  // A few at a time, again until it works, as `retry_join` does: in one process all wait for all.
  const meet = async (from: number) => {
    for (let i = from; i < count; i += AT_ONCE) {
      const wait = joining + (i * 1000) / JOINS_A_SECOND - performance.now()
      if (wait > 0) await new Promise((done) => setTimeout(done, wait))
      while (i > 0 && !(await all[i]!.join([`127.0.0.1:${all[i >> 1]!.port}`]).then(Boolean, () => false)));
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, (_, from) => meet(from)))
  const whole = () =>
    all.every(({ serf }) => {
      const members = serf.members()
      return members.length === count && members.every(({ status }) => status === 'alive')
    })
  say('all have joined after', since(began))
  while (!whole()) await new Promise((done) => setTimeout(done, 200))
  const used = process.cpuUsage()
  say('all know all after', `${since(began)}, ${((used.user + used.system) / 1e6).toFixed(0)} s of processor time`)
  say('suspicions, refutations, deaths until then', JSON.stringify(watched.seen))
  await new Promise((done) => setTimeout(done, SETTLE_MS))
  const joined = { ...watched.seen }
  const [spent, from] = [process.cpuUsage(), performance.now()]
  const rssBefore = process.memoryUsage.rss()
  await new Promise((done) => setTimeout(done, WATCH_MS))
  const { user, system } = process.cpuUsage(spent)
  const share = (user + system) / 10 / (performance.now() - from)
  say('then, in two minutes, of one core', `${share.toFixed(0)} %`)
  const seen = diff(joined, watched.seen)
  say('suspicions, refutations, deaths in these two minutes', JSON.stringify(seen))
  const alive = whole()
  say('all alive in all eyes', String(alive))
  say('resident, before and after', `${mebibytes(rssBefore)}, ${mebibytes(process.memoryUsage.rss())}`)
  const stable = alive && Object.values(seen).every((times) => times === 0)
  say(`${count} pools in one process`, stable ? 'stable' : 'NOT stable')
  if (!stable) process.exitCode = 1
  await Promise.all(all.map((pool) => pool.stop()))
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`
}

function diff(before: Record<string, number>, after: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]))
}

/** Keeps so many requests under way for so long. */
function hammer(port: number, connections: number, until: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  let done = 0
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const request = get({ port, host: '127.0.0.1', path: '/v1/catalog/services', agent }, (response) => {
        response.resume()
        response.on('end', () => {
          done += 1
          resolve()
        })
      })
      request.on('error', () => resolve())
    })
  const line = async () => {
    while (performance.now() < until) await one()
  }
  return Promise.all(Array.from({ length: connections }, line)).then(() => done)
}

async function underHttp(seconds: number): Promise<void> {
  const { startAgentProcess } = await import('../test/support/process.ts')
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-bench-'))
  const agent = await startAgentProcess([
    '-server',
    '-bootstrap',
    '-node=busy',
    '-bind=127.0.0.1',
    `-data-dir=${folder}`,
  ])
  const { ports } = agent
  const watched = watch()
  const friends = await Promise.all(['a', 'b', 'c'].map((name) => openPool(poolParts(name, false, watched))))
  for (const friend of friends) await friend.join([`127.0.0.1:${ports.serfLan}`])
  const url = new URL(import.meta.url)
  const workers = Array.from(
    { length: 2 },
    () => new Worker(url, { argv: ['hammer', String(ports.http), String(seconds)] }),
  )
  const counts = await Promise.all(workers.map((worker) => once(worker, 'message')))
  const requests = counts.reduce((sum, [count]) => sum + (count as number), 0)
  say('requests served meanwhile', `${Math.round(requests / seconds)} a second`)
  const theirs = agent.output().match(/Suspect |Refuting|EventMemberFailed/g)?.length ?? 0
  say('suspicions and deaths, as its friends and as it saw them', `${JSON.stringify(watched.seen)}, ${theirs}`)
  const rtts = friends.map(({ serf }) => {
    const [x, y] = [serf.coordinate(), serf.coordinateOf('busy')]
    return y === undefined ? '?' : `${((x.Height + y.Height) * 1000).toFixed(1)} ms`
  })
  say('how far it seems (heights of the coordinates)', rtts.join(', '))
  await Promise.all(friends.map((friend) => friend.stop()))
  await agent.kill()
  rmSync(folder, { recursive: true, force: true })
}

const [mode, ...rest] = process.argv.slice(2)
switch (mode) {
  case 'packets':
    for (const sealed of [false, true]) bare(sealed)
    for (const sealed of [false, true]) await overSockets(sealed)
    break
  case 'pools':
    await pools(Number(rest[0] ?? 500))
    break
  case 'http':
    await underHttp(Number(rest[0] ?? 15))
    break
  case 'blast':
    blast(Number(rest[0]), Buffer.from(rest[1] ?? '', 'base64'))
    break
  case 'hammer': {
    const { parentPort } = await import('node:worker_threads')
    parentPort?.postMessage(await hammer(Number(rest[0]), 32, performance.now() + Number(rest[1]) * 1000))
    break
  }
  default:
    console.error('packets, pools or http?')
    process.exitCode = 1
}
