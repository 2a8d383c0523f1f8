/**
 * The life of the agent's process: started, then told by signals (or by itself) to end, and the exit code it ends with. It
 * is given the agent and the signals, so that a test can play both. Source: Consul's command/agent/agent.go (run).
 */
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'

/** What the process needs of an agent that runs. */
export interface RunningAgent {
  /** Leaves the cluster in good order. The doors stay open until `stop`. */
  leave(): Promise<void>
  /** Reads the configuration again and takes up what can change. Rejects with what is wrong with it. */
  reload(): Promise<void>
  /** Closes the doors and lets go of the disk; what was acknowledged stays. */
  stop(): Promise<void>
  /** Resolves when the agent has ended by itself, after `consul leave` for instance. */
  ended: Promise<void>
}

export type Signal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** Go's names for them, as they stand in logs. */
const SIGNAL_TEXT: Record<Signal, string> = { SIGINT: 'interrupt', SIGTERM: 'terminated', SIGHUP: 'hangup' }

export interface Life {
  log: Log
  /** Which signals make the agent leave its cluster before it ends. */
  leaveOn: { SIGINT: boolean; SIGTERM: boolean }
  start(): Promise<RunningAgent>
  /** Called once the agent runs. */
  running(): void
  /** Calls back at each signal, from now on. */
  onSignal(run: (signal: Signal) => void): void
  /** A timer of the host's. @returns what cancels it */
  after(ms: number, run: () => void): () => void
}

/** How long leaving may take. */
const LEAVE_MS_MAX = 15_000

/** @returns the exit code, once all is closed */
export async function live(life: Life): Promise<number> {
  const signals = signalQueue(life)
  const code = await liveUntilEnd(life, signals)
  life.log.info('Exit code', { code })
  return code
}

async function liveUntilEnd(life: Life, signals: Signals): Promise<number> {
  const { log } = life
  const starting = life.start()
  // One listener for start and run alike: a second one could be handed a signal that nobody looks at any more.
  let running: RunningAgent | undefined
  const told = nextEnd(life, signals, () => running)
  const first = await Promise.race([outcome(starting), told])
  if (first.kind === 'failed') {
    log.error('Error starting agent', { error: first.why })
    return 1
  }
  if (first.kind === 'signal') {
    // It cannot be called off half-way: it is stopped as soon as it runs, or forgotten if it fails now.
    const started = await outcome(starting)
    if (started.kind === 'done') await stopAgent(life, started.value, signals)
    return 1
  }
  const agent = first.value
  running = agent
  life.running()
  const last = await Promise.race([outcome(agent.ended), told])
  const code = last.kind === 'signal' ? await end(life, agent, last.signal, signals) : last.kind === 'done' ? 0 : 1
  if (last.kind === 'failed') log.error('agent failed', { error: last.why })
  await stopAgent(life, agent, signals)
  return code
}

async function end(life: Life, agent: RunningAgent, signal: 'SIGINT' | 'SIGTERM', signals: Signals): Promise<number> {
  const { log } = life
  if (!life.leaveOn[signal]) {
    log.info('Graceful shutdown disabled. Exiting')
    return 1
  }
  log.info('Gracefully shutting down agent...')
  const leaving = outcome(agent.leave())
  let cancel = () => {}
  const timeout = new Promise<{ kind: 'timeout' }>((resolve) => {
    cancel = life.after(LEAVE_MS_MAX, () => resolve({ kind: 'timeout' }))
  })
  const result = await Promise.race([
    leaving.then(async (left) => {
      if (left.kind === 'done') return left
      // As with Consul, an agent that cannot leave stays until it is told again, or the time is up.
      log.error('Error on leave', { error: left.why })
      return new Promise<never>(() => {})
    }),
    timeout,
    signals.next().then((again) => ({ kind: 'signal', again }) as const),
  ])
  cancel()
  if (result.kind === 'signal') {
    log.info('Caught second signal, Exiting', { signal: SIGNAL_TEXT[result.again] })
    return 1
  }
  if (result.kind === 'timeout') {
    log.info('Timeout on graceful leave. Exiting')
    return 1
  }
  log.info('Graceful exit completed')
  return 0
}

/** Stops it, unless another signal has no patience even for that. */
async function stopAgent(life: Life, agent: RunningAgent, signals: Signals): Promise<void> {
  const stopped = await Promise.race([
    outcome(agent.stop()),
    signals.next().then((signal) => ({ kind: 'signal', signal }) as const),
  ])
  if (stopped.kind === 'failed') life.log.error('error while stopping', { error: stopped.why })
  if (stopped.kind === 'signal') life.log.warn('Stopped waiting', { signal: SIGNAL_TEXT[stopped.signal] })
}

/** The next signal that ends the agent; a hangup makes it read its configuration again. */
async function nextEnd(life: Life, signals: Signals, running: () => RunningAgent | undefined) {
  for (;;) {
    const signal = await signals.next()
    life.log.info('Caught', { signal: SIGNAL_TEXT[signal] })
    if (signal !== 'SIGHUP') return { kind: 'signal', signal } as const
    const agent = running()
    if (agent === undefined) {
      life.log.error('Reload config failed', { error: 'cannot reload before agent started' })
      continue
    }
    life.log.info('Reloading configuration...')
    // Not waited for: another signal may end the agent meanwhile.
    void outcome(agent.reload()).then((reloaded) => {
      if (reloaded.kind === 'failed') life.log.error('Reload config failed', { error: reloaded.why })
    })
  }
}

interface Signals {
  next(): Promise<Signal>
}

/** Signals in order, none lost, given to the newest who waits: an earlier one has lost its race by then. */
function signalQueue(life: Life): Signals {
  const waiting: Signal[] = []
  let give: ((signal: Signal) => void) | null = null
  life.onSignal((signal) => {
    if (give === null) waiting.push(signal)
    else give(signal)
    give = null
  })
  return {
    next() {
      const first = waiting.shift()
      if (first !== undefined) return Promise.resolve(first)
      return new Promise((resolve) => {
        give = resolve
      })
    },
  }
}

type Outcome<T> = { kind: 'done'; value: T } | { kind: 'failed'; why: string }

function outcome<T>(work: Promise<T>): Promise<Outcome<T>> {
  return work.then(
    (value) => ({ kind: 'done', value }),
    (error: unknown) => ({ kind: 'failed', why: messageOf(error) }),
  )
}
