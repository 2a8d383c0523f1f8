/**
 * The chunking state of a snapshot: `{ChunkMap: {operation: [piece or nil]}}`, where the keys of the map are integers
 * and a list has a place for each piece of its command (hashicorp/go-raftchunking, `State`).
 */
import { CHUNKS_MAX, type PendingChunk } from '../chunking.ts'
import { MsgpackError, type Reader, type Writer } from '../msgpack.ts'
import { bytes, type Codec, int, list, pointer, struct, u64 } from '../schema.ts'

interface WirePiece {
  OpNum: bigint
  SequenceNum: number
  NumChunks: number
  Term: number
  Data: Uint8Array | null
}

const pieces = list<WirePiece | null>(
  pointer(struct<WirePiece>({ OpNum: u64, SequenceNum: int, NumChunks: int, Term: int, Data: bytes })),
)

const chunkMap: Codec<PendingChunk[]> = {
  write(w: Writer, pending = []) {
    const operations = new Map<bigint, (WirePiece | null)[]>()
    for (const piece of pending) {
      let slots = operations.get(piece.operation)
      if (slots === undefined) {
        slots = new Array<null>(piece.count).fill(null)
        operations.set(piece.operation, slots)
      }
      slots[piece.sequence] = wirePiece(piece)
    }
    w.mapHeader(operations.size)
    for (const [operation, slots] of operations) {
      w.bigint(operation)
      pieces.write(w, slots)
    }
  },
  read(r: Reader) {
    const count = r.mapHeader()
    const pending: PendingChunk[] = []
    for (let i = 0; i < count; i++) {
      const operation = BigInt.asUintN(64, r.bigint())
      const slots = pieces.read(r) ?? []
      slots.forEach((piece, sequence) => {
        if (piece !== null) pending.push(pendingChunk(r, operation, sequence, slots.length, piece))
      })
    }
    return pending
  },
  zero: () => [],
  fields: 0,
  shape: { kind: 'opaque' },
}

const state = struct<{ ChunkMap: PendingChunk[] }>({ ChunkMap: chunkMap })

export const pendingChunks: Codec<PendingChunk[]> = {
  write: (w, pending) => state.write(w, { ChunkMap: pending ?? [] }),
  read: (r) => state.read(r).ChunkMap,
  zero: () => [],
  fields: 0,
  shape: { kind: 'opaque' },
}

function wirePiece({ operation, sequence, count, term, data }: PendingChunk): WirePiece {
  return { OpNum: operation, SequenceNum: sequence, NumChunks: count, Term: term, Data: data }
}

/** A piece's place in the list is what counts, and the list's length is the number of pieces. */
function pendingChunk(r: Reader, operation: bigint, sequence: number, count: number, piece: WirePiece): PendingChunk {
  if (count > CHUNKS_MAX) throw new MsgpackError('range', `a command of ${count} pieces`, r.at)
  return { operation, sequence, count, term: piece.Term, data: piece.Data ?? new Uint8Array() }
}
