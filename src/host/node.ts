/**
 * The real world as a `Host`: Node's clock, timers, sockets and files. It decides nothing about Consul.
 */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { Log } from '../base/log.ts'
import { NO_METRICS } from '../base/metrics.ts'
import type { Random } from '../base/random.ts'
import type { Host } from './host.ts'
import { listenHttp } from './http.ts'
import { interfaces } from './interfaces.ts'
import { machineId } from './machine-id.ts'
import { listenMessages, listenUdp } from './net.ts'
import { openProfiler } from './profiler.ts'
import { dialStream, listenStream } from './stream.ts'

const systemRandom: Random = {
  float: () => Math.random(),
  int: (bound) => Math.floor(Math.random() * bound),
  bytes: (length) => randomBytes(length),
}

/** Node's timers hold 31 bits of milliseconds; a longer wait wakes early and is armed again by its owner. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** @param log where everything that runs on this host logs to */
export function nodeHost(log: Log): Host {
  return {
    now: () => performance.now(),
    date: () => Date.now(),
    random: systemRandom,
    wake(at, run) {
      const timer = setTimeout(run, Math.min(TIMER_MS_MAX, Math.max(0, Math.ceil(at - performance.now()))))
      return () => clearTimeout(timer)
    },
    soon: (run) => void setImmediate(run),
    http: listenHttp,
    udp: listenUdp,
    messages: listenMessages,
    listen: listenStream,
    dial: dialStream,
    // Only agents with recursors ask for it.
    exchange: async (...asked) => (await import('./exchange.ts')).exchangeMessage(...asked),
    // Only joining by name asks for it.
    lookup: async (name) => {
      const [{ lookUp }, { lookup }] = await Promise.all([import('./lookup.ts'), import('node:dns/promises')])
      return lookUp(name, async (asked) =>
        (await lookup(asked, { all: true, order: 'verbatim' })).map(({ address }) => address),
      )
    },
    // The disk brings the embedded engine with it: dev mode never pays for loading that.
    disk: async (path) => {
      if (path === '') return (await import('./disk-memory.ts')).memoryDisk()
      return (await import('./disk.ts')).openDisk(path, log)
    },
    // Only agents that have checks to try pay for loading the clients.
    probe: async (probe, gone) => (await import('./probes.ts')).tryProbe(probe, gone),
    run: async (program, print, gone) => (await import('./programs.ts')).runProgram(program, print, gone),
    profiler: openProfiler(),
    hostname,
    machineId,
    interfaces,
    log,
    metrics: NO_METRICS,
  }
}
