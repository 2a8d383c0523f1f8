/**
 * The payload of Consul's user events: the one place where msgpack tells text from bytes, with short names, empty ones
 * left out (protocol/serf.md section 6).
 */
import type { UserEvent } from '../../model/event.ts'
import { Reader, Writer } from '../msgpack.ts'
import { bytes, int, struct, text } from '../schema.ts'

interface Wire {
  ID: string
  n: string
  nf: string
  p: Uint8Array | null
  sf: string
  tf: string
  v: number
}

const codec = struct<Wire>({ ID: text, n: text, nf: text, p: bytes, sf: text, tf: text, v: int })

export function encodeUserEvent(event: UserEvent): Uint8Array {
  const payload = event.Payload !== null && event.Payload.length > 0 ? event.Payload : null
  const w = new Writer(256, 'event')
  const optional = [event.NodeFilter, event.ServiceFilter, event.TagFilter].filter((value) => value !== '').length
  w.mapHeader(3 + optional + (payload === null ? 0 : 1))
  const writeText = (name: string, value: string) => {
    if (value === '') return
    w.text(name)
    w.text(value)
  }
  w.text('ID')
  w.text(event.ID)
  w.text('n')
  w.text(event.Name)
  writeText('nf', event.NodeFilter)
  if (payload !== null) {
    w.text('p')
    w.bytes(payload)
  }
  writeText('sf', event.ServiceFilter)
  writeText('tf', event.TagFilter)
  w.text('v')
  w.int(event.Version)
  return w.take()
}

/** @throws MsgpackError */
export function decodeUserEvent(payload: Uint8Array, LTime: number): UserEvent {
  const { ID, n, nf, p, sf, tf, v } = codec.read(new Reader(payload))
  return { ID, Name: n, Payload: p, NodeFilter: nf, ServiceFilter: sf, TagFilter: tf, Version: v, LTime }
}
