/**
 * Keeps what a pool remembers across a restart in its file, `serf/local.snapshot` or `serf/remote.snapshot`: lines are
 * appended now and then, and the file is written anew when it has grown too long. What the lines say is decided in
 * core/gossip/snapshot.ts. A disk that refuses costs memory of the pool, never the pool: it is told of in the log.
 */
import { joinHostPort } from '../base/host-port.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Millis } from '../base/units.ts'
import { type Clocks, type PreviousNode, type SerfMember, SnapshotLog } from '../core/gossip/serf.ts'
import type { Cancel, Disk, Host } from '../host/host.ts'
import type { MemberEvent, PoolName } from './gossip.ts'

const FILES: Record<PoolName, string> = { lan: 'serf/local.snapshot', wan: 'serf/remote.snapshot' }
/** Lines wait so long for others, as in Serf. */
const FLUSH_MS: Millis = 500
/** After a failure the whole file is tried again so much later. */
const RECOVER_MS: Millis = 30_000

export interface SerfSnapshot {
  /** As it was before the restart. */
  readonly clocks: Clocks
  readonly previous: readonly PreviousNode[]
  onMember(event: MemberEvent, member: SerfMember): void
  /** Called often, with what the pool's clocks say now. */
  onClocks(now: Clocks): void
  /** Resolves once the farewell is on disk; nothing is remembered after it. */
  leave(): Promise<void>
  stop(): Promise<void>
}

export interface SerfSnapshotParts {
  pool: PoolName
  disk: Disk
  host: Pick<Host, 'now' | 'wake'>
  rejoinAfterLeave: boolean
  log: Log
}

export async function openSerfSnapshot(parts: SerfSnapshotParts): Promise<SerfSnapshot> {
  const { disk, host, log } = parts
  const name = FILES[parts.pool]
  const kept = new SnapshotLog(parts.rejoinAfterLeave)
  const found = Buffer.from((await disk.readFile(name)) ?? []).toString()
  for (const { level, message } of kept.replay(found)) log[level](message)
  const { clocks, alive: previous } = kept

  let pending = ''
  let length = found.length
  /** The file must be written anew: it is too long, or ends within a line. */
  let anew = found !== '' && !found.endsWith('\n')
  let timer: Cancel | undefined
  let writing: Promise<void> = Promise.resolve()
  let stopped = false

  function append(lines: string): void {
    if (lines === '' || stopped) return
    pending += lines
    timer ??= host.wake(host.now() + FLUSH_MS, () => {
      timer = undefined
      flush()
    })
  }

  function flush(): void {
    if (pending === '' && !anew) return
    const lines = pending
    pending = ''
    length += lines.length
    if (length > kept.bytesMax) anew = true
    const whole = anew ? kept.whole() : undefined
    if (whole !== undefined) length = whole.length
    anew = false
    writing = writing
      .then(() =>
        whole === undefined ? disk.appendFile(name, Buffer.from(lines)) : disk.writeFile(name, Buffer.from(whole)),
      )
      .catch((error: unknown) => {
        log.error('serf: Failed to update snapshot', { error: messageOf(error) })
        anew = true
        if (!stopped) timer ??= host.wake(host.now() + RECOVER_MS, retry)
      })
  }

  function retry(): void {
    timer = undefined
    log.info('serf: Attempting compaction to recover from error...')
    flush()
  }

  return {
    clocks,
    previous,
    onMember(event, member) {
      if (event === 'join') append(kept.joined(member.name, joinHostPort(member.addr, member.port)))
      else if (event === 'leave' || event === 'failed') append(kept.gone(member.name))
    },
    onClocks(now) {
      append(kept.passed(now))
    },
    leave() {
      if (kept.leave() !== '') {
        // Durable, unlike what is appended: who has left must not come back by itself.
        anew = true
        flush()
      }
      return writing
    },
    async stop() {
      stopped = true
      timer?.()
      flush()
      await writing
    },
  }
}
