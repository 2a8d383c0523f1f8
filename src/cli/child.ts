/**
 * Programs that commands run for their users: through a shell or not, with this process's output as their own, and told
 * of the signals that this process is told of. Source: Consul's agent/exec, agent/signal_unix.go.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { codeOf, wordsOfCode } from '../base/system-words.ts'
import type { Io } from './command.ts'

export interface Child {
  pid: number
  /** Resolves when it has ended. */
  ended: Promise<{ code: number | null; signal: string | null }>
  kill(signal: NodeJS.Signals): void
}

export interface ChildOptions {
  args: readonly string[]
  /** The words make one line for the shell; SHELL may name another than /bin/sh. */
  shell: boolean
  env: Io['env']
  /** What it reads; `inherit` for what this process reads, nothing when not given. */
  stdin?: string | 'inherit'
  /** It leads a process group of its own, and signals go to all of that. */
  group?: boolean
}

/** Those that mean something to a program, and whose default is not ours to change. */
const FORWARDED = ['SIGHUP', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'] as const

/** Rejects when it cannot be started, in Go's words. */
export function startChild({ args, shell, env, stdin, group = false }: ChildOptions): Promise<Child> {
  const [program = '', ...rest] = shell ? [env.SHELL || '/bin/sh', '-c', args.join(' ')] : args
  const child = spawn(program, rest, {
    env: env as NodeJS.ProcessEnv,
    stdio: [stdin === 'inherit' ? 'inherit' : stdin === undefined ? 'ignore' : 'pipe', 'inherit', 'inherit'],
    detached: group,
  })
  const kill = (signal: NodeJS.Signals) => signalChild(child, signal, group)
  const forward = FORWARDED.map((signal) => [signal, () => kill(signal)] as const)
  for (const [signal, run] of forward) process.on(signal, run)
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once('close', (code, signal) => {
      for (const [name, run] of forward) process.off(name, run)
      resolve({ code, signal })
    })
  })
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(startError(error, program))))
    child.once('spawn', () => {
      if (child.stdin !== null && typeof stdin === 'string') {
        // It need not read what it is given.
        child.stdin.on('error', () => {})
        child.stdin.end(stdin)
      }
      resolve({ pid: child.pid ?? 0, ended, kill })
    })
  })
}

function signalChild(child: ChildProcess, signal: NodeJS.Signals, group: boolean): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(group ? -child.pid : child.pid, signal)
  } catch {
    // It has ended in this moment.
  }
}

function startError(error: Error, program: string): string {
  const code = codeOf(error)
  if (code === 'ENOENT' && !program.includes('/'))
    return `exec: ${JSON.stringify(program)}: executable file not found in $PATH`
  const why = wordsOfCode(code)
  return why === undefined ? error.message : `fork/exec ${program}: ${why}`
}

/** How it ended, as Go says it; undefined for well. */
export function childFault({ code, signal }: { code: number | null; signal: string | null }): string | undefined {
  if (signal !== null) return `signal: ${SIGNAL_WORDS[signal] ?? signal}`
  return code === 0 ? undefined : `exit status ${code}`
}

const SIGNAL_WORDS: Record<string, string> = {
  SIGKILL: 'killed',
  SIGTERM: 'terminated',
  SIGINT: 'interrupt',
  SIGHUP: 'hangup',
  SIGQUIT: 'quit',
  SIGABRT: 'aborted',
  SIGSEGV: 'segmentation fault',
}
