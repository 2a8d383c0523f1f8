/**
 * Keeps the catalog in line with the LAN's members while this server leads: at each event, and now and then over all of
 * them, as events may be missed. What must be written is decided in core/leader/reconcile.ts.
 */

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { MemberStatus, SerfMember } from '../core/gossip/serf.ts'
import { type GossipMember, type Reconciliation, reapUnknown, reconcileMember } from '../core/leader/reconcile.ts'
import type { Store } from '../core/store/store.ts'
import type { Cancel, Host } from '../host/host.ts'
import type { Command } from '../model/command.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { MemberEvent } from './gossip.ts'
import type { Duty } from './leadership.ts'

const EVERY_MS = 60_000

export interface ReconcileParts {
  config: RuntimeConfig
  host: Host
  store: Store
  members(): SerfMember[]
  propose(command: Command): Promise<unknown>
  log: Log
}

export interface CatalogDuty extends Duty {
  /** Commands for all members as they are now. */
  all(): Command[]
  onMember(event: MemberEvent, member: SerfMember): void
}

export function reconcileDuty({ config, host, store, members, propose, log }: ReconcileParts): CatalogDuty {
  let leading = false
  let next: Cancel | undefined

  function commands(found: readonly Reconciliation[]): Command[] {
    return found.flatMap(({ level, message, fields, command }) => {
      log[level](message, fields)
      return command === undefined ? [] : [command]
    })
  }

  function all(): Command[] {
    const present = members()
    return store.read((txn) => {
      const found = present.flatMap((member) => reconcileMember(txn, gossipMember(member), config) ?? [])
      const known = new Set(present.map(({ name }) => name))
      return commands([...found, ...reapUnknown(txn, known, config)])
    })
  }

  function write(command: Command): void {
    // What fails is made up for by the next round.
    propose(command).catch((error: unknown) => {
      log.error('failed to reconcile member', { error: messageOf(error) })
    })
  }

  function arm(): void {
    next = host.wake(host.now() + EVERY_MS, () => {
      for (const command of all()) write(command)
      arm()
    })
  }

  return {
    all,
    start() {
      leading = true
      arm()
    },
    stop() {
      leading = false
      next?.()
    },
    onMember(event, member) {
      if (!leading) return
      const changed = gossipMember(member, event === 'reap' ? 'reap' : member.status)
      const found = store.read((txn) => reconcileMember(txn, changed, config))
      for (const command of commands(found === undefined ? [] : [found])) write(command)
    },
  }
}

function gossipMember(member: SerfMember, status: MemberStatus | 'reap' = member.status): GossipMember {
  const { name, addr, tags, vsn } = member
  return {
    name,
    addr,
    status,
    tags,
    protocolMin: vsn[0] ?? 0,
    protocolMax: vsn[1] ?? 0,
    protocolCur: vsn[2] ?? 0,
  }
}
