/** `consul intention`: which service may call which in the mesh. */
import { readFileSync } from 'node:fs'
import type { Consul } from '../api/index.ts'
import type { Intention, IntentionWish } from '../api/intention.ts'
import { quoteGo } from '../base/go-quote.ts'
import { messageOf } from '../base/message-of.ts'
import { withAgent } from './client.ts'
import { columnize } from './columns.ts'
import { command, group } from './command.ts'
import { pairs, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'
import { openError } from './input.ts'

const HTTP = [...CLIENT_FLAGS, ...SERVER_FLAGS] as const
const DEFAULT_NAMESPACE = 'default'

const intention = group(
  'consul intention <subcommand> [options] [args]',
  `Manages which services of the mesh may call which.

    $ consul intention create web db
    $ consul intention create -deny web db
    $ consul intention check web db
    $ consul intention match db

Each subcommand has its own help.`,
)

const check = command({
  usage: 'consul intention check [options] SRC DST',
  about: 'Tells whether the service SRC may call the service DST. The exit code is 0 when it may, 1 when it may not.',
  flags: HTTP,
  async run(io, flags, args) {
    const [source, destination] = args
    if (args.length !== 2) {
      io.err('Error: command requires exactly two arguments: src and dst')
      return 2
    }
    let asked = false
    const code = await withAgent(io, flags, 'Error checking the connection', async (consul) => {
      const allowed = await consul.intention.check(source!, destination!, { stale: flags.stale })
      asked = true
      io.out(allowed ? 'Allowed' : 'Denied')
      return allowed ? 0 : 1
    })
    return asked ? code : 2
  },
})

const create = command({
  usage: 'consul intention create [options] SRC DST',
  about: 'Allows or denies the service SRC to call the service DST.',
  flags: [
    ...HTTP,
    yes('allow', 'Allow the calls. So it is when nothing is said.'),
    yes('deny', 'Deny the calls.'),
    yes('file', 'The arguments are files with intentions.'),
    pairs('meta', 'Metadata of the intention, as key=value. May be repeated.'),
    yes('replace', 'Replace the intention that exists between the two.'),
  ],
  async run(io, flags, args) {
    if (flags.allow && flags.deny) {
      io.err('Only one of -allow or -deny may be specified.')
      return 1
    }
    let wishes: IntentionWish[]
    try {
      wishes = flags.file ? args.map(wishOfFile) : [wishOfEnds(args, flags.deny ? 'deny' : 'allow', flags.meta)]
    } catch (error) {
      io.err(`Error: ${messageOf(error)}`)
      return 1
    }
    return withAgent(io, flags, 'Error', async (consul) => {
      const known = new Known(consul)
      for (const wish of wishes) {
        const [source, destination] = [endOf(wish, 'Source'), endOf(wish, 'Destination')]
        const between = `with source ${quoteGo(source)} and destination ${quoteGo(destination)}`
        try {
          if (flags.replace) {
            const before = await failing(`looking up intention for replacement ${between}`, () =>
              known.find(source, destination),
            )
            if (before !== undefined) {
              await failing(`replacing intention ${between}`, () => consul.intention.update(before.ID, wish))
              continue
            }
          }
          await failing(`creating intention ${quoteGo(described(wish))}`, () => consul.intention.create(wish))
        } catch (error) {
          io.err(`Error ${messageOf(error)}`)
          return 1
        }
        io.out(`Created: ${described(wish)}`)
      }
      return 0
    })
  },
})

async function failing<T>(what: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    throw new Error(`${what}: ${messageOf(error)}`, { cause: error })
  }
}

function wishOfEnds(args: string[], Action: 'allow' | 'deny', meta: Record<string, string> | undefined): IntentionWish {
  const [source, destination] = args
  if (source === undefined || destination === undefined || args.length > 2) {
    throw new Error('Must specify two arguments: source and destination')
  }
  const [SourceNS, SourceName] = parsedEnd(source, 'source')
  const [DestinationNS, DestinationName] = parsedEnd(destination, 'destination')
  return {
    SourceNS,
    SourceName,
    DestinationNS,
    DestinationName,
    SourceType: 'consul',
    Action,
    Meta: meta === undefined || Object.keys(meta).length === 0 ? null : meta,
  }
}

function parsedEnd(given: string, what: string): [namespace: string, name: string] {
  const slash = given.indexOf('/')
  if (slash < 0) return ['', given]
  const name = given.slice(slash + 1)
  if (name.includes('/')) throw new Error(`Invalid intention ${what}: target can contain at most one '/'`)
  return [given.slice(0, slash), name]
}

function wishOfFile(path: string): IntentionWish {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(openError(error, path))
  }
  return JSON.parse(text) as IntentionWish
}

type End = 'Source' | 'Destination'

