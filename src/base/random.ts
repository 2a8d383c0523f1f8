/** A source of chance. The host's draws from the system, the simulator's from its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number
  /** Uniform whole number in [0, bound). */
  int(bound: number): number
  /** `length` random bytes, fit for keys when the host provides them. */
  bytes(length: number): Uint8Array
}

/** A random (version 4) UUID in lower case, RFC 9562 section 5.4. */
export function uuid(random: Random): string {
  const b = random.bytes(16)
  b[6] = (b[6]! & 0x0f) | 0x40
  b[8] = (b[8]! & 0x3f) | 0x80
  return formatUuid(b)
}

export function formatUuid(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`
}

/**
 * A reproducible source: the 32-bit generator "mulberry32". Good enough to explore schedules, never for secrets.
 * @param seed any whole number; its low 32 bits count
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next32 = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  return {
    float: () => next32() / 0x1_0000_0000,
    int: (bound) => Math.floor((next32() / 0x1_0000_0000) * bound),
    bytes: (length) => Uint8Array.from({ length }, () => next32() & 0xff),
  }
}

/** Fisher and Yates, in place. */
export function shuffle<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.int(i + 1)
    const held = items[i]!
    items[i] = items[j]!
    items[j] = held
  }
  return items
}
