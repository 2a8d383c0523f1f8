/** The end of what somebody had to say: the last bytes up to a limit, and how many there were in all. */
import { textFromBytes } from '../../base/text.ts'

export class Tail {
  total = 0
  readonly #max: number
  #chunks: Uint8Array[] = []
  #held = 0

  constructor(max: number) {
    this.#max = max
  }

  add(chunk: Uint8Array): void {
    this.total += chunk.length
    // Copied, since a small piece must not keep a large buffer alive for as long as the check takes.
    this.#chunks.push(chunk.slice(-this.#max))
    this.#held += Math.min(chunk.length, this.#max)
    while (this.#chunks.length > 1 && this.#held - this.#chunks[0]!.length >= this.#max) {
      this.#held -= this.#chunks.shift()!.length
    }
  }

  text(): string {
    return textFromBytes(Buffer.concat(this.#chunks).subarray(-this.#max))
  }

  /** As scripts' output is shown: with a note of what is missing at its beginning. */
  noted(): string {
    const text = this.text()
    return this.total > this.#max ? `Captured ${this.#max} of ${this.total} bytes\n...\n${text}` : text
  }
}
