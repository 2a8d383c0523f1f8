/**
 * UDP ports, and TCP listeners of whole messages. Decides how sockets are tuned and bounded: no peer's packet, error or
 * slowness ends the process, or holds more than a named share of it. What a message means is its handler's affair.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, isIPv6, type Socket } from 'node:net'
import type { Address, Listener, MessageHandler, UdpPort } from './host.ts'

/** Bursts wait in the kernel while we think: about a thousand small packets. The system may allow less. */
const UDP_BUFFER_BYTES = 2 * 1024 * 1024
/** Open connections of one listener; more are closed at once. Each may hold one partial message of 64 KiB. */
const CONNECTIONS_MAX = 1024
/** A connection without a whole new question for so long is closed; half a question does not count. As miekg/dns. */
const IDLE_MS = 8000
/** Questions of one connection that are being answered; reading waits while there are more. */
const IN_FLIGHT_MAX = 64
/** Answers that the peer has not taken; reading waits while there are more. */
const UNSENT_BYTES_MAX = 128 * 1024
const LENGTH_BYTES = 2

/** Resolves when bound; rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
export async function listenUdp(
  bind: Address,
  receive: (bytes: Uint8Array, from: Address, port: UdpPort) => void,
): Promise<UdpPort> {
  const family = isIPv6(bind.host) ? 6 : 4
  const socket = createSocket({
    type: `udp${family}`,
    // Addresses are IP addresses already. The default would put each send off to a later turn.
    lookup: (host, _options, callback) => callback(null, host, family),
  })
  // Rejects on 'error'. Asked for first: with a lookup that answers at once, binding is over when `bind` returns.
  const listening = once(socket, 'listening')
  socket.bind(bind.port, bind.host)
  await listening
  enlargeBuffers(socket)
  const { address, port } = socket.address()
  let open = true
  const udp: UdpPort = {
    address: { host: address, port },
    send(bytes, to) {
      // A forged packet may come from port 0, to which none can be sent.
      if (!open || to.port < 1 || to.port > 65535) return
      // Without a callback, failures (too long, unreachable, refused) are as lost as the packet.
      socket.send(bytes, to.port, to.host)
    },
    async close() {
      if (!open) return
      open = false
      const closed = once(socket, 'close')
      socket.close()
      await closed
    },
  }
  // An ICMP answer to an earlier packet, or no memory: neither concerns the packets to come.
  socket.on('error', () => {})
  socket.on('message', (bytes, from) => receive(bytes, { host: from.address, port: from.port }, udp))
  return udp
}

function enlargeBuffers(socket: UdpSocket): void {
  try {
    socket.setRecvBufferSize(UDP_BUFFER_BYTES)
    socket.setSendBufferSize(UDP_BUFFER_BYTES)
  } catch {
    // The system's own sizes will do.
  }
}

/** Messages behind a 16-bit length, many on one connection, answered in the order in which their answers are ready. */
export async function listenMessages(bind: Address, handle: MessageHandler, idleMs = IDLE_MS): Promise<Listener> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    serve(socket, handle, idleMs)
  })
  server.maxConnections = CONNECTIONS_MAX
  server.listen({ host: bind.host, port: bind.port })
  await once(server, 'listening')
  // A connection that could not be accepted (no file descriptors left) is its peer's loss alone.
  server.on('error', () => {})
  const bound = server.address()
  const address = bound !== null && typeof bound === 'object' ? { host: bound.address, port: bound.port } : bind
  return {
    address,
    async close() {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

function serve(socket: Socket, handle: MessageHandler, idleMs: number): void {
  const from: Address = { host: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
  const read = makeFrames(onMessage)
  /** What was received and is not yet looked at: the asker must take answers first. */
  let rest: Uint8Array | undefined
  let inFlight = 0
  let ended = false
  const timer = setTimeout(() => {
    if (inFlight > 0) timer.refresh()
    else socket.destroy()
  }, idleMs)

  const isFull = () => inFlight >= IN_FLIGHT_MAX || socket.writableLength > UNSENT_BYTES_MAX

  /** @returns true when the next message may follow */
  function onMessage(message: Uint8Array): boolean {
    timer.refresh()
    const answer = handle(message, from)
    if (answer instanceof Promise) {
      inFlight += 1
      answer.then(
        (bytes) => {
          inFlight -= 1
          send(bytes)
          proceed()
        },
        () => socket.destroy(),
      )
    } else send(answer)
    return !isFull()
  }

  function send(answer: Uint8Array | undefined): void {
    if (answer === undefined || !socket.writable) return
    const framed = Buffer.allocUnsafe(LENGTH_BYTES + answer.length)
    framed.writeUInt16BE(answer.length)
    framed.set(answer, LENGTH_BYTES)
    socket.write(framed)
  }

  /** Reads on, waits, or ends, as the outstanding answers allow. */
  function proceed(): void {
    if (rest !== undefined && !isFull()) {
      // The answers to one chunk's questions leave together.
      socket.cork()
      try {
        rest = read(rest)
      } catch {
        socket.destroy()
        return
      }
      socket.uncork()
    }
    if (rest !== undefined || isFull()) socket.pause()
    else if (!ended) socket.resume()
    else if (inFlight === 0) socket.end()
  }

  socket.on('data', (chunk: Buffer) => {
    rest = chunk
    proceed()
  })
  socket.on('drain', proceed)
  socket.on('end', () => {
    ended = true
    proceed()
  })
  socket.on('error', () => socket.destroy())
  socket.on('close', () => clearTimeout(timer))
}

/**
 * Cuts a stream into messages. A message that comes in pieces is gathered in one buffer of its own length.
 * @param onMessage false stops: what is left of the chunk is returned, to be given again
 */
export function makeFrames(onMessage: (message: Uint8Array) => boolean): (chunk: Uint8Array) => Uint8Array | undefined {
  /** First byte of a length whose second byte has not come yet, or -1. */
  let lengthHigh = -1
  let partial: Uint8Array | undefined
  let filled = 0
  return (chunk) => {
    let at = 0
    while (at < chunk.length) {
      let message: Uint8Array | undefined
      if (partial !== undefined) {
        const taken = Math.min(partial.length - filled, chunk.length - at)
        partial.set(chunk.subarray(at, at + taken), filled)
        filled += taken
        at += taken
        if (filled < partial.length) return undefined
        message = partial
        partial = undefined
      } else if (lengthHigh === -1) lengthHigh = chunk[at++]!
      else {
        const length = (lengthHigh << 8) | chunk[at++]!
        lengthHigh = -1
        if (chunk.length - at >= length) {
          message = chunk.subarray(at, at + length)
          at += length
        } else {
          partial = new Uint8Array(length)
          filled = 0
        }
      }
      if (message !== undefined && !onMessage(message) && at < chunk.length) return chunk.subarray(at)
    }
    return undefined
  }
}
