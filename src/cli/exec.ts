/**
 * `consul exec`: sends a job to many nodes and prints what they tell of it. The job, and what nodes tell, are keys under a
 * session's, and an event says where to look; the nodes' part is agent/remote-exec.ts. Source: Consul's command/exec.
 */
import type { Consul } from '../api/index.ts'
import { compileGoRegexp } from '../base/go-regexp.ts'
import { messageOf } from '../base/message-of.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import { withAgent } from './client.ts'
import { type Command, command, type Io } from './command.ts'
import { duration, text, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

const PREFIX = '_rexec'
const TTL = '15s'
const RENEW_MS = 5_000
const WAIT_MS = 2_000
const SPREAD_MS = 200

const exec: Command = command({
  usage: 'consul exec [options] [-|command...]',
  about:
    'Runs a command on the nodes that allow it, and prints what they answer. With - the command is read from standard input.',
  flags: [
    ...CLIENT_FLAGS,
    ...SERVER_FLAGS,
    text('node', 'Only nodes whose name matches this regular expression.'),
    text('prefix', 'Beginning of the keys that carry the request.', '"_rexec"'),
    text('service', 'Only nodes with a service that matches this regular expression.'),
    yes('shell', 'Run the command by a shell.', 'true'),
    text('tag', 'Only nodes whose service has a tag that matches this regular expression. With -service.'),
    yes('verbose', 'Tell what happens.'),
    duration('wait', 'How long to wait, with nobody answering, before it ends.', '2s'),
    duration('wait-repl', 'How long to let the request spread before nodes are told of it.', '200ms'),
  ],
  async run(io, flags, args) {
    const { node = '', service = '', tag = '', shell = true } = flags
    const complain = (message: string) => {
      io.err(message)
      return 1
    }
    const waitMs = flags.wait === undefined ? WAIT_MS : Number(flags.wait) / NANOS_PER_MS
    const job: Spec = { Wait: Math.round(waitMs * NANOS_PER_MS) }
    if (args.join(' ') === '-') {
      if (!shell) return complain('Cannot configure -shell=false when reading from stdin')
      job.Script = Buffer.from(io.stdin()).toString('base64')
    } else if (shell) job.Command = args.join(' ')
    else job.Args = args
    if (!job.Command && !job.Script && !job.Args?.length) {
      const { commandHelp } = await import('./help.ts')
      return complain(`Must specify a command to execute\n\n${commandHelp('exec', exec, {})}`)
    }
    for (const [kind, expression] of Object.entries({ node, service, tag })) {
      try {
        compileGoRegexp(expression)
      } catch (error) {
        return complain(`Failed to compile ${kind} filter regexp: ${messageOf(error)}`)
      }
    }
    if (tag !== '' && service === '') return complain('Cannot provide tag filter without service filter.')
    return withAgent(io, flags, 'Error querying Consul agent', async (consul) => {
      const { Config } = await consul.agent.self()
      const elsewhere =
        flags.datacenter !== undefined && flags.datacenter !== '' && flags.datacenter !== Config?.Datacenter
      return runJob(io, consul, {
        job: JSON.stringify(job),
        prefix: flags.prefix || PREFIX,
        filters: { node, service, tag },
        waitMs,
        spreadMs: flags['wait-repl'] === undefined ? SPREAD_MS : Number(flags['wait-repl']) / NANOS_PER_MS,
        verbose: flags.verbose ?? false,
        foreign: elsewhere
          ? { datacenter: flags.datacenter!, by: `${Config?.NodeName}@${Config?.Datacenter}` }
          : undefined,
      })
    })
  },
})

export const commands = { exec }

/** What nodes read. */
interface Spec {
  Command?: string
  Args?: string[]
  /** In base64. */
  Script?: string
  /** Nanoseconds. */
  Wait: number
}

interface Wish {
  job: string
  prefix: string
  filters: { node: string; service: string; tag: string }
  waitMs: number
  spreadMs: number
  verbose: boolean
  /** Another datacenter than the asked agent's. */
  foreign: { datacenter: string; by: string } | undefined
}

const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms))

