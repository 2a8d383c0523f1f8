/**
 * A cluster without agents for tests of rules and methods: a store, and the method table called as the dispatcher calls
 * it, each write applied at once under the next index.
 */

import { seededRandom } from '../../src/base/random.ts'
import { type Authorizer, allowAll } from '../../src/core/acl/authorizer.ts'
import { methods } from '../../src/core/methods/index.ts'
import type { Env, Once, Read, Surroundings, Write } from '../../src/core/methods/table.ts'
import { memoryRows } from '../../src/core/store/memory.ts'
import type { Rows } from '../../src/core/store/rows.ts'
import { type Commit, type Footprint, makeStore, type Store } from '../../src/core/store/store.ts'
import type { NodeService, RegisterRequest } from '../../src/model/catalog.ts'
import { NO_SERVICE } from '../../src/model/catalog.ts'
import type { Command } from '../../src/model/command.ts'
import { ConsulError } from '../../src/model/errors.ts'
import type { HealthCheck } from '../../src/model/health.ts'
import { NO_CHECK } from '../../src/model/health.ts'
import type { DirEntry } from '../../src/model/kv.ts'
import type { Args, Method, Reply } from '../../src/model/rpc.ts'
import { NO_SESSION, type Session } from '../../src/model/session.ts'

export interface TestCluster {
  store: Store
  env: Env
  /** Keys that are in their lock delay. */
  resting: Set<string>
  /** @throws ConsulError */
  call<M extends Method>(method: M, args: Args<M>, can?: Authorizer): Reply<M>
  /** What the method would put into the log; undefined when it answers without. */
  propose<M extends Method>(method: M, args: Args<M>, can?: Authorizer): Command | undefined
  apply(command: Command): Commit
  /** Other datacenters, nearest first, and what a call to one of them finds: its reply, or an error thrown. */
  others: string[]
  remote(method: Method, args: unknown): unknown
  /** When set, reads are traced and their footprints told. */
  traced: ((footprint: Footprint) => void) | undefined
}

/** @param options.rows where the rows live; in memory unless given */
export function makeCluster(options: { applied?: number; rows?: Rows } = {}): TestCluster {
  const store = makeStore(options.rows ?? memoryRows())
  if (options.applied !== undefined) store.advance(options.applied)
  const resting = new Set<string>()
  let ids = 0
  const env: Env = {
    now: 0,
    uuid: () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
    lockDelayed: (key) => resting.has(key),
    datacenter: 'dc1',
    node: 'server',
  }

  const around: Surroundings = {
    ...env,
    random: seededRandom(1),
    datacenters: () => [env.datacenter, ...cluster.others],
    authorize: () => allowAll,
  }

  const apply = (command: Command): Commit => store.apply(store.applied + 1, command)

  function proposal<M extends Method>(method: M, args: Args<M>, can: Authorizer) {
    const meaning = methods[method] as Write<M>
    return store.read((txn) => meaning.propose(txn, args, can, env))
  }

  const cluster: TestCluster = {
    store,
    env,
    resting,
    apply,
    others: [],
    remote: () => {
      throw new ConsulError('no-path-to-datacenter')
    },
    traced: undefined,
    propose(method, args, can = allowAll) {
      const proposed = proposal(method, args, can)
      return 'command' in proposed ? proposed.command : undefined
    },
    call<M extends Method>(method: M, args: Args<M>, can: Authorizer = allowAll): Reply<M> {
      const meaning = methods[method]
      if (meaning.kind === 'read') {
        const { value, footprint } = store.trace((txn) => (meaning as Read<M>).run(txn, args, can))
        cluster.traced?.(footprint)
        return value as Reply<M>
      }
      if (meaning.kind === 'once') {
        const found = store.read((txn) => (meaning as Once<M>).run(txn, args, can, around))
        // As the dispatcher completes it, unless another datacenter's reply is complete.
        const meta = { Index: 0, LastContact: 0, KnownLeader: true }
        return { ...meta, ...(finish(found, cluster) as object) } as Reply<M>
      }
      if (meaning.kind === 'act') throw new Error(`${method} is not of the state`)
      const proposed = proposal(method, args, can)
      if ('answer' in proposed) return proposed.answer
      const { result, index } = apply(proposed.command)
      if (result.kind === 'failed') throw new ConsulError('refused', result.message)
      return (meaning as Write<M>).reply(result, proposed.command, index, can)
    },
  }
  return cluster
}

/** Plays the other datacenters to a search that asks them. */
function finish(found: unknown, { remote }: TestCluster): unknown {
  if (typeof found !== 'object' || found === null || !(Symbol.iterator in found)) return found
  const search = found as Generator<{ method: Method; args: unknown }, unknown, unknown>
  let step = search.next()
  while (step.done !== true) {
    let reply: unknown
    try {
      reply = remote(step.value.method, step.value.args)
    } catch (error) {
      step = search.throw(error)
      continue
    }
    step = search.next(reply)
  }
  return step.value
}

export function aRegistration(fields: Partial<RegisterRequest> & { Node: string }): RegisterRequest {
  return { Address: '10.0.0.1', ...fields }
}

export function aService(fields: Partial<NodeService>): NodeService {
  return { ...NO_SERVICE, ...fields }
}

export function aCheck(fields: Partial<HealthCheck>): HealthCheck {
  return { ...NO_CHECK, ...fields }
}

export function aSession(fields: Partial<Session>): Session {
  return { ...NO_SESSION, ...fields }
}

export function anEntry(fields: Partial<DirEntry> & { Key: string }): DirEntry {
  return { Value: null, Flags: 0n, LockIndex: 0, Session: '', CreateIndex: 0, ModifyIndex: 0, ...fields }
}
