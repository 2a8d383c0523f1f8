/**
 * Taking up a changed configuration while the agent runs: read it all again, and hand it to every part that can change.
 * A configuration that cannot be read, or whose definitions are refused, changes nothing; parts after the first must not
 * refuse. What each part takes up is its own to say. Source: agent/agent.go (ReloadConfig).
 */
import type { Log } from '../base/log.ts'
import { ConsulError } from '../model/errors.ts'
import type { RuntimeConfig } from './config/runtime.ts'

type Take = (fresh: RuntimeConfig) => void | Promise<void>
type Reread = () => RuntimeConfig | Promise<RuntimeConfig>
export type OnReload = (take: Take) => void

export interface Reloads {
  /** In this order they are given what was read. */
  onReload: OnReload
  /** One at a time; a later wish waits. Rejects with what is wrong. */
  reload(): Promise<void>
}

/** @param reread throws what is wrong with the configuration; absent where it cannot be read again */
export function makeReloads(log: Log, reread: Reread | undefined): Reloads {
  const takers: Take[] = []
  let last: Promise<void> = Promise.resolve()

  async function reload(): Promise<void> {
    if (reread === undefined)
      throw new ConsulError('refused', 'this agent has no configuration that it could read again')
    const fresh = await readAgain(reread)
    for (const take of takers) await take(fresh)
    log.debug('configuration reloaded', { services: fresh.services.length, checks: fresh.checks.length })
  }

  return {
    onReload: (take) => takers.push(take),
    reload() {
      last = last.then(reload, reload)
      return last
    },
  }
}

async function readAgain(reread: Reread): Promise<RuntimeConfig> {
  try {
    return await reread()
  } catch (error) {
    throw error instanceof Error ? new ConsulError('refused', error.message) : error
  }
}
