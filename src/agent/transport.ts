/**
 * Raft's messages between servers, over connections that begin with byte 1 (protocol/raft.md): what the core wants sent
 * goes out, and comes back as `reply` or `lost`; what peers ask goes in, and the core's answers go back in the order of
 * the questions. Heartbeats have a connection of their own, so that no append holds them up; appends are pipelined; a
 * snapshot has a connection for itself. Pre-votes only go where the peer said on the same connection that it knows them
 * (pre-vote.ts).
 */
import { joinHostPort } from '../base/host-port.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Instant, Millis, Term } from '../base/units.ts'
import type {
  InstallRequest,
  PreVoteRequest,
  RaftEffect,
  RaftInput,
  RaftReply,
  RaftRequest,
  SnapshotMeta,
} from '../core/raft/messages.ts'
import type { Cancel, Conn, ConnHandler, Host } from '../host/host.ts'
import { MsgpackError } from '../wire/msgpack.ts'
import {
  encodeRefusal,
  encodeReply,
  encodeRequest,
  type RaftAnswer,
  type RaftIncoming,
  ReplyReader,
  RequestReader,
} from '../wire/raft.ts'
import type { SnapshotSink, SnapshotSource } from './install.ts'
import { parseHostPort } from './pool.ts'
import { asksForPreVote, knowsPreVote, PRE_VOTE_KNOWN, PRE_VOTE_QUESTION } from './pre-vote.ts'

/** First byte of a connection of Raft's. */
const RAFT = new Uint8Array([1])
/** Consul's: an answer that takes longer is none. */
const ANSWER_MS: Millis = 10_000
/** Of a snapshot, for each so many bytes: as hashicorp/raft reckons. */
const INSTALL_BYTES_PER_TIMEOUT = 256 * 1024
/**
 * A snapshot goes in bursts of so many bytes. While the leader has writes to spread, each is followed by a rest of its own
 * length, but no longer than this: the follower's work then takes half of its time, as with entries (core/raft/pace.ts).
 */
const INSTALL_BURST_BYTES = 512 * 1024
const INSTALL_REST_MS_MAX: Millis = 100
/** A connection that was not needed for so long is closed. */
const IDLE_MS: Millis = 60_000
/** Requests of one connection that are not answered yet; past this the peer is held back. Real leaders stop at 128. */
const UNANSWERED_MAX = 512

type Send = Extract<RaftEffect, { kind: 'send' }>

/** The core, as its transport sees it. */
export interface RaftEnd {
  tell(input: RaftInput): void
  /** Its effects follow before this returns. */
  tellNow(input: RaftInput): void
  /** The state of `meta` stands ready: `commit` puts it in place. */
  installed(id: number, meta: SnapshotMeta, commit: () => void): void
}

export interface Transport {
  start(end: RaftEnd): void
  send(effect: Send): void
  answer(id: number, body: RaftReply): void
  restore(id: number, meta: SnapshotMeta): void
  /** Takes over a connection that a peer opened. */
  accept(conn: Conn): ConnHandler
  stop(): void
}

export interface TransportParts {
  host: Pick<Host, 'now' | 'wake' | 'dial'>
  source: SnapshotSource
  sink(meta: SnapshotMeta, size: number, drained: () => void): SnapshotSink
  log: Log
}

