/**
 * Meeting others: at addresses that somebody names, at those that were known before a restart, and now and then at that
 * of a member that failed. What two nodes tell each other when they meet is push-pull.ts's.
 * Source: protocol/serf.md sections 4 and 10.
 */
import type { Level } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Agenda, Plan } from './agenda.ts'
import type { SerfConfig } from './config.ts'
import type { Memberlist } from './memberlist.ts'
import type { GossipAddress } from './nodes.ts'
import type { Roster } from './roster.ts'
import type { PreviousAddress } from './serf.ts'

export interface MeetingsOptions {
  name: string
  agenda: Agenda
  random: Random
  config: SerfConfig
  list: Memberlist
  roster: Roster
  /** This node has not begun to leave. */
  staying(): boolean
  /** Tells all that this node is here. */
  announce(): void
  log(level: Level, message: string): void
}

export interface JoinWish {
  addresses: readonly GossipAddress[]
  /** What is wrong with other addresses, that could not be tried. */
  unresolved?: readonly string[]
  ignoreOldEvents: boolean
}

export class Meetings {
  readonly #options: MeetingsOptions
  #ignoreOldEvents = 0
  #reconnectPlan: Plan | undefined

  constructor(options: MeetingsOptions) {
    this.#options = options
  }

  /** Somebody is being joined whose old events are none of our business. */
  get ignoresOldEvents(): boolean {
    return this.#ignoreOldEvents > 0
  }

  /** @param done how many answered, and what went wrong when none did */
  join({ addresses, unresolved = [], ignoreOldEvents }: JoinWish, done: (joined: number, error: string) => void): void {
    const { list, staying, announce, log } = this.#options
    if (!staying()) {
      done(0, "Serf can't Join after Leave or Shutdown")
      return
    }
    let waiting = addresses.length
    let joined = 0
    const errors = [...unresolved]
    if (ignoreOldEvents) this.#ignoreOldEvents += 1
    const finish = () => {
      if (ignoreOldEvents) this.#ignoreOldEvents -= 1
      if (joined > 0) announce()
      done(joined, joined > 0 || errors.length === 0 ? '' : manyErrors(errors))
    }
    if (waiting === 0) finish()
    for (const to of addresses) {
      list.join(to, (error) => {
        if (error === '') joined += 1
        else {
          log('debug', `memberlist: Failed to join ${to.host}: ${error}`)
          errors.push(`Failed to join ${to.host}: ${error}`)
        }
        waiting -= 1
        if (waiting === 0) finish()
      })
    }
  }

  /** One after the other, until one answers. */
  rejoin(previous: readonly PreviousAddress[], at = 0): void {
    const { name, list, staying, log } = this.#options
    const known = previous[at]
    if (known === undefined) {
      log('warn', 'serf: Failed to re-join any previously known node')
      return
    }
    if (known.name === name) {
      this.rejoin(previous, at + 1)
      return
    }
    const shown = `${known.name}: ${known.text}`
    log('info', `serf: Attempting re-join to previously known node: ${shown}`)
    list.join(known.address, (error) => {
      if (error === '') log('info', `serf: Re-joined to previously known node: ${shown}`)
      else {
        log('debug', `memberlist: Failed to join ${known.address.host}: ${error}`)
        if (staying()) this.rejoin(previous, at + 1)
      }
    })
  }

  /** While somebody is missing, now and then one of them is looked for. */
  seekFailed(): void {
    if (this.#reconnectPlan !== undefined || !this.#options.roster.anyGone) return
    const { agenda, random, config, list, roster, staying, log } = this.#options
    this.#reconnectPlan = agenda.after(config.reconnectIntervalMs, () => {
      this.#reconnectPlan = undefined
      const member = roster.pickFailed(random.float(), (bound) => random.int(bound))
      if (member !== undefined && staying()) {
        log('info', `serf: attempting reconnect to ${member.name} ${member.addr}:${member.port}`)
        list.join({ host: member.addr, port: member.port }, () => {})
      }
      this.seekFailed()
    })
  }
}

function manyErrors(errors: readonly string[]): string {
  const lines = errors.map((error) => `\t* ${error}`).join('\n')
  return `${errors.length} error${errors.length === 1 ? '' : 's'} occurred:\n${lines}\n\n`
}