/** The default namespace goes without saying. */
function endOf(row: Partial<Intention>, end: End): string {
  const namespace = row[`${end}NS`] ?? ''
  const name = row[`${end}Name`] ?? ''
  return namespace === '' || namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`
}

function described(row: Partial<Intention>): string {
  return `${endOf(row, 'Source')} => ${endOf(row, 'Destination')} (${row.Action ?? ''})`
}

/** All intentions, asked for once. */
class Known {
  readonly #consul: Consul
  #all: Intention[] | undefined

  constructor(consul: Consul) {
    this.#consul = consul
  }

  async find(source: string, destination: string): Promise<Intention | undefined> {
    this.#all ??= (await this.#consul.intention.list()).value
    const [from, to] = [withoutDefault(source), withoutDefault(destination)]
    return this.#all.find((row) => endOf(row, 'Source') === from && endOf(row, 'Destination') === to)
  }

  /** @throws when the arguments name none */
  async idOf(args: string[]): Promise<string> {
    const [first, second] = args
    if (args.length === 1) return first!
    if (args.length !== 2) throw new Error('command requires exactly 1 or 2 arguments')
    const found = await this.find(first!, second!)
    if (found !== undefined) return found.ID
    throw new Error(`Intention with source ${quoteGo(first!)} and destination ${quoteGo(second!)} not found.`)
  }
}

function withoutDefault(end: string): string {
  return end.startsWith(`${DEFAULT_NAMESPACE}/`) ? end.slice(DEFAULT_NAMESPACE.length + 1) : end
}

const remove = command({
  usage: 'consul intention delete [options] SRC DST',
  about: 'Removes an intention, given by its two services or by its id.',
  flags: HTTP,
  run: (io, flags, args) =>
    withAgent(io, flags, 'Error', async (consul) => {
      const id = await new Known(consul).idOf(args)
      try {
        await consul.intention.delete(id)
      } catch (error) {
        io.err(`Error reading the intention: ${messageOf(error)}`)
        return 1
      }
      io.out('Intention deleted.')
      return 0
    }),
})

const get = command({
  usage: 'consul intention get [options] SRC DST',
  about: 'Shows an intention, given by its two services or by its id.',
  flags: HTTP,
  run: (io, flags, args) =>
    withAgent(io, flags, 'Error', async (consul) => {
      const id = await new Known(consul).idOf(args)
      try {
        const found = await consul.intention.get(id, { stale: flags.stale })
        // The real command does not survive an id that nobody has.
        if (found === undefined) throw new Error(`no intention has the id ${quoteGo(id)}`)
        io.out(columnize(detailsOf(found)))
        return 0
      } catch (error) {
        io.err(`Error reading the intention: ${messageOf(error)}`)
        return 1
      }
    }),
})

function detailsOf(row: Intention): string[][] {
  const rows = [
    ['Source:', endOf(row, 'Source')],
    ['Destination:', endOf(row, 'Destination')],
    ['Action:', row.Action],
    ['ID:', row.ID],
  ]
  if (row.Description !== '') rows.push(['Description:', row.Description])
  for (const key of Object.keys(row.Meta ?? {}).sort()) rows.push([`Meta[${key}]:`, row.Meta![key]!])
  rows.push(['Created At:', localTime(new Date(row.CreatedAt))])
  return rows
}

/** As RFC 850 has it, in the zone of this machine. */
function localTime(time: Date): string {
  const parts = new Map(
    new Intl.DateTimeFormat('en-US', {
      weekday: 'long',
      day: '2-digit',
      month: 'short',
      year: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'short',
    })
      .formatToParts(time)
      .map(({ type, value }) => [type, value]),
  )
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? ''
  const date = `${part('day')}-${part('month')}-${part('year')}`
  return `${part('weekday')}, ${date} ${part('hour')}:${part('minute')}:${part('second')} ${part('timeZoneName')}`
}

const match = command({
  usage: 'consul intention match [options] SRC|DST',
  about: 'Lists the intentions that a service meets, in the order in which they are looked at.',
  flags: [
    ...HTTP,
    yes('destination', 'The service is the one that is called. So it is when nothing is said.'),
    yes('source', 'The service is the one that calls.'),
  ],
  async run(io, flags, args) {
    const [name] = args
    if (name === undefined || args.length > 1) {
      io.err('Error: command requires exactly one argument: src or dst')
      return 1
    }
    if (flags.source && flags.destination) {
      io.err('Error: only one of -source or -destination may be specified')
      return 1
    }
    return withAgent(io, flags, 'Error matching the connection', async (consul) => {
      const by = flags.source ? 'source' : 'destination'
      for (const row of await consul.intention.match(by, name, { stale: flags.stale })) io.out(described(row))
      return 0
    })
  },
})

export const commands = {
  intention,
  'intention check': check,
  'intention create': create,
  'intention delete': remove,
  'intention get': get,
  'intention match': match,
}
