/**
 * Raft's messages between simulated servers, as objects rather than bytes: a stand-in for agent/transport.ts that is
 * harsher than TCP, since each message may be lost, doubled or overtaken by itself. Snapshots come from the real source
 * and go into the real sink, chunk by chunk.
 */

import type { Restore, SnapshotSink, SnapshotSource } from '../agent/install.ts'
import type { RaftEnd, Transport } from '../agent/transport.ts'
import type { Millis } from '../base/units.ts'
import type { RaftReply, RaftRequest } from '../core/raft/messages.ts'
import type { Network } from './network.ts'
import type { World } from './world.ts'

/** A request without an answer counts as lost after so long. */
const ANSWER_MS: Millis = 1500
/** A word to stand for election comes once more, up to so much later: others may have led meanwhile, and lead again. */
const STRAY_MS_MAX: Millis = 6000

/** One server's end, in one of its lives. */
export interface Wire extends Transport {
  readonly name: string
  /** A request arrives; `answer` carries the reply back. */
  receive(body: RaftRequest, chunks: Uint8Array[] | undefined, answer: (body: RaftReply) => void): void
}

export interface WireParts {
  name: string
  world: World
  network: Network
  /** Runs in this server's life only, and not while it is paused. */
  live(run: () => void): () => void
  /** The peer's end, or undefined while it is down; `knows` says whether it is one that knows pre-votes. */
  peer(id: string): { receive: Wire['receive']; live(run: () => void): () => void; knows: boolean } | undefined
  source: SnapshotSource
  sink(restore: Restore, size: number, drained: () => void): SnapshotSink
  /** Draws whether a snapshot's stream breaks off. */
  breaksOff(): boolean
}

interface Asked {
  answer(body: RaftReply): void
  begin: ((restore: Restore) => void) | undefined
}

export function makeWire({ name, world, network, live, peer, source, sink, breaksOff }: WireParts): Wire {
  let end: RaftEnd | undefined
  const awaited = new Set<number>()
  const asked = new Map<number, Asked>()
  let requests = 0

  function lost(id: number): void {
    if (awaited.delete(id)) end?.tell({ kind: 'lost', id })
  }

  function ask(id: number, to: string, body: RaftRequest, chunks?: Uint8Array[]): void {
    const arrive = () => {
      const there = peer(to)
      if (there === undefined) return
      if (body.type === 'pre-vote' && !there.knows) {
        there.live(() =>
          network.carry(
            to,
            name,
            live(() => {
              if (awaited.delete(id)) end?.tell({ kind: 'lost', id, unknownType: true })
            }),
          ),
        )()
        return
      }
      there.live(() =>
        there.receive(body, chunks, (reply) =>
          network.carry(
            to,
            name,
            live(() => {
              if (awaited.delete(id)) end?.tell({ kind: 'reply', id, body: reply })
            }),
          ),
        ),
      )()
    }
    network.carry(name, to, arrive)
    // It says only to stand, so one from long ago is as good as a new one, but for its term.
    if (body.type === 'timeout-now') network.late(STRAY_MS_MAX, arrive)
    world.after(
      ANSWER_MS,
      live(() => lost(id)),
    )
  }

  async function install(id: number, to: string, body: Extract<RaftRequest, { type: 'install' }>): Promise<void> {
    const snapshot = await source.open(body.lastIndex)
    if (snapshot === null) {
      world.after(
        1,
        live(() => lost(id)),
      )
      return
    }
    const chunks: Uint8Array[] = []
    for await (const chunk of snapshot.chunks()) chunks.push(chunk.slice())
    snapshot.release()
    ask(id, to, { ...body, size: snapshot.size }, chunks)
  }

  return {
    name,
    start(given) {
      end = given
    },

    send({ id, peer: to, body }) {
      awaited.add(id)
      if (body.type === 'install') void install(id, to, body)
      else ask(id, to, body)
    },

    answer(id, body) {
      const slot = asked.get(id)
      asked.delete(id)
      slot?.answer(body)
    },

    restore(restore) {
      const begin = asked.get(restore.id)?.begin
      if (begin === undefined) end?.tell({ kind: 'restored', id: restore.id, ok: false })
      else begin(restore)
    },

    receive(body, chunks, answer) {
      const id = ++requests
      const slot: Asked = { answer, begin: undefined }
      asked.set(id, slot)
      if (body.type !== 'install') {
        end?.tell({ kind: 'request', id, body })
        return
      }
      slot.begin = (restore) => {
        const into = sink(restore, body.size, () => {})
        const fail = (error: unknown) => {
          into.abort(error)
          end?.tell({ kind: 'restored', id, ok: false })
        }
        const whole = !breaksOff()
        try {
          for (const chunk of whole ? chunks! : chunks!.slice(0, -1)) into.write(chunk)
        } catch (error) {
          fail(error)
          return
        }
        if (!whole) {
          world.after(
            5,
            live(() => fail(new Error('the connection was lost'))),
          )
          return
        }
        into.finish().then((commit) => live(() => end?.installed(id, restore.meta, commit))(), fail)
      }
      end?.tellNow({ kind: 'request', id, body })
      slot.begin = undefined
    },

    accept() {
      throw new Error('simulated servers have no connections')
    },

    stop() {
      asked.clear()
      awaited.clear()
    },
  }
}
