/**
 * Bytes that have come and nobody has taken. Pieces are put together in room that doubles, so that what comes byte by byte
 * costs no more than its length.
 */

const NOTHING = Buffer.alloc(0)

export class Unread {
  /** Views of it that were handed out stay as they are: new bytes go behind them. */
  bytes: Buffer = NOTHING
  /** What `bytes` is a part of, when it was put together here; there may be room behind it. */
  #store: Buffer | undefined

  append(chunk: Buffer): void {
    const { bytes } = this
    if (bytes.length === 0) {
      this.#store = undefined
      this.bytes = chunk
      return
    }
    const length = bytes.length + chunk.length
    let store = this.#store
    let start = store === undefined ? 0 : bytes.byteOffset - store.byteOffset
    if (store === undefined || store.length < start + length) {
      // Memory of its own: a part of the shared pool would keep all of that alive.
      store = Buffer.allocUnsafeSlow(length * 2)
      store.set(bytes)
      start = 0
      this.#store = store
    }
    store.set(chunk, start + bytes.length)
    this.bytes = store.subarray(start, start + length)
  }

  /** Takes so many from the front. */
  take(length: number): void {
    if (length === this.bytes.length) this.clear()
    else if (length > 0) this.bytes = this.bytes.subarray(length)
  }

  clear(): void {
    this.bytes = NOTHING
    this.#store = undefined
  }
}
