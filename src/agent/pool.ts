/**
 * Calls to other servers (protocol/rpc.md section 4): one multiplexed connection for each, opened when first needed and
 * closed when idle for long; a stream for each call under way, kept and used again. It retries nothing: what may be
 * retried is known where the call is made.
 */
import type { Millis } from '../base/units.ts'
import type { Address, Cancel, Host } from '../host/host.ts'
import { errorFromText } from '../model/errors.ts'
import type { Args, Gone, Method, Reply } from '../model/rpc.ts'
import { METHOD_CODECS, type MethodCodec } from '../wire/methods.ts'
import { MsgpackError } from '../wire/msgpack.ts'
import { AnswerReader, encodeCall } from '../wire/rpc.ts'
import { dialWords } from './dial-words.ts'
import type { Duplex, DuplexHandler } from './duplex.ts'
import { type Mux, makeMux } from './mux.ts'
import { tooLarge } from './too-large.ts'

/** First byte of a connection that carries many streams of calls. */
const MULTIPLEXED = new Uint8Array([4])
/** How long a connection that nobody uses is kept, and how many streams without a call. */
export interface PoolLimits {
  idleMs: Millis
  idleStreamsMax: number
}

/** Those of Consul's servers and of its client agents. */
const SERVER_POOL: PoolLimits = { idleMs: 120_000, idleStreamsMax: 64 }
export const CLIENT_POOL: PoolLimits = { idleMs: 127_000, idleStreamsMax: 32 }

/** The call did not end in an answer: the connection could not be had, or was lost. */
export class ConnectionLost extends Error {
  override name = 'ConnectionLost'
  /** Whether the call may have reached the server. */
  readonly sent: boolean
  constructor(message: string, sent: boolean, options?: ErrorOptions) {
    super(message, options)
    this.sent = sent
  }
}

export interface CallOptions {
  /** Gives the call up; it then rejects. */
  signal?: Gone
  timeoutMs?: Millis
}

export interface Pool {
  /**
   * Rejects with `ConsulError` for what the server answered, `ConnectionLost` for what it did not.
   * @param address `host:port`
   */
  call<M extends Method>(address: string, method: M, args: Args<M>, options?: CallOptions): Promise<Reply<M>>
  /** That server is gone: calls under way there end as lost. */
  drop(address: string): void
  stop(): void
}

interface Stream {
  /** One call at a time. */
  call(method: Method, args: unknown, settle: Settle): void
  giveUp(why: Error): void
}

interface Settle {
  resolve(reply: unknown): void
  reject(error: Error): void
}

interface Server {
  mux: Mux
  idle: Stream[]
  usedAt: number
}

/** `host:port`, the host of an IPv6 address in brackets. @throws ConnectionLost */
export function parseHostPort(address: string): Address {
  const colon = address.lastIndexOf(':')
  const port = Number(address.slice(colon + 1))
  if (colon < 1 || !Number.isInteger(port)) throw new ConnectionLost(`address ${address}: missing port`, false)
  return { host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port }
}

