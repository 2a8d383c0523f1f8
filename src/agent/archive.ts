/** Archives for the command line: snapshots, which it looks at before it trusts a file, and what it gathers itself. */
import { type ArchiveMeta, readArchive } from '../wire/archive.ts'
import { TAR_END, tarHeader, tarPadding } from '../wire/tar.ts'

/**
 * Reads an archive to its end and checks its sums; the state in it is not looked into.
 * @returns what it says of itself
 * @throws SnapshotError in Consul's words, or what `archive` throws
 */
export function verifyArchive(archive: AsyncIterable<Uint8Array>): Promise<ArchiveMeta> {
  return readArchive(archive)
}

const NAME_BYTES_MAX = 100
const FILE_MODE = 0o644

/**
 * One tar of small files.
 * @param mtime of each of them, seconds since 1970
 * @throws Error for a name of more than 100 characters
 */
export function tarOf(files: readonly { name: string; bytes: Uint8Array }[], mtime: number): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { name, bytes } of files) {
    if (name.length > NAME_BYTES_MAX) throw new Error(`${name}: the name is too long for an archive`)
    parts.push(tarHeader({ name, size: bytes.length, mode: FILE_MODE, mtime }), bytes, tarPadding(bytes.length))
  }
  return Buffer.concat([...parts, TAR_END])
}
