/**
 * A server between peers that say anything: requests that are well formed but make no sense, and streams of real requests
 * that were damaged on the way, read by the real decoder and given to a real core. It may refuse, and break the connection;
 * it never breaks itself, and what it took for committed stays.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Random, seededRandom } from '../../src/base/random.ts'
import type { Entry, EntryType, RaftEffect, RaftInput, RaftRequest } from '../../src/core/raft/messages.ts'
import { makeRaft, type Raft } from '../../src/core/raft/raft.ts'
import { MsgpackError } from '../../src/wire/msgpack.ts'
import { encodeReply, encodeRequest, RequestReader } from '../../src/wire/raft.ts'
import { decodeConfiguration, decodePeers, encodeConfiguration } from '../../src/wire/raft-log.ts'

const SERVERS = [1, 2, 3].map((n) => ({ id: `s${n}`, address: `10.0.0.${n}:8300`, suffrage: 'voter' as const }))
const TIMING = { heartbeatTimeoutMs: 1000, electionTimeoutMs: 1000, leaderLeaseTimeoutMs: 500, commitTimeoutMs: 50 }

/** One server, its effects performed at once: its disk is quick and its snapshots always arrive whole. */
class Victim {
  readonly committed: Entry[] = []
  answers = 0
  commits = 0
  now = 0
  private base = 0
  private readonly raft: Raft
  private requests = 0

  constructor(random: Random) {
    this.raft = makeRaft({
      id: 's1',
      address: SERVERS[0]!.address,
      timing: TIMING,
      random,
      preVote: true,
      trailingLogs: 4,
      appendEntriesMax: 8,
      codec: {
        encode: encodeConfiguration,
        decode: (type, data) => (type === 'configuration' ? decodeConfiguration(data) : decodePeers(data)),
      },
      saved: { hardState: { term: 0, votedTerm: 0, votedFor: '', floor: null }, snapshot: null, entries: [] },
      now: 0,
    })
    this.tell({ kind: 'bootstrap', configuration: { servers: SERVERS } })
  }

  hear(body: RaftRequest): void {
    this.tell({ kind: 'request', id: ++this.requests, body })
  }

  tell(input: RaftInput | { kind: 'tick' }): void {
    this.raft.step(this.now, input)
    for (let effects = this.raft.take(); effects.length > 0; effects = this.raft.take()) {
      for (const effect of effects) this.perform(effect)
    }
  }

  get status() {
    return this.raft.status(this.now)
  }

  private perform(effect: RaftEffect): void {
    switch (effect.kind) {
      case 'persist':
        this.raft.step(this.now, { kind: 'persisted', write: effect.write })
        return
      case 'restore':
        this.base = effect.meta.index
        this.committed.length = 0
        this.raft.step(this.now, { kind: 'restored', id: effect.id, ok: true })
        return
      case 'commit':
        for (const entry of effect.entries) {
          assert.equal(entry.index, this.base + this.committed.length + 1, 'commits follow one another')
          this.committed.push(entry)
          this.commits++
        }
        this.raft.step(this.now, { kind: 'applied', index: effect.entries.at(-1)!.index })
        return
      case 'answer':
        this.answers++
        encodeReply(effect.body)
        return
      default:
        return
    }
  }
}

/** Small numbers meet more often than large ones; now and then one that is out of all bounds. */
function someNumber(random: Random, near: number): number {
  const draw = random.float()
  if (draw < 0.7) return Math.max(0, near + random.int(9) - 4)
  if (draw < 0.95) return random.int(12)
  return Math.floor(random.float() * Number.MAX_SAFE_INTEGER)
}