export function makeTransport({ host, source, sink, log }: TransportParts): Transport {
  let end: RaftEnd | undefined
  let stopped = false
  const channels = new Map<string, Channel>()
  const conns = new Set<Conn>()
  let requests = 0
  /** The append that was written last, and its bytes: the same goes to every follower that keeps pace. */
  let written: { body: RaftRequest; bytes: Uint8Array } | undefined
  const asked = new Map<number, Slot>()
  /** Appends with entries in them: the leader has writes to spread. */
  let appends = 0

  const lost = (id: number, unknownType = false): void => {
    if (!stopped) end?.tell({ kind: 'lost', id, unknownType })
  }

  function channel(address: string, kind: 'heartbeat' | 'append'): Channel {
    const key = `${kind} ${address}`
    let found = channels.get(key)
    if (found === undefined) {
      found = makeChannel(host, address, {
        answered: (id, body) => end?.tell({ kind: 'reply', id, body }),
        lost,
        over: () => channels.delete(key),
      })
      channels.set(key, found)
    }
    return found
  }

  async function install(id: number, address: string, body: InstallRequest): Promise<void> {
    const snapshot = await source.open(body.lastIndex)
    if (snapshot === null) return lost(id)
    try {
      // A server that was stopped meanwhile says nothing more.
      if (stopped) return
      const conn = await host.dial(parseHostPort(address))
      if (stopped) return conn.destroy()
      conns.add(conn)
      const chunks = paced(host, snapshot.chunks(), () => appends)
      const reply = await sendSnapshot(host, conn, { ...body, size: snapshot.size }, chunks)
      conns.delete(conn)
      conn.destroy()
      if (!stopped) end?.tell({ kind: 'reply', id, body: reply })
    } finally {
      snapshot.release()
    }
  }

  return {
    start(given) {
      end = given
    },

    send({ id, address, body, heartbeat }) {
      switch (body.type) {
        case 'append':
          if (heartbeat) {
            channel(address, 'heartbeat').send(id, body)
            return
          }
          if (body.entries !== null && body.entries.length > 0) appends++
          if (written?.body !== body) written = { body, bytes: encodeRequest(body) }
          channel(address, 'append').send(id, body, written.bytes)
          return
        case 'vote':
        case 'pre-vote':
        case 'timeout-now':
          channel(address, 'heartbeat').send(id, body)
          return
        case 'install':
          install(id, address, body).catch((error: unknown) => {
            log.debug('failed to send a snapshot', { peer: address, error: messageOf(error) })
            lost(id)
          })
          return
      }
    },

    answer(id, body) {
      const slot = asked.get(id)
      if (slot === undefined) return
      asked.delete(id)
      slot.bytes = encodeReply(body)
      slot.flush()
    },

    restore(id, meta) {
      const slot = asked.get(id)
      if (slot?.begin !== undefined) slot.begin(meta)
      else end?.tell({ kind: 'restored', id, ok: false })
    },

    accept(conn) {
      conns.add(conn)
      return serve(conn)
    },

    stop() {
      stopped = true
      for (const each of channels.values()) each.close()
      for (const conn of conns) conn.destroy()
      source.stop()
      asked.clear()
    },
  }

  /** A peer's connection: questions in, answers out, in the same order. */
  function serve(conn: Conn): ConnHandler {
    const reader = new RequestReader()
    const slots: Slot[] = []
    let held = false
    /** The newest term that the peer had reached, as far as this connection shows it. */
    let reached: Term | null = null
    let receiving: Slot | undefined

    function flush(): void {
      while (slots[0]?.bytes !== undefined && slots[0].whole) conn.write(slots.shift()!.bytes!)
      if (held && slots.length < UNANSWERED_MAX && !receiving?.full) {
        held = false
        conn.resume()
      }
    }

    function hold(): void {
      if (held) return
      held = true
      conn.pause()
    }

    function take(incoming: RaftIncoming): void {
      switch (incoming.kind) {
        case 'refused':
          push({ bytes: encodeRefusal(incoming.error), whole: true, flush })
          return
        case 'request':
          request(incoming.body)
          return
        case 'snapshot':
          snapshotBytes(incoming.bytes, incoming.last)
          return
      }
    }

    function push(slot: Slot): void {
      slots.push(slot)
      if (slots.length >= UNANSWERED_MAX) hold()
    }

    function request(body: RaftRequest): void {
      if (asksForPreVote(body)) {
        push({ bytes: encodeReply(PRE_VOTE_KNOWN), whole: true, flush })
        return
      }
      const id = ++requests
      const slot: Slot = { whole: body.type !== 'install', flush }
      push(slot)
      asked.set(id, slot)
      if (body.type === 'timeout-now') {
        end?.tell({ kind: 'request', id, body: { ...body, term: body.term ?? reached } })
        return
      }
      if (body.type !== 'pre-vote' && body.term > (reached ?? 0)) reached = body.term
      if (body.type !== 'install') {
        end?.tell({ kind: 'request', id, body })
        return
      }
      receiving = slot
      slot.id = id
      slot.begin = (meta) => {
        slot.begin = undefined
        slot.meta = meta
        slot.sink = sink(meta, body.size, () => {
          slot.full = false
          flush()
        })
      }
      // Whether it wants the snapshot is known at once, before the first of its bytes.
      end?.tellNow({ kind: 'request', id, body })
      slot.begin = undefined
    }

    function snapshotBytes(bytes: Uint8Array, last: boolean): void {
      const slot = receiving!
      if (slot.sink !== undefined && bytes.length > 0 && !slot.failed) {
        try {
          if (!slot.sink.write(bytes)) {
            slot.full = true
            hold()
          }
        } catch (error) {
          giveUp(slot, error)
        }
      }
      if (!last) return
      receiving = undefined
      slot.whole = true
      if (slot.sink === undefined || slot.failed) return
      slot.sink.finish().then(
        (commit) => end?.installed(slot.id!, slot.meta!, commit),
        (error: unknown) => giveUp(slot, error),
      )
    }

    function giveUp(slot: Slot, error: unknown): void {
      if (slot.failed) return
      slot.failed = true
      log.error('failed to receive a snapshot', { error: messageOf(error) })
      slot.sink?.abort(error)
      end?.tell({ kind: 'restored', id: slot.id!, ok: false })
    }

    return {
      data(chunk) {
        if (stopped) return
        try {
          for (const incoming of reader.push(chunk)) take(incoming)
        } catch (error) {
          if (!(error instanceof MsgpackError)) throw error
          log.error('failed to decode incoming command', {
            from: joinHostPort(conn.remote.host, conn.remote.port),
            error: error.message,
          })
          conn.destroy()
          return
        }
        flush()
      },
      end: () => conn.end(),
      close() {
        conns.delete(conn)
        slots.length = 0
        if (receiving?.sink !== undefined) giveUp(receiving, new Error('the connection was lost'))
      },
    }
  }
}

