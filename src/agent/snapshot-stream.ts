/**
 * Snapshots between agents, on connections that begin with byte 5 (protocol/rpc.md section 7): a request, the archive for
 * a restore, an end from the asker; then a response, the archive of a save, an end from the server. Nothing is gathered:
 * each end takes bytes as fast as it can use them, and the other is held back by TCP.
 */
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Millis } from '../base/units.ts'
import type { Conn, ConnHandler, Host } from '../host/host.ts'
import { ConsulError, errorFromText } from '../model/errors.ts'
import type { SnapshotAnswer, SnapshotCaller, SnapshotRequest } from '../model/snapshot.ts'
import { encodeWith, Reader } from '../wire/msgpack.ts'
import { ValueScanner } from '../wire/msgpack-stream.ts'
import type { Codec } from '../wire/schema.ts'
import { SNAPSHOT_OPS, snapshotRequest, snapshotResponse } from '../wire/structs/snapshot.ts'
import { parseHostPort } from './pool.ts'

const SNAPSHOT = new Uint8Array([5])
/** Of a request or a response: tokens and error texts are short. */
const VALUE_BYTES_MAX = 64 << 10
/** Received and not taken; past this the peer is held back. */
const WAITING_BYTES_MAX = 256 << 10
/** What is left of an archive that was refused is read and thrown away, so that the peer gets to the answer. */
const LEFTOVER_BYTES_MAX = 64 << 20
/** The peer must take bytes, or send them, within this. */
const IDLE_MS: Millis = 60_000

/** A connection, as its one user reads and writes it. */
interface Stream {
  handler: ConnHandler
  /** Ends with the peer's end; throws when the connection breaks before. */
  chunks: AsyncGenerator<Uint8Array>
  /** Resolves when there is room for more. Rejects when nobody takes it. */
  write(bytes: Uint8Array): Promise<void>
}

/** @param patienceMs how long the peer may neither send nor take anything; null: as long as it likes */
function makeStream(host: Pick<Host, 'now'>, conn: Conn, patienceMs: Millis | null): Stream {
  const waiting: Uint8Array[] = []
  let waitingBytes = 0
  let held = false
  let ended = false
  let closed: Error | null | undefined
  let wakeReader = () => {}
  let wakeWriter = () => {}
  const alive = () => conn.deadline(patienceMs === null ? null : host.now() + patienceMs)

  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const next = waiting.shift()
      if (next !== undefined) {
        waitingBytes -= next.length
        if (held && waitingBytes < WAITING_BYTES_MAX / 2) {
          held = false
          alive()
          conn.resume()
        }
        yield next
      } else if (ended) return
      else if (closed !== undefined) throw closed ?? new Error('unexpected EOF')
      else {
        await new Promise<void>((done) => {
          wakeReader = done
        })
      }
    }
  }

  alive()
  return {
    chunks: chunks(),
    async write(bytes) {
      if (closed !== undefined) throw closed ?? new Error('write: broken pipe')
      alive()
      if (conn.write(bytes) || conn.unsent === 0) return
      await new Promise<void>((done) => {
        wakeWriter = done
      })
      if (closed !== undefined) throw closed ?? new Error('write: broken pipe')
    },
    handler: {
      data(chunk) {
        alive()
        waiting.push(chunk)
        waitingBytes += chunk.length
        if (!held && waitingBytes > WAITING_BYTES_MAX) {
          held = true
          // Who is held back cannot be blamed for silence.
          conn.deadline(null)
          conn.pause()
        }
        wakeReader()
      },
      end() {
        ended = true
        conn.deadline(null)
        wakeReader()
      },
      drain() {
        alive()
        wakeWriter()
      },
      close(error) {
        closed = error ?? null
        wakeReader()
        wakeWriter()
      },
    },
  }
}

