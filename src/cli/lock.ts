/** `consul lock`: runs a command while a lock or semaphore is held (locking.ts), and ends it when that is lost. */
import type { Consul } from '../api/index.ts'
import { LOCK_KEY } from '../api/lock-format.ts'
import { messageOf } from '../base/message-of.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import { type Child, childFault, startChild } from './child.ts'
import { withAgent } from './client.ts'
import { command, type Io } from './command.ts'
import { duration, text, whole, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'
import { type Held, InUseError, joinPath, makeLock } from './locking.ts'

/** How long a command has to end by itself, once it may not run any more. */
const KILL_GRACE_MS = 5_000
const MONITOR_RETRY = 3

export const commands = {
  lock: command({
    usage: 'consul lock [options] prefix child...',
    about:
      'Takes the lock at a prefix of the key/value store, runs a command while it is held, and gives it back. A lost lock ends the command: first by a signal to terminate, then by force.',
    flags: [
      ...CLIENT_FLAGS,
      ...SERVER_FLAGS,
      yes('child-exit-code', 'Exit with 2 when the command failed.'),
      whole('monitor-retry', 'How many errors of the agent to overlook while the lock is watched, one a second.', '3'),
      whole('n', 'How many may hold the lock at once; more than one makes it a semaphore.', '1'),
      text('name', 'Name of the session that holds the lock. Without one it is made from the command.'),
      yes('pass-stdin', "Let the command read this one's standard input."),
      yes('shell', 'Run the command by a shell, which SHELL in the environment may name.', 'true'),
      duration('timeout', 'How long to wait for the lock, as "1s" or "3h"; 0 is without end.'),
      duration('try', 'The old name of -timeout.'),
      yes('verbose', 'Tell what happens.'),
    ],
    async run(io, flags, args) {
      const limit = flags.n ?? 1
      const timeoutMs = Number(flags.timeout ?? flags.try ?? 0) / NANOS_PER_MS
      const monitorRetries = flags['monitor-retry'] ?? MONITOR_RETRY
      const [given = '', ...child] = args
      const prefix = given.replace(/^\//, '')
      const fault =
        limit <= 0
          ? 'Lock holder limit must be positive'
          : child.length === 0
            ? 'Key prefix and child command must be specified'
            : timeoutMs < 0
              ? 'Timeout must be positive'
              : monitorRetries < 0
                ? "Number for 'monitor-retry' must be >= 0"
                : undefined
      if (fault !== undefined) {
        io.err(fault)
        return 1
      }
      return withAgent(io, flags, 'Error querying Consul agent', async (consul) => {
        await consul.agent.self()
        return runLocked(io, consul, {
          prefix,
          child,
          limit,
          timeoutMs: timeoutMs === 0 ? undefined : timeoutMs,
          monitorRetries,
          sessionName: flags.name || `Consul lock for '${child.join(' ')}' at '${prefix}'`,
          shell: flags.shell ?? true,
          passStdin: flags['pass-stdin'] ?? false,
          childExitCode: flags['child-exit-code'] ?? false,
          verbose: flags.verbose ?? false,
        })
      })
    },
  }),
}

interface Wish {
  prefix: string
  child: string[]
  limit: number
  timeoutMs: number | undefined
  monitorRetries: number
  sessionName: string
  shell: boolean
  passStdin: boolean
  childExitCode: boolean
  verbose: boolean
}

async function runLocked(io: Io, consul: Consul, wish: Wish): Promise<number> {
  const stop = new AbortController()
  const told = new Promise<'shutdown'>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve('shutdown'))
  })
  const end = () => stop.abort()
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
  try {
    return await hold(io, consul, wish, stop.signal, told)
  } finally {
    process.off('SIGINT', end)
    process.off('SIGTERM', end)
  }
}

async function hold(
  io: Io,
  consul: Consul,
  wish: Wish,
  signal: AbortSignal,
  told: Promise<'shutdown'>,
): Promise<number> {
  const { prefix, limit, verbose } = wish
  const tell = (line: string) => {
    if (verbose) io.out(line)
  }
  // A lock is kept where a semaphore would keep its list, so that one is never taken for the other.
  const path = limit === 1 ? joinPath(prefix, LOCK_KEY) : prefix
  tell(limit === 1 ? `Setting up lock at path: ${path}` : `Setting up semaphore (limit ${limit}) at prefix: ${prefix}`)
  if (path === '') {
    io.err('Lock setup failed: missing prefix')
    return 1
  }
  const lock = makeLock(consul, { ...wish, path })
  tell('Attempting lock acquisition')
  let held: Held | null
  try {
    held = await lock.acquire(signal)
  } catch (error) {
    io.err(`Lock acquisition failed: ${messageOf(error)}`)
    return 1
  }
  if (held === null) {
    io.err('Shutdown triggered or timeout during lock acquisition')
    return 1
  }
  let code = 0
  if (signal.aborted) io.err('Shutdown triggered during lock acquisition')
  else code = await runChild(io, wish, held, told, tell)
  try {
    await held.release()
  } catch (error) {
    io.err(`Lock release failed: ${messageOf(error)}`)
    return 1
  }
  try {
    await lock.destroy()
    tell('Cleanup succeeded')
  } catch (error) {
    if (!(error instanceof InUseError)) {
      io.err(`Lock cleanup failed: ${messageOf(error)}`)
      return 1
    }
    tell('Cleanup aborted, lock in use')
  }
  return wish.childExitCode ? code : 0
}

/** @returns 2 when the command failed by itself */
async function runChild(
  io: Io,
  { child: args, shell, passStdin }: Wish,
  held: Held,
  told: Promise<'shutdown'>,
  tell: (line: string) => void,
): Promise<number> {
  tell('Starting handler')
  if (passStdin) tell('Stdin passed to handler process')
  let child: Child
  try {
    const env = { ...io.env, CONSUL_LOCK_HELD: 'true' }
    child = await startChild({ args, shell, env, stdin: passStdin ? 'inherit' : undefined })
  } catch (error) {
    io.err(`Error starting handler: ${messageOf(error)}`)
    tell('Child terminated, releasing lock')
    return 2
  }
  const ended = child.ended.then(childFault)
  const first = await Promise.race([
    ended.then((fault) => ({ kind: 'ended' as const, fault })),
    aborted(held.lost).then(() => ({ kind: 'lost' as const })),
    told.then(() => ({ kind: 'shutdown' as const })),
  ])
  if (first.kind === 'ended') {
    if (first.fault !== undefined) io.err(`Error running handler: ${first.fault}`)
    tell('Child terminated, releasing lock')
    return first.fault === undefined ? 0 : 2
  }
  tell(first.kind === 'lost' ? 'Lock lost, killing child' : 'Shutdown triggered, killing child')
  await killChild(io, child, ended, tell)
  return 0
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve())
  })
}

async function killChild(
  io: Io,
  child: Child,
  ended: Promise<string | undefined>,
  tell: (line: string) => void,
): Promise<void> {
  tell(`Terminating child pid ${child.pid}`)
  child.kill('SIGTERM')
  let timer: NodeJS.Timeout | undefined
  const grace = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), KILL_GRACE_MS)
  })
  const result = await Promise.race([ended.then((fault) => ({ fault })), grace])
  clearTimeout(timer)
  if (result !== 'late') {
    if (result.fault !== undefined) io.err(`Error running handler: ${result.fault}`)
    tell('Child terminated')
    return
  }
  tell(`Child did not exit after grace period of ${KILL_GRACE_MS / 1000}s`)
  tell(`Killing child pid ${child.pid}`)
  child.kill('SIGKILL')
}
