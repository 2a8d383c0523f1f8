/**
 * One message of DNS sent to a server, and its answer: over UDP from a port of its own, which nobody else can guess, or
 * over a TCP connection behind a 16-bit length. Decides nothing about what the answer says, and asks once only.
 * Read: RFC 1035 section 4.2, RFC 5452 section 9.2.
 */
import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Address } from './host.ts'
import { makeFrames } from './net.ts'

const ID_BYTES = 2
const LENGTH_BYTES = 2

/**
 * @returns the first answer that carries the question's id; others are passed over, since anybody may send them
 * @throws the system's error, or one with code ETIMEDOUT
 */
export function exchangeMessage(
  network: 'udp' | 'tcp',
  to: Address,
  message: Uint8Array,
  timeoutMs: number,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer)
      close()
      settle()
    }
    const timer = setTimeout(() => end(() => reject(timeout(to))), timeoutMs)
    const heard = (answer: Uint8Array) => {
      if (isFor(message, answer)) end(() => resolve(answer))
    }
    const failed = (error: Error) => end(() => reject(error))
    const close = network === 'udp' ? overUdp(to, message, heard, failed) : overTcp(to, message, heard, failed)
  })
}

type Close = () => void

/** A connected socket takes packets from that server alone, and hears when nobody listens there. */
function overUdp(
  to: Address,
  message: Uint8Array,
  heard: (answer: Uint8Array) => void,
  failed: (error: Error) => void,
): Close {
  const socket = createSocket(isIPv6(to.host) ? 'udp6' : 'udp4')
  let open = true
  socket.on('message', (bytes) => open && heard(bytes))
  socket.on('error', (error) => open && failed(error))
  socket.connect(to.port, to.host, () => {
    if (open) socket.send(message, (error) => error !== null && open && failed(error))
  })
  return () => {
    open = false
    socket.close()
  }
}

function overTcp(
  to: Address,
  message: Uint8Array,
  heard: (answer: Uint8Array) => void,
  failed: (error: Error) => void,
): Close {
  const socket = connect(to.port, to.host)
  const read = makeFrames((answer) => {
    heard(answer)
    return true
  })
  socket.on('data', (chunk: Buffer) => read(chunk))
  socket.on('end', () => failed(Object.assign(new Error('EOF'), { code: 'EOF' })))
  socket.on('error', failed)
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + message.length)
  framed.writeUInt16BE(message.length)
  framed.set(message, LENGTH_BYTES)
  socket.write(framed)
  return () => {
    socket.removeAllListeners('end')
    // What comes of the end is nobody's concern any more.
    socket.removeAllListeners('error').on('error', () => {})
    socket.destroy()
  }
}

function isFor(question: Uint8Array, answer: Uint8Array): boolean {
  return answer.length > ID_BYTES && answer[0] === question[0] && answer[1] === question[1]
}

function timeout(to: Address): Error {
  return Object.assign(new Error(`no answer from ${to.host} port ${to.port}: i/o timeout`), { code: 'ETIMEDOUT' })
}
