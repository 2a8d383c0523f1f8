/**
 * Raft's messages between servers, over connections that begin with byte 1 (protocol/raft.md): what the core wants sent
 * goes out (raft-channel.ts, send-snapshot.ts), and comes back as `reply` or `lost`; what peers ask goes in, and the
 * core's answers go back (raft-answers.ts). Heartbeats have a connection of their own, so that no append holds them up;
 * appends are pipelined; a snapshot has a connection for itself.
 */
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type {
  InstallRequest,
  RaftEffect,
  RaftInput,
  RaftReply,
  RaftRequest,
  SnapshotMeta,
} from '../core/raft/messages.ts'
import type { Conn, ConnHandler, Host } from '../host/host.ts'
import { encodeRequest } from '../wire/raft.ts'
import type { Restore, SnapshotSink, SnapshotSource } from './install.ts'
import { parseHostPort } from './pool.ts'
import { makeAnswers } from './raft-answers.ts'
import { type Channel, makeChannel } from './raft-channel.ts'
import { paced, sendSnapshot } from './send-snapshot.ts'

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
  restore(restore: Restore): void
  /** Takes over a connection that a peer opened. */
  accept(conn: Conn): ConnHandler
  stop(): void
}

export interface TransportParts {
  host: Pick<Host, 'now' | 'wake' | 'dial'>
  source: SnapshotSource
  sink(restore: Restore, size: number, drained: () => void): SnapshotSink
  log: Log
}

export function makeTransport({ host, source, sink, log }: TransportParts): Transport {
  let end: RaftEnd | undefined
  let stopped = false
  const channels = new Map<string, Channel>()
  /** Those that carry a snapshot away. */
  const sending = new Set<Conn>()
  /** The append that was written last, and its bytes: the same goes to every follower that keeps pace. */
  let written: { body: RaftRequest; bytes: Uint8Array } | undefined
  /** Appends with entries in them: the leader has writes to spread. */
  let appends = 0
  const answers = makeAnswers({ sink, log }, () => end!)

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
      sending.add(conn)
      const chunks = paced(host, snapshot.chunks(), () => appends)
      try {
        const reply = await sendSnapshot(host, conn, { ...body, size: snapshot.size }, chunks)
        if (!stopped) end?.tell({ kind: 'reply', id, body: reply })
      } finally {
        sending.delete(conn)
        conn.destroy()
      }
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

    answer: answers.answer,

    restore(restore) {
      if (!answers.restore(restore)) end?.tell({ kind: 'restored', id: restore.id, ok: false })
    },

    accept: answers.accept,

    stop() {
      stopped = true
      for (const each of channels.values()) each.close()
      for (const conn of sending) conn.destroy()
      answers.stop()
      source.stop()
    },
  }
}
