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
import type { Args, Gone, Method } from '../model/rpc.ts'

/** A large read gives way to others after so long, and so do many that one change has woken. */
const SLICE_MS = 4
/**
 * So many of those look again in a turn at most; what then becomes of what they found is done in the same turn, and not
 * counted in the slice. Few enough that what they leave to the garbage collector is young when it comes by.
 */
const LOOKS_MAX = 128

export interface Reads {
  /** At once; undefined when that would take more than one slice. */
  peek<M extends Method>(meaning: Read<M>, args: Args<M>, can: Authorizer): FoundOf<M> | undefined
  /** What is there now. @param signal ends it early, with an error that nobody is left to see */
  find<M extends Method>(meaning: Read<M>, args: Args<M>, can: Authorizer, signal?: Gone): Promise<FoundOf<M>>
  /** What is there once it is `fresh`, or when the time is up. */
  findFresh<M extends Method>(
    meaning: Read<M>,
    args: Args<M>,
    can: Authorizer,
    wait: Wait<FoundOf<M>>,
  ): Promise<FoundOf<M>>
  /** Frees everyone who waits. */
  stop(): void
}

export interface Wait<F> {
  fresh(found: F): boolean
  until: Instant
  signal?: Gone | undefined
}

/** A look: what it found, unless that takes more than one slice, and what it depended on. */
interface Seen<F> {
  value: F | undefined
  footprint: Footprint
}

