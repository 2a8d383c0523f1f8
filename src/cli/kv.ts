/** `consul kv get`, `put` and `delete`. Export and import: kv-transfer.ts. */
import type { KVPair } from '../api/kv.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { tabbed } from './columns.ts'
import { command, group, type Io } from './command.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'
import { readArgument } from './input.ts'

const kv = group(
  'consul kv <subcommand> [options] [args]',
  `Reads and writes the key/value store. Some examples:

Write the value "5" under a key, or replace what is there:

    $ consul kv put redis/config/connections 5

Read it:

    $ consul kv get redis/config/connections

Read it with all that is known of it:

    $ consul kv get -detailed redis/config/connections

Remove it:

    $ consul kv delete redis/config/connections

Each subcommand has its own help.`,
)

const get = command({
  usage: 'consul kv get [options] [KEY_OR_PREFIX]',
  about: `Prints the value of a key. A key that does not exist is an error; one without a value prints an empty line.

    $ consul kv get foo

With -detailed it prints what else is stored with the value:

    $ consul kv get -detailed foo

With -recurse it prints every key that begins with the argument, with its value; with -keys the keys alone. Without an argument that is the whole store:

    $ consul kv get -recurse foo
    $ consul kv get -keys foo`,
  flags: [
    ...ALL_HTTP_FLAGS,
    { name: 'base64', kind: 'bool', help: 'Print values in base 64.' },
    { name: 'detailed', kind: 'bool', help: 'Print indexes, flags and session together with the value.' },
    { name: 'keys', kind: 'bool', help: 'Print the keys that begin with the argument, without their values.' },
    { name: 'recurse', kind: 'bool', help: 'Print every key that begins with the argument.' },
    {
      name: 'separator',
      kind: 'string',
      initial: '"/"',
      help: 'With -keys, stop each key at the first separator after the argument, as a listing of a folder does.',
    },
  ],
  async run(io, flags, args) {
    const key = oneKey(io, args)
    if (key === undefined) return 1
    if (key === '' && !flags.recurse && !flags.keys) {
      io.err('Error! Missing KEY argument')
      return 1
    }
    return withAgent(io, flags, 'Error querying Consul agent', async (consul) => {
      const { stale } = flags
      if (flags.keys) {
        const { value: keys } = await consul.kv.keys(key, { stale, separator: flags.separator ?? '/' })
        for (const each of keys) io.out(each)
        return 0
      }
      if (flags.recurse) {
        const { value: pairs } = await consul.kv.list(key, { stale })
        pairs.forEach((pair, at) => {
          if (flags.detailed) {
            printDetails(io, pair, flags.base64)
            if (at < pairs.length - 1) io.out('')
          } else printValue(io, `${pair.Key}:`, pair, flags.base64)
        })
        return 0
      }
      const { value: pair } = await consul.kv.get(key, { stale })
      if (pair === null) {
        io.err(`Error! No key exists at: ${key}`)
        return 1
      }
      if (flags.detailed) printDetails(io, pair, flags.base64)
      else printValue(io, '', pair, flags.base64)
      return 0
    })
  },
})

const put = command({
  usage: 'consul kv put [options] KEY [DATA]',
  about: `Stores a value under a key, which is made when there is none. Without DATA the value is empty:

    $ consul kv put webapp/beta/active

A value that begins with @ is the name of a file to read it from; the value - is read from standard input:

    $ consul kv put webapp/beta/active @settings.json
    $ echo "5" | consul kv put webapp/beta/active -

Write only if nobody else has since the value was read:

    $ consul kv put -cas -modify-index=844 config/redis/maxconns 5`,
  flags: [
    ...ALL_HTTP_FLAGS,
    {
      name: 'acquire',
      kind: 'bool',
      help: 'Write the value and lock the key for the session given by -session. A key that does not exist is made.',
    },
    { name: 'base64', kind: 'bool', help: 'The data is in base 64: store what it stands for.' },
    {
      name: 'cas',
      kind: 'bool',
      help: 'Check and set: write only if the ModifyIndex of the key is still the one given by -modify-index.',
    },
    {
      name: 'flags',
      kind: 'uint64',
      help: 'A number of 64 bits to keep with the value. Only clients give it a meaning.',
    },
    { name: 'modify-index', kind: 'uint64', help: 'The ModifyIndex that -cas compares with.' },
    {
      name: 'release',
      kind: 'bool',
      help: 'Write the value and unlock the key, which must be held by the session given by -session.',
    },
    { name: 'session', kind: 'string', help: 'Id of the session that takes or gives back the lock.' },
  ],
  async run(io, flags, args) {
    const [key, data = ''] = args
    if (key === undefined) return fail(io, 'Error! Missing KEY argument')
    if (args.length > 2) return fail(io, `Error! Too many arguments (expected 1 or 2, got ${args.length})`)
    let value: Uint8Array<ArrayBuffer>
    try {
      value = readArgument(data, io)
    } catch (error) {
      return fail(io, `Error! ${messageOf(error)}`)
    }
    if (flags.base64) {
      const { decodeBase64 } = await import('../base/base64.ts')
      const decoded = decodeBase64(Buffer.from(value).toString('latin1'))
      if (!decoded.ok) return fail(io, `Error! Cannot base 64 decode data: ${decoded.problem}`)
      value = decoded.bytes
    }
    const { acquire, release, cas, session = '', 'modify-index': modifyIndex = 0n } = flags
    if ((acquire || release) && session === '') {
      return fail(io, 'Error! Missing -session (required with -acquire and -release)')
    }
    if (cas && modifyIndex === 0n) return fail(io, 'Must specify -modify-index with -cas!')
    if (key.startsWith('/')) {
      return fail(io, `Error! Failed writing data: Invalid key. Key must not begin with a '/': ${key}`)
    }
    const failed = cas ? `Error! Did not write to ${key}` : 'Error! Failed writing data'
    return withAgent(io, flags, failed, async (consul) => {
      const condition = cas
        ? { cas: modifyIndex }
        : acquire
          ? { acquire: session }
          : release
            ? { release: session }
            : {}
      const written = await consul.kv.put(key, value, { flags: flags.flags, ...condition })
      if (written || !(cas || acquire || release)) {
        io.out(
          `Success! ${cas || !(acquire || release) ? 'Data written to' : acquire ? 'Lock acquired on' : 'Lock released on'}: ${key}`,
        )
        return 0
      }
      return fail(io, cas ? `${failed}: CAS failed` : `Error! Did not ${acquire ? 'acquire' : 'release'} lock`)
    })
  },
})

