/**
 * Keeps asking the servers what configuration entries say of this node's proxies and gateways: one blocking read for
 * each, again after every answer, and after a pause when it fails. How answers are used is core/local's to decide.
 */
import { messageOf } from '../base/message-of.ts'
import { type Millis, NANOS_PER_MS } from '../base/units.ts'
import type { CentralDefaults, CentralQuestion } from '../core/local/local.ts'
import type { Cancel, Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { Caller } from '../model/rpc.ts'

/** The first pause after a failure; it doubles with each in a row. */
const PAUSE_MS = 1_000
const PAUSE_MS_MAX = 60_000
const WAIT_MS = 600_000

export interface Central {
  follow(id: string, question: CentralQuestion): void
  unfollow(id: string): void
  /** Once. @throws ConsulError that names the service, when nobody can say */
  ask(id: string, question: CentralQuestion): Promise<CentralDefaults>
  /** Before, nobody is asked. */
  start(): void
  /** Who could not answer before may answer now. */
  again(): void
  stop(): void
}

interface Followed {
  question: CentralQuestion
  gone: AbortController
  /** Ends the pause, while there is one. */
  hurry: (() => void) | undefined
}

export function followCentral(parts: {
  host: Pick<Host, 'now' | 'wake' | 'log'>
  caller: Pick<Caller, 'call'>
  tell(id: string, defaults: CentralDefaults): void
}): Central {
  const { host, caller, tell } = parts
  const all = new Map<string, Followed>()
  let started = false

  async function run(id: string, one: Followed): Promise<void> {
    const { signal } = one.gone
    let index = 0
    for (let failures = 0; !signal.aborted; ) {
      const blocking = { MinQueryIndex: index, MaxQueryTime: WAIT_MS * NANOS_PER_MS, AllowStale: true }
      try {
        const args = { ...one.question, ...blocking }
        const reply = await caller.call('ConfigEntry.ResolveServiceConfig', args, { signal })
        if (signal.aborted) return
        failures = 0
        // An index that went back means another history: what it says now counts.
        index = reply.Index < index ? 0 : Math.max(1, reply.Index)
        tell(id, reply)
      } catch (error) {
        if (signal.aborted) return
        failures += 1
        index = 0
        host.log.error('error handling service update', {
          error: `error watching service config: ${messageOf(error)}`,
        })
        await pause(one, Math.min(PAUSE_MS * 2 ** (failures - 1), PAUSE_MS_MAX))
      }
    }
  }

  function pause(one: Followed, ms: Millis): Promise<void> {
    return new Promise((done) => {
      let cancel: Cancel = () => {}
      const over = () => {
        cancel()
        one.hurry = undefined
        done()
      }
      one.hurry = over
      cancel = host.wake(host.now() + ms, over)
    })
  }

  function end(one: Followed): void {
    one.gone.abort()
    one.hurry?.()
  }

  return {
    follow(id, question) {
      const before = all.get(id)
      if (before !== undefined && JSON.stringify(before.question) === JSON.stringify(question)) return
      if (before !== undefined) end(before)
      const one: Followed = { question, gone: new AbortController(), hurry: undefined }
      all.set(id, one)
      if (started) void run(id, one)
    },
    unfollow(id) {
      const one = all.get(id)
      all.delete(id)
      if (one !== undefined) end(one)
    },
    async ask(id, question) {
      try {
        return await caller.call('ConfigEntry.ResolveServiceConfig', { ...question, AllowStale: true })
      } catch (error) {
        const what = `could not retrieve initial service_defaults config for service "${id}"`
        const code = error instanceof ConsulError ? error.code : 'refused'
        throw new ConsulError(code, `${what}: ${messageOf(error)}`, { cause: error })
      }
    },
    start() {
      if (started) return
      started = true
      for (const [id, one] of all) void run(id, one)
    },
    again() {
      for (const { hurry } of all.values()) hurry?.()
    },
    stop() {
      for (const one of all.values()) end(one)
      all.clear()
    },
  }
}
