/** `consul snapshot`: the whole state of a datacenter in one file. */
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { quoteGo } from '../base/go-flags.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { tabbed } from './columns.ts'
import { command, group, type Io } from './command.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'
import { openError } from './input.ts'

const HTTP = [...CLIENT_FLAGS, ...SERVER_FLAGS] as const

const save = command({
  usage: 'consul snapshot save [options] FILE',
  about:
    'Saves the whole state of a datacenter to a file: key/value store, catalog, sessions, ACLs and the rest. The file is checked before it gets its name.',
  flags: HTTP,
  async run(io, flags, args) {
    const file = oneFile(io, args)
    if (file === undefined) return 1
    return withAgent(io, flags, 'Error saving snapshot', async ({ snapshot }) => {
      const { index, archive } = await snapshot.save({ stale: flags.stale })
      const unverified = `${file}.unverified`
      const failed = (what: string, error: unknown) => {
        io.err(`Error ${what}: ${messageOf(error)}`)
        return 1
      }
      try {
        try {
          await writeDurably(unverified, archive)
        } catch (error) {
          return failed('writing unverified snapshot file', openError(error, unverified))
        }
        try {
          await metaOf(unverified)
        } catch (error) {
          return failed('verifying snapshot file', error)
        }
        try {
          await rename(unverified, file)
          await syncFolderOf(file)
        } catch (error) {
          return failed(`renaming ${quoteGo(unverified)} to ${quoteGo(file)}`, error)
        }
      } finally {
        await rm(unverified, { force: true })
      }
      io.out(`Saved and verified snapshot to index ${index}`)
      return 0
    })
  },
})

const restore = command({
  usage: 'consul snapshot restore [options] FILE',
  about:
    'Replaces the whole state of a datacenter by that of a snapshot file. Meant for disasters: no server should fail while it runs.',
  flags: HTTP,
  async run(io, flags, args) {
    const file = oneFile(io, args)
    if (file === undefined) return 1
    return withAgent(io, flags, 'Error restoring snapshot', async ({ snapshot }) => {
      try {
        await (await open(file)).close()
      } catch (error) {
        io.err(`Error opening snapshot file: ${openError(error, file)}`)
        return 1
      }
      await snapshot.restore(createReadStream(file))
      io.out('Restored snapshot')
      return 0
    })
  },
})

const inspect = command({
  usage: 'consul snapshot inspect [options] FILE',
  about: 'Shows what a snapshot file says of itself: id, size, index, term, version.',
  flags: [],
  async run(io, _flags, args) {
    const file = oneFile(io, args)
    if (file === undefined) return 1
    try {
      await (await open(file)).close()
    } catch (error) {
      io.err(`Error opening snapshot file: ${openError(error, file)}`)
      return 1
    }
    try {
      const { id, size, index, term } = await metaOf(file)
      const rows = [
        ['ID', id],
        ['Size', String(size)],
        ['Index', String(index)],
        ['Term', String(term)],
        ['Version', '1'],
      ] as const
      io.out(`${tabbed(rows)}\n`)
      return 0
    } catch (error) {
      io.err(`Error verifying snapshot: ${openError(error, file)}`)
      return 1
    }
  },
})

function oneFile(io: Io, args: string[]): string | undefined {
  if (args.length === 1) return args[0]!
  io.err(args.length === 0 ? 'Missing FILE argument' : `Too many arguments (expected 1, got ${args.length})`)
  return undefined
}

/** Reads the file to its end, and checks it. */
async function metaOf(file: string) {
  const { verifyArchive } = await import('../agent/archive.ts')
  return verifyArchive(createReadStream(file))
}

async function writeDurably(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'w', 0o666)
  try {
    for await (const chunk of chunks) await file.writeFile(chunk)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncFolderOf(path: string): Promise<void> {
  const folder = await open(dirname(path))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

export const commands = {
  snapshot: group(
    'consul snapshot <subcommand> [options] [args]',
    `Saves the whole state of a datacenter to a file, and restores it from there.

    $ consul snapshot save backup.snap
    $ consul snapshot inspect backup.snap
    $ consul snapshot restore backup.snap

Each subcommand has its own help.`,
  ),
  'snapshot inspect': inspect,
  'snapshot restore': restore,
  'snapshot save': save,
}
