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
  const folder = join(CACHE, name)
  if (existsSync(folder)) return folder
  const fresh = `${folder}.${process.pid}`
  try {
    mkdirSync(fresh, { recursive: true })
    const options = { cwd: fresh, stdio: 'ignore', timeout: DOWNLOAD_TIMEOUT_MS } as const
    execFileSync('apt-get', ['download', name], options)
    const file = readdirSync(fresh).find((each) => each.endsWith('.deb'))
    if (file === undefined) return undefined
    execFileSync('dpkg', ['-x', file, join(fresh, 'root')], options)
    renameSync(join(fresh, 'root'), folder)
    return folder
  } catch {
    // Another test may have been quicker.
    return existsSync(folder) ? folder : undefined
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}
