/**
 * Whether somebody listens: TCP by connecting, UDP by sending a datagram that nobody refuses.
 * Source: Consul's agent/checks/check.go (CheckTCP; since 1.13 CheckUDP).
 */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import type { Millis } from '../../base/units.ts'
import type { ProbeResult } from '../../model/check-run.ts'
import { dialFault, hostPortFault, parseHostPort } from './words.ts'

export function tryTcp(address: string, timeout: Millis, gone: AbortSignal): Promise<ProbeResult> {
  const target = parseHostPort(address)
  if (target === undefined) return Promise.resolve({ status: 'critical', output: hostPortFault('tcp', address) })
  return new Promise((resolve) => {
    const socket = connect({ host: target.host || 'localhost', port: target.port })
    const end = (result: ProbeResult) => {
      clearTimeout(timer)
      gone.removeEventListener('abort', stop)
      socket.destroy()
      resolve(result)
    }
    const stop = () => end({ status: 'critical', output: 'abandoned' })
    const timer = setTimeout(() => end({ status: 'critical', output: `dial tcp ${address}: i/o timeout` }), timeout)
    gone.addEventListener('abort', stop, { once: true })
    socket.on('connect', () => end({ status: 'passing', output: `TCP connect ${address}: Success` }))
    socket.on('error', (error) => end({ status: 'critical', output: dialFault('tcp', address, error) }))
  })
}

/** Silence is consent: the system tells us when nobody has that port. */
export function tryUdp(address: string, timeout: Millis, gone: AbortSignal): Promise<ProbeResult> {
  const target = parseHostPort(address)
  if (target === undefined) return Promise.resolve({ status: 'critical', output: hostPortFault('udp', address) })
  const host = target.host || '127.0.0.1'
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    let ended = false
    const end = (result: ProbeResult) => {
      if (ended) return
      ended = true
      clearTimeout(timer)
      gone.removeEventListener('abort', stop)
      socket.close()
      resolve(result)
    }
    const stop = () => end({ status: 'critical', output: 'abandoned' })
    const passed: ProbeResult = { status: 'passing', output: `UDP connect ${address}: Success` }
    const failed = (error: Error) => end({ status: 'critical', output: dialFault('udp', address, error) })
    const timer = setTimeout(() => end(passed), timeout)
    gone.addEventListener('abort', stop, { once: true })
    socket.on('error', failed)
    socket.on('message', () => end(passed))
    socket.connect(target.port, host, () => {
      if (!ended) socket.send('', (error) => error && failed(error))
    })
  })
}
