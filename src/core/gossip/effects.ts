/** What a gossip core wants done, by whoever drives it. */
import type { Fields, Level } from '../../base/log.ts'
import type { Millis } from '../../base/units.ts'
import type { StreamMessage } from './messages.ts'
import type { GossipAddress } from './nodes.ts'

/** One packet: messages as bytes, in order, each with its type byte. `crc`: the receiver understands checksums. */
export interface SendEffect {
  kind: 'send'
  to: GossipAddress
  parts: Uint8Array[]
  crc: boolean
}

/** Dials, says `message`, and unless `oneWay` reads one answer: told by `stream-reply` or `stream-failed`. */
export interface OpenStreamEffect {
  kind: 'open-stream'
  id: number
  to: GossipAddress
  message: StreamMessage
  oneWay: boolean
  timeoutMs: Millis
}

/** What is said on a stream that a peer opened, before it is closed; null: nothing. */
export interface AnswerStreamEffect {
  kind: 'answer-stream'
  id: number
  message: StreamMessage | null
}

export interface LogEffect {
  kind: 'log'
  part: 'serf' | 'memberlist'
  level: Level
  message: string
  fields: Fields
}

export type TransportEffect = SendEffect | OpenStreamEffect | AnswerStreamEffect | LogEffect