export function makeReads(host: Pick<Host, 'now' | 'wake' | 'soon'>, store: Store): Reads {
  let stopped = false
  const blocked = new Set<() => void>()
  /** Those who were woken and have not looked yet. */
  let woken: { look(shares: boolean): void }[] = []
  let looked = 0
  /** What the latest of them found: within a turn it is that for all who asked the same. */
  let shared: { meaning: unknown; args: object; can: Authorizer; seen: Seen<unknown> } | undefined

  function lookLater(waiting: { look(shares: boolean): void }): void {
    if (woken.push(waiting) === 1) void Promise.resolve().then(lookAgain)
  }

  function lookAgain(): void {
    const until = host.now() + SLICE_MS
    const end = Math.min(woken.length, looked + LOOKS_MAX)
    do woken[looked++]!.look(true)
    while (looked < end && host.now() < until)
    shared = undefined
    if (looked < woken.length) {
      host.soon(lookAgain)
      return
    }
    woken = []
    looked = 0
  }

  function atOnce<M extends Method>(
    meaning: Read<M>,
    txn: ReadTxn,
    args: Args<M>,
    can: Authorizer,
  ): FoundOf<M> | undefined {
    return meaning.slices === undefined ? meaning.run(txn, args, can) : firstSlice(meaning.slices(txn, args, can))
  }

  /** To others first: who asks may stand within a batch of writes, where no snapshot can be taken. */
  async function turn(signal: Gone | undefined): Promise<void> {
    await new Promise<void>((done) => host.soon(done))
    if (stopped || signal?.aborted) throw new ConsulError('shutting-down')
  }

  async function inSlices<M extends Method>(
    { slices }: Read<M>,
    args: Args<M>,
    can: Authorizer,
    signal: Gone | undefined,
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

  const find: Reads['find'] = async (meaning, args, can, signal) =>
    store.read((txn) => atOnce(meaning, txn, args, can)) ?? (await inSlices(meaning, args, can, signal))

  /** A read that is made again at each change of what it found, until that is fresh. Holds nothing once it is over. */
  class Waiting<M extends Method> {
    readonly #meaning: Read<M>
    readonly #args: Args<M>
    readonly #can: Authorizer
    readonly #wait: Wait<FoundOf<M>>
    readonly #resolve: (found: FoundOf<M>) => void
    readonly #reject: (error: unknown) => void
    #over = false
    /** What is found next counts, fresh or not. */
    #last = false
    #gathering = false
    /** What is being gathered has changed since. */
    #changed = false
    #unwatch: Cancel | undefined
    #unwake: Cancel | undefined

    constructor(
      [meaning, args, can, wait]: Parameters<typeof findFresh<M>>,
      resolve: (found: FoundOf<M>) => void,
      reject: (error: unknown) => void,
    ) {
      this.#meaning = meaning
      this.#args = args
      this.#can = can
      this.#wait = wait
      this.#resolve = resolve
      this.#reject = reject
    }

    /** @param shares nothing is written between this look and others that share */
    look(shares = false): void {
      if (this.#over || this.#gathering) return
      try {
        const { value, footprint } = shares ? this.#share() : this.#see()
        if (value !== undefined && (this.#last || this.#wait.fresh(value))) return this.#end(value)
        // The footprint is whole after the first slice, and watched from then on: nothing is missed while gathering.
        if (!this.#last) this.#unwatch = store.watch(footprint, (replaced) => this.#touched(replaced))
        this.#hold()
        if (value === undefined) this.#gather()
      } catch (error) {
        this.#fail(error)
      }
    }

    #see(): Seen<FoundOf<M>> {
      return store.trace((txn) => atOnce(this.#meaning, txn, this.#args, this.#can))
    }

    #share(): Seen<FoundOf<M>> {
      const [meaning, args, can] = [this.#meaning, this.#args, this.#can]
      if (shared?.meaning !== meaning || shared.can !== can || !asksSame(shared.args, args)) {
        shared = { meaning, args, can, seen: this.#see() }
      }
      return shared.seen as Seen<FoundOf<M>>
    }

    #hold(): void {
      if (this.#unwake !== undefined) return
      const { until, signal } = this.#wait
      this.#unwake = host.wake(until, () => this.#timeUp())
      blocked.add(this.#leave)
      signal?.addEventListener('abort', this.#leave)
      if (stopped || signal?.aborted) this.#leave()
    }

    /** @param replaced another state took the place of this one, and its indexes may be lower: waiting for them has no end */
    #touched(replaced: boolean): void {
      this.#unwatch = undefined
      if (replaced) this.#last = true
      if (this.#gathering) this.#changed = true
      else lookLater(this)
    }

    #timeUp(): void {
      this.#last = true
      this.look()
    }

    #gather(): void {
      this.#gathering = true
      inSlices(this.#meaning, this.#args, this.#can, this.#wait.signal).then(
        (found) => {
          this.#gathering = false
          if (this.#over) return
          if (this.#wait.fresh(found) || (this.#last && !this.#changed)) this.#end(found)
          else if (this.#changed) {
            this.#changed = false
            this.look()
          }
        },
        (error: unknown) => this.#fail(error),
      )
    }

    readonly #leave = (): void => this.#fail(new ConsulError('shutting-down'))

    #end(found: FoundOf<M>): void {
      this.#release()
      this.#resolve(found)
    }

    #fail(error: unknown): void {
      this.#release()
      this.#reject(error)
    }

    #release(): void {
      this.#over = true
      this.#unwatch?.()
      this.#unwake?.()
      blocked.delete(this.#leave)
      this.#wait.signal?.removeEventListener('abort', this.#leave)
    }
  }

  const findFresh: Reads['findFresh'] = (...asked) =>
    new Promise((resolve, reject) => new Waiting(asked, resolve, reject).look())

  return {
    peek: (meaning, args, can) => store.read((txn) => atOnce(meaning, txn, args, can)),

    find,

    findFresh,

    stop() {
      stopped = true
      for (const leave of [...blocked]) leave()
    },
  }
}

/** These say when to answer, not what. */
const WHEN = new Set(['MinQueryIndex', 'MaxQueryTime'])

function asksSame(one: object, other: object): boolean {
  return covers(one as Parts, other as Parts) && covers(other as Parts, one as Parts)
}

type Parts = Record<string, unknown>

/** Whether all parts of the one are the same in the other. Of parts within parts only those of the same object are. */
function covers(one: Parts, other: Parts): boolean {
  for (const name in one) if (one[name] !== other[name] && !WHEN.has(name)) return false
  return true
}
