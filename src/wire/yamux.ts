/**
 * yamux: many byte streams over one connection, as Consul's agents multiplex their calls to servers (protocol/rpc.md
 * section 2; hashicorp/yamux's spec.md). One object plays one side. It is handed bytes and says what they mean, is asked
 * to send and collects the bytes to be sent; sockets, and the clock, are its owner's.
 *
 * A peer may send no more than the window of a stream allows, and open no more streams than `streamsMax`; a frame that
 * breaks the protocol ends the whole session, as it does at real peers. Payload is handed on as it comes in, piece by
 * piece, so nothing is gathered here but the bytes that wait for a window of the peer's.
 */
import type { Instant, Millis } from '../base/units.ts'
import { type Frame, FrameWriter, HEADER_BYTES, parseHeader } from './yamux-frame.ts'

/** Of each stream and direction, at the start; real peers never change it. */
export const WINDOW_BYTES = 256 * 1024
/** Open streams of one session. A client agent holds one for each blocking query, so thousands are honest. */
const STREAMS_MAX = 16_384
/** Streams that we opened and the peer has not accepted yet: past that, real peers refuse (their accept backlog). */
export const UNACCEPTED_MAX = 256
/** A frame's payload, at most: small enough that streams take turns. */
const PAYLOAD_BYTES_MAX = 64 * 1024
const PING_EVERY_MS: Millis = 30_000
/** Without an answer to a ping for so long the session is dead. */
const PING_TIMEOUT_MS: Millis = 10_000

export type GoAwayCode = 'normal' | 'protocol-error' | 'internal-error'
const GO_AWAY_CODES: GoAwayCode[] = ['normal', 'protocol-error', 'internal-error']

export type YamuxEvent =
  /** The peer opened a stream. */
  | { kind: 'opened'; stream: number }
  /** A view of the received chunk. Give the window back with `consumed` once the bytes are dealt with. */
  | { kind: 'data'; stream: number; bytes: Uint8Array }
  /** The peer will send no more on it. */
  | { kind: 'ended'; stream: number }
  /** The stream is gone, both ways, whatever was under way. */
  | { kind: 'reset'; stream: number }
  /** The peer takes no new streams; those that are open go on. */
  | { kind: 'go-away'; code: GoAwayCode }

/** The peer broke the protocol, or no longer answers: the session is over. */
export class YamuxError extends Error {
  override name = 'YamuxError'
}

interface Stream {
  id: number
  /** Bytes that the peer lets us send. */
  sendWindow: number
  /** Bytes that we let the peer send. */
  receiveWindow: number
  /** Dealt with, and not yet given back to the peer. */
  freed: number
  /** Waits for the window. */
  queue: Uint8Array[]
  /** We said (or will say, after the queue) that we send no more. */
  ended: boolean
  finSent: boolean
  peerEnded: boolean
  /** Our SYN went out; for the peer's streams always. */
  announced: boolean
  /** The peer has accepted it. */
  accepted: boolean
}

export interface YamuxOptions {
  /** Clients open odd streams, servers even ones; servers of Consul never open any. */
  role: 'client' | 'server'
  now: Instant
  /** Streams that the peer may have open; 0 for a side that accepts none. */
  streamsMax?: number
}

export class Yamux {
  readonly #role: 'client' | 'server'
  readonly #streamsMax: number
  readonly #streams = new Map<number, Stream>()
  readonly #out = new FrameWriter()
  #nextId: number
  #theirs = 0
  #unaccepted = 0
  /** Streams of ours whose SYN waits for others to be accepted. */
  #unannounced: Stream[] = []
  #header = new Uint8Array(HEADER_BYTES)
  #headerBytes = 0
  /** Of the data frame that is coming in: how much, and for whom (undefined: nobody). */
  #payload = 0
  #target: Stream | undefined
  /** Flags that take effect after the payload. */
  #endsAfter = false
  #pingAt: Instant
  #pingId = 0
  #pingSentAt: Instant | null = null
  #goneAway = false

  constructor({ role, now, streamsMax = STREAMS_MAX }: YamuxOptions) {
    this.#role = role
    this.#streamsMax = streamsMax
    this.#nextId = role === 'client' ? 1 : 2
    this.#pingAt = now + PING_EVERY_MS
  }

  /** Streams that are not over. */
  get streams(): number {
    return this.#streams.size
  }

  has(id: number): boolean {
    return this.#streams.has(id)
  }

  /** False once the peer said it goes away, or ids ran out. */
  get mayOpen(): boolean {
    return !this.#goneAway && this.#nextId < 2 ** 32
  }

