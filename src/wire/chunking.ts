/**
 * A command longer than `CHUNK_BYTES` travels the Raft log in pieces, one entry each; what belongs together is told by
 * a small protobuf in the entry's extensions (protocol/fsm-and-snapshot.md, "Chunking"). This file splits, reads the
 * notes, and puts the pieces together again.
 */
import { assert } from '../base/assert.ts'
import type { Term } from '../base/units.ts'

export const CHUNK_BYTES = 512 * 1024
/** Consul refuses values over 512 KiB and transactions alike, so a real command never has more than a few pieces. */
export const CHUNKS_MAX = 1024

export interface ChunkNote {
  /** Chosen at random by the proposer; equal on all pieces. Up to 64 bits. */
  operation: bigint
  sequence: number
  count: number
}

export interface Chunk {
  data: Uint8Array
  extensions: Uint8Array
}

export function splitCommand(data: Uint8Array, operation: bigint): Chunk[] {
  const count = Math.ceil(data.length / CHUNK_BYTES)
  return Array.from({ length: count }, (_, sequence) => ({
    data: data.subarray(sequence * CHUNK_BYTES, (sequence + 1) * CHUNK_BYTES),
    extensions: encodeNote({ operation, sequence, count }),
  }))
}

function encodeNote(note: ChunkNote): Uint8Array {
  const out: number[] = []
  putField(out, 1, note.operation)
  if (note.sequence > 0) putField(out, 2, BigInt(note.sequence))
  putField(out, 3, BigInt(note.count))
  return Uint8Array.from(out)
}

/** @returns undefined when the bytes are not a chunk's note */
export function decodeNote(bytes: Uint8Array): ChunkNote | undefined {
  let operation = 0n
  let sequence = 0n
  let count = 0n
  let at = 0
  while (at < bytes.length) {
    const tag = bytes[at]!
    if ((tag & 7) !== 0) return undefined
    const read = readVarint(bytes, at + 1)
    if (read === undefined) return undefined
    at = read.next
    if (tag >> 3 === 1) operation = read.value
    else if (tag >> 3 === 2) sequence = read.value
    else if (tag >> 3 === 3) count = read.value
  }
  if (count < 1n || count > BigInt(CHUNKS_MAX) || sequence >= count) return undefined
  return { operation, sequence: Number(sequence), count: Number(count) }
}

/** One piece of a command whose others are still to come: part of the state, for snapshots. */
export interface PendingChunk extends ChunkNote {
  term: Term
  data: Uint8Array
}

/** Collects pieces in log order. A change of term drops what is incomplete, as its proposer is told to submit anew. */
export class ChunkAssembler {
  #term: Term = 0
  readonly #open = new Map<bigint, { pieces: (Uint8Array | undefined)[]; missing: number }>()

  /** @returns the whole command when this was the last missing piece */
  add(term: Term, note: ChunkNote, data: Uint8Array): Uint8Array | undefined {
    if (term !== this.#term) {
      this.#open.clear()
      this.#term = term
    }
    let open = this.#open.get(note.operation)
    if (open === undefined) {
      open = { pieces: new Array(note.count).fill(undefined), missing: note.count }
      this.#open.set(note.operation, open)
    }
    if (note.sequence >= open.pieces.length || open.pieces[note.sequence] !== undefined) return undefined
    open.pieces[note.sequence] = data
    open.missing -= 1
    if (open.missing > 0) return undefined
    this.#open.delete(note.operation)
    return concat(open.pieces)
  }

  /** Goes on from what `pending` gave when the snapshot was taken. */
  restore(pending: PendingChunk[]): void {
    this.#open.clear()
    for (const piece of pending) this.add(piece.term, piece, piece.data)
  }

  /** What is incomplete now: part of the state, for a snapshot. */
  pending(): PendingChunk[] {
    const out: PendingChunk[] = []
    for (const [operation, { pieces }] of this.#open)
      pieces.forEach((data, sequence) => {
        if (data !== undefined) out.push({ operation, sequence, count: pieces.length, term: this.#term, data })
      })
    return out
  }
}

function concat(pieces: (Uint8Array | undefined)[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, piece) => sum + (piece?.length ?? 0), 0))
  let at = 0
  for (const piece of pieces) {
    assert(piece !== undefined, 'a complete command lacks a piece')
    out.set(piece, at)
    at += piece.length
  }
  return out
}

function putField(out: number[], field: number, value: bigint): void {
  out.push(field << 3)
  let rest = value
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  out.push(Number(rest))
}

function readVarint(bytes: Uint8Array, from: number): { value: bigint; next: number } | undefined {
  let value = 0n
  for (let i = 0; i < 10; i++) {
    const byte = bytes[from + i]
    if (byte === undefined) return undefined
    value |= BigInt(byte & 0x7f) << BigInt(7 * i)
    if (byte < 0x80) return { value: BigInt.asUintN(64, value), next: from + i + 1 }
  }
  return undefined
}
