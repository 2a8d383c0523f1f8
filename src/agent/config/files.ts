/**
 * Reads configuration files and folders in the order that they count. JSON only so far: a file in HCL, and a piece of
 * HCL on the command line, is answered with an error that says so. Source: agent/config/builder.go (sourcesFromPath).
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { getSystemErrorMap } from 'node:util'
import { ConfigError } from './error.ts'

/** The file system as far as configuration needs it. Every function throws an Error whose message is the reason. */
export interface ConfigDisk {
  kind(path: string): 'file' | 'folder' | 'missing'
  read(path: string): string
  /** Names in a folder, without the path. */
  list(path: string): string[]
}

export interface SourceText {
  name: string
  text: string
}

export type ConfigFormat = '' | 'json' | 'hcl'

/**
 * @param format '' goes by each file's ending; files that end otherwise are skipped with a warning
 * @throws ConfigError when something cannot be read
 */
export function readSources(
  paths: readonly string[],
  format: ConfigFormat,
  disk: ConfigDisk,
): { sources: SourceText[]; warnings: string[] } {
  const sources: SourceText[] = []
  const warnings: string[] = []
  const add = (path: string) => {
    const kind = format === '' ? formatOf(path) : format
    if (kind === '') {
      warnings.push(`skipping file ${path}, extension must be .hcl or .json, or config format must be set`)
      return
    }
    if (kind === 'hcl') {
      throw new ConfigError(`failed to parse ${path}: this version reads configuration in JSON only, not yet in HCL`)
    }
    sources.push({ name: path, text: attempt(`config: failed to read ${path}: `, () => disk.read(path)) })
  }
  for (const path of paths) {
    const kind = attempt(`config: Open failed on ${path}. open ${path}: `, () => disk.kind(path))
    if (kind === 'missing') {
      throw new ConfigError(`config: Open failed on ${path}. open ${path}: no such file or directory`)
    }
    if (kind === 'file') {
      add(path)
      continue
    }
    const names = attempt(`config: Readdir failed on ${path}. `, () => disk.list(path))
    for (const name of names.sort(byBytes)) {
      const inner = `${path.replace(/\/+$/, '')}/${name}`
      if (attempt(`config: Stat failed on ${inner}. `, () => disk.kind(inner)) !== 'folder') add(inner)
    }
  }
  return { sources, warnings }
}

/** @throws ConfigError naming the source */
export function parseSource(source: SourceText): unknown {
  if (source.text === '') return null
  try {
    return JSON.parse(source.text)
  } catch (problem) {
    throw new ConfigError(`failed to parse ${source.name}: ${reasonOf(problem)}`)
  }
}

export const nodeConfigDisk: ConfigDisk = {
  kind(path) {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return 'missing'
    return stat.isDirectory() ? 'folder' : 'file'
  },
  read: (path) => readFileSync(path, 'utf8'),
  list: (path) => readdirSync(path),
}

function formatOf(path: string): ConfigFormat {
  if (path.endsWith('.json')) return 'json'
  return path.endsWith('.hcl') ? 'hcl' : ''
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

function attempt<T>(prefix: string, run: () => T): T {
  try {
    return run()
  } catch (problem) {
    throw new ConfigError(prefix + reasonOf(problem))
  }
}

/** The system's own words for a failed system call, without the path and the code around them. */
export function reasonOf(problem: unknown): string {
  if (!(problem instanceof Error)) return String(problem)
  const errno = (problem as NodeJS.ErrnoException).errno
  const known = typeof errno === 'number' ? getSystemErrorMap().get(errno) : undefined
  return known?.[1] ?? problem.message
}
