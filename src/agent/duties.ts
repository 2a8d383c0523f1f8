/**
 * The timers of whoever leads: sessions that run out, tombstones that have served, coordinates that are written together.
 * What they decide is in core/leader; here they are driven and their commands proposed.
 */
import { COORDINATE_ROUND_DEV_MS, makeCoordinateBatches } from '../core/leader/coordinates.ts'
import { makeSessionTimers } from '../core/leader/sessions.ts'
import { makeTombstoneClock } from '../core/leader/tombstones.ts'
import type { Store } from '../core/store/store.ts'
import type { Host } from '../host/host.ts'
import type { NodeCoordinate } from '../model/coordinate.ts'
import type { Session } from '../model/session.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { drive } from './drive.ts'
import type { Duty } from './leadership.ts'
import { dutyMeters } from './meters.ts'
import type { Replica } from './replica.ts'

/** The leader's timers: sessions that run out, tombstones that have served. */
export function leaderDuties(
  config: RuntimeConfig,
  host: Host,
  store: Store,
  replica: Replica,
): Duty & Renewal & Gathering {
  const meters = dutyMeters(host.metrics, () => timers.active())
  const timers = makeSessionTimers(config.datacenter)
  const sessions = drive(timers, host, ({ id, command }) => {
    const began = host.now()
    replica
      .propose(command)
      .catch(() => sessions.tell({ kind: 'failed', id }))
      .finally(() => meters.sessionEnded.add(host.now() - began))
  })
  const tombstones = drive(makeTombstoneClock(config.datacenter), host, ({ command }) => {
    // A reap that fails is made up for by the next leader, which starts from its last index.
    const began = host.now()
    replica
      .propose(command)
      .catch(() => {})
      .finally(() => meters.tombstonesReaped.add(host.now() - began))
  })
  const coordinates = drive(
    makeCoordinateBatches(config.dev ? COORDINATE_ROUND_DEV_MS : undefined),
    host,
    ({ command }) => {
      // Whoever sent them will send others.
      replica.propose(command).catch(() => {})
    },
  )
  store.onCommit(({ index, changes }) => {
    if (changes.length === 0) return
    sessions.tell({ kind: 'commit', changes })
    tombstones.tell({ kind: 'commit', index, changes })
  })
  return {
    start() {
      sessions.tell({ kind: 'lead', sessions: store.read((txn) => [...txn.prefix('sessions', '')]) })
      tombstones.tell({ kind: 'lead', lastIndex: store.applied })
    },
    stop() {
      sessions.tell({ kind: 'follow' })
      tombstones.tell({ kind: 'follow' })
      coordinates.tell({ kind: 'follow' })
    },
    renew: (session) => sessions.tell({ kind: 'renew', session }),
    gather: (coordinate) => coordinates.tell({ kind: 'update', coordinate }),
  }
}

export interface Gathering {
  /** Writes the coordinate by and by, while this server leads. */
  gather(coordinate: NodeCoordinate): void
}

export interface Renewal {
  renew(session: Session): void
}
