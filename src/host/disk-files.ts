/** Small files, whole: written so that after a crash there is the old content or the new, never something between. */
import { constants } from 'node:fs'
import { appendFile, type FileHandle, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { assert } from '../base/assert.ts'
import { diskError, hasCode } from './disk-error.ts'

/** Files under this ending are unfinished and belong to nobody. */
export const UNFINISHED = '.tmp'

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

export interface Files {
  read(name: string): Promise<Uint8Array | undefined>
  write(name: string, bytes: Uint8Array): Promise<void>
  append(name: string, bytes: Uint8Array): Promise<void>
  remove(name: string): Promise<void>
  list(folder: string): Promise<string[]>
  /** Resolves when no write is under way. */
  settled(): Promise<void>
}

export function openFiles(root: string): Files {
  /** The last change of each name that is under way: changes of one name are made one after the other. */
  const under = new Map<string, Promise<void>>()

  function inTurn(name: string, run: () => Promise<void>): Promise<void> {
    const turn = (under.get(name) ?? Promise.resolve()).then(run, run).finally(() => {
      if (under.get(name) === turn) under.delete(name)
    })
    under.set(name, turn)
    return turn
  }

  function pathOf(name: string): string {
    const parts = name.split('/')
    assert(
      parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\\')),
      `not a file name: ${name}`,
    )
    return join(root, ...parts)
  }

  return {
    async read(name) {
      const path = pathOf(name)
      try {
        return new Uint8Array(await readFile(path))
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return undefined
        throw diskError(`file "${path}"`, error)
      }
    },

    write: (name, bytes) =>
      inTurn(name, async () => {
        const path = pathOf(name)
        try {
          await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE })
          await writeFileDurably(path, bytes)
        } catch (error) {
          throw diskError(`file "${path}"`, error)
        }
      }),

    append: (name, bytes) =>
      inTurn(name, async () => {
        const path = pathOf(name)
        try {
          await mkdir(dirname(path), { recursive: true, mode: FOLDER_MODE })
          await appendFile(path, bytes, { mode: FILE_MODE })
        } catch (error) {
          throw diskError(`file "${path}"`, error)
        }
      }),

    remove: (name) =>
      inTurn(name, async () => {
        const path = pathOf(name)
        try {
          await rm(path, { force: true })
          await syncFolder(dirname(path))
        } catch (error) {
          if (!hasCode(error, 'ENOENT')) throw diskError(`file "${path}"`, error)
        }
      }),

    async list(folder) {
      const path = pathOf(folder)
      try {
        const found = await readdir(path, { withFileTypes: true })
        return found
          .filter((entry) => entry.isFile() && !entry.name.endsWith(UNFINISHED))
          .map((entry) => entry.name)
          .sort()
      } catch (error) {
        if (hasCode(error, 'ENOENT')) return []
        throw diskError(`folder "${path}"`, error)
      }
    },

    async settled() {
      await Promise.allSettled(under.values())
    },
  }
}

/** Replaces the file, or makes it; on failure the old one stays and nothing else is left. */
export async function writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
  const unfinished = path + UNFINISHED
  try {
    await withFile(unfinished, async (file) => {
      await file.writeFile(bytes)
      await file.sync()
    })
    await rename(unfinished, path)
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {})
    throw error
  }
  await syncFolder(dirname(path))
}

/** Opens a new file (an old one is emptied), readable for the owner alone. */
export async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY, FILE_MODE)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** Makes names that were added to a folder, or taken out of it, durable. Windows has no such thing. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, constants.O_RDONLY)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
