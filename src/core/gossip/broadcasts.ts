/**
 * What is to be told to everybody: each message rides on packets a bounded number of times, those told least go first,
 * among these the longest, among these the newest. A newer message about the same subject takes the older one's place.
 * Source: protocol/memberlist.md section 10.
 */

export interface Broadcast {
  /** A newer broadcast about the same subject replaces this one; "" replaces nothing. */
  subject: string
  bytes: Uint8Array
  /** Told often enough, or replaced. */
  done?: () => void
}

interface Item extends Broadcast {
  id: number
  transmits: number
}

/** How often one message is sent by each node that holds it. */
export function retransmitLimit(mult: number, nodes: number): number {
  return mult * Math.ceil(Math.log10(nodes + 1))
}

export class Broadcasts {
  /** By how often they were sent; each sorted as they are to be sent. */
  readonly #tiers: Item[][] = []
  readonly #bySubject = new Map<string, Item>()
  readonly #limit: () => number
  #nextId = 1
  #size = 0

  /** @param limit transmissions of one message, for the pool as it is now */
  constructor(limit: () => number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#size
  }

  queue(broadcast: Broadcast): void {
    if (broadcast.subject !== '') {
      const older = this.#bySubject.get(broadcast.subject)
      if (older !== undefined) this.#drop(older)
    }
    const item = { ...broadcast, id: this.#nextId++, transmits: 0 }
    if (broadcast.subject !== '') this.#bySubject.set(broadcast.subject, item)
    this.#insert(item)
  }

  /**
   * Messages for one packet.
   * @param overhead bytes that each of them costs beyond its own
   * @param room bytes that they may take in all
   */
  take(overhead: number, room: number): Uint8Array[] {
    const out: Uint8Array[] = []
    if (this.#size === 0) return out
    const again: Item[] = []
    const limit = this.#limit()
    for (const tier of this.#tiers) {
      if (tier === undefined) continue
      for (let i = 0; i < tier.length && room > overhead; ) {
        const item = tier[i]!
        const cost = item.bytes.length + overhead
        if (cost > room) {
          i = firstFitting(tier, i + 1, room - overhead)
          continue
        }
        tier.splice(i, 1)
        this.#size -= 1
        room -= cost
        out.push(item.bytes)
        item.transmits += 1
        if (item.transmits >= limit) this.#finish(item)
        else again.push(item)
      }
    }
    for (const item of again) this.#insert(item)
    return out
  }

  /** Forgets the ones that were told most, down to `sizeMax`. */
  prune(sizeMax: number): void {
    for (let t = this.#tiers.length - 1; t >= 0 && this.#size > sizeMax; t--) {
      for (const item of [...this.#tiers[t]!].sort((a, b) => a.id - b.id)) {
        if (this.#size <= sizeMax) return
        this.#drop(item)
      }
    }
  }

  clear(): void {
    const all = this.#tiers.flat()
    this.#tiers.length = 0
    this.#bySubject.clear()
    this.#size = 0
    for (const item of all) item.done?.()
  }

  #insert(item: Item): void {
    while (this.#tiers.length <= item.transmits) this.#tiers.push([])
    const tier = this.#tiers[item.transmits]!
    let low = 0
    let high = tier.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (precedes(tier[middle]!, item)) low = middle + 1
      else high = middle
    }
    tier.splice(low, 0, item)
    this.#size += 1
  }

  #drop(item: Item): void {
    const tier = this.#tiers[item.transmits]!
    const place = tier.indexOf(item)
    if (place === -1) return
    tier.splice(place, 1)
    this.#size -= 1
    this.#finish(item)
  }

  #finish(item: Item): void {
    if (this.#bySubject.get(item.subject) === item) this.#bySubject.delete(item.subject)
    item.done?.()
  }
}

function precedes(a: Item, b: Item): boolean {
  return a.bytes.length > b.bytes.length || (a.bytes.length === b.bytes.length && a.id > b.id)
}

/** Tiers run from long to short, so what fits begins somewhere and goes on to the end. */
function firstFitting(tier: readonly Item[], from: number, bytesMax: number): number {
  let low = from
  let high = tier.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (tier[middle]!.bytes.length > bytesMax) low = middle + 1
    else high = middle
  }
  return low
}