const remove = command({
  usage: 'consul kv delete [options] KEY_OR_PREFIX',
  about: `Removes a key and its value. Removing a key that does not exist succeeds.

    $ consul kv delete foo

With -recurse it removes every key that begins with the argument, "food" and "foo/bar" too:

    $ consul kv delete -recurse foo`,
  flags: [
    ...ALL_HTTP_FLAGS,
    {
      name: 'cas',
      kind: 'bool',
      help: 'Remove only if the ModifyIndex of the key is still the one given by -modify-index.',
    },
    { name: 'modify-index', kind: 'uint64', help: 'The ModifyIndex that -cas compares with.' },
    { name: 'recurse', kind: 'bool', help: 'Remove every key that begins with the argument.' },
  ],
  async run(io, flags, args) {
    const key = oneKey(io, args)
    if (key === undefined) return 1
    const { recurse, cas, 'modify-index': modifyIndex = 0n } = flags
    if (key === '' && !recurse) return fail(io, 'Error! Missing KEY argument')
    if (cas && modifyIndex === 0n) return fail(io, 'Must specify -modify-index with -cas!')
    if (!cas && modifyIndex !== 0n) return fail(io, 'Cannot specify -modify-index without -cas!')
    if (recurse && cas) return fail(io, 'Cannot specify both -cas and -recurse!')
    const failed = recurse
      ? `Error! Did not delete prefix ${key}`
      : cas
        ? `Error! Did not delete key ${key}`
        : `Error deleting key ${key}`
    return withAgent(io, flags, failed, async (consul) => {
      const deleted = await consul.kv.delete(key, recurse ? { recurse } : cas ? { cas: modifyIndex } : {})
      if (cas && !deleted) return fail(io, `${failed}: CAS failed`)
      io.out(`Success! Deleted ${recurse ? 'keys with prefix' : 'key'}: ${key}`)
      return 0
    })
  },
})

/** The one key of the arguments, "" for none; without the slash that people put first. */
export function oneKey(io: Io, args: string[]): string | undefined {
  if (args.length <= 1) return (args[0] ?? '').replace(/^\//, '')
  io.err(`Too many arguments (expected 1, got ${args.length})`)
  return undefined
}

function fail(io: Io, message: string): number {
  io.err(message)
  return 1
}

function printValue(io: Io, before: string, pair: KVPair, base64: boolean | undefined): void {
  const value = base64 ? Buffer.from(Buffer.from(pair.Value).toString('base64')) : pair.Value
  io.outBytes(Buffer.concat([Buffer.from(before), value, Buffer.from('\n')]))
}

function printDetails(io: Io, pair: KVPair, base64: boolean | undefined): void {
  const rows = [
    ['CreateIndex', String(pair.CreateIndex)],
    ['Flags', String(pair.Flags)],
    ['Key', pair.Key],
    ['LockIndex', String(pair.LockIndex)],
    ['ModifyIndex', String(pair.ModifyIndex)],
    ['Session', pair.Session || '-'],
    // Nothing fills the label of an empty value up.
    ['Value', ''],
  ] as const
  const text = tabbed(rows)
  printValue(io, pair.Value.length === 0 ? text.trimEnd() : text, pair, base64)
}

export const commands = { kv, 'kv get': get, 'kv put': put, 'kv delete': remove }
