/** The one way to ask for anything, local or remote, of this datacenter or another. */
import type { CatalogMethods } from './catalog.ts'
import type { ConfigEntryMethods } from './config-entry.ts'
import type { CoordinateMethods } from './coordinate.ts'
import type { DiscoveryChainMethods } from './discovery-chain.ts'
import type { EventMethods } from './event.ts'
import type { GatewayMethods } from './gateway.ts'
import type { HealthMethods } from './health.ts'
import type { IntentionMethods } from './intention.ts'
import type { InternalMethods } from './internal.ts'
import type { KeyringMethods } from './keyring.ts'
import type { KVMethods } from './kv.ts'
import type { OperatorMethods } from './operator.ts'
import type { PreparedQueryMethods } from './prepared-query.ts'
import type { SessionMethods } from './session.ts'
import type { StatusMethods } from './status.ts'
import type { TxnMethods } from './txn.ts'

export interface Methods
  extends KVMethods,
    CatalogMethods,
    HealthMethods,
    SessionMethods,
    StatusMethods,
    EventMethods,
    ConfigEntryMethods,
    IntentionMethods,
    DiscoveryChainMethods,
    GatewayMethods,
    KeyringMethods,
    CoordinateMethods,
    OperatorMethods,
    TxnMethods,
    PreparedQueryMethods,
    InternalMethods {}

export type Method = keyof Methods
export type Args<M extends Method> = Methods[M]['args']
export type Reply<M extends Method> = Methods[M]['reply']

/** As much of an AbortSignal as calls look at: thousands of them may wait, and a whole one is many objects. */
export interface Gone {
  readonly aborted: boolean
  addEventListener(type: 'abort', run: () => void): void
  removeEventListener(type: 'abort', run: () => void): void
}

export interface CallContext {
  /** Aborted when the asker is gone: a blocking read then frees all it holds. */
  signal?: Gone
}

export interface Caller {
  /** Errors are `ConsulError`s. */
  call<M extends Method>(method: M, args: Args<M>, context?: CallContext): Promise<Reply<M>>
  /**
   * The answer at once from local state, with no promise in between; undefined when it cannot be had so (a write, a
   * blocking read whose index has not passed, no leader, a quorum round asked for): then use `call`.
   */
  peek<M extends Method>(method: M, args: Args<M>): Reply<M> | undefined
}
