/** `consul config`: configuration entries that the servers keep for everybody. */
import { readFileSync } from 'node:fs'
import type { ConfigEntry } from '../api/config.ts'
import { quoteGo } from '../base/go-quote.ts'
import { messageOf } from '../base/message-of.ts'
import { isConfigKind } from '../model/config-entry.ts'
import { withAgent } from './client.ts'
import { command, group, type Io } from './command.ts'
import { index, text, yes } from './flag-kinds.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'
import { openError } from './input.ts'

const KIND = text('kind', 'Kind of the entry, service-defaults for instance.')
const NAME = text('name', 'Name of the entry.')
/** Consul words it a little differently here than elsewhere. */
const UNCONNECTED = 'Error connect to Consul agent'

const config = group(
  'consul config <subcommand> [options] [args]',
  `Manages the configuration entries that the servers keep: defaults of services and proxies, routes, gateways.

    $ consul config write web.hcl
    $ consul config read -kind service-defaults -name web
    $ consul config list -kind service-defaults
    $ consul config delete -kind service-defaults -name web

Each subcommand has its own help.`,
)

const write = command({
  usage: 'consul config write [options] <configuration>',
  about:
    'Makes or replaces a configuration entry. The argument is the name of a file in HCL or JSON, or - for standard input.',
  flags: [
    ...ALL_HTTP_FLAGS,
    yes('cas', 'Write only if the ModifyIndex of the entry is still the one given by -modify-index.'),
    index('modify-index', 'The ModifyIndex that -cas compares with.'),
  ],
  async run(io, flags, args) {
    if (args.length !== 1) {
      io.err('Must provide exactly one positional argument to specify the config entry to write')
      return 1
    }
    let entry: ConfigEntry
    try {
      entry = await decoded(readSource(args[0]!, io))
    } catch (error) {
      io.err(messageOf(error))
      return 1
    }
    const name = `${entry.Kind}/${entry.Name}`
    const failed = `Error writing config entry ${name}`
    return withAgent(
      io,
      flags,
      failed,
      async (consul) => {
        const cas = flags.cas ? Number(flags['modify-index'] ?? 0n) : undefined
        if (!(await consul.config.set(entry, { cas }))) {
          io.err(`Config entry not updated: ${name}`)
          return 1
        }
        io.out(`Config entry written: ${name}`)
        return 0
      },
      UNCONNECTED,
    )
  },
})

function readSource(source: string, io: Io): string {
  const fail = (why: string) => new Error(`Failed to load data: ${why}`)
  if (source === '') throw fail("Failed to load data: must specify a file path or '-' for stdin")
  if (source === '-') return new TextDecoder().decode(io.stdin())
  try {
    return readFileSync(source, 'utf8')
  } catch (error) {
    throw fail(`Failed to read file: ${openError(error, source)}`)
  }
}

/** What the entry says beyond its kind and name is judged by the server. */
async function decoded(source: string): Promise<ConfigEntry> {
  const fail = (why: string) => new Error(`Failed to decode config entry input: ${why}`)
  const { plainConfig } = await import('../agent/config/plain.ts')
  let raw: Record<string, unknown>
  try {
    raw = plainConfig(source)
  } catch (error) {
    throw fail(`Failed to decode config entry input: ${messageOf(error)}`)
  }
  const kind = raw.Kind ?? raw.kind
  if (kind === undefined) throw fail('Payload does not contain a kind/Kind key at the top level')
  if (typeof kind !== 'string') throw fail('Kind value in payload is not a string')
  if (!isConfigKind(kind)) throw fail(`invalid config entry kind: ${kind}`)
  const { kind: _kind, name: _name, ...others } = raw
  const name = raw.Name ?? raw.name ?? ''
  return { ...others, Kind: kind, Name: name as string }
}

const read = command({
  usage: 'consul config read [options] -kind <config kind> -name <config name>',
  about: 'Shows a configuration entry, as JSON.',
  flags: [...ALL_HTTP_FLAGS, KIND, NAME],
  async run(io, flags) {
    const { kind = '', name = '' } = flags
    if (!given(io, kind, name)) return 1
    const failed = `Error reading config entry ${kind}/${name}`
    if (!knownKind(io, kind, failed)) return 1
    return withAgent(
      io,
      flags,
      failed,
      async (consul) => {
        const { value } = await consul.config.get(kind, name, { stale: flags.stale })
        io.out(shown(value))
        return 0
      },
      UNCONNECTED,
    )
  },
})

/** Fields that the client's own form leaves out when they say nothing, though the agent tells them. */
const OPTIONAL = new Set(['Protocol', 'Config', 'Routes', 'Splits', 'Services'])

function shown(entry: ConfigEntry): string {
  const fields = Object.entries(entry).filter(
    ([name, value]) => !OPTIONAL.has(name) || (value !== '' && value !== null),
  )
  return JSON.stringify(Object.fromEntries(fields), null, 4).replace(
    /[<>&]/g,
    (char) => `\\u00${char.charCodeAt(0).toString(16)}`,
  )
}

const list = command({
  usage: 'consul config list [options] -kind <config kind>',
  about: 'Lists the names of the configuration entries of a kind.',
  flags: [...ALL_HTTP_FLAGS, KIND],
  async run(io, flags) {
    const { kind = '' } = flags
    if (!given(io, kind)) return 1
    return withAgent(
      io,
      flags,
      `Error listing config entries for kind ${quoteGo(kind)}`,
      async (consul) => {
        const { value } = await consul.config.list(kind, { stale: flags.stale })
        for (const { Name } of value) io.out(Name)
        return 0
      },
      UNCONNECTED,
    )
  },
})

const remove = command({
  usage: 'consul config delete [options] -kind <config kind> -name <config name>',
  about: 'Removes a configuration entry.',
  flags: [...ALL_HTTP_FLAGS, KIND, NAME],
  async run(io, flags) {
    const { kind = '', name = '' } = flags
    if (!given(io, kind, name)) return 1
    return withAgent(
      io,
      flags,
      `Error deleting config entry ${kind}/${name}`,
      async (consul) => {
        await consul.config.delete(kind, name)
        io.out(`Config entry deleted: ${kind}/${name}`)
        return 0
      },
      UNCONNECTED,
    )
  },
})

function given(io: Io, kind: string, name?: string): boolean {
  if (kind === '') io.err('Must specify the -kind parameter')
  else if (name === '') io.err('Must specify the -name parameter')
  else return true
  return false
}

function knownKind(io: Io, kind: string, failed: string): boolean {
  if (isConfigKind(kind)) return true
  io.err(`${failed}: invalid config entry kind: ${kind}`)
  return false
}

export const commands = {
  config,
  'config delete': remove,
  'config list': list,
  'config read': read,
  'config write': write,
}