export function makePool(
  host: Pick<Host, 'now' | 'wake' | 'soon' | 'dial'>,
  { idleMs, idleStreamsMax }: PoolLimits = SERVER_POOL,
): Pool {
  const servers = new Map<string, Server>()
  const opening = new Map<string, Promise<Server>>()
  let stopped = false
  let seq = 0
  let cancelReap: Cancel | undefined

  function server(address: string): Promise<Server> | Server {
    const known = servers.get(address)
    if (known !== undefined) return known
    let dialing = opening.get(address)
    if (dialing === undefined) {
      dialing = dial(address).finally(() => opening.delete(address))
      opening.set(address, dialing)
    }
    return dialing
  }

  async function dial(address: string): Promise<Server> {
    let conn: Awaited<ReturnType<Host['dial']>>
    let to: Address = { host: address, port: 0 }
    try {
      to = parseHostPort(address)
      conn = await host.dial(to)
    } catch (error) {
      const why = dialWords(error, to, '<nil>->')
      throw new ConnectionLost(`rpc error getting client: failed to get conn: ${why}`, false, { cause: error })
    }
    if (stopped) {
      conn.destroy()
      throw new ConnectionLost('rpc error getting client: shutdown', false)
    }
    conn.write(MULTIPLEXED)
    const mux = makeMux({ host, conn, role: 'client', from: address, closed: () => drop(address, made) })
    const made: Server = { mux, idle: [], usedAt: host.now() }
    servers.set(address, made)
    conn.open(mux.handler)
    cancelReap ??= host.wake(host.now() + idleMs, reap)
    return made
  }

  function drop(address: string, gone: Server): void {
    if (servers.get(address) === gone) servers.delete(address)
  }

  function reap(): void {
    cancelReap = undefined
    const before = host.now() - idleMs
    for (const [address, each] of servers) {
      if (each.mux.streams > each.idle.length || each.usedAt > before) continue
      drop(address, each)
      each.mux.destroy()
    }
    if (servers.size > 0) cancelReap = host.wake(host.now() + idleMs / 2, reap)
  }

  function openStream(at: Server, address: string): Stream {
    const reader = new AnswerReader()
    let current: { method: Method; settle: Settle } | undefined
    let duplex: Duplex | undefined
    const lost = (error: Error | undefined): void => {
      at.idle = at.idle.filter((each) => each !== stream)
      const { settle } = current ?? {}
      current = undefined
      settle?.reject(new ConnectionLost(error?.message || 'EOF', true, { cause: error }))
    }
    const handler: DuplexHandler = {
      data(bytes) {
        duplex?.consumed(bytes.length)
        try {
          for (const { header, body } of reader.push(bytes)) {
            if (current === undefined) throw new MsgpackError('malformed', 'an answer that nobody asked for', 0)
            const { method, settle } = current
            current = undefined
            at.usedAt = host.now()
            if (header.Error === '') {
              const codec = METHOD_CODECS[method] as MethodCodec<Method>
              const reply = codec.reply.read(body)
              release()
              settle.resolve(reply)
            } else {
              // Some errors end the stream at the server: a fresh one costs little.
              duplex?.end()
              settle.reject(errorFromText(header.Error))
            }
          }
        } catch (error) {
          if (!(error instanceof MsgpackError)) throw error
          duplex?.destroy()
          lost(error)
        }
      },
      end() {
        duplex?.end()
        lost(undefined)
      },
      close: lost,
    }
    function release(): void {
      if (at.idle.length < idleStreamsMax) at.idle.push(stream)
      else duplex?.end()
    }
    const stream: Stream = {
      call(method, args, settle) {
        const codec = METHOD_CODECS[method] as MethodCodec<Method>
        let bytes: Uint8Array
        try {
          bytes = encodeCall(++seq, method, (w) => codec.args.write(w, args as never))
        } catch (error) {
          release()
          settle.reject(tooLarge(error))
          return
        }
        current = { method, settle }
        duplex?.write(bytes)
      },
      giveUp(why) {
        const { settle } = current ?? {}
        if (settle === undefined) return
        current = undefined
        // What the server still says is passed over; ending our side tells it that nobody listens.
        duplex?.end()
        settle.reject(why)
      },
    }
    duplex = at.mux.open(() => handler)
    if (duplex === undefined) {
      drop(address, at)
      throw new ConnectionLost('session shutdown', false)
    }
    return stream
  }

  return {
    async call<M extends Method>(address: string, method: M, args: Args<M>, options: CallOptions = {}) {
      if (stopped) throw new ConnectionLost('rpc error getting client: shutdown', false)
      const known = server(address)
      const at = known instanceof Promise ? await known : known
      const { signal, timeoutMs } = options
      if (signal?.aborted) throw new ConnectionLost('the caller is gone', false)
      const stream = at.idle.pop() ?? openStream(at, address)
      return new Promise<Reply<M>>((resolve, reject) => {
        const abort = () => stream.giveUp(new ConnectionLost('the caller is gone', true))
        const cancel =
          timeoutMs === undefined
            ? undefined
            : host.wake(host.now() + timeoutMs, () => stream.giveUp(new ConnectionLost('i/o timeout', true)))
        const done = () => {
          cancel?.()
          signal?.removeEventListener('abort', abort)
        }
        signal?.addEventListener('abort', abort)
        stream.call(method, args, {
          resolve(reply) {
            done()
            resolve(reply as Reply<M>)
          },
          reject(error) {
            done()
            reject(error)
          },
        })
      })
    },
    drop(address) {
      const gone = servers.get(address)
      if (gone === undefined) return
      drop(address, gone)
      gone.mux.destroy(new Error('the server has failed'))
    },
    stop() {
      stopped = true
      cancelReap?.()
      for (const { mux } of servers.values()) mux.destroy()
      servers.clear()
    },
  }
}
