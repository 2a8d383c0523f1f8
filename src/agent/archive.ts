/** Snapshot archives for those who only look at them: the command line, before it trusts a file. */
import { type ArchiveMeta, readArchive } from '../wire/archive.ts'

/**
 * Reads an archive to its end and checks its sums; the state in it is not looked into.
 * @returns what it says of itself
 * @throws SnapshotError in Consul's words, or what `archive` throws
 */
export function verifyArchive(archive: AsyncIterable<Uint8Array>): Promise<ArchiveMeta> {
  return readArchive(archive)
}
