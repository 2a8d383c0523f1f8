/** Profiles of the process that runs this test. */
import assert from 'node:assert/strict'
import { after, suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { readPprof } from '../../test/support/pprof.ts'
import type { ProfileWish } from './host.ts'
import { openProfiler } from './profiler.ts'

const TRIES = 60
const profiler = openProfiler()
const gone = new AbortController()
const take = async (wish: Partial<ProfileWish> & Pick<ProfileWish, 'kind'>): Promise<Uint8Array> =>
  profiler.take({ ms: 0, gone: gone.signal, ...wish })
const read = async (wish: Partial<ProfileWish> & Pick<ProfileWish, 'kind'>) => readPprof(gunzipSync(await take(wish)))

/** Burns processor time in a function of a name that can be found again. */
function burnsProcessorTime(): number {
  let sum = 0
  for (let i = 0; i < 3e5; i++) sum += Math.sqrt(i)
  return sum
}

const kept: unknown[] = []
function keepsMuchMemory(): void {
  for (let i = 0; i < 200; i++) kept.push(new Array(5000).fill(i))
}
function throwsMuchAway(): void {
  for (let i = 0; i < 200; i++) new Array(5000).fill(i).sort()
}

async function during<T>(work: () => unknown, taken: Promise<T>): Promise<T> {
  const timer = setInterval(work, 1)
  try {
    return await taken
  } finally {
    clearInterval(timer)
  }
}

suite('profiles of this process', () => {
  after(() => kept.splice(0))

  test('of the processor: where its time went, with the callers', async () => {
    const isBurning = ({ stack }: { stack: string[] }) => stack[0]!.startsWith('burnsProcessorTime ')
    const look = () => during(burnsProcessorTime, read({ kind: 'profile', ms: 500 }))
    let found = await look()
    // On a busy machine the process may not have its turn when the profiler looks.
    for (let tries = 1; !found.samples.some(isBurning) && tries < TRIES; tries++) found = await look()
    const { types, samples, period, durationNanos } = found
    assert.deepEqual(types, [
      ['samples', 'count'],
      ['cpu', 'nanoseconds'],
    ])
    assert.deepEqual(period, ['cpu', 'nanoseconds', 10_000_000])
    assert.ok(durationNanos >= 490_000_000n)
    const burning = samples.filter(isBurning)
    assert.ok(burning.length > 0)
    assert.ok(burning.every(({ stack }) => stack.length > 1 && /profiler\.test\.ts:\d+$/.test(stack[0]!)))
    assert.ok(burning.reduce((sum, { values }) => sum + values[1]!, 0) > 0)
    assert.ok(samples.every(({ stack }) => !stack.some((frame) => frame.startsWith('(idle)'))))
  })

  test('one of the processor at a time; it ends when nobody waits', async () => {
    const leave = new AbortController()
    const first = take({ kind: 'profile', ms: 3_600_000, gone: leave.signal })
    await assert.rejects(take({ kind: 'profile', ms: 1 }), /^Error: cpu profiling already in use$/)
    leave.abort()
    assert.ok(readPprof(gunzipSync(await first)).durationNanos > 0n)
    await take({ kind: 'profile', ms: 1 })
  })

  test('of memory that is held, since it was asked for first', async () => {
    const mine = (stack: string[]) => stack.some((frame) => frame.startsWith('keepsMuchMemory '))
    const first = await during(keepsMuchMemory, read({ kind: 'heap', ms: 200 }))
    assert.deepEqual(first.types, [
      ['inuse_objects', 'count'],
      ['inuse_space', 'bytes'],
    ])
    const held = first.samples.filter(({ stack }) => mine(stack)).reduce((sum, { values }) => sum + values[1]!, 0)
    assert.ok(held > 1e6, String(held))
    const text = Buffer.from(await take({ kind: 'heap', asText: true, collect: true })).toString()
    assert.match(text, /^heap profile: total \d+ inuse_objects\n/)
    assert.match(text, /#\tkeepsMuchMemory\t\/.*profiler\.test\.ts:\d+\n/)
  })

  test('of memory that was allocated, garbage too', async () => {
    const { types, samples } = await during(throwsMuchAway, read({ kind: 'allocs', ms: 200 }))
    assert.deepEqual(types, [
      ['alloc_objects', 'count'],
      ['alloc_space', 'bytes'],
    ])
    assert.ok(samples.some(({ stack }) => stack.some((frame) => frame.startsWith('throwsMuchAway '))))
    // The other sampler is on again.
    assert.match(Buffer.from(await take({ kind: 'heap', asText: true })).toString(), /^heap profile/)
  })

  test('of what it waits for', async () => {
    const timer = setTimeout(() => {}, 1e6)
    const { types, samples } = await read({ kind: 'goroutine' })
    clearTimeout(timer)
    assert.deepEqual(types, [['goroutine', 'count']])
    assert.ok(samples.some(({ stack, values }) => stack[0] === 'Timeout:0' && values[0]! > 0))
  })
})
