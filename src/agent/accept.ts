/**
 * The servers' port (8300): the first byte of a connection says what it is for (protocol/rpc.md section 1). Here it is
 * read, and the connection handed to whoever serves that; the rest are turned away with a line in the log.
 */
import { joinHostPort } from '../base/host-port.ts'
import type { Log } from '../base/log.ts'
import type { Millis } from '../base/units.ts'
import type { Address, Conn, ConnHandler, Host, Listener } from '../host/host.ts'
import type { Caller } from '../model/rpc.ts'
import type { SnapshotCaller } from '../model/snapshot.ts'
import { serveCalls } from './calls.ts'
import { type Duplex, plainDuplex } from './duplex.ts'
import { portMeters } from './meters.ts'
import { makeMux } from './mux.ts'
import { serveSnapshot } from './snapshot-stream.ts'

const RPC = 0
const RAFT = 1
const MULTIPLEXED = 4
const SNAPSHOT = 5

/** Bytes that Consul knows and this version does not serve. */
const NAMES: Record<number, string> = {
  2: 'the old multiplexer',
  3: 'TLS',
  6: 'gossip',
  7: 'insecure TLS',
}

export interface PortLimits {
  /** Connections from one address; 0: no limit. */
  connsPerClientMax: number
  /** The first byte must have come by then; 0: it may take its time. */
  handshakeMs: Millis
}

export interface AcceptParts {
  host: Pick<Host, 'now' | 'wake' | 'soon' | 'listen' | 'metrics'>
  bind: Address
  caller: Caller
  limits: PortLimits
  /** Takes over a connection of a peer's Raft. @returns what its events are given to */
  raft(conn: Conn): ConnHandler
  snapshot: SnapshotCaller
  log: Log
}

export interface ServerPort extends Listener {
  /** From here on connections are served; until then they wait. */
  open(parts: Pick<AcceptParts, 'caller' | 'raft' | 'snapshot'>): void
}

/** Binds at once, so that the port is known (0 takes any), and serves once it is told by whom. */
export async function bindServerPort(parts: Omit<AcceptParts, 'caller' | 'raft' | 'snapshot'>): Promise<ServerPort> {
  const { host, bind, log } = parts
  const { connsPerClientMax, handshakeMs } = parts.limits
  const meters = portMeters(host.metrics)
  const perClient = new Map<string, number>()
  let serving: Pick<AcceptParts, 'caller' | 'raft' | 'snapshot'> | undefined
  const early: Conn[] = []

  function counted(conn: Conn): boolean {
    const { host: client } = conn.remote
    const open = perClient.get(client) ?? 0
    if (connsPerClientMax > 0 && open >= connsPerClientMax) {
      log.error('too many RPC connections of one client', { client, limit: connsPerClientMax })
      return false
    }
    perClient.set(client, open + 1)
    return true
  }

  function uncount({ remote }: Conn): void {
    const left = (perClient.get(remote.host) ?? 1) - 1
    if (left > 0) perClient.set(remote.host, left)
    else perClient.delete(remote.host)
  }

  function take(conn: Conn): void {
    const from = joinHostPort(conn.remote.host, conn.remote.port)
    let inner: ConnHandler | undefined
    if (handshakeMs > 0) conn.deadline(host.now() + handshakeMs)
    conn.open({
      data(chunk) {
        if (inner === undefined) {
          conn.deadline(null)
          inner = handlerFor(chunk[0]!, conn, from)
          if (inner === undefined) return
          if (chunk.length > 1) inner.data(chunk.subarray(1))
        } else inner.data(chunk)
      },
      end() {
        if (inner === undefined) conn.destroy()
        else inner.end()
      },
      drain: () => inner?.drain?.(),
      close(error) {
        uncount(conn)
        if (inner === undefined && error !== undefined) {
          log.debug('failed to read byte', { conn: `from=${from}`, error: error.message })
        }
        inner?.close(error)
      },
    })
  }

  function handlerFor(byte: number, conn: Conn, from: string): ConnHandler | undefined {
    const { caller, raft, snapshot } = serving!
    const serve = (duplex: Duplex) => serveCalls(caller, log, duplex, meters)
    meters.accepted.add(1)
    switch (byte) {
      case RPC:
        return plainDuplex(conn, from, serve)
      case RAFT:
        meters.raft.add(1)
        return raft(conn)
      case MULTIPLEXED:
        return makeMux({
          host,
          conn,
          role: 'server',
          from,
          serve,
          closed(error) {
            if (error !== undefined)
              log.debug('multiplexed connection failed', { conn: `from=${from}`, error: error.message })
          },
        }).handler
      case SNAPSHOT:
        return serveSnapshot(host, conn, from, snapshot, log)
      default: {
        const what = NAMES[byte]
        log.error(what === undefined ? 'unrecognized RPC byte' : `${what} is not served on this port`, {
          byte,
          conn: `from=${from}`,
        })
        conn.destroy()
        return undefined
      }
    }
  }

  const listener = await host.listen(bind, (conn) => {
    if (!counted(conn)) conn.destroy()
    else if (serving === undefined) early.push(conn)
    else take(conn)
  })
  return {
    address: listener.address,
    close: () => listener.close(),
    open(by) {
      serving = by
      for (const conn of early.splice(0)) take(conn)
    },
  }
}
