/**
 * The prologue of every RPC method, written once around the method table: which datacenter, who leads, whose token, may
 * the answer be stale, must the caller block, what goes into the log. What another server leads is asked there
 * (protocol/rpc.md section 5), and asked again across an election where that is safe. What a method means is in core/methods.
 */
import type { Log } from '../base/log.ts'
import type { Instrument } from '../base/metrics.ts'
import { type Instant, NANOS_PER_MS } from '../base/units.ts'
import { type Authorizer, allowAll } from '../core/acl/authorizer.ts'
import type { Elsewhere, Env, FoundOnce, MethodTable, Once, Read, Surroundings, Write } from '../core/methods/table.ts'
import type { Store } from '../core/store/store.ts'
import type { Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { QueryMeta, QueryOptions, ToDatacenter } from '../model/query.ts'
import type { Args, CallContext, Caller, Method, Methods, Reply } from '../model/rpc.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { dispatchMeters } from './meters.ts'
import { ConnectionLost, type Pool } from './pool.ts'
import { makeReads } from './reads.ts'
import { callDatacenter, forwarded, holdUntil, inDatacenter, mayRetry, RETRY_FRACTION } from './remote.ts'
import type { Replica } from './replica.ts'
import type { Router } from './router.ts'

/** A blocking read's wait is stretched by a random part of it up to this, so that crowds spread. */
const WAIT_JITTER_FRACTION = 1 / 16
/** In so many steps: timers that run as long as others cost the system of timers next to nothing. */
const WAIT_JITTER_STEPS = 64
const HERE = 'here'

/** The methods that the server answers from itself rather than from the state. */
export type Acts = { [M in ActMethod]: (args: Args<M>) => Reply<M> | Promise<Reply<M>> }
export type ActMethod =
  | 'Status.Ping'
  | 'Status.Leader'
  | 'Status.Peers'
  | 'Status.RaftStats'
  | 'Catalog.ListDatacenters'
  | 'Session.Renew'
  | 'Internal.EventFire'
  | 'Internal.KeyringOperation'
  | 'Coordinate.ListDatacenters'
  | 'Coordinate.Update'
  | 'Operator.RaftGetConfiguration'
  | 'Operator.RaftRemovePeerByAddress'
  | 'Operator.RaftRemovePeerByID'
  | 'Operator.AutopilotGetConfiguration'
  | 'Operator.ServerHealth'

/** Written in the primary datacenter alone, whatever datacenter they name; the others take them over. */
const PRIMARYS_WRITES: ReadonlySet<Method> = new Set<Method>([
  'ConfigEntry.Apply',
  'ConfigEntry.Delete',
  'Intention.Apply',
])

/** Of those, what only the leader can do: it keeps the sessions' timers, and gathers coordinates. */
const LEADERS_ACTS: ReadonlySet<Method> = new Set<Method>([
  'Session.Renew',
  'Coordinate.Update',
  'Operator.RaftRemovePeerByAddress',
  'Operator.RaftRemovePeerByID',
  'Operator.ServerHealth',
])

/** These are the leader's too, unless the asker takes what any server knows. */
const LEADERS_READS: ReadonlySet<Method> = new Set<Method>([
  'Operator.RaftGetConfiguration',
  'Operator.AutopilotGetConfiguration',
])

export interface DispatchParts {
  host: Host
  config: Pick<
    RuntimeConfig,
    'datacenter' | 'primaryDatacenter' | 'defaultQueryTime' | 'maxQueryTime' | 'rpcHoldTimeout'
  >
  methods: MethodTable
  acts: Acts
  store: Store
  replica: Replica
  /** Calls other servers. */
  pool: Pick<Pool, 'call'>
  /** Who answers in other datacenters. */
  router: Pick<Router, 'of' | 'failed'>
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
  const { host, config, methods, acts, store, replica, pool, router, env } = parts
  let ready = false
  let stopped = false
  /** A leader was heard of, once at least: from then on stale answers come from somewhere. */
  let heard = false
  const awaitingLeader = new Set<() => void>()
  const reads = makeReads(host, store)
  const meters = dispatchMeters(host.metrics)
  replica.onRole(({ leader }) => {
    if (leader !== null) heard = true
    wakeWaiting()
  })

  function wakeWaiting(): void {
    for (const settle of [...awaitingLeader]) settle()
  }

  /** Where the leader's methods can be called now: here, or at an address. */
  function leaderPlace(): string | undefined {
    if (ready) return HERE
    const { leading, leader } = replica.role()
    return leading || leader === null ? undefined : leader.address
  }

  /** Resolves at the next news about who leads, or at that time. */
  function news(until: Instant): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        cancel()
        awaitingLeader.delete(settle)
        resolve()
      }
      const cancel = host.wake(until, settle)
      awaitingLeader.add(settle)
    })
  }

  /** Calls `here` if this server leads, else the leader. Waits for one up to the hold time, as real agents do. */
  async function atLeader<M extends Method>(
    method: M,
    args: Args<M>,
    context: CallContext,
    here: () => Reply<M> | Promise<Reply<M>>,
  ): Promise<Reply<M>> {
    let until = host.now() + config.rpcHoldTimeout
    for (;;) {
      if (stopped) throw new ConsulError('shutting-down')
      const place = leaderPlace()
      if (place === undefined) {
        if (host.now() >= until) throw new ConsulError('no-leader')
        await news(until)
        continue
      }
      const began = host.now()
      try {
        return await (place === HERE
          ? here()
          : pool.call(place, method, inDatacenter(args, config.datacenter), context))
      } catch (error) {
        const failure = place === HERE ? error : forwarded(error)
        if (stopped || context.signal?.aborted || !mayRetry(method, error)) throw failure
        if (error instanceof ConnectionLost) until = holdUntil(until, began, host.now(), config.rpcHoldTimeout)
        if (host.now() >= until) throw new ConsulError('no-leader', undefined, { cause: error })
      }
      await news(Math.min(until, host.now() + host.random.float() * config.rpcHoldTimeout * RETRY_FRACTION))
    }
  }

  /** The datacenter that the call is for, when it is another's. */
  function elsewhere(args: unknown): string | undefined {
    const { Datacenter } = args as ToDatacenter
    return Datacenter === undefined || Datacenter === '' || Datacenter === config.datacenter ? undefined : Datacenter
  }

  /** Until ACLs are built every token may do all; this is the place where tokens will turn into permissions. */
  const authorize = (_token: string | undefined): Authorizer => allowAll

  function withMeta<M extends Method>(found: unknown): Reply<M> {
    if (typeof found !== 'object' || found === null || !('Index' in found)) return found as Reply<M>
    const meta = found as QueryMeta
    if (meta.Index < 1) meta.Index = 1
    const { leading, leader } = replica.role()
    meta.KnownLeader = leader !== null
    meta.LastContact = leading ? 0 : lastContact()
    return found as Reply<M>
  }

  /** Since when this server has not heard from the leader; 0 on the leader itself. */
  function lastContact(): number {
    const { role, lastContact: contact } = replica.status()
    return role === 'leader' || contact === null ? 0 : Math.round((host.now() - contact) * NANOS_PER_MS)
  }

  /** Until a leader was heard of nobody can say how old this state is. */
  function maySeeStale(args: QueryOptions): boolean {
    return args.AllowStale === true && heard
  }

  /** A leader reads alone while its lease holds; else, and where the asker wants it so, a quorum confirms it first. */
  function needsQuorum(args: QueryOptions): boolean {
    return args.RequireConsistent === true || !(maySeeStale(args) || replica.leaseHolds())
  }

  function passed(found: unknown, args: QueryOptions): boolean {
    const index = args.MinQueryIndex ?? 0
    return index === 0 || Math.max(1, (found as QueryMeta).Index) > index
  }

  async function verify(): Promise<void> {
    const began = host.now()
    meters.verified.add(1)
    await replica.verify()
    meters.consistentRead.add(host.now() - began)
  }

  async function read<M extends Method>(
    method: M,
    meaning: Read<M>,
    args: Args<M>,
    context: CallContext,
  ): Promise<Reply<M>> {
    const options = args as QueryOptions
    const counts = meters.lookup(method)
    meters.query.add(1)
    if (needsQuorum(options)) await verify()
    const can = authorize(options.Token)
    if (!options.MinQueryIndex) {
      const found = await reads.find(meaning, args, can, context.signal)
      counts?.(args, found)
      return withMeta<M>(found)
    }
    const asked = Math.min(options.MaxQueryTime || config.defaultQueryTime, config.maxQueryTime)
    const jitter = Math.floor(host.random.float() * WAIT_JITTER_STEPS) / WAIT_JITTER_STEPS
    const waitMs = Math.ceil((asked / NANOS_PER_MS) * (1 + jitter * WAIT_JITTER_FRACTION))
    const fresh = (found: unknown) => passed(found, options)
    const wait = { fresh, until: host.now() + waitMs, signal: context.signal }
    const ended = meters.blocks()
    try {
      const found = await reads.findFresh(meaning, args, can, wait)
      counts?.(args, found)
      return withMeta<M>(found)
    } finally {
      ended()
    }
  }

  const around: Surroundings = {
    datacenter: config.datacenter,
    random: host.random,
    lockDelayed: env.lockDelayed,
    datacenters: () => acts['Catalog.ListDatacenters']({}) as string[],
    authorize,
  }

  function runOnce<M extends Method>(meaning: Once<M>, args: Args<M>): ReturnType<Once<M>['run']> {
    const can = authorize((args as QueryOptions).Token)
    return store.read((txn) => meaning.run(txn, args, can, around))
  }

  /** A search, and what it asks of other datacenters. */
  async function once<M extends Method>(meaning: Once<M>, args: Args<M>, context: CallContext): Promise<Reply<M>> {
    meters.query.add(1)
    if (needsQuorum(args as QueryOptions)) await verify()
    const found = runOnce(meaning, args)
    if (!isElsewhere(found)) return withContact<M>(found)
    let step = found.next()
    while (step.done !== true) {
      const { method, args: asked } = step.value
      const reply = await call(method, asked, context).then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      step = 'value' in reply ? found.next(reply.value) : found.throw(reply.error)
    }
    // Another datacenter's reply tells how fresh it is itself.
    const answer = step.value as FoundOnce<M> & object
    return 'KnownLeader' in answer ? (answer as Reply<M>) : withContact<M>(answer)
  }

  /** A reply that tells no index. */
  function withContact<M extends Method>(found: FoundOnce<M>): Reply<M> {
    return {
      ...(found as object),
      Index: 0,
      LastContact: lastContact(),
      KnownLeader: replica.role().leader !== null,
    } as Reply<M>
  }

  function timedRead<T>(method: Method, run: () => Promise<T>): Promise<T> {
    return timed(meters.tookRead(method), run)
  }

  /** Only calls whose cost operators watch. */
  function timed<T>(meter: Instrument | undefined, run: () => Promise<T>): Promise<T> {
    if (meter === undefined) return run()
    const began = host.now()
    // Not `finally`, which takes three more turns of the microtask queue.
    return run().then(
      (value) => {
        meter.add(host.now() - began)
        return value
      },
      (error: unknown) => {
        meter.add(host.now() - began)
        throw error
      },
    )
  }

  async function write<M extends Method>(meaning: Write<M>, args: Args<M>): Promise<Reply<M>> {
    const can = authorize((args as QueryOptions).Token)
    const proposal = store.read((txn) => meaning.propose(txn, args, can, env))
    if ('answer' in proposal) return proposal.answer
    const { index, result } = await replica.propose(proposal.command)
    if (result.kind === 'failed') throw new ConsulError('refused', result.message)
    return meaning.reply(result, proposal.command, index, can)
  }

  /** A name that askers make up is no datacenter. */
  function countCrossing(datacenter: string): void {
    if (router.of(datacenter).length > 0) meters.crossDatacenter(datacenter)
  }

  async function call<M extends Method>(method: M, args: Args<M>, context: CallContext = {}): Promise<Reply<M>> {
    if (PRIMARYS_WRITES.has(method) && config.primaryDatacenter !== config.datacenter) {
      const inPrimary = { ...args, Datacenter: config.primaryDatacenter }
      countCrossing(config.primaryDatacenter)
      return callDatacenter({ router, pool }, config.primaryDatacenter, method, inPrimary, context)
    }
    const datacenter = elsewhere(args)
    if (datacenter !== undefined) {
      countCrossing(datacenter)
      return callDatacenter({ router, pool }, datacenter, method, args, context)
    }
    const meaning = methods[method]
    switch (meaning.kind) {
      case 'read':
        if (maySeeStale(args)) return timedRead(method, () => read(method, meaning, args, context))
        return atLeader(method, args, context, () => timedRead(method, () => read(method, meaning, args, context)))
      case 'once':
        if (maySeeStale(args)) return timedRead(method, () => once(meaning, args, context))
        return atLeader(method, args, context, () => timedRead(method, () => once(meaning, args, context)))
      case 'write':
        return atLeader(method, args, context, () => timed(meters.took(method), () => write(meaning, args)))
      case 'act': {
        const run = () => act(acts, method as ActMethod, args) as Reply<typeof method>
        const meter = meters.took(method)
        const here = meter === undefined ? run : () => timed(meter, async () => run())
        const leaders = LEADERS_ACTS.has(method) || (LEADERS_READS.has(method) && !maySeeStale(args as QueryOptions))
        return leaders ? atLeader(method, args, context, here) : here()
      }
    }
  }

  return {
    call,

    peek(method, args) {
      const meaning = methods[method]
      if (meaning.kind !== 'read' && meaning.kind !== 'once') return undefined
      const options = args as QueryOptions
      if (!(ready || maySeeStale(args)) || needsQuorum(options)) return undefined
      if (elsewhere(args) !== undefined) return undefined
      if (meaning.kind === 'once') {
        const began = host.now()
        const found = runOnce(meaning, args)
        if (isElsewhere(found)) return undefined
        meters.tookRead(method)?.add(host.now() - began)
        return withContact<typeof method>(found)
      }
      const can = authorize(options.Token)
      meters.query.add(1)
      const timer = meters.tookRead(method)
      const began = timer === undefined ? 0 : host.now()
      const found = reads.peek(meaning, args, can)
      if (found === undefined || !passed(found, options)) return undefined
      meters.lookup(method)?.(args, found)
      timer?.add(host.now() - began)
      return withMeta<typeof method>(found)
    },

    setReady(value) {
      ready = value
      wakeWaiting()
    },

    stop() {
      stopped = true
      ready = false
      wakeWaiting()
      reads.stop()
    },
  }
}

function isElsewhere<M extends Method>(
  found: ReturnType<Once<M>['run']>,
): found is Elsewhere<M, 'PreparedQuery.ExecuteRemote'> {
  return typeof found === 'object' && found !== null && Symbol.iterator in found
}

function act(
  acts: Acts,
  method: ActMethod,
  args: unknown,
): Methods[ActMethod]['reply'] | Promise<Methods[ActMethod]['reply']> {
  return (acts[method] as (args: unknown) => Methods[ActMethod]['reply'] | Promise<Methods[ActMethod]['reply']>)(args)
}