  /**
   * @param chunk given away: `data` events are views of it
   * @throws YamuxError after which the session is of no use; `take` then holds the farewell
   */
  receive(chunk: Uint8Array): YamuxEvent[] {
    const events: YamuxEvent[] = []
    let at = 0
    while (at < chunk.length) {
      if (this.#payload > 0) {
        const bytes = chunk.subarray(at, at + this.#payload)
        at += bytes.length
        this.#payload -= bytes.length
        const target = this.#target
        if (target !== undefined && this.#streams.get(target.id) === target) {
          if (target.ended && target.finSent) this.consumed(target.id, bytes.length)
          else events.push({ kind: 'data', stream: target.id, bytes })
        }
        if (this.#payload === 0) this.#afterPayload(events)
        continue
      }
      const wanted = HEADER_BYTES - this.#headerBytes
      if (this.#headerBytes === 0 && chunk.length - at >= HEADER_BYTES) {
        this.#frame(parseHeader(chunk, at), events)
        at += HEADER_BYTES
        continue
      }
      const part = chunk.subarray(at, at + wanted)
      this.#header.set(part, this.#headerBytes)
      this.#headerBytes += part.length
      at += part.length
      if (this.#headerBytes === HEADER_BYTES) {
        this.#headerBytes = 0
        this.#frame(parseHeader(this.#header, 0), events)
      }
    }
    return events
  }

  /** @returns the new stream, or undefined when `mayOpen` is false */
  open(): number | undefined {
    if (!this.mayOpen) return undefined
    const id = this.#nextId
    this.#nextId += 2
    const stream = this.#add(id, false)
    if (this.#unaccepted < UNACCEPTED_MAX) this.#announce(stream)
    else this.#unannounced.push(stream)
    return id
  }

  /** Sends in order, as far as the peer's window allows; keeps the rest. Nothing on a stream that is gone or ended. */
  write(id: number, bytes: Uint8Array): void {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.ended || bytes.length === 0) return
    stream.queue.push(bytes)
    this.#push(stream)
  }

  /** Bytes written to this stream that wait for the peer's window. */
  queued(id: number): number {
    let bytes = 0
    for (const { length } of this.#streams.get(id)?.queue ?? []) bytes += length
    return bytes
  }

  /** No more from us on this stream, after what is written. What the peer still sends is passed over. */
  end(id: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined || stream.ended) return
    stream.ended = true
    this.#push(stream)
  }

  /** Gives the stream up, both ways, at once. */
  reset(id: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    if (stream.announced) this.#out.frame({ type: 'window', flags: { rst: true }, stream: id, length: 0 })
    this.#remove(stream)
  }

  /** So many bytes of `data` events of this stream are dealt with. */
  consumed(id: number, bytes: number): void {
    const stream = this.#streams.get(id)
    if (stream === undefined) return
    stream.freed += bytes
    if (stream.freed < WINDOW_BYTES / 2 || stream.peerEnded) return
    this.#out.frame({ type: 'window', flags: {}, stream: id, length: stream.freed })
    stream.receiveWindow += stream.freed
    stream.freed = 0
  }

  goAway(code: GoAwayCode): void {
    this.#out.frame({ type: 'go-away', flags: {}, stream: 0, length: GO_AWAY_CODES.indexOf(code) })
  }

  /** Sends a ping when one is due. @throws YamuxError when the last one was not answered in time */
  tick(now: Instant): void {
    if (this.#pingSentAt !== null) {
      if (now >= this.#pingSentAt + PING_TIMEOUT_MS) throw new YamuxError('keepalive failed: i/o deadline reached')
      return
    }
    if (now < this.#pingAt) return
    this.#pingSentAt = now
    this.#pingAt = now + PING_EVERY_MS
    this.#out.frame({ type: 'ping', flags: { syn: true }, stream: 0, length: this.#pingId })
  }

  /** When `tick` next matters. */
  wakeAt(): Instant {
    return this.#pingSentAt === null ? this.#pingAt : this.#pingSentAt + PING_TIMEOUT_MS
  }

  /** What is to be sent by now, in order; empty when nothing is. */
  take(): Uint8Array[] {
    return this.#out.take()
  }

  #frame(frame: Frame | undefined, events: YamuxEvent[]): void {
    if (frame === undefined) throw this.#broken('an unreadable frame header')
    switch (frame.type) {
      case 'ping':
        if (frame.flags.syn) this.#out.frame({ type: 'ping', flags: { ack: true }, stream: 0, length: frame.length })
        else if (this.#pingSentAt !== null && frame.length === this.#pingId) {
          this.#pingSentAt = null
          this.#pingId = (this.#pingId + 1) >>> 0
        }
        return
      case 'go-away':
        this.#goneAway = true
        events.push({ kind: 'go-away', code: GO_AWAY_CODES[frame.length] ?? 'internal-error' })
        return
      case 'window':
      case 'data': {
        const stream = this.#addressed(frame, events)
        if (frame.type === 'window') {
          if (stream !== undefined) {
            // A real window never comes near this; a hostile one would overflow.
            stream.sendWindow = Math.min(stream.sendWindow + frame.length, 2 ** 32)
            this.#push(stream)
            if (frame.flags.fin) this.#peerEnded(stream, events)
          }
          return
        }
        if (stream !== undefined) {
          if (frame.length > stream.receiveWindow)
            throw this.#broken(`stream ${stream.id}: ${frame.length} bytes exceed its window`)
          stream.receiveWindow -= frame.length
        }
        this.#target = stream
        this.#payload = frame.length
        this.#endsAfter = frame.flags.fin === true
        if (frame.length === 0) this.#afterPayload(events)
        return
      }
    }
  }

  /** The stream of a frame, opened, accepted or reset by its flags. Undefined when there is none (any more). */
  #addressed(frame: Frame, events: YamuxEvent[]): Stream | undefined {
    const { flags, stream: id } = frame
    if (flags.syn) return this.#accept(id, events)
    const stream = this.#streams.get(id)
    if (stream === undefined) return undefined
    if (flags.rst) {
      this.#remove(stream)
      events.push({ kind: 'reset', stream: id })
      return undefined
    }
    if (flags.ack) this.#acceptedByPeer(stream)
    return stream
  }

  #accept(id: number, events: YamuxEvent[]): Stream | undefined {
    if (id === 0 || this.#streams.has(id)) throw this.#broken(`stream ${id} was opened twice`)
    if (this.#theirs >= this.#streamsMax) {
      this.#out.frame({ type: 'window', flags: { rst: true }, stream: id, length: 0 })
      return undefined
    }
    this.#theirs += 1
    const stream = this.#add(id, true)
    this.#out.frame({ type: 'window', flags: { ack: true }, stream: id, length: 0 })
    events.push({ kind: 'opened', stream: id })
    return stream
  }

  #afterPayload(events: YamuxEvent[]): void {
    const target = this.#target
    this.#target = undefined
    if (target !== undefined && this.#endsAfter && this.#streams.get(target.id) === target) {
      this.#peerEnded(target, events)
    }
  }

  #peerEnded(stream: Stream, events: YamuxEvent[]): void {
    if (stream.peerEnded) throw this.#broken(`stream ${stream.id} was ended twice`)
    stream.peerEnded = true
    events.push({ kind: 'ended', stream: stream.id })
    if (stream.finSent) this.#remove(stream)
  }

