/** A DNS client for tests, on a codec that is not ours: what it understands, the world understands. */
import { createSocket } from 'node:dgram'
import dnsPacket, { type DecodedPacket, type RecordType } from 'dns-packet'

/** Past it the question or the answer is lost; on loopback that does not happen. */
const WAIT_MS = 30_000

/** Asks as `dig` does: one question over UDP, recursion desired. */
export function askDns(port: number, name: string, type: RecordType = 'A'): Promise<DecodedPacket> {
  const question = dnsPacket.encode({
    type: 'query',
    id: 1 + Math.floor(Math.random() * 0xfffe),
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ type, name }],
  })
  return new Promise((done, fail) => {
    const socket = createSocket('udp4')
    const timer = setTimeout(() => end(() => fail(new Error(`no answer for ${name}`))), WAIT_MS)
    const end = (settle: () => void) => {
      clearTimeout(timer)
      socket.close()
      settle()
    }
    socket.on('error', (error) => end(() => fail(error)))
    socket.on('message', (answer) => end(() => done(dnsPacket.decode(answer))))
    socket.send(question, port, '127.0.0.1')
  })
}
