/** What this process costs: memory, collections, and how busy its thread is. */
import { type EventLoopUtilization, PerformanceObserver, performance } from 'node:perf_hooks'
import type { Metrics } from '../base/metrics.ts'

/** Under the names of Go's runtime where they mean the same here, and the event loop's in place of goroutines. */
export function measureProcess(metrics: Metrics): () => void {
  const pauses = metrics.sample('runtime.gc_pause_ns')
  let runs = 0
  let paused = 0
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      runs += 1
      paused += duration * 1e6
      pauses.add(duration * 1e6)
    }
  })
  observer.observe({ entryTypes: ['gc'] })
  let before: EventLoopUtilization | undefined
  metrics.gauge('runtime.alloc_bytes', () => process.memoryUsage().heapUsed)
  metrics.gauge('runtime.sys_bytes', () => process.memoryUsage.rss())
  metrics.gauge('runtime.total_gc_runs', () => runs)
  metrics.gauge('runtime.total_gc_pause_ns', () => paused)
  metrics.gauge('runtime.event_loop_utilization', () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = before === undefined ? now : performance.eventLoopUtilization(now, before)
    before = now
    return utilization
  })
  return () => observer.disconnect()
}
