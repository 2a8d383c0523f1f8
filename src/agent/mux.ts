/**
 * A yamux session over a connection: gives the pure session (wire/yamux.ts) its bytes, its clock and its farewell, and
 * its streams to their owners. One turn's frames leave together.
 */
import type { Cancel, Conn, ConnHandler, Host } from '../host/host.ts'
import { Yamux, YamuxError, type YamuxEvent } from '../wire/yamux.ts'
import type { Duplex, DuplexHandler } from './duplex.ts'

/** A peer that takes nothing for so long is gone. */
const WRITE_TIMEOUT_MS = 30_000
/** Answers that the peer does not take; past this we take no more questions until it does. */
const UNSENT_BYTES_MAX = 4 << 20

export interface Mux {
  /** What the connection's events must be given to. */
  readonly handler: ConnHandler
  /** Streams that are not over. */
  readonly streams: number
  /** Undefined when the session takes no new ones. */
  open(owner: (duplex: Duplex) => DuplexHandler): Duplex | undefined
  /** Ends the session; streams are told `error`. */
  destroy(error?: Error): void
}

export interface MuxParts {
  host: Pick<Host, 'now' | 'wake' | 'soon'>
  conn: Conn
  role: 'client' | 'server'
  from: string
  /** Serves a stream that the peer opened. None are accepted when absent. */
  serve?: (duplex: Duplex) => DuplexHandler
  closed(error: Error | undefined): void
}

export function makeMux({ host, conn, role, from, serve, closed }: MuxParts): Mux {
  const session = new Yamux({ role, now: host.now(), ...(serve === undefined && { streamsMax: 0 }) })
  const owners = new Map<number, DuplexHandler>()
  /** Streams whose owners wait for the peer to take what was written. */
  const unsent = new Map<number, () => void>()
  let over = false
  let receiving = false
  let scheduled = false
  let blocked = false
  let paused = false
  let cancelTick: Cancel = () => {}

  function flush(): void {
    scheduled = false
    if (over) return
    const parts = session.take()
    if (parts.length === 0) return
    let taken = true
    if (parts.length > 1) conn.cork()
    for (const part of parts) taken = conn.write(part)
    if (parts.length > 1) conn.uncork()
    if (taken || conn.unsent === 0) return
    if (!blocked) {
      blocked = true
      conn.deadline(host.now() + WRITE_TIMEOUT_MS)
    }
    if (role === 'server' && !paused && conn.unsent > UNSENT_BYTES_MAX) {
      paused = true
      conn.pause()
    }
  }

  function schedule(): void {
    if (receiving || scheduled || over) return
    scheduled = true
    host.soon(flush)
  }

  function arm(): void {
    cancelTick = host.wake(session.wakeAt(), () => {
      if (!guarded(() => session.tick(host.now()))) return
      flush()
      arm()
    })
  }

  /** @returns false when the session broke */
  function guarded(run: () => void): boolean {
    try {
      run()
      return !over
    } catch (error) {
      if (!(error instanceof YamuxError)) throw error
      flush()
      conn.destroy(error)
      return false
    }
  }

  function duplexOf(id: number): Duplex {
    return {
      from,
      write(bytes) {
        session.write(id, bytes)
        schedule()
      },
      get unsent() {
        return session.queued(id)
      },
      whenSent: (run) => void unsent.set(id, run),
      end() {
        session.end(id)
        schedule()
        if (!session.has(id)) forget(id, undefined)
      },
      destroy() {
        session.reset(id)
        schedule()
        forget(id, undefined)
      },
      consumed(bytes) {
        session.consumed(id, bytes)
        schedule()
      },
    }
  }

  function forget(id: number, error: Error | undefined): void {
    const owner = owners.get(id)
    if (owner === undefined) return
    owners.delete(id)
    unsent.delete(id)
    owner.close(error)
  }

  function handle(event: YamuxEvent): void {
    switch (event.kind) {
      case 'opened':
        if (serve !== undefined) owners.set(event.stream, serve(duplexOf(event.stream)))
        return
      case 'data':
        owners.get(event.stream)?.data(event.bytes)
        return
      case 'ended':
        owners.get(event.stream)?.end()
        if (!session.has(event.stream)) forget(event.stream, undefined)
        return
      case 'reset':
        forget(event.stream, new Error('stream reset'))
        return
      case 'go-away':
        return
    }
  }

  arm()
  return {
    handler: {
      data(chunk) {
        if (over) return
        receiving = true
        guarded(() => {
          for (const event of session.receive(chunk)) handle(event)
          for (const [id, run] of unsent) {
            if (session.queued(id) > 0) continue
            unsent.delete(id)
            run()
          }
        })
        receiving = false
        flush()
      },
      end() {
        conn.end()
      },
      drain() {
        blocked = false
        conn.deadline(null)
        if (paused) {
          paused = false
          conn.resume()
        }
      },
      close(error) {
        over = true
        cancelTick()
        const left = [...owners.values()]
        owners.clear()
        unsent.clear()
        for (const owner of left) owner.close(error ?? new Error('session shutdown'))
        closed(error)
      },
    },
    get streams() {
      return session.streams
    },
    open(owner) {
      const id = over ? undefined : session.open()
      if (id === undefined) return undefined
      const duplex = duplexOf(id)
      owners.set(id, owner(duplex))
      schedule()
      return duplex
    },
    destroy: (error) => conn.destroy(error),
  }
}
