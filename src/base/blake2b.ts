/**
 * BLAKE2b with a digest of 32 bytes (RFC 7693), without a key: the hash that Consul keeps of tokens, policies, roles and
 * intentions so that replication sees what changed. Node's own BLAKE2b always gives 64 bytes, of which these are no part.
 */

const MASK = 0xffff_ffff_ffff_ffffn
const BLOCK_BYTES = 128
const DIGEST_BYTES = 32
const ROUNDS = 12

const IV = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n,
]

const SIGMA = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
]

/** The state's places that the eight mixings of a round take: four columns, four diagonals. */
const MIXES = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
] as const

/** @returns 32 bytes */
export function blake2b256(parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const input = new Uint8Array(Math.max(1, Math.ceil(length / BLOCK_BYTES)) * BLOCK_BYTES)
  let at = 0
  for (const part of parts) {
    input.set(part, at)
    at += part.length
  }
  const words = new BigUint64Array(16)
  const h = BigUint64Array.from(IV)
  h[0]! ^= 0x0101_0000n ^ BigInt(DIGEST_BYTES)
  const view = new DataView(input.buffer)
  for (let block = 0; block < input.length; block += BLOCK_BYTES) {
    const last = block + BLOCK_BYTES === input.length
    for (let i = 0; i < 16; i++) words[i] = view.getBigUint64(block + i * 8, true)
    compress(h, words, BigInt(last ? length : block + BLOCK_BYTES), last)
  }
  const out = new DataView(new ArrayBuffer(DIGEST_BYTES))
  for (let i = 0; i < DIGEST_BYTES / 8; i++) out.setBigUint64(i * 8, h[i]!, true)
  return new Uint8Array(out.buffer)
}

function compress(h: BigUint64Array, words: BigUint64Array, counted: bigint, last: boolean): void {
  const v = new BigUint64Array(16)
  v.set(h)
  v.set(IV, 8)
  v[12]! ^= counted
  if (last) v[14]! ^= MASK
  for (let round = 0; round < ROUNDS; round++) {
    const order = SIGMA[round % SIGMA.length]!
    MIXES.forEach(([a, b, c, d], i) => {
      v[a]! += v[b]! + words[order[2 * i]!]!
      v[d] = rotated(v[d]! ^ v[a]!, 32n)
      v[c]! += v[d]!
      v[b] = rotated(v[b]! ^ v[c]!, 24n)
      v[a]! += v[b]! + words[order[2 * i + 1]!]!
      v[d] = rotated(v[d]! ^ v[a]!, 16n)
      v[c]! += v[d]!
      v[b] = rotated(v[b]! ^ v[c]!, 63n)
    })
  }
  for (let i = 0; i < 8; i++) h[i]! ^= v[i]! ^ v[i + 8]!
}

function rotated(value: bigint, bits: bigint): bigint {
  return ((value >> bits) | (value << (64n - bits))) & MASK
}
