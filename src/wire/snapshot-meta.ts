/**
 * What a snapshot is of: its place in the log and the servers then. One line of JSON, as `meta.json` in Consul's archives
 * (protocol/fsm-and-snapshot.md section 5) and beside the state on our own disk.
 */
import { Buffer } from 'node:buffer'
import type { WallMs } from '../base/units.ts'
import type { SnapshotMeta } from '../core/raft/messages.ts'
import { encodePeers, serverOf, wireServer } from './raft-log.ts'
import { SnapshotError } from './snapshot.ts'

/** Of the library's snapshots; 0 had no configuration but a list of addresses. */
const VERSION = 1

/** `term-index-milliseconds`, as Consul names snapshots. */
export function snapshotId(meta: SnapshotMeta, now: WallMs): string {
  return `${meta.term}-${meta.index}-${Math.floor(now)}`
}

/** @param size bytes of `state.bin`, 0 where it is not known yet */
export function encodeMeta(meta: SnapshotMeta, id: string, size = 0): Uint8Array {
  const line = JSON.stringify({
    Version: VERSION,
    ID: id,
    Index: meta.index,
    Term: meta.term,
    Peers: Buffer.from(encodePeers(meta.configuration)).toString('base64'),
    Configuration: { Servers: meta.configuration.servers.map(wireServer) },
    ConfigurationIndex: meta.configurationIndex,
    Size: size,
  })
  return Buffer.from(`${line}\n`)
}

/** @throws SnapshotError when these are not the meta data of a snapshot, or of a version without a configuration */
export function decodeMeta(bytes: Uint8Array): SnapshotMeta & { id: string; size: number } {
  const meta = object(parse(bytes), 'the whole')
  if (meta.Version !== VERSION) throw new SnapshotError(`snapshot: meta data of version ${String(meta.Version)}`)
  const servers = object(meta.Configuration, 'Configuration').Servers ?? []
  if (!Array.isArray(servers)) throw wrong('Servers')
  return {
    id: typeof meta.ID === 'string' ? meta.ID : '',
    index: whole(meta.Index, 'Index'),
    term: whole(meta.Term, 'Term'),
    configurationIndex: whole(meta.ConfigurationIndex, 'ConfigurationIndex'),
    size: whole(meta.Size ?? 0, 'Size'),
    configuration: {
      servers: servers.map((each: unknown) => {
        const { Address, ID, Suffrage } = object(each, 'a server')
        if (typeof Address !== 'string' || typeof ID !== 'string') throw wrong('a server')
        return serverOf({ Address, ID, Suffrage: whole(Suffrage ?? 0, 'Suffrage') })
      }),
    },
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
  } catch (error) {
    throw new SnapshotError('snapshot: the meta data are not JSON', { cause: error })
  }
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw wrong(what)
  return value as Record<string, unknown>
}

function whole(value: unknown, what: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(what)
  return value as number
}

function wrong(what: string): SnapshotError {
  return new SnapshotError(`snapshot: ${what} in the meta data is not as it should be`)
}
