/**
 * HTTP/1.1 listeners over TCP and unix sockets, as `Host.http` promises them. Decides who gets in, how long a request may
 * take to come, and how a listener closes. What goes on within a connection is in http-connection.ts.
 *
 * Node's own server is not used: its parser refuses methods it has not heard of and characters above ASCII in paths, which
 * Consul's users have in their keys, and it costs more time and memory (docs/architecture.md has figures). Behaviour
 * towards clients follows Go's net/http, which Consul's clients know (https://pkg.go.dev/net/http#Server).
 */
import { chmod, chown, readFile, rm, stat } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { messageOf } from '../base/message-of.ts'
import type { Millis } from '../base/units.ts'
import { HeldBodies } from './held-bodies.ts'
import type { Address, HttpHandler, HttpLimits, Listener } from './host.ts'
import { HttpConnection, type Site } from './http-connection.ts'

/** A client must have sent its headers, and its whole request, within these. */
const HEADERS_TIMEOUT_MS: Millis = 60_000
const REQUEST_TIMEOUT_MS: Millis = 300_000
/** Late requests are looked for this often, or oftener if the limit is shorter. */
const LATE_INTERVAL_MS: Millis = 30_000
/** Dead peers are found by TCP itself: idle connections may stay, as clients' pools expect. */
const TCP_KEEPALIVE_DELAY_MS: Millis = 15_000
/** What is in flight when the listener closes may finish within this. */
const CLOSE_GRACE_MS: Millis = 1_000
const UNIX = 'unix://'

/**
 * @param bodyBytesMax asked with method and URL when a request announces a body; infinite: it is handed over as it comes
 * @param handle must not throw and must not reject; when it does, the answer is a bare 500
 */
export async function listenHttp(
  bind: Address,
  bodyBytesMax: (method: string, url: string) => number,
  handle: HttpHandler,
  limits: HttpLimits = {},
): Promise<Listener> {
  const site: Site = {
    handle,
    bodyBytesMax,
    connections: new Set(),
    held: new HeldBodies(limits.heldBytesMax),
    sweeps: 1,
    closing: false,
  }
  const welcome = limitClients(limits.connsPerClientMax ?? 0)
  const tuning = { noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_DELAY_MS }
  const server = createServer({ allowHalfOpen: true, ...tuning }, (socket) => {
    const connection = new HttpConnection(site, socket)
    if (!welcome(socket)) connection.turnAway(TURNED_AWAY)
  })

  const path = bind.host.startsWith(UNIX) ? bind.host.slice(UNIX.length) : undefined
  // What an agent before has left there is in the way.
  if (path !== undefined) {
    await rm(path, { force: true })
    // Node calls a missing folder a lack of permission.
    await stat(dirname(path))
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path === undefined ? { host: bind.host, port: bind.port } : { path }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  if (path !== undefined) await giveSocket(path, limits.socket, server)
  // An accept that fails (too many open files) is no reason to stop serving those who are connected.
  server.on('error', () => {})
  const sweep = expireRequests(site, limits.requestTimeoutMs ?? REQUEST_TIMEOUT_MS)
  const own = server.address() as AddressInfo | string
  return {
    address: typeof own === 'string' ? { host: bind.host, port: 0 } : { host: own.address, port: own.port },
    async close() {
      site.closing = true
      await close(server, site, limits.closeGraceMs ?? CLOSE_GRACE_MS)
      clearInterval(sweep)
    },
  }
}

/** Looks for late requests; each may be found up to one interval later than it is late. */
function expireRequests(site: Site, requestMs: Millis): NodeJS.Timeout {
  const intervalMs = Math.min(LATE_INTERVAL_MS, requestMs)
  const whole = requestMs / intervalMs
  const head = Math.min(HEADERS_TIMEOUT_MS, requestMs) / intervalMs
  const sweep = () => {
    site.sweeps += 1
    for (const connection of site.connections) connection.expire(head, whole)
  }
  return setInterval(sweep, intervalMs).unref()
}

const TOO_MANY = 'Your IP is issuing too many concurrent connections, please rate limit your calls\n'
const TURNED_AWAY = `HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: ${TOO_MANY.length}\r\nConnection: close\r\n\r\n${TOO_MANY}`

/** @returns whether that client may have one more connection, which is counted until it closes */
function limitClients(max: number): (socket: Socket) => boolean {
  if (max === 0) return () => true
  const open = new Map<string, number>()
  return (socket) => {
    const client = socket.remoteAddress ?? ''
    const count = open.get(client) ?? 0
    if (count === max) return false
    open.set(client, count + 1)
    socket.once('close', () => {
      const left = open.get(client)! - 1
      if (left === 0) open.delete(client)
      else open.set(client, left)
    })
    return true
  }
}

async function close(server: Server, { connections }: Site, graceMs: Millis): Promise<void> {
  if (!server.listening) return
  const cut = setTimeout(() => {
    for (const connection of connections) connection.destroy()
  }, graceMs)
  await new Promise<void>((resolve) => {
    server.close(() => resolve())
    for (const connection of connections) connection.closeWhenIdle()
  })
  clearTimeout(cut)
}

/** Gives a socket to whom it is meant for. */
async function giveSocket(path: string, wish: HttpLimits['socket'], server: Server): Promise<void> {
  if (wish === undefined) return
  try {
    const user = wish.user === '' ? process.getuid!() : await userId(wish.user)
    const group = wish.group === '' ? process.getgid!() : whole(wish.group, 'invalid group specified')
    await chown(path, user, group)
    if (wish.mode !== '') {
      if (!/^[0-7]+$/.test(wish.mode)) throw new Error(`invalid mode specified: ${wish.mode}`)
      await chmod(path, Number.parseInt(wish.mode, 8))
    }
  } catch (error) {
    server.close()
    throw new Error(`Failed setting up socket: ${messageOf(error)}`, { cause: error })
  }
}

/** By number, or by name as the system's own list has it. */
async function userId(user: string): Promise<number> {
  if (/^\d+$/.test(user)) return Number(user)
  const list = await readFile('/etc/passwd', 'utf8').catch(() => '')
  const line = list.split('\n').find((each) => each.startsWith(`${user}:`))
  if (line === undefined) throw new Error(`failed to look up user ${user}: user: unknown user ${user}`)
  return Number(line.split(':')[2])
}

function whole(text: string, fault: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`${fault}: ${text}`)
  return Number(text)
}
