/**
 * Reads configuration files and folders in the order that they count, and parses them by their format. What they may say
 * is not decided here. Source: agent/config/builder.go (sourcesFromPath), config.go (FileSource).
 */
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { getSystemErrorMap } from 'node:util'
import { bytesFromText, textFromBytes } from '../../base/text.ts'
import { HclError, parseHcl } from '../../wire/hcl.ts'
import { JsonError, parseWholeJson } from '../../wire/json-parse.ts'
import { ConfigError } from './error.ts'

/** The file system as far as configuration needs it. Every function throws an Error whose message is the reason. */
export interface ConfigDisk {
  kind(path: string): 'file' | 'folder' | 'missing'
  /** The path behind symbolic links. */
  resolve(path: string): string
  /** Bytes that are not UTF-8 come as lone surrogates. */
  read(path: string): string
  /** Names in a folder, without the path. */
  list(path: string): string[]
}

export interface SourceText {
  name: string
  format: 'json' | 'hcl'
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
    sources.push({ name: path, format: kind, text: attempt(`config: failed to read ${path}: `, () => disk.read(path)) })
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
      const given = `${path.replace(/\/+$/, '')}/${name}`
      const inner = attempt(`lstat ${given}: `, () => disk.resolve(given))
      if (attempt(`config: Stat failed on ${inner}. `, () => disk.kind(inner)) !== 'folder') add(inner)
    }
  }
  return { sources, warnings }
}

/** @throws ConfigError naming the source, and the place in it as far as the format's parser tells it */
export function parseSource({ name, format, text }: SourceText): unknown {
  if (text === '') return null
  try {
    return format === 'hcl' ? parseHcl(text) : parseConfigJson(text)
  } catch (problem) {
    if (!(problem instanceof HclError || problem instanceof JsonError)) throw problem
    throw new ConfigError(`failed to parse ${name}: ${problem.message}`)
  }
}

function parseConfigJson(text: string): unknown {
  try {
    return JSON.parse(text.toWellFormed())
  } catch (problem) {
    // Only Go's words are known to those who search for them.
    parseWholeJson(bytesFromText(text))
    throw new JsonError(reasonOf(problem))
  }
}

export const nodeConfigDisk: ConfigDisk = {
  kind(path) {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return 'missing'
    return stat.isDirectory() ? 'folder' : 'file'
  },
  resolve: (path) => realpathSync(path),
  read: (path) => textFromBytes(readFileSync(path)),
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
