/**
 * Profiles of this process, taken by V8's own samplers through Node's inspector: no port is opened, and nothing runs
 * before the first is asked for. What V8 gives is laid out in slices, so that nobody waits long for it.
 *
 * Measured: to begin a CPU profile holds the process for some 50 ms, which V8 takes to list its code; sampling then costs one
 * or two percent. Read: https://chromedevtools.github.io/devtools-protocol (Profiler, HeapProfiler).
 */
import type { Profiler as V8Profiler } from 'node:inspector'
import type { Session } from 'node:inspector/promises'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { encodePprof, type Frame, type Profile, type ProfileSample } from '../wire/pprof.ts'
import type { Profiler, ProfileWish } from './host.ts'

/** Go's: a hundred samples a second, and one in 512 KiB that are allocated. */
const CPU_INTERVAL_MICROS = 10_000
const HEAP_INTERVAL_BYTES = 512 * 1024
/** What the first look at the heap waits for, since V8 samples only what is allocated from now on. */
const FIRST_HEAP_MS = 1000
/** So long after the last look, sampling ends. */
const IDLE_MS = 30 * 60_000
/** Of V8's own names for what is no function: time in which nothing ran. */
const IDLE = '(idle)'

const gzipAsync = promisify(gzip)
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export function openProfiler(): Profiler {
  let opened: Promise<Session> | undefined
  let cpuBusy = false
  let heapBusy = false
  let sampling: { since: number; idle: NodeJS.Timeout } | undefined

  const session = (): Promise<Session> => {
    opened ??= import('node:inspector/promises').then((inspector) => {
      const fresh = new inspector.Session()
      fresh.connect()
      return fresh
    })
    return opened
  }

  async function cpu({ ms, gone }: ProfileWish): Promise<Profile> {
    if (cpuBusy) throw new Error('cpu profiling already in use')
    cpuBusy = true
    try {
      const v8 = await session()
      await v8.post('Profiler.enable')
      await v8.post('Profiler.setSamplingInterval', { interval: CPU_INTERVAL_MICROS })
      const unixMs = Date.now()
      await v8.post('Profiler.start')
      await pause(ms, gone)
      const { profile } = await v8.post('Profiler.stop')
      await v8.post('Profiler.disable')
      return { ...cpuProfile(profile), unixMs }
    } finally {
      cpuBusy = false
    }
  }

  async function heap(wish: ProfileWish): Promise<Profile> {
    if (heapBusy) throw new Error('heap profiling already in use')
    heapBusy = true
    try {
      const v8 = await session()
      return await (wish.kind === 'allocs' ? allocated(v8, wish) : held(v8, wish))
    } finally {
      heapBusy = false
    }
  }

  /** What was allocated since sampling began and is still held. */
  async function held(v8: Session, { ms, gone, collect }: ProfileWish): Promise<Profile> {
    if (ms > 0) await stopSampling(v8)
    if (sampling === undefined) {
      await startSampling(v8)
      await pause(ms > 0 ? ms : FIRST_HEAP_MS, gone)
    }
    if (collect) await v8.post('HeapProfiler.collectGarbage')
    const { profile } = await v8.post('HeapProfiler.getSamplingProfile')
    sampling!.idle.refresh()
    return heapProfile(profile, ['inuse_objects', 'inuse_space'], sampling!.since)
  }

  /** All that is allocated in a while. V8 has one sampler: it forgets what `held` has seen so far. */
  async function allocated(v8: Session, { ms, gone }: ProfileWish): Promise<Profile> {
    const wasOn = sampling !== undefined
    await stopSampling(v8)
    const since = Date.now()
    await v8.post('HeapProfiler.startSampling', {
      samplingInterval: HEAP_INTERVAL_BYTES,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    })
    await pause(ms > 0 ? ms : FIRST_HEAP_MS, gone)
    const { profile } = await v8.post('HeapProfiler.stopSampling')
    if (wasOn) await startSampling(v8)
    return heapProfile(profile, ['alloc_objects', 'alloc_space'], since)
  }

  async function startSampling(v8: Session): Promise<void> {
    await v8.post('HeapProfiler.startSampling', { samplingInterval: HEAP_INTERVAL_BYTES })
    const idle = setTimeout(() => void stopSampling(v8).catch(() => {}), IDLE_MS).unref()
    sampling = { since: Date.now(), idle }
  }

  async function stopSampling(v8: Session): Promise<void> {
    if (sampling === undefined) return
    clearTimeout(sampling.idle)
    sampling = undefined
    await v8.post('HeapProfiler.stopSampling')
  }

  return {
    commandLine: () => process.argv.slice(1),
    resources,
    async take(wish) {
      const profile =
        wish.kind === 'profile' ? await cpu(wish) : wish.kind === 'goroutine' ? waiting() : await heap(wish)
      return wish.asText ? utf8(profileText(wish.kind, profile)) : packed(profile)
    },
  }
}

