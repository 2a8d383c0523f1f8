/**
 * `consul debug`: gathers what those need who look for a fault. Static facts once; metrics, log and profiles interval by
 * interval; all of it in a folder, which becomes an archive. What one part cannot give never keeps the others from being
 * gathered. Source of files and words: Consul's command/debug/debug.go.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import type { Consul } from '../api/index.ts'
import { formatGoDuration } from '../base/go-duration.ts'
import { messageOf } from '../base/message-of.ts'
import { NANOS_PER_MS, NANOS_PER_SECOND, type Nanos } from '../base/units.ts'
import { withAgent } from './client.ts'
import { command, type Io } from './command.ts'
import { duration, text, texts, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const TARGETS = ['metrics', 'logs', 'pprof', 'host', 'agent', 'cluster'] as const
type Target = (typeof TARGETS)[number]
const DURATION_MIN = 10 * NANOS_PER_SECOND
const INTERVAL_MIN = 5 * NANOS_PER_SECOND
/** Added to the whole, so that its last interval ends within it. */
const GRACE_MS = 2_000
const EXTENSION = '.tar.gz'
const PACKAGE_VERSION = 1

export interface DebugWish {
  interval: Nanos
  duration: Nanos
  output: string
  archive: boolean
  capture: string[]
}

export const commands = {
  debug: command({
    usage: 'consul debug [options]',
    about:
      'Watches the asked agent for a while, and gathers its metrics, log, profiles and settings in an archive. Look it through before you give it away: it may tell names and addresses.',
    flags: [
      ...CLIENT_FLAGS,
      yes('archive', 'Pack the files into one archive; without, they stay in a directory.', 'true'),
      texts(
        'capture',
        'What to gather: metrics, logs, pprof, host, agent or cluster. May be repeated; everything when not given.',
      ),
      duration('duration', 'How long to watch.', '2m0s'),
      duration('interval', 'How often to take metrics and profiles.', '30s'),
      text('output', 'Where the archive goes. The name tells the time when nothing is said.'),
    ],
    unparsed: '==> Error parsing flags',
    async run(io, flags, args) {
      if (args.length > 0) {
        io.err('==> debug: Too many arguments provided, expected 0')
        return 1
      }
      const wish: DebugWish = {
        interval: flags.interval ?? 30 * NANOS_PER_SECOND,
        duration: flags.duration ?? 120 * NANOS_PER_SECOND,
        output: flags.output ?? `consul-debug-${Math.floor(Date.now() / 1000)}`,
        archive: flags.archive ?? true,
        capture: flags.capture ?? [],
      }
      const stop = new AbortController()
      const end = () => stop.abort()
      process.on('SIGINT', end)
      process.on('SIGTERM', end)
      try {
        return await withAgent(
          io,
          flags,
          '==> Capture validation failed',
          (consul) => {
            checkTiming(wish)
            return gather(io, consul, wish, stop.signal)
          },
          '==> Error connecting to Consul agent',
        )
      } finally {
        process.off('SIGINT', end)
        process.off('SIGTERM', end)
      }
    },
  }),
}

function checkTiming({ duration: whole, interval }: DebugWish): void {
  if (whole < DURATION_MIN) throw new Error(`duration must be longer than ${formatGoDuration(DURATION_MIN)}`)
  // The real one names the other bound here.
  if (interval < INTERVAL_MIN) throw new Error(`interval must be longer than ${formatGoDuration(DURATION_MIN)}`)
  if (whole >= interval) return
  throw new Error(`duration (${formatGoDuration(whole)}) must be longer than interval (${formatGoDuration(interval)})`)
}

/** @throws Error for what keeps it from beginning; later failures are told, and the rest goes on */
export async function gather(io: Io, consul: Consul, wish: DebugWish, stop: AbortSignal): Promise<number> {
  const { version, targets } = await prepare(io, consul, wish)
  const saved = wish.archive ? `${wish.output}${EXTENSION}` : wish.output
  const [interval, whole] = [formatGoDuration(wish.interval), formatGoDuration(wish.duration)]
  io.out('==> Starting debugger and capturing static information...')
  io.out(`     Agent Version: '${version}'`)
  io.out(`          Interval: '${interval}'`)
  io.out(`          Duration: '${whole}'`)
  io.out(`            Output: '${saved}'`)
  io.out(`           Capture: '${targets.join(', ')}'`)
  for (const fault of await captureStatic(consul, wish.output, targets)) io.err(`Static capture failed: ${fault}`)
  if (targets.some((target) => target === 'metrics' || target === 'logs' || target === 'pprof')) {
    await captureDynamic(io, consul, wish, targets, stop)
    if (stop.aborted) {
      io.err('==> Error encountered during collection: stopping collection due to shutdown signal')
    }
  }
  const about = {
    Version: PACKAGE_VERSION,
    AgentVersion: version,
    Interval: interval,
    Duration: whole,
    Targets: targets,
  }
  writeJson(join(wish.output, 'index.json'), about)
  if (wish.archive) {
    try {
      await archive(wish.output, saved)
    } catch (error) {
      io.err(`Archive creation failed: ${messageOf(error)}`)
      return 1
    }
  }
  io.out(`    Saved debug archive: ${saved}`)
  return 0
}

