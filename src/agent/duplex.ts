/**
 * One byte stream between two agents, whatever carries it: a connection of its own, or one of many streams on a
 * multiplexed connection (mux.ts). Calls are made and served over these.
 */
import type { Conn, ConnHandler } from '../host/host.ts'

export interface Duplex {
  /** Who is at the other end, for the log: `10.0.0.1:41234`. */
  readonly from: string
  write(bytes: Uint8Array): void
  /** Written, and still here: the peer takes no more for now. */
  readonly unsent: number
  /** Runs once, when most of that is on its way. */
  whenSent(run: () => void): void
  /** No more from us. */
  end(): void
  /** Both ways, at once. */
  destroy(): void
  /** So many of the received bytes are dealt with: the peer may send more. */
  consumed(bytes: number): void
}

export interface DuplexHandler {
  /** The bytes are the owner's from now on. */
  data(bytes: Uint8Array): void
  /** The peer will send no more. */
  end(): void
  /** Last, and once, however it came. */
  close(error: Error | undefined): void
}

/** Received bytes that nobody dealt with yet; past this the peer is held back. As much as a multiplexed stream allows. */
const WAITING_BYTES_MAX = 256 * 1024

/** A connection as a single stream. @returns what its events must be given to */
export function plainDuplex(conn: Conn, from: string, serve: (duplex: Duplex) => DuplexHandler): ConnHandler {
  let waiting = 0
  let held = false
  let onSent: (() => void) | undefined
  const handler = serve({
    from,
    write: (bytes) => void conn.write(bytes),
    get unsent() {
      return conn.unsent
    },
    whenSent(run) {
      onSent = run
    },
    end: () => conn.end(),
    destroy: () => conn.destroy(),
    consumed(bytes) {
      waiting -= bytes
      if (!held || waiting > WAITING_BYTES_MAX / 2) return
      held = false
      conn.resume()
    },
  })
  return {
    data(chunk) {
      waiting += chunk.length
      if (!held && waiting > WAITING_BYTES_MAX) {
        held = true
        conn.pause()
      }
      handler.data(chunk)
    },
    end: () => handler.end(),
    drain() {
      const run = onSent
      onSent = undefined
      run?.()
    },
    close: (error) => handler.close(error),
  }
}