const utf8 = (text: string): Uint8Array => Buffer.from(text)

/** What Node waits for: the nearest that it has to goroutines. By kind, the most first. */
function resources(): [kind: string, count: number][] {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].sort(([a, more], [b, less]) => less - more || (a < b ? -1 : 1))
}

function waiting(): Profile {
  const samples = resources().map(([name, count]) => ({ stack: [{ name, file: '', line: 0 }], values: [count] }))
  const types = [['goroutine', 'count']] as const
  return { types, samples, period: ['goroutine', 'count', 1], unixMs: Date.now(), durationMs: 0 }
}

async function packed(profile: Profile): Promise<Uint8Array> {
  const encoding = encodePprof(profile)
  for (;;) {
    const { done, value } = encoding.next()
    if (done) return gzipAsync(value)
    await nextTurn()
  }
}

/** As Go's text: how many, then the functions of each stack. */
function profileText(kind: string, { types, samples }: Profile): string {
  const [first] = types
  const total = samples.reduce((sum, { values }) => sum + values[0]!, 0)
  const stacks = samples.map(({ stack, values }) => {
    const frames = stack.map(({ name, file, line }) => `#\t${name}${file === '' ? '' : `\t${file}:${line}`}`)
    return `${values.join(' ')} @\n${frames.join('\n')}\n`
  })
  return `${kind} profile: total ${total} ${first![0]}\n${stacks.join('\n')}`
}

function pause(ms: number, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer)
      gone.removeEventListener('abort', over)
      resolve()
    }
    const timer = setTimeout(over, ms)
    if (gone.aborted) over()
    else gone.addEventListener('abort', over)
  })
}

/** V8's functions to frames, each once. */
class Frames {
  readonly #known = new Map<string, Frame>()

  of({ functionName, url, lineNumber, scriptId }: V8Profiler.Profile['nodes'][number]['callFrame']): Frame {
    const key = `${scriptId}:${lineNumber}:${functionName}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const file = url.startsWith('file://') ? decodeURI(url.slice('file://'.length)) : url
    const fresh = { name: functionName || '(anonymous)', file, line: lineNumber + 1 }
    this.#known.set(key, fresh)
    return fresh
  }
}

function cpuProfile({ nodes, samples = [], timeDeltas = [], startTime, endTime }: V8Profiler.Profile): Profile {
  const frames = new Frames()
  const parents = new Map<number, number>()
  const byId = new Map(nodes.map((node) => [node.id, node]))
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id)
  const spent = new Map<number, [count: number, micros: number]>()
  for (const [i, id] of samples.entries()) {
    const so = spent.get(id) ?? [0, 0]
    spent.set(id, [so[0] + 1, so[1] + Math.max(0, timeDeltas[i] ?? 0)])
  }
  const taken: ProfileSample[] = []
  for (const [leaf, [count, micros]] of spent) {
    if (byId.get(leaf)?.callFrame.functionName === IDLE) continue
    const stack: Frame[] = []
    // The root is no function.
    for (let id: number | undefined = leaf; id !== undefined && parents.has(id); id = parents.get(id)) {
      stack.push(frames.of(byId.get(id)!.callFrame))
    }
    taken.push({ stack, values: [count, Math.round(micros * 1000)] })
  }
  const types = [
    ['samples', 'count'],
    ['cpu', 'nanoseconds'],
  ] as const
  const durationMs = (endTime - startTime) / 1000
  return { types, samples: taken, period: ['cpu', 'nanoseconds', CPU_INTERVAL_MICROS * 1000], unixMs: 0, durationMs }
}

/** As the protocol has it; Node's types are of an older one. */
interface SampledHeap {
  head: SampledNode
  samples: { nodeId: number }[]
}

interface SampledNode {
  callFrame: V8Profiler.Profile['nodes'][number]['callFrame']
  id: number
  selfSize: number
  children: SampledNode[]
}

function heapProfile(sampled: object, [objects, space]: readonly [string, string], since: number): Profile {
  const { head, samples } = sampled as SampledHeap
  const frames = new Frames()
  const counts = new Map<number, number>()
  for (const { nodeId } of samples) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1)
  const taken: ProfileSample[] = []
  const waitingNodes = head.children.map((node) => ({ node, callers: [] as readonly Frame[] }))
  for (let next = waitingNodes.pop(); next !== undefined; next = waitingNodes.pop()) {
    const { node, callers } = next
    const stack = [frames.of(node.callFrame), ...callers]
    if (node.selfSize > 0) taken.push({ stack, values: [counts.get(node.id) ?? 1, node.selfSize] })
    for (const child of node.children) waitingNodes.push({ node: child, callers: stack })
  }
  const types = [
    [objects, 'count'],
    [space, 'bytes'],
  ] as const
  const unixMs = Date.now()
  return { types, samples: taken, period: ['space', 'bytes', HEAP_INTERVAL_BYTES], unixMs, durationMs: unixMs - since }
}
