/** From an entry of the log to a change of the state: bytes gathered if they came in pieces, decoded, applied. */
import { assert } from '../base/assert.ts'
import type { Instant, Millis } from '../base/units.ts'
import type { Entry } from '../core/raft/messages.ts'
import type { Store } from '../core/store/store.ts'
import type { Command, Result } from '../model/command.ts'
import { type ChunkAssembler, decodeNote } from '../wire/chunking.ts'
import { decodeCommand } from '../wire/command.ts'

/** Told what each command took. */
export interface ApplyMeter {
  now(): Instant
  applied(command: Command, tookMs: Millis): void
}

/** @returns undefined for entries that are no command, or not yet all of one */
export function applyEntry(store: Store, chunks: ChunkAssembler, entry: Entry, meter?: ApplyMeter): Result | undefined {
  const result = entry.type === 'command' ? applyCommand(store, chunks, entry, meter) : undefined
  if (result === undefined && entry.index > store.applied) store.advance(entry.index)
  return result
}

function applyCommand(store: Store, chunks: ChunkAssembler, entry: Entry, meter?: ApplyMeter): Result | undefined {
  let data: Uint8Array | undefined = entry.data
  if (entry.extensions !== null) {
    const note = decodeNote(entry.extensions)
    if (note !== undefined) data = chunks.add(entry.term, note, entry.data)
  }
  // A store on disk may already hold the effect of entries that the log still has.
  if (data === undefined || entry.index <= store.applied) return undefined
  const command = decodeCommand(data)
  if (command.type !== 'Opaque') {
    if (meter === undefined) return store.apply(entry.index, command).result
    const began = meter.now()
    const { result } = store.apply(entry.index, command)
    meter.applied(command, meter.now() - began)
    return result
  }
  // As Consul does: what is marked as ignorable is passed over, and anything else must not be.
  assert(
    command.ignorable,
    `log entry ${entry.index} holds a command of type ${command.number}, unknown to this version`,
  )
  return undefined
}
