/**
 * One ordered space of byte keys on an LMDB database, in which keys may be of any length. LMDB's own end at 1978 bytes:
 * all keys that begin with the same 1900 share one record, which holds what follows of each, in order.
 */
import type { Database, Transaction } from 'lmdb'

/** A database of bytes by byte keys. lmdb-js's own types leave out that these two reads take a transaction. */
export type ByteDatabase = Database<Uint8Array, string> & {
  getBinary(key: string, options?: { transaction: Transaction }): Uint8Array | undefined
  /** Good until the next read. */
  getBinaryFast(key: string, options?: { transaction: Transaction }): Uint8Array | undefined
}

/** Keys this long or longer share records; shorter ones have their own, so both never meet. */
const SHARED_LENGTH = 1900
/** Keys fetched at a time: few at first, for those who look at one row only. */
const SLICE_FIRST = 8
const SLICE_MAX = 256

/** How lmdb-js turns our keys to bytes: one character a byte. */
export const BYTE_KEYS = {
  writeKey(key: string, target: Buffer, start: number): number {
    return start + target.write(key, start, 'latin1')
  },
  readKey(source: Buffer, start: number, end: number): string {
    return source.toString('latin1', start, end)
  },
}

export class ByteKeys {
  /** Raised by each write, so that cursors under way fetch again. */
  version = 0
  private readonly database: ByteDatabase
  private readonly transaction: { transaction: Transaction } | undefined

  /** @param transaction a read transaction to stay in; undefined reads what was written last */
  constructor(database: ByteDatabase, transaction?: Transaction) {
    this.database = database
    this.transaction = transaction === undefined ? undefined : { transaction }
  }

  /** Hands the stored bytes, which are good until the next call, and their length to `use`. */
  get<T>(key: string, use: (bytes: Uint8Array, length: number) => T): T | undefined {
    if (key.length >= SHARED_LENGTH) {
      const found = this.shared(key.slice(0, SHARED_LENGTH)).find((entry) => entry.key === key)
      return found === undefined ? undefined : use(found.bytes, found.bytes.length)
    }
    const bytes = this.database.getBinaryFast(key, this.transaction)
    return bytes === undefined ? undefined : use(bytes, bytes.length)
  }

  /** Within a write transaction. */
  put(key: string, bytes: Uint8Array): void {
    this.version += 1
    if (key.length < SHARED_LENGTH) {
      this.database.putSync(key, bytes)
      return
    }
    const head = key.slice(0, SHARED_LENGTH)
    const entries = this.shared(head).filter((entry) => entry.key !== key)
    entries.push({ key, bytes })
    entries.sort((a, b) => (a.key < b.key ? -1 : 1))
    this.database.putSync(head, packShared(entries))
  }

  /** Within a write transaction. */
  remove(key: string): void {
    this.version += 1
    if (key.length < SHARED_LENGTH) {
      this.database.removeSync(key)
      return
    }
    const head = key.slice(0, SHARED_LENGTH)
    const entries = this.shared(head).filter((entry) => entry.key !== key)
    if (entries.length === 0) this.database.removeSync(head)
    else this.database.putSync(head, packShared(entries))
  }

  /** Entries whose key starts with `prefix`, in order, as things are when each is given. */
  under(prefix: string): ByteCursor {
    return new ByteCursor(this, prefix)
  }

  /** The next entries under `prefix`, from `start` on, or after it. An empty list is the end. */
  slice(prefix: string, start: string, after: boolean, limit: number): ByteEntry[] {
    const out: ByteEntry[] = []
    const long = start.length >= SHARED_LENGTH
    let low: string | undefined = long ? start.slice(0, SHARED_LENGTH) : after ? `${start}\0` : start
    const high = prefix.length < SHARED_LENGTH ? endOf(prefix) : `${low}\0`
    // A shared record may hold nothing that is wanted, while more lies behind it.
    while (out.length === 0 && low !== undefined) {
      const range: Iterable<{ key: string; value: Uint8Array }> = this.database.getRange({
        start: low,
        end: high,
        limit,
        ...this.transaction,
      })
      low = undefined
      for (const { key, value } of range) {
        low = `${key}\0`
        if (key.length < SHARED_LENGTH) {
          out.push({ key, bytes: value })
          continue
        }
        for (const entry of unpackShared(key, value)) {
          if (!entry.key.startsWith(prefix) || (long && (after ? entry.key <= start : entry.key < start))) continue
          out.push(entry)
        }
      }
    }
    return out
  }

  private shared(head: string): ByteEntry[] {
    const bytes = this.database.getBinary(head, this.transaction)
    return bytes === undefined ? [] : unpackShared(head, bytes)
  }
}

export interface ByteEntry {
  key: string
  bytes: Uint8Array
}

/** The least key above all that start with `prefix`; prefixes begin with a table's tag, which is no \xff. */
function endOf(prefix: string): string {
  let end = prefix.length
  while (prefix.charCodeAt(end - 1) === 0xff) end--
  return prefix.slice(0, end - 1) + String.fromCharCode(prefix.charCodeAt(end - 1) + 1)
}

/** For each entry: lengths of the rest of its key and of its bytes (32 bits each), then both. */
function packShared(entries: ByteEntry[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { key, bytes } of entries) {
    const rest = Buffer.from(key.slice(SHARED_LENGTH), 'latin1')
    const lengths = Buffer.allocUnsafe(8)
    lengths.writeUInt32LE(rest.length, 0)
    lengths.writeUInt32LE(bytes.length, 4)
    parts.push(lengths, rest, bytes)
  }
  return Buffer.concat(parts)
}

function unpackShared(head: string, packed: Uint8Array): ByteEntry[] {
  const from = Buffer.from(packed)
  const entries: ByteEntry[] = []
  for (let at = 0; at < from.length; ) {
    const rest = at + 8 + from.readUInt32LE(at)
    const end = rest + from.readUInt32LE(at + 4)
    entries.push({ key: head + from.toString('latin1', at + 8, rest), bytes: from.subarray(rest, end) })
    at = end
  }
  return entries
}

/** Call `next` until it is false; in between, `key` and `bytes` are the current entry. */
export class ByteCursor {
  key = ''
  bytes: Uint8Array = new Uint8Array(0)
  private readonly keys: ByteKeys
  private readonly prefix: string
  private slice: ByteEntry[] = []
  private at = 0
  private limit = 0
  private version = -1

  constructor(keys: ByteKeys, prefix: string) {
    this.keys = keys
    this.prefix = prefix
  }

  next(): boolean {
    const { keys } = this
    if (this.at === this.slice.length || this.version !== keys.version) {
      const first = this.limit === 0
      const renewed = this.version !== keys.version
      this.limit = renewed ? SLICE_FIRST : Math.min(this.limit * 4, SLICE_MAX)
      this.slice = keys.slice(this.prefix, first ? this.prefix : this.key, !first, this.limit)
      this.at = 0
      this.version = keys.version
      if (this.slice.length === 0) return false
    }
    const { key, bytes } = this.slice[this.at++]!
    this.key = key
    this.bytes = bytes
    return true
  }
}
