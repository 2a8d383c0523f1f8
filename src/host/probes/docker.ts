/**
 * A program inside a container as a check, run by the Docker engine: over its socket, or where DOCKER_HOST says.
 * Sources: https://docs.docker.com/engine/api/v1.40/#tag/Exec; Consul's agent/checks/docker.go.
 */
import { request } from 'node:http'
import { messageOf } from '../../base/message-of.ts'
import type { Probe, ProbeResult } from '../../model/check-run.ts'
import { Tail } from './tail.ts'
import { dialFault } from './words.ts'

const DEFAULT_HOST = 'unix:///var/run/docker.sock'
/** Of the engine's own answers; of a program's output the check says how much. */
const REPLY_BYTES_MAX = 64 << 10

type DockerProbe = Probe & { kind: 'docker' }

interface Engine {
  /** Where to connect, as Node's client takes it. */
  at: { socketPath: string } | { host: string; port: number }
  base: string
  signal: AbortSignal
}

export async function tryDocker(probe: DockerProbe, gone: AbortSignal): Promise<ProbeResult> {
  const { container, args: Cmd, outputMax, timeout } = probe
  try {
    const signal = AbortSignal.any([gone, AbortSignal.timeout(timeout)])
    const engine = { ...engineAt(process.env.DOCKER_HOST || DEFAULT_HOST), signal }
    const what = { AttachStdin: false, AttachStdout: true, AttachStderr: true, Tty: false, Cmd }
    const created = await ask(engine, 'POST', `/containers/${encodeURIComponent(container)}/exec`, what)
    const id = ofStatus(created, 201, `create exec failed for container ${container}`, container, 'Id')
    const started = await ask(engine, 'POST', `/exec/${id}/start`, { Detach: false, Tty: true }, outputMax)
    if (started.status !== 200) throw refusal(started, `start exec failed for container ${container}`, container)
    const inspected = await ask(engine, 'GET', `/exec/${id}/json`)
    const code = Number(
      ofStatus(inspected, 200, `inspect exec failed for container ${container}`, container, 'ExitCode'),
    )
    return {
      status: code === 0 ? 'passing' : code === 1 ? 'warning' : 'critical',
      output: started.body.noted(),
    }
  } catch (error) {
    return { status: 'critical', output: messageOf(error) }
  }
}

function engineAt(host: string): Pick<Engine, 'at' | 'base'> {
  const [scheme, rest] = host.split('://', 2)
  if (rest === undefined) throw new Error(`unable to parse docker host \`${host}\``)
  if (scheme === 'unix') return { at: { socketPath: rest }, base: '' }
  if (scheme !== 'tcp' && scheme !== 'http') throw new Error(`docker host of an unknown kind: ${host}`)
  const { hostname, port, pathname } = new URL(`http://${rest}`)
  return { at: { host: hostname, port: Number(port) || 2375 }, base: pathname.replace(/\/$/, '') }
}

interface Reply {
  status: number
  body: Tail
}

function ask(engine: Engine, method: string, path: string, body?: unknown, bytesMax = REPLY_BYTES_MAX): Promise<Reply> {
  const { at, base, signal } = engine
  return new Promise((resolve, reject) => {
    const text = body === undefined ? '' : JSON.stringify(body)
    const headers = {
      Host: 'docker',
      ...(text === '' ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
    }
    const sent = request({ ...at, path: base + path, method, headers, signal, agent: false }, (response) => {
      const reply = { status: response.statusCode ?? 0, body: new Tail(bytesMax) }
      response.on('data', (chunk: Uint8Array) => reply.body.add(chunk))
      // The engine is known to cut the connection of a program that has ended.
      response.on('error', () => {})
      response.on('close', () => (signal.aborted ? reject(new Error('timed out')) : resolve(reply)))
    })
    sent.on('error', (error) => {
      const where = 'socketPath' in at ? at.socketPath : `${at.host}:${at.port}`
      const network = 'socketPath' in at ? 'unix' : 'tcp'
      const why = signal.aborted ? 'timed out' : dialFault(network, where, error)
      reject(new Error(`docker engine: ${method} ${path}: ${why}`))
    })
    sent.end(text)
  })
}

function refusal({ status, body }: Reply, what: string, container: string): Error {
  if (status === 404) return new Error(`${what}: unknown container ${container} or exec`)
  if (status === 409) return new Error(`${what}: container is paused or stopped`)
  return new Error(`${what} with status ${status}: ${body.text()}`)
}

/** One field of the answer. @throws when the engine refuses, or talks of something else */
function ofStatus(reply: Reply, wanted: number, what: string, container: string, field: string): string {
  if (reply.status !== wanted) throw refusal(reply, what, container)
  try {
    const value = (JSON.parse(reply.body.text()) as Record<string, unknown>)[field]
    if (typeof value === 'string' || typeof value === 'number') return String(value)
  } catch {
    // Told below: what came is not JSON.
  }
  throw new Error(`${what}: the response cannot be parsed`)
}