  #acceptedByPeer(stream: Stream): void {
    if (stream.accepted) return
    stream.accepted = true
    this.#settleAcceptance()
  }

  #settleAcceptance(): void {
    this.#unaccepted -= 1
    const next = this.#unannounced.shift()
    if (next !== undefined) this.#announce(next)
  }

  #add(id: number, theirs: boolean): Stream {
    const stream: Stream = {
      id,
      sendWindow: theirs ? WINDOW_BYTES : 0,
      receiveWindow: WINDOW_BYTES,
      freed: 0,
      queue: [],
      ended: false,
      finSent: false,
      peerEnded: false,
      announced: theirs,
      accepted: theirs,
    }
    this.#streams.set(id, stream)
    return stream
  }

  #announce(stream: Stream): void {
    stream.announced = true
    stream.sendWindow = WINDOW_BYTES
    this.#unaccepted += 1
    this.#out.frame({ type: 'window', flags: { syn: true }, stream: stream.id, length: 0 })
    this.#push(stream)
  }

  #remove(stream: Stream): void {
    if (!this.#streams.delete(stream.id)) return
    const ours = stream.id % 2 === (this.#role === 'client' ? 1 : 0)
    if (!ours) this.#theirs -= 1
    else if (!stream.announced) this.#unannounced = this.#unannounced.filter((each) => each !== stream)
    else if (!stream.accepted) this.#settleAcceptance()
    stream.queue = []
  }

  #push(stream: Stream): void {
    const { queue } = stream
    while (queue.length > 0 && stream.sendWindow > 0) {
      const first = queue[0]!
      const size = Math.min(first.length, stream.sendWindow, PAYLOAD_BYTES_MAX)
      this.#out.data(stream.id, size === first.length ? first : first.subarray(0, size))
      stream.sendWindow -= size
      if (size === first.length) queue.shift()
      else queue[0] = first.subarray(size)
    }
    if (!stream.ended || stream.finSent || queue.length > 0 || !stream.announced) return
    stream.finSent = true
    this.#out.frame({ type: 'window', flags: { fin: true }, stream: stream.id, length: 0 })
    if (stream.peerEnded) this.#remove(stream)
  }

  #broken(why: string): YamuxError {
    this.goAway('protocol-error')
    return new YamuxError(why)
  }
}
