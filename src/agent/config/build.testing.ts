/** What the tests of configurations share: a machine and a disk that are made up, and what becomes of a configuration there. */
import type { Interface } from './addresses.ts'
import { loadConfig } from './build.ts'
import { ConfigError } from './error.ts'
import type { ConfigDisk } from './files.ts'

export const LOOPBACK: Interface = { name: 'lo', address: '127.0.0.1', family: 4, internal: true }
export const ETH0: Interface = { name: 'eth0', address: '10.1.2.3', family: 4, internal: false }

export interface Given {
  args?: string[]
  files?: Record<string, string>
  interfaces?: Interface[]
  hostname?: string
  settings?: Record<string, unknown>
}

/** A disk of these files; a name that ends in a slash is an empty folder. */
function diskOf(files: Record<string, string>): ConfigDisk {
  const paths = Object.keys(files)
  return {
    kind(path) {
      if (files[path] !== undefined) return 'file'
      return paths.some((one) => one.startsWith(`${path}/`)) ? 'folder' : 'missing'
    },
    resolve: (path) => path,
    read: (path) => files[path]!,
    list: (path) => [
      ...new Set(
        paths.flatMap((one) => (one.startsWith(`${path}/`) ? [one.slice(path.length + 1).split('/')[0]!] : [])),
      ),
    ],
  }
}

export function load({ args = [], files = {}, interfaces = [LOOPBACK, ETH0], hostname = 'host', settings }: Given) {
  return loadConfig({ args, hostname, interfaces, settings, disk: diskOf(files) })
}

export function refusal(given: Given): string {
  try {
    load(given)
  } catch (problem) {
    if (problem instanceof ConfigError) return problem.message
    throw problem
  }
  return 'taken'
}

export const file = (value: unknown): Given => ({
  args: ['-config-file=f.json'],
  files: { 'f.json': JSON.stringify(value) },
})
export const one = (problem: string) => `1 error occurred:\n\t* ${problem}\n\n`
export const wrong = (...problems: string[]) =>
  `failed to parse f.json: ${problems.length} error(s) decoding:\n\n${problems.map((text) => `* ${text}`).join('\n')}`
