/**
 * The prologue of every RPC method, written once around the method table: who leads, whose token, may the answer be
 * stale, must the caller block, what goes into the log. What a method means is in core/methods.
 */
import type { Log } from '../base/log.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import { type Authorizer, allowAll } from '../core/acl/authorizer.ts'
import type { Env, MethodTable, Read, Write } from '../core/methods/table.ts'
import type { Footprint, Store } from '../core/store/store.ts'
import type { Cancel, Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { QueryMeta, QueryOptions } from '../model/query.ts'
import type { Args, CallContext, Caller, Method, Methods, Reply } from '../model/rpc.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { Replica } from './replica.ts'

/** A blocking read's wait is stretched by a random part of it up to this, so that crowds spread. */
const WAIT_JITTER_FRACTION = 1 / 16

/** The methods that the server answers from itself rather than from the state. */
export type Acts = { [M in ActMethod]: (args: Args<M>) => Reply<M> | Promise<Reply<M>> }
export type ActMethod = 'Status.Ping' | 'Status.Leader' | 'Status.Peers' | 'Catalog.ListDatacenters' | 'Session.Renew'

/** Of those, what only the leader can do: it keeps the sessions' timers. */
const LEADERS_ACTS: ReadonlySet<Method> = new Set<Method>(['Session.Renew'])

export interface DispatchParts {
  host: Host
  config: Pick<RuntimeConfig, 'datacenter' | 'defaultQueryTime' | 'maxQueryTime' | 'rpcHoldTimeout'>
  methods: MethodTable
  acts: Acts
  store: Store
  replica: Replica
  env: Env
  log: Log
}

export interface Dispatch extends Caller {
  /** This server leads and has applied everything that was committed before its term. */
  setReady(ready: boolean): void
  /** Frees everyone who waits. */
  stop(): void
}

export function makeDispatch(parts: DispatchParts): Dispatch {
  const { host, config, methods, acts, store, replica, env } = parts
  let ready = false
  let stopped = false
  const awaitingLeader = new Set<() => void>()
  const blocked = new Set<() => void>()

  /** Resolves when this server may answer as leader; fails after the hold time, as real agents do. */
  function leadership(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (stopped) return reject(new ConsulError('shutting-down'))
      if (ready) return resolve()
      const settle = () => {
        cancel()
        awaitingLeader.delete(settle)
        if (ready) resolve()
        else reject(new ConsulError(stopped ? 'shutting-down' : 'no-leader'))
      }
      const cancel = host.wake(host.now() + config.rpcHoldTimeout, settle)
      awaitingLeader.add(settle)
    })
  }

  function checkDatacenter(datacenter: string | undefined): void {
    if (datacenter !== undefined && datacenter !== '' && datacenter !== config.datacenter) {
      throw new ConsulError('no-path-to-datacenter')
    }
  }

  /** Until ACLs are built every token may do all; this is the place where tokens will turn into permissions. */
  const authorize = (_token: string | undefined): Authorizer => allowAll

  function withMeta<M extends Method>(found: unknown): Reply<M> {
    if (typeof found !== 'object' || found === null || !('Index' in found)) return found as Reply<M>
    const meta = found as QueryMeta
    if (meta.Index < 1) meta.Index = 1
    const { leading, leader } = replica.role()
    meta.KnownLeader = leader !== null
    meta.LastContact = 0
    if (!leading) {
      const contact = replica.status().lastContact
      meta.LastContact = contact === null ? 0 : Math.round((host.now() - contact) * NANOS_PER_MS)
    }
    return found as Reply<M>
  }

  function passed(found: unknown, args: QueryOptions): boolean {
    const index = args.MinQueryIndex ?? 0
    return index === 0 || Math.max(1, (found as QueryMeta).Index) > index
  }

  async function read<M extends Method>(meaning: Read<M>, args: Args<M>, context: CallContext): Promise<Reply<M>> {
    const options = args as QueryOptions
    if (!options.AllowStale) await leadership()
    if (options.RequireConsistent) await replica.verify()
    const can = authorize(options.Token)
    if (!options.MinQueryIndex) return withMeta<M>(store.read((txn) => meaning.run(txn, args, can)))

    const asked = Math.min(options.MaxQueryTime || config.defaultQueryTime, config.maxQueryTime)
    const waitMs = (asked / NANOS_PER_MS) * (1 + host.random.float() * WAIT_JITTER_FRACTION)
    const until = host.now() + waitMs
    for (;;) {
      const { value, footprint } = store.trace((txn) => meaning.run(txn, args, can))
      if (passed(value, options)) return withMeta<M>(value)
      const woken = await changed(footprint, until, context.signal)
      if (woken === 'time-up') return withMeta<M>(store.read((txn) => meaning.run(txn, args, can)))
      if (woken === 'gone') throw new ConsulError('shutting-down')
    }
  }

  function changed(footprint: Footprint, until: number, signal?: AbortSignal): Promise<'woken' | 'time-up' | 'gone'> {
    return new Promise((resolve) => {
      if (stopped || signal?.aborted) return resolve('gone')
      let unwatch: Cancel | undefined
      const finish = (how: 'woken' | 'time-up' | 'gone') => {
        unwatch?.()
        cancel()
        blocked.delete(gone)
        signal?.removeEventListener('abort', gone)
        resolve(how)
      }
      const gone = () => finish('gone')
      const cancel = host.wake(until, () => finish('time-up'))
      unwatch = store.watch(footprint, () => finish('woken'))
      blocked.add(gone)
      signal?.addEventListener('abort', gone)
    })
  }

  async function write<M extends Method>(meaning: Write<M>, args: Args<M>): Promise<Reply<M>> {
    if (!ready) await leadership()
    const can = authorize((args as QueryOptions).Token)
    const proposal = store.read((txn) => meaning.propose(txn, args, can, env))
    if ('answer' in proposal) return proposal.answer
    const { index, result } = await replica.propose(proposal.command)
    if (result.kind === 'failed') throw new ConsulError('refused', result.message)
    return meaning.reply(result, proposal.command, index)
  }

  return {
    async call(method, args, context = {}) {
      checkDatacenter((args as { Datacenter?: string }).Datacenter)
      const meaning = methods[method]
      switch (meaning.kind) {
        case 'read':
          return read(meaning, args, context)
        case 'write':
          return write(meaning, args)
        case 'act':
          if (LEADERS_ACTS.has(method)) await leadership()
          return act(acts, method as ActMethod, args) as Reply<typeof method>
      }
    },

    peek(method, args) {
      const meaning = methods[method]
      if (meaning.kind !== 'read') return undefined
      const options = args as QueryOptions & { Datacenter?: string }
      if ((!ready && !options.AllowStale) || options.RequireConsistent) return undefined
      if (options.Datacenter !== undefined && options.Datacenter !== '' && options.Datacenter !== config.datacenter) {
        return undefined
      }
      const can = authorize(options.Token)
      const found = store.read((txn) => meaning.run(txn, args, can))
      return passed(found, options) ? withMeta<typeof method>(found) : undefined
    },

    setReady(value) {
      ready = value
      if (ready) for (const settle of [...awaitingLeader]) settle()
    },

    stop() {
      stopped = true
      ready = false
      for (const settle of [...awaitingLeader]) settle()
      for (const gone of [...blocked]) gone()
    },
  }
}

function act(
  acts: Acts,
  method: ActMethod,
  args: unknown,
): Methods[ActMethod]['reply'] | Promise<Methods[ActMethod]['reply']> {
  return (acts[method] as (args: unknown) => Methods[ActMethod]['reply'] | Promise<Methods[ActMethod]['reply']>)(args)
}
