/** Asks DNS servers with the bytes of a question as they are, and gives back the bytes of the answer. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { makeFrames } from '../../src/host/net.ts'
import type { TableQuestion } from '../../src/serve/dns-questions.testing.ts'

/** How long an answer may take before there is none. */
const WAIT_MS = 5000

/** @param dns `address:port` */
export function askOver(dns: string, question: TableQuestion): Promise<Uint8Array | undefined> {
  const [host, port] = [dns.slice(0, dns.lastIndexOf(':')), Number(dns.slice(dns.lastIndexOf(':') + 1))]
  return question.network === 'tcp' ? askTcp(host, port, question.bytes) : askUdp(host, port, question.bytes)
}

function askUdp(host: string, port: number, bytes: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const timer = setTimeout(() => done(undefined), WAIT_MS)
    const done = (answer: Uint8Array | undefined) => {
      clearTimeout(timer)
      socket.close()
      resolve(answer)
    }
    socket.on('message', done)
    socket.send(bytes, port, host)
  })
}

function askTcp(host: string, port: number, bytes: Uint8Array): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    const timer = setTimeout(() => done(undefined), WAIT_MS)
    const done = (answer: Uint8Array | undefined): boolean => {
      clearTimeout(timer)
      socket.destroy()
      resolve(answer)
      return false
    }
    socket.on('error', () => done(undefined))
    socket.on('data', makeFrames(done))
    socket.write(Buffer.concat([Buffer.from([bytes.length >>> 8, bytes.length & 0xff]), bytes]))
  })
}
