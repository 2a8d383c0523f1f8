/**
 * Jobs that an operator sends to many nodes (`consul exec`). The event names a session; the job and all that is told of
 * it (that it was taken, what it prints, how it ends) are keys under that session's, locked by it, so that they go with
 * it. Runs only where `disable_remote_exec` is off. Source: Consul's agent/remote_exec.go.
 */
import { messageOf } from '../base/message-of.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import type { Host, Program } from '../host/host.ts'
import type { Caller } from '../model/rpc.ts'
import type { RuntimeConfig } from './config/runtime.ts'

/** What is printed is told in pieces of at most so much, and at the latest when nothing followed for so long. */
const PIECE_BYTES = 4096
const QUIET_MS = 500
/** Printed and not told yet: what goes beyond is lost, as the program cannot be held back. */
const UNTOLD_BYTES_MAX = 16 << 20
const WAIT_MS_MIN = 100

export interface RemoteExecParts {
  config: Pick<RuntimeConfig, 'datacenter' | 'nodeName'>
  host: Pick<Host, 'now' | 'wake' | 'run' | 'log'>
  caller: Pick<Caller, 'call'>
  /** Of the agent itself. */
  token(): string
}

export interface RemoteExec {
  /** Does what the event asks, if it can. */
  receive(payload: Uint8Array | null): void
  /** Ends what runs. */
  stop(): void
}

interface Job {
  program: Program
  /** After so long without output it is told that the job still runs. */
  waitMs: number
}

export function makeRemoteExec({ config, host, caller, token }: RemoteExecParts): RemoteExec {
  const { log } = host
  const gone = new AbortController()

  async function perform(folder: string, session: string): Promise<void> {
    const job = await fetchJob(`${folder}/job`)
    if (job === undefined) return
    const write = (name: string, value: Uint8Array | null) =>
      writeKey(`${folder}/${config.nodeName}/${name}`, session, value)
    await write('ack', null)
    log.info('remote exec script', { script: job.program.kind === 'command' ? job.program.command : job.program.kind })
    const code = await run(job, write)
    await write('exit', Buffer.from(String(code)))
  }

  /** A stale answer is as good; when there is none yet, the leader is asked. */
  async function fetchJob(key: string): Promise<Job | undefined> {
    for (const AllowStale of [true, false]) {
      const { Entries } = await caller.call('KVS.Get', {
        Datacenter: config.datacenter,
        Key: key,
        Token: token(),
        AllowStale,
      })
      const value = Entries?.[0]?.Value
      if (value) return readJob(value)
    }
    log.debug('remote exec aborted, job spec missing')
    return undefined
  }

  async function writeKey(key: string, session: string, value: Uint8Array | null): Promise<void> {
    const DirEnt = { Key: key, Value: value, Session: session, Flags: 0n, LockIndex: 0, CreateIndex: 0, ModifyIndex: 0 }
    const args = { Datacenter: config.datacenter, Op: 'lock', DirEnt, Token: token() } as const
    if (!(await caller.call('KVS.Apply', args))) throw new Error(`write failed: ${key}`)
  }

  async function run({ program, waitMs }: Job, write: (name: string, value: Uint8Array | null) => Promise<void>) {
    let untold: Uint8Array[] = []
    let bytes = 0
    let changed = () => {}
    let ended = false
    const ending = host
      .run(
        program,
        (chunk) => {
          if (bytes + chunk.length > UNTOLD_BYTES_MAX) return
          untold.push(chunk)
          bytes += chunk.length
          changed()
        },
        gone.signal,
      )
      .finally(() => {
        ended = true
        changed()
      })
    /** Until something changes, or for so long. @returns whether something did */
    const change = (ms: number) =>
      new Promise<boolean>((done) => {
        const cancel = host.wake(host.now() + ms, () => done(false))
        changed = () => {
          cancel()
          done(true)
        }
      })
    for (let n = 0; !ended || bytes > 0; ) {
      const name = () => `out/${(n++).toString(16).padStart(5, '0')}`
      if (bytes === 0) {
        if (!(await change(waitMs)) && !ended) await write(name(), null)
        continue
      }
      // More may follow at once, and is told together.
      while (bytes < PIECE_BYTES && !ended && (await change(QUIET_MS)));
      const all = Buffer.concat(untold)
      untold = []
      bytes = 0
      for (let at = 0; at < all.length; at += PIECE_BYTES) await write(name(), all.subarray(at, at + PIECE_BYTES))
    }
    return ending
  }

  return {
    receive(payload) {
      let wish: { Prefix?: unknown; Session?: unknown }
      try {
        wish = JSON.parse(Buffer.from(payload ?? []).toString()) as typeof wish
      } catch (error) {
        log.error('failed to decode remote exec event', { error: messageOf(error) })
        return
      }
      const { Prefix, Session } = wish
      if (typeof Prefix !== 'string' || typeof Session !== 'string' || Session === '') {
        log.error('failed to decode remote exec event', { error: 'no session is named' })
        return
      }
      perform(`${Prefix}/${Session}`, Session).catch((error: unknown) => {
        log.error('remote exec job failed', { error: messageOf(error) })
      })
    },
    stop: () => gone.abort(),
  }
}

/** @throws an error for what is no job */
function readJob(bytes: Uint8Array): Job {
  const spec = JSON.parse(Buffer.from(bytes).toString()) as {
    Command?: string
    Args?: string[]
    Script?: string
    Wait?: number
  }
  const { Command = '', Args, Script = '', Wait = 0 } = spec
  const waitMs = Math.max(WAIT_MS_MIN, Number(Wait) / NANOS_PER_MS)
  if (Args?.length) return { program: { kind: 'args', args: Args.map(String) }, waitMs }
  if (Script !== '') return { program: { kind: 'script', bytes: Buffer.from(Script, 'base64') }, waitMs }
  return { program: { kind: 'command', command: String(Command) }, waitMs }
}
