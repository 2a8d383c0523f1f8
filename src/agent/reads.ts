/**
 * How a read runs over the state: at once, in slices between which the event loop turns, or again and again until what
 * it found has changed. A read in slices sees the state of one moment, whatever is written meanwhile. What a read means
 * is in core/methods; who may ask, and where, in dispatch.ts.
 */
import type { Instant } from '../base/units.ts'
import type { Authorizer } from '../core/acl/authorizer.ts'
import type { FoundOf, Read } from '../core/methods/table.ts'
import type { ReadTxn } from '../core/store/rows.ts'
import { firstSlice } from '../core/store/slices.ts'
import type { Footprint, Store } from '../core/store/store.ts'
import type { Cancel, Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { Args, Method } from '../model/rpc.ts'

/** A large read gives way to others after so long. */
const SLICE_MS = 4

export interface Reads {
  /** At once; undefined when that would take more than one slice. */
  peek<M extends Method>(meaning: Read<M>, args: Args<M>, can: Authorizer): FoundOf<M> | undefined
  /** What is there now. @param signal ends it early, with an error that nobody is left to see */
  find<M extends Method>(meaning: Read<M>, args: Args<M>, can: Authorizer, signal?: AbortSignal): Promise<FoundOf<M>>
  /** What is there once it is `fresh`, or when the time is up. */
  findFresh<M extends Method>(
    meaning: Read<M>,
    args: Args<M>,
    can: Authorizer,
    wait: { fresh(found: FoundOf<M>): boolean; until: Instant; signal?: AbortSignal },
  ): Promise<FoundOf<M>>
  /** Frees everyone who waits. */
  stop(): void
}

/** `replaced`: another state took the place of this one, and its indexes may be lower: waiting for them has no end. */
type Ending = 'woken' | 'replaced' | 'time-up' | 'gone'

export function makeReads(host: Pick<Host, 'now' | 'wake' | 'soon'>, store: Store): Reads {
  let stopped = false
  const blocked = new Set<() => void>()

  function atOnce<M extends Method>(
    meaning: Read<M>,
    txn: ReadTxn,
    args: Args<M>,
    can: Authorizer,
  ): FoundOf<M> | undefined {
    return meaning.slices === undefined ? meaning.run(txn, args, can) : firstSlice(meaning.slices(txn, args, can))
  }

  /** To others first: who asks may stand within a batch of writes, where no snapshot can be taken. */
  async function turn(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((done) => host.soon(done))
    if (stopped || signal?.aborted) throw new ConsulError('shutting-down')
  }

  async function inSlices<M extends Method>(
    { slices }: Read<M>,
    args: Args<M>,
    can: Authorizer,
    signal: AbortSignal | undefined,
  ): Promise<FoundOf<M>> {
    await turn(signal)
    const { rows } = store.snapshot()
    try {
      const gathering = slices!(rows, args, can)
      for (;;) {
        const until = host.now() + SLICE_MS
        do {
          const step = gathering.next()
          if (step.done === true) return step.value
        } while (host.now() < until)
        await turn(signal)
      }
    } finally {
      rows.release()
    }
  }

  function changed(
    footprint: Footprint,
    until: Instant,
    signal: AbortSignal | undefined,
  ): { ended: Promise<Ending>; forget(): void } {
    let finish: (how: Ending) => void = () => {}
    const ended = new Promise<Ending>((resolve) => {
      if (stopped || signal?.aborted) return resolve('gone')
      let unwatch: Cancel | undefined
      finish = (how) => {
        unwatch?.()
        cancel()
        blocked.delete(gone)
        signal?.removeEventListener('abort', gone)
        resolve(how)
      }
      const gone = () => finish('gone')
      const cancel = host.wake(until, () => finish('time-up'))
      unwatch = store.watch(footprint, (replaced) => finish(replaced ? 'replaced' : 'woken'))
      blocked.add(gone)
      signal?.addEventListener('abort', gone)
    })
    return { ended, forget: () => finish('gone') }
  }

  const find: Reads['find'] = async (meaning, args, can, signal) =>
    store.read((txn) => atOnce(meaning, txn, args, can)) ?? (await inSlices(meaning, args, can, signal))

  return {
    peek: (meaning, args, can) => store.read((txn) => atOnce(meaning, txn, args, can)),

    find,

    async findFresh(meaning, args, can, { fresh, until, signal }) {
      for (;;) {
        const { value, footprint } = store.trace((txn) => atOnce(meaning, txn, args, can))
        if (value !== undefined && fresh(value)) return value
        // The footprint is whole after the first slice, and watched from then on: nothing is missed while gathering.
        const change = changed(footprint, until, signal)
        if (value === undefined) {
          let stale = false
          try {
            const gathered = await inSlices(meaning, args, can, signal)
            stale = !fresh(gathered)
            if (!stale) return gathered
          } finally {
            if (!stale) change.forget()
          }
        }
        const how = await change.ended
        if (how === 'time-up' || how === 'replaced') return find(meaning, args, can, signal)
        if (how === 'gone') throw new ConsulError('shutting-down')
      }
    },

    stop() {
      stopped = true
      for (const gone of [...blocked]) gone()
    },
  }
}