async function prepare(io: Io, consul: Consul, wish: DebugWish): Promise<{ version: string; targets: Target[] }> {
  const self = await consul.agent.self().catch((error: unknown) => {
    throw new Error(`error querying target agent: ${messageOf(error)}. verify connectivity and agent address`)
  })
  const version = self.Config?.Version
  if (typeof version !== 'string') throw new Error('agent response did not contain version key')
  const debug = self.DebugConfig?.EnableDebug
  if (typeof debug !== 'boolean') throw new Error('agent response did not contain debug key')
  let wanted: string[] = wish.capture.length === 0 ? [...TARGETS] : wish.capture
  if (!debug && wanted.includes('pprof')) {
    wanted = wanted.filter((target) => target !== 'pprof')
    io.err('[WARN] Unable to capture pprof. Set enable_debug to true on target agent to enable profiling.')
  }
  const targets = wanted.map((target) => {
    if (isTarget(target)) return target
    throw new Error(`target not found: ${target}`)
  })
  if (existsSync(wish.output)) throw new Error(`output directory already exists: ${wish.output}`)
  try {
    mkdirSync(wish.output, { recursive: true })
  } catch (error) {
    throw new Error(`could not create output directory: ${messageOf(error)}`)
  }
  return { version, targets }
}

function isTarget(text: string): text is Target {
  return (TARGETS as readonly string[]).includes(text)
}

/** @returns what went wrong */
async function captureStatic({ agent }: Consul, folder: string, targets: Target[]): Promise<string[]> {
  const sources: Partial<Record<Target, () => Promise<unknown>>> = {
    host: () => agent.host(),
    agent: () => agent.self(),
    cluster: () => agent.members({ wan: true }),
  }
  const faults: string[] = []
  for (const target of targets) {
    const source = sources[target]
    if (source === undefined) continue
    try {
      writeJson(join(folder, `${target}.json`), await source())
    } catch (error) {
      faults.push(messageOf(error))
    }
  }
  return faults
}

/** One interval after another, until the time is up. */
async function captureDynamic(
  io: Io,
  consul: Consul,
  wish: DebugWish,
  targets: Target[],
  stop: AbortSignal,
): Promise<void> {
  const over = AbortSignal.any([stop, AbortSignal.timeout(wish.duration / NANOS_PER_MS + GRACE_MS)])
  io.out(`==> Beginning capture interval ${shownTime(Date.now())} (0)`)
  for (let count = 1; !over.aborted; count++) {
    const seconds = Math.floor(Date.now() / 1000)
    const folder = join(wish.output, String(seconds))
    mkdirSync(folder, { recursive: true })
    const tell = (error: unknown) => {
      if (!over.aborted) io.err(`==> Capture failure ${messageOf(error)}`)
    }
    const parts = { consul, folder, seconds: Math.max(1, Math.floor(wish.interval / NANOS_PER_SECOND)), over, tell }
    // However fast the parts fail, the next interval begins in its time.
    const intervalOver = pause(wish.interval / NANOS_PER_MS, undefined, { signal: over }).catch(() => {})
    await Promise.all([
      targets.includes('metrics') ? captureMetrics(parts) : undefined,
      targets.includes('logs') ? captureLog(parts, intervalOver) : undefined,
      targets.includes('pprof') ? captureProfiles(parts) : undefined,
      intervalOver,
    ])
    if (!over.aborted) io.out(`==> Capture successful ${shownTime(seconds * 1000)} (${count})`)
  }
}

interface Parts {
  consul: Consul
  folder: string
  /** Whole seconds of an interval. */
  seconds: number
  over: AbortSignal
  tell(error: unknown): void
}

async function captureMetrics({ consul, folder, over, tell }: Parts): Promise<void> {
  try {
    writeJson(join(folder, 'metrics.json'), await consul.agent.metrics({ signal: over }))
  } catch (error) {
    tell(error)
  }
}

async function captureLog({ consul, folder, over, tell }: Parts, intervalOver: Promise<unknown>): Promise<void> {
  const enough = new AbortController()
  intervalOver.then(() => enough.abort())
  const file = join(folder, 'consul.log')
  writeFileSync(file, '')
  try {
    const signal = AbortSignal.any([over, enough.signal])
    for await (const bytes of await consul.agent.monitor({ level: 'DEBUG' }, { signal })) appendFileSync(file, bytes)
  } catch (error) {
    if (!enough.signal.aborted) tell(error)
  }
}

async function captureProfiles({ consul, folder, seconds, over, tell }: Parts): Promise<void> {
  const files = { heap: 'heap.prof', profile: 'profile.prof', trace: 'trace.out', goroutine: 'goroutine.prof' } as const
  const all = Object.keys(files) as (keyof typeof files)[]
  await Promise.all(
    all.map(async (kind) => {
      const lasting = kind === 'profile' || kind === 'trace'
      try {
        const wish = lasting ? { signal: over, seconds } : { signal: over }
        writeFileSync(join(folder, files[kind]), await consul.agent.profile(kind, wish))
      } catch (error) {
        tell(error)
      }
    }),
  )
}

/** The folder becomes one file beside it, which has its name only once it is whole; then the folder goes. */
async function archive(folder: string, path: string): Promise<void> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  const { tarOf } = await import('../agent/archive.ts')
  const files = names.map((name) => ({
    name: join(basename(folder), name.slice(join(folder, '/').length)),
    bytes: readFileSync(name),
  }))
  const unfinished = `${path}.tmp${process.pid}`
  writeFileSync(unfinished, gzipSync(tarOf(files, Math.floor(Date.now() / 1000))), { mode: 0o600 })
  renameSync(unfinished, path)
  rmSync(folder, { recursive: true })
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, JSON.stringify(value, null, '\t'))
}

function shownTime(unixMs: number): string {
  return `${new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`
}