function someRequest(random: Random, victim: Victim): RaftRequest {
  const { term: own, lastIndex: last, lastTerm: newest } = victim.status
  const sound = random.float() < 0.4
  const term = sound ? own : someNumber(random, own)
  const candidate = SERVERS[random.int(3)]!.address
  const lastIndex = sound ? last : someNumber(random, last)
  const lastTerm = sound ? newest : someNumber(random, own)
  const configuration = { servers: SERVERS.slice(0, random.int(4)) }
  switch (random.int(6)) {
    case 0:
      return { type: 'vote', term, candidate, lastIndex, lastTerm, leadershipTransfer: random.float() < 0.3 }
    case 1:
      return random.float() < 0.2
        ? { type: 'timeout-now', term: random.float() < 0.5 ? null : term }
        : {
            type: 'install',
            term,
            leader: candidate,
            lastIndex,
            lastTerm,
            configuration,
            configurationIndex: someNumber(random, lastIndex),
            size: 0,
          }
    default:
      return {
        type: 'append',
        term,
        leader: candidate,
        prevIndex: lastIndex,
        prevTerm: lastTerm,
        entries: random.float() < 0.2 ? null : someEntries(random, lastIndex, term),
        commit: someNumber(random, last),
      }
  }
}

const TYPES: EntryType[] = ['command', 'command', 'noop', 'barrier', 'configuration', 'add-peer', 'remove-peer']

function someEntries(random: Random, after: number, term: number): Entry[] {
  return Array.from({ length: random.int(4) }, (_, n) => {
    const type = TYPES[random.int(TYPES.length)]!
    const sound = type === 'configuration' && random.float() < 0.7
    return {
      index: random.float() < 0.95 ? after + 1 + n : someNumber(random, after),
      term: random.float() < 0.8 ? term : someNumber(random, term),
      type,
      data: sound
        ? encodeConfiguration({ servers: SERVERS.slice(0, 1 + random.int(3)) })
        : random.bytes(random.int(20)),
      extensions: null,
    }
  })
}

function damaged(random: Random, bytes: Uint8Array): Uint8Array {
  const out = [...bytes]
  for (let n = random.int(3); n >= 0; n--) {
    const at = random.int(out.length + 1)
    const draw = random.int(4)
    if (draw === 0) out[Math.min(at, out.length - 1)] = random.int(256)
    else if (draw === 1) out.splice(at, random.int(8))
    else if (draw === 2) out.splice(at, 0, ...random.bytes(random.int(8)))
    else out.splice(at, 0, ...out.slice(at, at + random.int(16)))
  }
  return Uint8Array.from(out)
}

/** Whatever was committed is there still, unless a snapshot took its place. */
function keeps(victim: Victim, before: readonly Entry[]): void {
  if (victim.committed.length < before.length) return
  for (const [n, entry] of before.entries()) assert.equal(victim.committed[n], entry, 'a committed entry was replaced')
}

test('requests that make no sense are refused or followed, and break nothing', () => {
  let answers = 0
  let commits = 0
  for (let seed = 1; seed <= 150; seed++) {
    const random = seededRandom(seed)
    const victim = new Victim(random)
    for (let n = 0; n < 120; n++) {
      const before = victim.committed.slice()
      victim.now += random.int(300)
      if (random.float() < 0.1) victim.tell({ kind: 'tick' })
      victim.hear(someRequest(random, victim))
      keeps(victim, before)
    }
    answers += victim.answers
    commits += victim.commits
  }
  assert(answers > 10_000, `only ${answers} answers`)
  assert(commits > 300, `only ${commits} commits`)
})

test('a damaged stream ends in a broken connection or in requests, whatever they say', () => {
  let read = 0
  let broken = 0
  for (let seed = 1; seed <= 400; seed++) {
    const random = seededRandom(seed * 31)
    const victim = new Victim(random)
    const stream = Buffer.concat(Array.from({ length: 6 }, () => encodeRequest(someRequest(random, victim))))
    const bytes = damaged(random, stream)
    const reader = new RequestReader()
    try {
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + random.int(80)
        for (const incoming of reader.push(bytes.subarray(at, at + size))) {
          if (incoming.kind !== 'request') continue
          read++
          victim.hear(incoming.body)
        }
        at += size
      }
    } catch (error) {
      assert(error instanceof MsgpackError, String(error))
      broken++
    }
  }
  assert(read > 400, `only ${read} were read`)
  assert(broken > 100, `only ${broken} broke`)
})
