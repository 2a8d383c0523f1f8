/**
 * One blocking read after another, for as long as somebody wants to know: after an answer at once for the next, after a
 * failure when a pause is over that doubles with each in a row.
 */
import { type Millis, NANOS_PER_MS, type Nanos } from '../base/units.ts'
import type { Cancel, Host } from '../host/host.ts'

const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 60_000
const WAIT_MS = 600_000

export interface Reading {
  /** A pause is over: who could not answer before may answer now. */
  hurry(): void
  stop(): void
}

export interface ReadingParts<R> {
  host: Pick<Host, 'now' | 'wake'>
  read(blocking: { MinQueryIndex: number; MaxQueryTime: Nanos; AllowStale: true }, signal: AbortSignal): Promise<R>
  /** The next is read when it is done; if it rejects, that counts as a failure. */
  tell(reply: R): void | Promise<void>
  failed(error: unknown): void
}

export function keepReading<R extends { Index: number }>({ host, read, tell, failed }: ReadingParts<R>): Reading {
  const gone = new AbortController()
  const { signal } = gone
  let hurry: (() => void) | undefined

  function pause(ms: Millis): Promise<void> {
    return new Promise((done) => {
      let cancel: Cancel = () => {}
      hurry = () => {
        cancel()
        hurry = undefined
        done()
      }
      cancel = host.wake(host.now() + ms, hurry)
    })
  }

  async function run(): Promise<void> {
    let index = 0
    for (let failures = 0; !signal.aborted; ) {
      try {
        const blocking = { MinQueryIndex: index, MaxQueryTime: WAIT_MS * NANOS_PER_MS, AllowStale: true } as const
        const reply = await read(blocking, signal)
        if (signal.aborted) return
        await tell(reply)
        failures = 0
        // An index that went back means another history: what it says now counts.
        index = reply.Index < index ? 0 : Math.max(1, reply.Index)
      } catch (error) {
        if (signal.aborted) return
        failures += 1
        index = 0
        failed(error)
        await pause(Math.min(PAUSE_MS * 2 ** (failures - 1), PAUSE_MS_MAX))
      }
    }
  }

  void run()
  return {
    hurry: () => hurry?.(),
    stop() {
      gone.abort()
      hurry?.()
    },
  }
}
