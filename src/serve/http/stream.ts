/** Answers that go on: pieces reach the asker as they come, until one of the two ends it. */
import type { Exchange } from './exchange.ts'

export interface Stream {
  /** For the body of an answer with `live`. */
  body: AsyncIterable<Uint8Array>
  /** False when the piece was dropped, since too many wait for a slow asker. */
  push(piece: string): boolean
  end(): void
  /** Aborted when nobody listens any more. */
  gone: AbortSignal
}

const utf8 = new TextEncoder()
/** Of text that waits, besides the first piece of it. */
const WAITING_CHARS_MAX = 1 << 20

/** @param waitingMax pieces that wait at a time */
export function openStream({ request }: Exchange, waitingMax: number): Stream {
  const gone = new AbortController()
  const waiting: string[] = []
  let chars = 0
  let ended = false
  let wake = (): void => {}
  const finish = (): void => {
    ended = true
    gone.abort()
    wake()
  }
  request.onGone(finish)

  async function* body(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        if (waiting.length > 0) {
          chars = 0
          yield utf8.encode(waiting.splice(0).join(''))
        } else if (ended) return
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      finish()
    }
  }

  return {
    body: body(),
    gone: gone.signal,
    push(piece) {
      if (ended || waiting.length >= waitingMax || (chars > 0 && chars + piece.length > WAITING_CHARS_MAX)) return false
      waiting.push(piece)
      chars += piece.length
      wake()
      return true
    },
    end() {
      ended = true
      wake()
    },
  }
}
