/** `consul watch`: calls a command at each change, or shows the state once. What can be watched is api/watch.ts's. */
import { type Consul, type Plain, parseWatch, type WatchPlan, writePlain } from '../api/index.ts'
import { parseGoBool } from '../base/go-flags.ts'
import { messageOf } from '../base/message-of.ts'
import { textLine } from './agent-output.ts'
import { childFault, startChild } from './child.ts'
import { withAgent } from './client.ts'
import { type Command, command, type Io } from './command.ts'
import { named, text, texts, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

const INDENT = '    '

const watchCommand: Command = command({
  usage: 'consul watch [options] [child...]',
  about:
    'Waits for changes of one thing, and runs a command at each, with the new state as JSON on its standard input and its index in CONSUL_INDEX. Without a command it prints the state once.',
  flags: [
    ...CLIENT_FLAGS,
    ...SERVER_FLAGS,
    text('key', 'The key to watch. For the type key.'),
    text('name', 'Name of the events to watch. For the type event.'),
    named('passingonly', '[true|false]', 'Show only instances that pass all checks. For the type service.'),
    text('prefix', 'Beginning of the keys to watch. For the type keyprefix.'),
    text('service', 'The service to watch. For the types service and checks.'),
    yes('shell', 'Run the command by a shell, which SHELL in the environment may name.', 'true'),
    text('state', 'State of the checks to watch. For the type checks.'),
    texts('tag', 'A tag that instances must have. For the type service. May be repeated.'),
    text('type', 'What to watch: key, keyprefix, services, nodes, service, checks or event.'),
  ],
  async run(io, flags, args) {
    if (!flags.type) {
      io.err('Watch type must be specified')
      io.err('')
      const { commandHelp } = await import('./help.ts')
      io.err(commandHelp('watch', watchCommand, {}))
      return 1
    }
    const plan = readPlan(io, flags)
    if (plan === undefined) return 1
    return withAgent(io, flags, 'Error querying Consul agent', async (consul) => {
      await consul.agent.self()
      return watch(io, consul, plan, args, flags.shell ?? true)
    })
  },
})

export const commands = { watch: watchCommand }

type Wishes = Record<'type' | 'datacenter' | 'key' | 'prefix' | 'service' | 'state' | 'name', string | undefined> & {
  tag?: string[]
  stale?: boolean
  passingonly?: string
}

function readPlan(io: Io, flags: Partial<Wishes>): WatchPlan | undefined {
  const fail = (why: string) => {
    io.err(why)
    return undefined
  }
  const params: Record<string, Plain> = {}
  for (const name of ['type', 'datacenter', 'key', 'prefix', 'service', 'state', 'name'] as const) {
    const value = flags[name]
    if (value) params[name] = value
  }
  if (flags.tag?.length) params.tag = flags.tag
  if (flags.stale) params.stale = true
  if (flags.passingonly) {
    const passing = parseGoBool(flags.passingonly)
    if (passing === undefined) {
      const why = `strconv.ParseBool: parsing ${JSON.stringify(flags.passingonly)}: invalid syntax`
      return fail(`Failed to parse passingonly flag: ${why}`)
    }
    params.passingonly = passing
  }
  try {
    const plan = parseWatch(params)
    if (!/^(connect|agent)_/.test(plan.type)) return plan
    return fail(`Type ${plan.type} is not supported in the CLI tool`)
  } catch (error) {
    return fail(messageOf(error))
  }
}

async function watch(io: Io, consul: Consul, plan: WatchPlan, args: string[], shell: boolean): Promise<number> {
  const stop = new AbortController()
  let code = 0
  const end = () => {
    stop.abort()
    // A handler that still runs is left to itself.
    process.exit(0)
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  const fail = (why: string) => {
    io.err(why)
    code = 1
    stop.abort()
  }
  try {
    await consul.watch(plan, {
      signal: stop.signal,
      async changed(index, value) {
        if (args.length === 0) {
          io.out(writePlain(value, INDENT))
          stop.abort()
          return
        }
        try {
          const env = { ...io.env, CONSUL_INDEX: index }
          const child = await startChild({ args, shell, env, stdin: `${writePlain(value)}\n` })
          const fault = childFault(await child.ended)
          if (fault !== undefined) fail(`Error executing handler: ${fault}`)
        } catch (error) {
          fail(`Error starting handler: ${messageOf(error)}`)
        }
      },
      failed(error, retryMs) {
        const fields = { type: plan.type, error: messageOf(error), retry: `${retryMs / 1000}s` }
        io.err(textLine({ level: 'error', name: 'watch.watch', message: 'Watch errored', fields }, Date.now()))
      },
      pause: (ms, signal) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, ms)
          signal.addEventListener('abort', () => {
            clearTimeout(timer)
            resolve()
          })
        }),
    })
    return code
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
  }
}
