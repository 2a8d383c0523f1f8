/**
 * Where this node stands in the network, and where the others said they stand: each answered ping moves it a little.
 * Keeps what is needed between pings; the arithmetic is coordinate.ts's. Source: protocol/serf.md section 8.
 */
import type { Level } from '../../base/log.ts'
import { messageOf } from '../../base/message-of.ts'
import type { Random } from '../../base/random.ts'
import type { Coordinate } from '../../model/coordinate.ts'
import { CoordinateClient } from './coordinate.ts'
import type { GossipCodec } from './messages.ts'

export class Places {
  readonly #codec: GossipCodec
  readonly #client: CoordinateClient
  readonly #others = new Map<string, Coordinate>()
  readonly #log: (level: Level, message: string) => void
  #encoded: Uint8Array | undefined

  constructor(codec: GossipCodec, random: Random, log: (level: Level, message: string) => void) {
    this.#codec = codec
    this.#client = new CoordinateClient(random)
    this.#log = log
  }

  get own(): Coordinate {
    return this.#client.coordinate
  }

  get resets(): number {
    return this.#client.resets
  }

  /** Where that node said it stood when it last answered. */
  of(name: string): Coordinate | undefined {
    return this.#others.get(name)
  }

  /** What rides on each of our acks. */
  payload(): Uint8Array {
    this.#encoded ??= this.#codec.encodeCoordinate(this.own)
    return this.#encoded
  }

  /** @param payload what rode on that node's ack */
  answered(name: string, rttMs: number, payload: Uint8Array | null): void {
    if (payload === null || payload.length === 0) return
    let other: Coordinate | undefined
    try {
      other = this.#codec.decodeCoordinate(payload)
    } catch (error) {
      const why = messageOf(error)
      this.#log('error', `serf: Failed to decode coordinate from ping: ${why}`)
      return
    }
    if (other === undefined) return
    const refused = this.#client.update(name, other, rttMs / 1000)
    if (refused !== undefined) {
      this.#log('trace', `serf: Rejected coordinate from ${name}: ${refused}`)
      return
    }
    this.#encoded = undefined
    this.#others.set(name, other)
  }

  forget(name: string): void {
    this.#others.delete(name)
    this.#client.forget(name)
  }
}