/** The place of one answer among those of its connection. */
interface Slot {
  bytes?: Uint8Array
  /** The question is here to its last byte: of a snapshot, that is long after the core has heard of it. */
  whole: boolean
  flush(): void
  id?: number
  begin?: ((meta: SnapshotMeta) => void) | undefined
  meta?: SnapshotMeta
  sink?: SnapshotSink
  full?: boolean
  failed?: boolean
}

interface Channel {
  /** @param bytes the request as it goes out, if that is known already */
  send(id: number, body: RaftRequest, bytes?: Uint8Array): void
  close(): void
}

interface ChannelOwner {
  answered(id: number, body: RaftReply): void
  /** @param unknownType the peer lives, and knows no such message */
  lost(id: number, unknownType?: boolean): void
  over(): void
}

/** One connection to one peer, opened when first used; questions are written as they come, answers matched in order. */
function makeChannel(host: Pick<Host, 'now' | 'wake' | 'dial'>, address: string, owner: ChannelOwner): Channel {
  /** @property after goes out when the peer has said that it knows it */
  const waiting: { id: number; type: RaftRequest['type']; sentAt: Instant; after?: PreVoteRequest }[] = []
  /** Its answers: whoever takes the peer's place has to open, and that is another connection. */
  let preVoteKnown = false
  const reader = new ReplyReader()
  let unsent: Uint8Array[] = [RAFT]
  let conn: Conn | undefined
  let over = false
  let usedAt = host.now()
  let cancel: Cancel | undefined

  function close(): void {
    if (over) return
    over = true
    cancel?.()
    conn?.destroy()
    owner.over()
    for (const { id } of waiting.splice(0)) owner.lost(id)
  }

  /** Looks now and then, rather than arming a timer for each of thousands of messages. */
  function watch(): void {
    const oldest = waiting[0]
    const until = oldest === undefined ? usedAt + IDLE_MS : oldest.sentAt + ANSWER_MS
    if (host.now() >= until) close()
    else cancel = host.wake(until, watch)
  }

  function answered(answer: RaftAnswer): void {
    const { id, after } = waiting.shift()!
    if (!answer.ok) owner.lost(id)
    else if (after === undefined) owner.answered(id, answer.body)
    else if (knowsPreVote(answer.body)) {
      preVoteKnown = true
      send(id, after)
    } else owner.lost(id, true)
  }

  function send(id: number, body: RaftRequest, known?: Uint8Array): void {
    if (over) {
      owner.lost(id)
      return
    }
    usedAt = host.now()
    let written = body
    if (body.type === 'pre-vote' && !preVoteKnown) {
      written = PRE_VOTE_QUESTION
      waiting.push({ id, type: written.type, sentAt: usedAt, after: body })
    } else waiting.push({ id, type: body.type, sentAt: usedAt })
    const bytes = known ?? encodeRequest(written)
    if (conn === undefined) unsent.push(bytes)
    else conn.write(bytes)
  }

  host
    .dial(parseHostPort(address), ANSWER_MS)
    .then((opened) => {
      if (over) {
        opened.destroy()
        return
      }
      conn = opened
      conn.open({
        data(chunk) {
          try {
            reader.push(chunk, () => waiting[0]?.type, answered)
          } catch (error) {
            if (!(error instanceof MsgpackError)) throw error
            close()
          }
        },
        end: close,
        close,
      })
      conn.cork()
      for (const bytes of unsent) conn.write(bytes)
      conn.uncork()
      unsent = []
      watch()
    })
    .catch(close)

  return { send, close }
}

