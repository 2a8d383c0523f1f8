/**
 * What peers ask of this server's core, on the connections that they open: questions in, answers out, in the order of the
 * questions. A snapshot's bytes follow its question, and go to where install.ts wants them as they come. A peer with too
 * much under way is held back.
 */
import { joinHostPort } from '../base/host-port.ts'
import { messageOf } from '../base/message-of.ts'
import type { Term } from '../base/units.ts'
import type { RaftReply, RaftRequest, SnapshotMeta } from '../core/raft/messages.ts'
import type { Conn, ConnHandler } from '../host/host.ts'
import { MsgpackError } from '../wire/msgpack.ts'
import { encodeRefusal, encodeReply, type RaftIncoming, RequestReader } from '../wire/raft.ts'
import type { Restore, SnapshotSink } from './install.ts'
import { asksForPreVote, PRE_VOTE_KNOWN } from './pre-vote.ts'
import type { RaftEnd, TransportParts } from './transport.ts'

/** Requests of one connection that are not answered yet; past this the peer is held back. Real leaders stop at 128. */
const UNANSWERED_MAX = 512

/** The place of one answer among those of its connection. */
interface Slot {
  bytes?: Uint8Array
  /** The question is here to its last byte: of a snapshot, that is long after the core has heard of it. */
  whole: boolean
  flush(): void
  id?: number
  begin?: ((restore: Restore) => void) | undefined
  meta?: SnapshotMeta
  sink?: SnapshotSink
  full?: boolean
  failed?: boolean
}

export interface Answers {
  /** Takes over a connection that a peer opened. */
  accept(conn: Conn): ConnHandler
  answer(id: number, body: RaftReply): void
  /** The core wants the snapshot that it was asked to take. @returns false when its bytes cannot be had any more */
  restore(restore: Restore): boolean
  stop(): void
}

/** @param end the core; it is there before the first connection is */
export function makeAnswers({ sink, log }: Pick<TransportParts, 'sink' | 'log'>, end: () => RaftEnd): Answers {
  let stopped = false
  let questions = 0
  const conns = new Set<Conn>()
  const asked = new Map<number, Slot>()

  return {
    accept(conn) {
      conns.add(conn)
      return serve(conn)
    },

    answer(id, body) {
      const slot = asked.get(id)
      if (slot === undefined) return
      asked.delete(id)
      slot.bytes = encodeReply(body)
      slot.flush()
    },

    restore(restore) {
      const begin = asked.get(restore.id)?.begin
      begin?.(restore)
      return begin !== undefined
    },

    stop() {
      stopped = true
      for (const conn of conns) conn.destroy()
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
      const id = ++questions
      const slot: Slot = { whole: body.type !== 'install', flush }
      push(slot)
      asked.set(id, slot)
      if (body.type === 'timeout-now') {
        end().tell({ kind: 'request', id, body: { ...body, term: body.term ?? reached } })
        return
      }
      if (body.type !== 'pre-vote' && body.term > (reached ?? 0)) reached = body.term
      if (body.type !== 'install') {
        end().tell({ kind: 'request', id, body })
        return
      }
      receiving = slot
      slot.id = id
      slot.begin = (restore) => {
        slot.begin = undefined
        slot.meta = restore.meta
        slot.sink = sink(restore, body.size, () => {
          slot.full = false
          flush()
        })
      }
      // Whether it wants the snapshot is known at once, before the first of its bytes.
      end().tellNow({ kind: 'request', id, body })
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
        (commit) => end().installed(slot.id!, slot.meta!, commit),
        (error: unknown) => giveUp(slot, error),
      )
    }

    function giveUp(slot: Slot, error: unknown): void {
      if (slot.failed) return
      slot.failed = true
      log.error('failed to receive a snapshot', { error: messageOf(error) })
      slot.sink?.abort(error)
      end().tell({ kind: 'restored', id: slot.id!, ok: false })
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
