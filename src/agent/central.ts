/**
 * Keeps asking the servers what configuration entries say of this node's proxies and gateways: one blocking read for
 * each, again after every answer, and after a pause when it fails. How answers are used is core/local's to decide.
 */
import { messageOf } from '../base/message-of.ts'
import type { CentralDefaults, CentralQuestion } from '../core/local/local.ts'
import type { Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { Caller } from '../model/rpc.ts'
import { keepReading, type Reading } from './keep-reading.ts'

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
  /** Undefined before the start. */
  reading: Reading | undefined
}

export function followCentral(parts: {
  host: Pick<Host, 'now' | 'wake' | 'log'>
  caller: Pick<Caller, 'call'>
  tell(id: string, defaults: CentralDefaults): void
}): Central {
  const { host, caller, tell } = parts
  const all = new Map<string, Followed>()
  let started = false

  function begin(id: string, one: Followed): void {
    one.reading = keepReading({
      host,
      read: (blocking, signal) =>
        caller.call('ConfigEntry.ResolveServiceConfig', { ...one.question, ...blocking }, { signal }),
      tell: (reply) => tell(id, reply),
      failed: (error) =>
        host.log.error('error handling service update', {
          error: `error watching service config: ${messageOf(error)}`,
        }),
    })
  }

  return {
    follow(id, question) {
      const before = all.get(id)
      if (before !== undefined && JSON.stringify(before.question) === JSON.stringify(question)) return
      before?.reading?.stop()
      const one: Followed = { question, reading: undefined }
      all.set(id, one)
      if (started) begin(id, one)
    },
    unfollow(id) {
      all.get(id)?.reading?.stop()
      all.delete(id)
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
      for (const [id, one] of all) begin(id, one)
    },
    again() {
      for (const { reading } of all.values()) reading?.hurry()
    },
    stop() {
      for (const { reading } of all.values()) reading?.stop()
      all.clear()
    },
  }
}
