/** `consul kv export` and `import`: a tree of keys as JSON, and back. The form of the JSON is Consul's. */
import type { KVPair } from '../api/kv.ts'
import { decodeBase64 } from '../base/base64.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { command, type Io } from './command.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'
import { readArgument } from './input.ts'
import { oneKey } from './kv.ts'

const exportTree = command({
  usage: 'consul kv export [KEY_OR_PREFIX]',
  about: `Prints every key that begins with the argument, with flags and value, as JSON that "consul kv import" reads: so a tree moves from one cluster to another.

    $ consul kv export vault`,
  flags: ALL_HTTP_FLAGS,
  async run(io, flags, args) {
    const prefix = oneKey(io, args)
    if (prefix === undefined) return 1
    return withAgent(io, flags, 'Error querying Consul agent', async (consul) => {
      const { value } = await consul.kv.list(prefix, { stale: flags.stale })
      io.out(value.length === 0 ? '[]' : `[\n${value.map(entryText).join(',\n')}\n]`)
      return 0
    })
  },
})

const importTree = command({
  usage: 'consul kv import [DATA]',
  about: `Stores the keys that "consul kv export" has printed. An argument that begins with @ is the name of a file to read them from; - is standard input; anything else is the JSON itself.

    $ consul kv import @tree.json
    $ consul kv export vault | ssh other consul kv import -`,
  flags: ALL_HTTP_FLAGS,
  async run(io, flags, args) {
    let entries: Entry[]
    try {
      const text = dataOf(args, io)
      entries = parseEntries(text)
    } catch (error) {
      io.err(messageOf(error))
      return 1
    }
    return withAgent(io, flags, 'Error! Failed writing data', async (consul) => {
      for (const entry of entries) {
        const value = decodeBase64(entry.value)
        if (!value.ok) {
          io.err(`Error base 64 decoding value for key ${entry.key}: ${value.problem}`)
          return 1
        }
        try {
          await consul.kv.put(entry.key, value.bytes, { flags: entry.flags, namespace: entry.namespace })
        } catch (error) {
          io.err(`Error! Failed writing data for key ${entry.key}: ${messageOf(error)}`)
          return 1
        }
        io.out(`Imported: ${entry.key}`)
      }
      return 0
    })
  },
})

interface Entry {
  key: string
  flags: bigint
  /** Base 64. */
  value: string
  namespace?: string
}

/** Tabs and the order of fields as Consul prints them; flags of 64 bits are written by hand, JSON.stringify has none. */
function entryText(pair: KVPair): string {
  const value = Buffer.from(pair.Value).toString('base64')
  const fields = [`"key": ${goJson(pair.Key)}`, `"flags": ${pair.Flags}`, `"value": "${value}"`]
  return `\t{\n${fields.map((field) => `\t\t${field}`).join(',\n')}\n\t}`
}

/** Go's encoder escapes what would end a script in HTML. */
function goJson(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

class ImportError extends Error {
  override name = 'ImportError'
}

function dataOf(args: string[], io: Io): string {
  if (args.length === 0) throw new ImportError('Error! Missing DATA argument')
  if (args.length > 1) throw new ImportError(`Error! Too many arguments (expected 1, got ${args.length})`)
  if (args[0] === '') throw new ImportError('Error! Empty DATA argument')
  try {
    return Buffer.from(readArgument(args[0]!, io)).toString()
  } catch (error) {
    throw new ImportError(`Error! ${messageOf(error)}`, { cause: error })
  }
}

type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown
const parseJson: (text: string, reviver: Reviver) => unknown = JSON.parse

function parseEntries(text: string): Entry[] {
  let parsed: unknown
  try {
    parsed = parseJson(text, (key, value, context) =>
      /^flags$/i.test(key) && typeof value === 'number' ? BigInt(context?.source ?? value) : value,
    )
  } catch (error) {
    throw new ImportError(`Cannot unmarshal data: ${messageOf(error)}`, { cause: error })
  }
  if (!Array.isArray(parsed)) throw new ImportError('Cannot unmarshal data: it is not a list')
  return parsed.map(readEntry)
}

function readEntry(item: unknown): Entry {
  // As Go reads it: names in any case, and what is null says nothing.
  const given = typeof item === 'object' && item !== null ? Object.entries(item) : []
  const fields: Partial<Record<string, unknown>> = Object.fromEntries(
    given.filter(([, value]) => value !== null).map(([name, value]) => [name.toLowerCase(), value]),
  )
  const { key = '', flags = 0n, value = '', namespace } = fields
  if (typeof key !== 'string' || typeof value !== 'string' || typeof flags !== 'bigint') {
    throw new ImportError('Cannot unmarshal data: an entry needs a key and a value as text, and flags as a number')
  }
  return { key, flags, value, namespace: typeof namespace === 'string' ? namespace : undefined }
}

export const commands = { 'kv export': exportTree, 'kv import': importTree }
