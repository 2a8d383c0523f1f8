/**
 * Loaded into a process before its program (`node --import`), it tells the parent how long that process held its event
 * loop: by the clock, and by the processor time of the main thread, which other programs on the machine do not lengthen.
 *
 * A timer is due every millisecond, so between two of its turns lies one turn of the loop: whatever ran in it, the
 * collector and page faults included. The parent sends `reset` or `read` over the channel of `fork`.
 */
import { performance } from 'node:perf_hooks'

export interface StallFigures {
  /** Longest turns of the event loop since the last `reset`, in milliseconds: by the clock, and of processor time. */
  clockMs: number
  processorMs: number
  /** Main thread's processor time since the last `reset`. */
  busyMs: number
  residentMb: number
}

let clock = performance.now()
let processor = spentMs()
let began = processor
let worstClock = 0
let worstProcessor = 0

function spentMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}

function tick(): void {
  const now = performance.now()
  const spent = spentMs()
  worstClock = Math.max(worstClock, now - clock)
  worstProcessor = Math.max(worstProcessor, spent - processor)
  clock = now
  processor = spent
}

if (process.send !== undefined) {
  setInterval(tick, 1).unref()
  process.on('message', (message) => {
    tick()
    if (message === 'reset') {
      worstClock = 0
      worstProcessor = 0
      began = processor
    } else {
      const residentMb = process.memoryUsage.rss() / 2 ** 20
      process.send?.({ clockMs: worstClock, processorMs: worstProcessor, busyMs: processor - began, residentMb })
    }
  })
  process.channel?.unref()
}
