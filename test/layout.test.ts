/**
 * Holds every import of the source against the plan of the house (docs/architecture.md): rooms import only downwards,
 * and of another room only its faces. It is the one part of the plan that is enforced rather than read.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { test } from 'node:test'

const SRC = resolve(import.meta.dirname, '../src')

/** Which rooms a room may import. A room is the longest of these names that its path starts with. */
const MAY_IMPORT: Record<string, string[]> = {
  base: [],
  model: ['base'],
  'core/raft': ['base', 'model'],
  'core/gossip': ['base', 'model'],
  'core/store': ['base', 'model'],
  'core/acl': ['base', 'model'],
  'core/filter': ['base', 'model'],
  'core/dns': ['base', 'model'],
  'core/local': ['base', 'model'],
  'core/methods': ['base', 'model', 'core/store', 'core/acl', 'core/filter', 'core/gossip'],
  'core/leader': ['base', 'model', 'core/store', 'core/gossip'],
  wire: ['base', 'model', 'core/raft', 'core/store', 'core/gossip', 'core/dns'],
  host: ['base', 'model', 'core/raft', 'core/store', 'wire'],
  serve: ['base', 'model', 'core/acl', 'core/dns', 'core/filter', 'wire', 'host'],
  agent: ['base', 'model', 'core/*', 'wire', 'host', 'serve'],
  sim: ['base', 'model', 'core/*', 'wire', 'host', 'agent'],
  api: ['model', 'base'],
  cli: ['api', 'agent', 'host', 'base', 'model'],
  '': ['agent', 'host', 'base', 'model', 'core/store', 'api'],
}

/** Rooms that may use Node's modules. The others are pure, or run in browsers too. */
const NODE_ROOMS: Record<string, RegExp> = {
  wire: /^node:(crypto|zlib|buffer|util)$/,
  host: /^node:/,
  agent: /^node:(crypto|path|fs|net|os|util)$/,
  serve: /^node:(zlib|buffer)$/,
  cli: /^node:/,
  '': /^node:/,
}

interface Import {
  from: string
  to: string
  typeOnly: boolean
}

const IMPORT = /^(?:import|export)\s+(type\s+)?[^;]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'testdata' ? [] : sources(path)
    return /\.ts$/.test(entry.name) &&
      !/\.(test|suite)\.ts$/.test(entry.name) &&
      !/(^|[.-])testing\.ts$/.test(entry.name)
      ? [path]
      : []
  })
}

function imports(path: string): Import[] {
  const text = readFileSync(path, 'utf8')
  return [...text.matchAll(IMPORT)].map((match) => ({
    from: relative(SRC, path),
    to: match[2] ?? match[3] ?? match[4]!,
    typeOnly: match[1] !== undefined,
  }))
}

function roomOf(path: string): string {
  const rooms = Object.keys(MAY_IMPORT).sort((a, b) => b.length - a.length)
  return rooms.find((room) => room === '' || path.startsWith(`${room}/`))!
}

const all = sources(SRC).flatMap(imports)

test('rooms import only the rooms below them', () => {
  const wrong = all
    .filter(({ to }) => to.startsWith('.'))
    .filter(({ from, to }) => {
      const room = roomOf(from)
      const target = roomOf(relative(SRC, resolve(SRC, dirname(from), to)))
      const allowed = MAY_IMPORT[room]!
      const family = target.startsWith('core/') ? 'core/*' : target
      return room !== target && !allowed.includes(target) && !allowed.includes(family)
    })
    .map(({ from, to }) => `${from} imports ${to}`)
  assert.deepEqual(wrong, [])
})

test('only the edge touches Node', () => {
  const wrong = all
    .filter(({ to }) => to.startsWith('node:'))
    .filter(({ from, to }) => !NODE_ROOMS[roomOf(from)]?.test(to))
    .map(({ from, to }) => `${from} imports ${to}`)
  assert.deepEqual(wrong, [])
})

test('the cores ask for no clock, chance or timer of their own', () => {
  const forbidden =
    /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|setImmediate|performance\.now|process\.)/
  const wrong = sources(join(SRC, 'core'))
    .filter((path) => forbidden.test(readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')))
    .map((path) => relative(SRC, path))
  assert.deepEqual(wrong, [])
})

test('every source file opens by saying what it is for', () => {
  const silent = sources(SRC)
    .filter((path) => !/^(#!.*\n)?\/\*\*/.test(readFileSync(path, 'utf8')))
    .map((path) => relative(SRC, path))
  assert.deepEqual(silent, [])
})
