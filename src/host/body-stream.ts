/** The body of a request as it comes, for a reader that takes it in its own time: whoever fills it is told when to wait. */

/** What may lie here unread. */
const WAITING_BYTES_MAX = 256 << 10

/** Read it once. Throws where the body breaks off. */
export class BodyStream implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = []
  #bytes = 0
  #ended = false
  #left = false
  #failure: Error | undefined
  #wake: (() => void) | undefined
  readonly #roomier: () => void

  /** @param roomier called when it is no longer full */
  constructor(roomier: () => void) {
    this.#roomier = roomier
  }

  get full(): boolean {
    return this.#bytes > WAITING_BYTES_MAX
  }

  push(data: Uint8Array): void {
    // Whoever has stopped reading wants nothing of it kept.
    if (this.#left) return
    this.#waiting.push(data)
    this.#bytes += data.length
    this.#news()
  }

  end(): void {
    this.#ended = true
    this.#news()
  }

  fail(error: Error): void {
    if (this.#ended) return
    this.#failure ??= error
    this.#news()
  }

  #news(): void {
    this.#wake?.()
    this.#wake = undefined
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const data = this.#waiting.shift()
        if (data !== undefined) {
          const wasFull = this.full
          this.#bytes -= data.length
          if (wasFull && !this.full) this.#roomier()
          yield data
        } else if (this.#failure !== undefined) throw this.#failure
        else if (this.#ended) return
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
        }
      }
    } finally {
      this.#left = true
      this.#waiting.length = 0
      this.#bytes = 0
      this.#roomier()
    }
  }
}
