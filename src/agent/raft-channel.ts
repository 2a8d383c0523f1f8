/**
 * One connection to one peer, for what we ask of it: questions are written as they come, and answers matched to them in
 * order. Pre-votes only go where the peer said on the same connection that it knows them (pre-vote.ts). Whatever is not
 * answered in time, or on a connection that breaks, is lost; asking again is the core's affair.
 */
import type { Instant, Millis } from '../base/units.ts'
import type { PreVoteRequest, RaftReply, RaftRequest } from '../core/raft/messages.ts'
import type { Cancel, Conn, Host } from '../host/host.ts'
import { MsgpackError } from '../wire/msgpack.ts'
import { encodeRequest, type RaftAnswer, ReplyReader } from '../wire/raft.ts'
import { parseHostPort } from './pool.ts'
import { knowsPreVote, PRE_VOTE_QUESTION } from './pre-vote.ts'

/** First byte of a connection of Raft's. */
export const RAFT = new Uint8Array([1])
/** Consul's: an answer that takes longer is none. */
export const ANSWER_MS: Millis = 10_000
/** A connection that was not needed for so long is closed. */
const IDLE_MS: Millis = 60_000

export interface Channel {
  /** @param bytes the request as it goes out, if that is known already */
  send(id: number, body: RaftRequest, bytes?: Uint8Array): void
  close(): void
}

export interface ChannelOwner {
  answered(id: number, body: RaftReply): void
  /** @param unknownType the peer lives, and knows no such message */
  lost(id: number, unknownType?: boolean): void
  over(): void
}

/** Opened at once; what is asked before it stands goes out as soon as it does. */
export function makeChannel(host: Pick<Host, 'now' | 'wake' | 'dial'>, address: string, owner: ChannelOwner): Channel {
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
