/**
 * Programs of Debian for the interop tests, unpacked below `.cache/debian` rather than installed. Where there is no apt, no
 * such package or no network, there is no program, and the tests that want it say so and skip.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const CACHE = resolve(import.meta.dirname, '../../.cache/debian')
const DOWNLOAD_TIMEOUT_MS = 120_000

/** @returns the folder that stands for the root of the package's files; undefined when it cannot be had */
export function debianPackage(name: string): string | undefined {
  return debianPackages([name])?.[0]
}

/** All that are missing are fetched at once. @returns a root for each; undefined when one of them cannot be had */
export function debianPackages(names: readonly string[]): string[] | undefined {
  const folders = names.map((name) => join(CACHE, name))
  const missing = names.filter((_, i) => !existsSync(folders[i]!))
  if (missing.length === 0) return folders
  const fresh = join(CACHE, `fresh.${process.pid}`)
  try {
    mkdirSync(fresh, { recursive: true })
    const options = { cwd: fresh, stdio: 'ignore', timeout: DOWNLOAD_TIMEOUT_MS } as const
    download(missing, fresh, options)
    for (const name of missing) {
      const file = readdirSync(fresh).find((each) => each.startsWith(`${name}_`) && each.endsWith('.deb'))
      if (file === undefined) return undefined
      execFileSync('dpkg', ['-x', file, join(fresh, name)], options)
      place(join(fresh, name), join(CACHE, name))
    }
    return folders
  } catch {
    return folders.every((folder) => existsSync(folder)) ? folders : undefined
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

/** A machine that has never asked what there is has no lists yet: then they are fetched too, for this once. */
function download(names: string[], fresh: string, options: Parameters<typeof execFileSync>[2]): void {
  try {
    execFileSync('apt-get', ['download', ...names], options)
  } catch {
    const lists = join(fresh, 'lists')
    mkdirSync(join(lists, 'partial'), { recursive: true })
    const own = ['-o', `Dir::State::lists=${lists}`]
    execFileSync('apt-get', [...own, 'update'], options)
    execFileSync('apt-get', [...own, 'download', ...names], options)
  }
}

/** Another test may have been quicker. */
function place(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  }
}
