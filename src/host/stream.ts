/**
 * Byte streams over TCP: listeners and dialers of `Conn`. Decides how sockets are tuned and bounded; what the bytes mean
 * is their owner's affair. Both sides may end their half; a connection breaks at its deadline, on errors, or when told.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Address, Conn, ConnHandler, Listener, StreamLimits } from './host.ts'

/** Open connections of one listener, unless it is told otherwise; more are closed at once. */
const CONNECTIONS_MAX = 8192
/** How long a dial may take, unless it is told otherwise. Consul's own for RPC and for gossip streams. */
const DIAL_MS = 10_000
/** Small messages leave at once; a peer that vanished without a word is found out within minutes. Both as Go does. */
const TUNING = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 }
/** Node's timers hold 31 bits of milliseconds. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Resolves when bound; rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
export async function listenStream(bind: Address, on: (conn: Conn) => void, limits?: StreamLimits): Promise<Listener> {
  const conns = new Set<Conn>()
  const server = createServer({ allowHalfOpen: true, ...TUNING }, (socket) => {
    const conn = makeConn(socket)
    conns.add(conn)
    socket.on('close', () => conns.delete(conn))
    on(conn)
  })
  server.maxConnections = limits?.connectionsMax ?? CONNECTIONS_MAX
  server.listen({ host: bind.host, port: bind.port })
  await once(server, 'listening')
  // A connection that could not be accepted (no file descriptors left) is its peer's loss alone.
  server.on('error', () => {})
  return {
    address: addressOf(server, bind),
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const conn of conns) conn.destroy()
      await closed
    },
  }
}

/** Resolves when connected; rejects with the system's error, or ETIMEDOUT after `timeoutMs`. */
export function dialStream(to: Address, timeoutMs = DIAL_MS): Promise<Conn> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: to.host, port: to.port, allowHalfOpen: true, ...TUNING })
    const timer = setTimeout(() => {
      const error: NodeJS.ErrnoException = new Error(`connect ETIMEDOUT ${to.host}:${to.port}`)
      error.code = 'ETIMEDOUT'
      socket.destroy(error)
    }, timeoutMs)
    const failed = (error: Error) => {
      clearTimeout(timer)
      reject(error)
    }
    socket.once('error', failed)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', failed)
      resolve(makeConn(socket))
    })
  })
}

function addressOf(server: Server, bind: Address): Address {
  const bound = server.address()
  return bound !== null && typeof bound === 'object' ? { host: bound.address, port: bound.port } : bind
}

function makeConn(socket: Socket): Conn {
  const remote: Address = { host: plainIp(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }
  const local: Address = { host: plainIp(socket.localAddress ?? ''), port: socket.localPort ?? 0 }
  let handler: ConnHandler | undefined
  let closed = false
  let failure: Error | undefined
  let timer: NodeJS.Timeout | undefined

  socket.on('error', (error) => {
    failure ??= error
  })
  socket.on('close', () => {
    closed = true
    clearTimeout(timer)
    handler?.close(failure)
  })

  return {
    remote,
    local,
    open(given) {
      handler = given
      if (closed) {
        // Gone before its owner was ready: told in a later turn, as all else.
        queueMicrotask(() => given.close(failure))
        return
      }
      socket.on('data', (chunk: Buffer) => given.data(chunk))
      socket.on('end', () => given.end())
      if (given.drain !== undefined) socket.on('drain', () => given.drain?.())
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    write: (bytes) => !closed && socket.writable && socket.write(bytes),
    cork: () => socket.cork(),
    uncork: () => socket.uncork(),
    get unsent() {
      return socket.writableLength
    },
    end: () => void socket.end(),
    destroy(error) {
      failure ??= error
      socket.destroy()
    },
    deadline(at) {
      clearTimeout(timer)
      timer = undefined
      if (at === null || closed) return
      const ms = Math.min(TIMER_MS_MAX, Math.max(0, Math.ceil(at - performance.now())))
      timer = setTimeout(() => {
        const error: NodeJS.ErrnoException = new Error('i/o timeout')
        error.code = 'ETIMEDOUT'
        failure ??= error
        socket.destroy()
      }, ms)
    },
  }
}

/** An IPv4 address that came over an IPv6 socket, as IPv4. */
function plainIp(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