/** @param work grows while there is other work */
async function* paced(
  host: Pick<Host, 'now' | 'wake'>,
  chunks: AsyncIterable<Uint8Array>,
  work: () => number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  let began = host.now()
  let before = work()
  for await (const chunk of chunks) {
    yield chunk
    bytes += chunk.length
    if (bytes < INSTALL_BURST_BYTES) continue
    const restMs = Math.min(host.now() - began, INSTALL_REST_MS_MAX)
    if (work() !== before && restMs > 0) await new Promise<void>((done) => void host.wake(host.now() + restMs, done))
    bytes = 0
    began = host.now()
    before = work()
  }
}

/** Streams a snapshot and waits for the answer. Rejects when the connection breaks, or time is up. */
function sendSnapshot(
  host: Pick<Host, 'now'>,
  conn: Conn,
  body: InstallRequest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<RaftReply> {
  return new Promise((resolve, reject) => {
    const reader = new ReplyReader()
    let room = () => {}
    let over = false
    conn.deadline(host.now() + ANSWER_MS * Math.max(1, body.size / INSTALL_BYTES_PER_TIMEOUT))
    conn.open({
      data(chunk) {
        try {
          reader.push(
            chunk,
            () => 'install',
            (answer) => (answer.ok ? resolve(answer.body) : reject(new Error(answer.error))),
          )
        } catch (error) {
          conn.destroy()
          reject(error)
        }
      },
      end: () => conn.destroy(),
      drain: () => room(),
      close(error) {
        over = true
        reject(error ?? new Error('the connection was closed'))
        room()
      },
    })
    const pump = async () => {
      conn.write(RAFT)
      let enough = !conn.write(encodeRequest(body))
      for await (const chunk of chunks) {
        if (enough && conn.unsent > 0) {
          await new Promise<void>((done) => {
            room = done
          })
        }
        if (over) return
        enough = !conn.write(chunk)
      }
    }
    pump().catch((error: unknown) => {
      conn.destroy()
      reject(error)
    })
  })
}