async function runJob(io: Io, consul: Consul, wish: Wish): Promise<number> {
  const tell = (line: string) => {
    if (wish.verbose) io.out(line)
  }
  const step = async <T>(what: string, work: Promise<T>): Promise<T | undefined> =>
    work.catch((error: unknown) => {
      io.err(`Failed to ${what}: ${messageOf(error)}`)
      return undefined
    })
  if (wish.foreign !== undefined) tell('Remote exec in foreign datacenter, using Session TTL')
  const session = await step('create session', createSession(consul, wish, tell))
  if (session === undefined) return 1
  const folder = `${wish.prefix}/${session}`
  const renewing = setInterval(() => {
    consul.session.renew(session).catch((error: unknown) => {
      clearInterval(renewing)
      io.err(`Session renew failed: ${messageOf(error)}`)
    })
  }, RENEW_MS)
  try {
    tell(`Created remote execution session: ${session}`)
    const key = `${folder}/job`
    const kept = await step('create job file', consul.kv.put(key, wish.job, { acquire: session }))
    if (!kept) {
      if (kept === false) io.err(`Failed to create job file: failed to acquire key ${key}`)
      return 1
    }
    tell('Uploaded remote execution spec')
    await pause(wish.spreadMs)
    const payload = JSON.stringify({ Prefix: wish.prefix, Session: session })
    const event = await step('fire event', consul.event.fire({ name: '_rexec', payload, ...wish.filters }))
    if (event === undefined) return 1
    tell(`Fired remote execution event: ${event.ID}`)
    return await listen(io, consul, `${folder}/`, wish)
  } finally {
    clearInterval(renewing)
    await consul.session.destroy(session).catch(() => {})
    await consul.kv.delete(folder, { recurse: true }).catch(() => {})
  }
}

async function createSession(consul: Consul, { foreign }: Wish, tell: (line: string) => void): Promise<string> {
  const common = { Behavior: 'delete', TTL } as const
  if (foreign === undefined) return consul.session.create({ Name: 'Remote Exec', ...common })
  // A session needs a node of its own datacenter.
  const { value } = await consul.health.service('consul', { passing: true })
  const node = value[0]?.Node.Node
  if (node === undefined) throw new Error('Failed to find Consul server in remote datacenter')
  tell(`Binding session to remote node ${node}@${foreign.datacenter}`)
  return consul.session.create({ Name: `Remote Exec via ${foreign.by}`, Node: node, NodeChecks: [], ...common })
}

/** Prints what nodes tell until it is quiet. @returns the exit code: 2 when a node failed, or did not say how it ended */
async function listen(io: Io, consul: Consul, folder: string, { waitMs, verbose }: Wish): Promise<number> {
  const began = performance.now()
  const seen = new Set<string>()
  let acknowledged = 0
  let ended = 0
  let bad = 0
  let index = 0
  let heardAt = performance.now()
  const value = async (key: string) => Buffer.from((await consul.kv.get(key)).value?.Value ?? []).toString('latin1')

  async function hear(key: string): Promise<void> {
    const [, node, what] = /^(.*?)\/(ack|exit|out\/.*)$/s.exec(key.slice(folder.length)) ?? []
    if (node === undefined || what === undefined) {
      io.err(`Unknown key '${key.slice(folder.length)}', ignoring.`)
    } else if (what === 'ack') {
      acknowledged += 1
      if (verbose) io.out(lines('==>', node, 'acknowledged'))
    } else if (what === 'exit') {
      const code = Number(await value(key))
      ended += 1
      if (code !== 0) bad += 1
      io.out(lines('==>', node, `finished with exit code ${code}`))
    } else {
      const printed = await value(key)
      if (printed !== '') io.outBytes(Buffer.from(`${lines('   ', node, printed)}\n`, 'latin1'))
      else if (verbose) io.out(lines('==>', node, 'heartbeat received'))
    }
  }

  for (;;) {
    const leftMs = heardAt + (acknowledged > ended ? 2 * waitMs : waitMs) - performance.now()
    if (leftMs <= 0) break
    let keys: string[]
    try {
      const found = await consul.kv.keys(folder, { index, waitMs: Math.max(1, Math.ceil(leftMs)) })
      keys = found.value
      index = found.meta.index
    } catch (error) {
      io.err(`Failed to read results: ${messageOf(error)}`)
      return 1
    }
    for (const key of keys) {
      if (seen.has(key)) continue
      seen.add(key)
      if (key === `${folder}job`) continue
      await hear(key)
      heardAt = performance.now()
    }
  }
  io.out(`${ended} / ${acknowledged} node(s) completed / acknowledged`)
  if (verbose) io.out(`Completed in ${((performance.now() - began) / 1000).toFixed(2)} seconds`)
  return bad > 0 || ended < acknowledged ? 2 : 0
}

/** Each line behind the node's name. */
function lines(arrow: string, node: string, message: string): string {
  return message
    .split('\n')
    .map((line) => `${arrow} ${node}: ${line}\n`)
    .join('')
    .trimEnd()
}
