/**
 * The data directory: whose it is, who may use it now, and what lies where.
 *
 *   proconsul.lock, proconsul.pid   held by the agent that uses the directory
 *   proconsul.json                  the number of this layout
 *   node-id, services/, checks/     small files, by the names that Consul gives them
 *   serf/local.*, serf/remote.*     gossip: the keyring and the snapshot of each pool, in Serf's own formats
 *   raft/log.mdb                    the Raft log (disk-log.ts)
 *   raft/state.mdb                  the state's rows, when the engine keeps them on disk (lmdb.ts)
 *   raft/snapshots/NAME/            snapshots of the state (disk-snapshots.ts)
 *
 * The layout is our own. A directory of HashiCorp Consul is refused, never read or changed: a server moves over by a
 * snapshot, or by joining as a new server.
 */
import { constants } from 'node:fs'
import { access, mkdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Log } from '../base/log.ts'
import { DiskError, diskError, hasCode } from './disk-error.ts'
import { openFiles, syncFolder, writeFileDurably } from './disk-files.ts'
import { lockDirectory } from './disk-lock.ts'
import type { Disk, LogDisk } from './host.ts'

export { DiskError, type DiskFault } from './disk-error.ts'
export { memoryDisk } from './disk-memory.ts'

/** Raised when an older Proconsul could not read the directory any more. */
const LAYOUT = 1
const LAYOUT_FILE = 'proconsul.json'
/** As Consul makes them. */
const FOLDER_MODE = 0o755

/**
 * Takes the directory for this process alone, making it if need be.
 * @throws DiskError with a message that names the directory
 */
export async function openDisk(path: string, log: Log): Promise<Disk> {
  await prepare(path)
  const lock = await lockDirectory(path)
  const files = openFiles(path)
  try {
    await checkLayout(path)
  } catch (error) {
    lock.release()
    throw diskError(`data directory "${path}"`, error)
  }
  const raft = join(path, 'raft')
  let logDisk: LogDisk | undefined
  return {
    readFile: files.read,
    writeFile: files.write,
    appendFile: files.append,
    removeFile: files.remove,
    listFiles: files.list,
    async openLog() {
      await makeFolder(raft)
      // Loaded here: a client agent keeps files alone, and never pays for the engine.
      const { openLogDisk } = await import('./disk-log.ts')
      logDisk = await openLogDisk(join(raft, 'log.mdb'), log)
      return logDisk
    },
    async openSnapshots() {
      const folder = join(raft, 'snapshots')
      await makeFolder(raft)
      await makeFolder(folder)
      const { openSnapshotDisk } = await import('./disk-snapshots.ts')
      return openSnapshotDisk(folder, log)
    },
    async openRows() {
      await makeFolder(raft)
      const { openLmdbRows } = await import('./lmdb.ts')
      return openLmdbRows(join(raft, 'state.mdb'))
    },
    async close() {
      await logDisk?.close()
      await files.settled()
      lock.release()
    },
  }
}

/** There, a directory, ours to read and write, and not another program's. */
async function prepare(path: string): Promise<void> {
  const what = `data directory "${path}"`
  try {
    await mkdir(path, { recursive: true, mode: FOLDER_MODE })
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw diskError(what, error)
  }
  if (!(await exists(join(path, 'raft', 'raft.db')))) return
  throw new DiskError(
    'foreign',
    `${what} belongs to a HashiCorp Consul server (it holds raft/raft.db), and Proconsul keeps a format of its own. ` +
      'Start it on another, empty directory; the state moves over when it joins the cluster as a new server, or with ' +
      '"consul snapshot save" there and "consul snapshot restore" here',
  )
}

async function checkLayout(path: string): Promise<void> {
  const file = join(path, LAYOUT_FILE)
  const bytes = await openFiles(path).read(LAYOUT_FILE)
  if (bytes === undefined) {
    await writeFileDurably(file, Buffer.from(`${JSON.stringify({ layout: LAYOUT })}\n`))
    return
  }
  const layout = layoutOf(bytes)
  if (layout === LAYOUT) return
  if (layout === undefined) throw new DiskError('corrupt', `data directory "${path}": ${LAYOUT_FILE} is unreadable`)
  throw new DiskError(
    'foreign',
    `data directory "${path}" has layout ${layout}; this version of Proconsul knows layouts up to ${LAYOUT}`,
  )
}

function layoutOf(bytes: Uint8Array): number | undefined {
  try {
    const { layout } = JSON.parse(Buffer.from(bytes).toString()) as { layout?: unknown }
    return typeof layout === 'number' ? layout : undefined
  } catch {
    return undefined
  }
}

async function makeFolder(path: string): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true, mode: FOLDER_MODE })
    if (made !== undefined) await syncFolder(dirname(made))
  } catch (error) {
    throw diskError(`folder "${path}"`, error)
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return false
    throw diskError(`"${path}"`, error)
  }
}
