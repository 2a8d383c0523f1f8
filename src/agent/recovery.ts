/**
 * Recovery by peers.json: after a loss of the quorum an operator stops all servers that are left, writes which servers
 * the cluster shall consist of, and starts them again. What every server has in its log counts then, committed or not;
 * it becomes a snapshot with the new servers. Source: agent/consul/server.go (`setupRaft`), hashicorp/raft's
 * `RecoverCluster` and peersjson.go.
 */
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { faultOf } from '../core/raft/configuration.ts'
import type { Configuration, Server, SnapshotMeta } from '../core/raft/messages.ts'
import { usableEntries } from '../core/raft/state.ts'
import type { Disk, Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import { encodeState } from '../wire/snapshot.ts'
import { encodeMeta, snapshotId } from '../wire/snapshot-meta.ts'
import { applyEntry } from './apply.ts'
import type { OpenedState } from './durable.ts'
import { slices } from './install.ts'

const PEERS = 'raft/peers.json'
const INFO = 'raft/peers.info'
/** Thousands of servers would fit. */
const PEERS_BYTES_MAX = 1 << 20

const INFO_TEXT = `This folder may hold a file peers.json, which is read once, when the server starts, to recover a
cluster that has lost its quorum. In normal operation there is none.

To recover: stop all servers that are left, write the same peers.json into the folder "raft" of
the data directory of each, and start them. The file is removed once it was used.

It is a JSON array with the id, the address and, if need be, the missing vote of each server that
the cluster shall consist of:

[
  {
    "id": "adf4238a-882b-9ddc-4a9d-5b6758e4159e",
    "address": "10.1.0.1:8300",
    "non_voter": false
  },
  {
    "id": "8b6dda82-3103-11e7-93ae-92361f002671",
    "address": "10.1.0.2:8300",
    "non_voter": false
  }
]

"id" is the node id of the server: its log says it at the start, and the file node-id in its data
directory holds it. "address" is its IP address and server port. "non_voter" may be left out.

With raft_protocol 2 the array holds addresses alone: ["10.1.0.1:8300", "10.1.0.2:8300"].

A peers.json that is there before this file was ever written is removed unread.
`

export interface RecoveryParts {
  disk: Pick<Disk, 'readFile' | 'writeFile' | 'removeFile'>
  host: Pick<Host, 'date' | 'soon'>
  opened: OpenedState
  /** Of the configuration: below 3, servers are known by their addresses. */
  raftProtocol: number
  log: Log
}

/**
 * Call it before Raft begins. Without a peers.json nothing happens.
 * @returns what the server now finds on its disk
 * @throws ConsulError when peers.json makes no sense; it then stays
 */
export async function recover({ disk, host, opened, raftProtocol, log }: RecoveryParts): Promise<OpenedState['saved']> {
  const { saved } = opened
  const bytes = await disk.readFile(PEERS)
  if ((await disk.readFile(INFO)) === undefined) {
    await disk.writeFile(INFO, new TextEncoder().encode(INFO_TEXT))
    if (bytes !== undefined) {
      await disk.removeFile(PEERS)
      log.info('deleted peers.json file (see peers.info for details)')
    }
    return saved
  }
  if (bytes === undefined) return saved
  log.info('found peers.json file, recovering Raft configuration...')
  let configuration: Configuration
  try {
    configuration = readPeers(bytes, raftProtocol)
  } catch (error) {
    throw new ConsulError('refused', `recovery failed to parse peers.json: ${messageOf(error)}`, { cause: error })
  }
  const recovered = await rewrite(opened, configuration, host)
  await disk.removeFile(PEERS)
  log.info('deleted peers.json file after successful recovery')
  return recovered
}

async function rewrite(
  { store, saved, logDisk, snapshots, kept, chunks }: OpenedState,
  configuration: Configuration,
  host: RecoveryParts['host'],
): Promise<OpenedState['saved']> {
  const { snapshot } = saved
  // The operator says what counts: no bound of the votes remains from before.
  const hardState = { ...saved.hardState, floor: null }
  const entries = usableEntries(snapshot, saved.entries)
  if (snapshot === null && entries.length === 0) {
    const why = 'refused to recover cluster with no initial state, this is probably an operator error'
    throw new ConsulError('refused', `recovery failed: ${why}`)
  }
  for (const entry of entries) if (entry.index > (snapshot?.index ?? 0)) applyEntry(store, chunks, entry)
  const last = entries.at(-1)
  const index = Math.max(snapshot?.index ?? 0, last?.index ?? 0)
  const term = last !== undefined && last.index === index ? last.term : snapshot!.term
  // As the real one has it: whichever configuration comes next is newer.
  const meta: SnapshotMeta = { index, term, configuration, configurationIndex: 1 }
  const id = snapshotId(meta, host.date())
  const { rows } = store.snapshot()
  try {
    await snapshots.save(id, encodeMeta(meta, id), slices(encodeState(rows, index, chunks.pending()), host))
  } finally {
    rows.release()
  }
  kept.before = index
  kept.newest = index
  await logDisk.write({ truncateFrom: index + 1, entries: [], hardState, compactTo: index })
  return { hardState, snapshot: meta, entries: [] }
}

/** @throws Error when the file cannot be what an operator meant */
export function readPeers(bytes: Uint8Array, raftProtocol: number): Configuration {
  if (bytes.length > PEERS_BYTES_MAX) throw new Error(`the file has ${bytes.length} bytes`)
  const listed: unknown = JSON.parse(new TextDecoder().decode(bytes))
  if (!Array.isArray(listed)) throw new Error('a list of servers is expected')
  const servers = listed.map((each: unknown): Server => (raftProtocol < 3 ? byAddress(each) : byId(each)))
  const fault = faultOf({ servers })
  if (fault !== undefined) throw new Error(fault)
  return { servers }
}

function byAddress(address: unknown): Server {
  if (typeof address !== 'string') throw new Error('with raft_protocol 2, each server is an address')
  return { id: address, address, suffrage: 'voter' }
}

function byId(entry: unknown): Server {
  if (typeof entry !== 'object' || entry === null) throw new Error('each server is an object with "id" and "address"')
  const { id, address, non_voter = false } = entry as Record<string, unknown>
  if (typeof id !== 'string' || typeof address !== 'string' || typeof non_voter !== 'boolean') {
    throw new Error(
      'each server has an "id" and an "address", which are texts, and may have a "non_voter", true or false',
    )
  }
  return { id, address, suffrage: non_voter ? 'nonvoter' : 'voter' }
}