/** @returns the value that the bytes begin with, and what follows it */
async function readValue<T>(codec: Codec<T>, chunks: AsyncGenerator<Uint8Array>): Promise<[T, Uint8Array]> {
  const scanner = new ValueScanner(VALUE_BYTES_MAX)
  const parts: Uint8Array[] = []
  for (;;) {
    const { value: chunk, done } = await chunks.next()
    if (done === true) throw new Error('EOF')
    const end = scanner.push(chunk)
    parts.push(end < 0 ? chunk : chunk.subarray(0, end))
    if (end < 0) continue
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    const whole = new Uint8Array(length)
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return [codec.read(new Reader(whole, 0, length)), chunk.subarray(end)]
  }
}

async function* after(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first
  yield* rest
}

/**
 * Serves one request.
 * @returns what the connection's events are given to
 */
export function serveSnapshot(
  host: Pick<Host, 'now'>,
  conn: Conn,
  from: string,
  perform: SnapshotCaller,
  log: Log,
): ConnHandler {
  const { handler, chunks, write } = makeStream(host, conn, IDLE_MS)
  const serve = async () => {
    const [{ Op, ...rest }, first] = await readValue(snapshotRequest, chunks)
    const archive = after(first, chunks)
    const { meta, archive: saved, failure } = await answer({ ...rest }, Op, archive)
    await write(encodeWith((w) => snapshotResponse.write(w, { ...meta, ConsistencyLevel: '', Error: failure })))
    if (saved !== undefined) for await (const chunk of saved) await write(chunk)
    conn.end()
  }

  async function answer(request: Omit<SnapshotRequest, 'Op'>, op: number, archive: AsyncGenerator<Uint8Array>) {
    const none = { Index: 0, LastContact: 0, KnownLeader: false }
    try {
      const Op = op === SNAPSHOT_OPS.save ? 'save' : op === SNAPSHOT_OPS.restore ? 'restore' : undefined
      if (Op === undefined) throw new ConsulError('refused', `unrecognized snapshot op '${op}'`)
      const { meta, archive: saved } = await perform({ ...request, Op }, archive)
      return { meta, archive: Op === 'save' ? saved : undefined, failure: '' }
    } catch (error) {
      let left = 0
      for await (const chunk of chunks) {
        left += chunk.length
        if (left > LEFTOVER_BYTES_MAX) break
      }
      return { meta: none, archive: undefined, failure: messageOf(error) }
    }
  }

  serve().catch((error: unknown) => {
    log.error('snapshot request failed', { conn: `from=${from}`, error: messageOf(error) })
    conn.destroy()
  })
  return handler
}

/**
 * Asks a server. Rejects with `ConsulError` for what it answered, with the connection's own error otherwise.
 * @param address `host:port`
 */
export async function askSnapshot(
  host: Pick<Host, 'now' | 'dial'>,
  address: string,
  { Op, ...request }: SnapshotRequest,
  archive: AsyncIterable<Uint8Array>,
): Promise<SnapshotAnswer> {
  const conn = await host.dial(parseHostPort(address))
  try {
    const { handler, chunks, write } = makeStream(host, conn, null)
    conn.open(handler)
    conn.write(SNAPSHOT)
    await write(encodeWith((w) => snapshotRequest.write(w, { ...request, Op: SNAPSHOT_OPS[Op] })))
    if (Op === 'restore') for await (const chunk of archive) await write(chunk)
    // It has no length: its end is how the server knows it.
    conn.end()
    const [response, first] = await readValue(snapshotResponse, chunks)
    const { Error: failure, ConsistencyLevel: _, ...meta } = response
    if (failure !== '') throw errorFromText(failure)
    return { meta, archive: closing(conn, after(first, chunks)) }
  } catch (error) {
    conn.destroy()
    if (error instanceof ConsulError) throw error
    throw new ConsulError('refused', `failed to decode response: ${messageOf(error)}`, { cause: error })
  }
}

async function* closing(conn: Conn, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* chunks
  } finally {
    conn.destroy()
  }
}
