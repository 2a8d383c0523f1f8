/**
 * Leaving in good order, and making others count a failed member as one that left: an intent is told first, and each step
 * waits until it was told often enough, though not for ever. Source: protocol/serf.md section 3.
 */
import type { Agenda } from './agenda.ts'
import type { SerfConfig } from './config.ts'
import type { LamportClock } from './lamport.ts'
import type { Memberlist } from './memberlist.ts'
import type { LeaveIntent } from './messages.ts'
import type { Roster } from './roster.ts'

export interface DeparturesOptions {
  name: string
  agenda: Agenda
  clock: LamportClock
  config: SerfConfig
  list: Memberlist
  roster: Roster
  /** @param told often enough */
  tell(intent: LeaveIntent, told: () => void): void
  warn(message: string): void
}

export class Departures {
  readonly #options: DeparturesOptions
  #state: 'alive' | 'leaving' | 'left' = 'alive'

  constructor(options: DeparturesOptions) {
    this.#options = options
  }

  /** This node has not begun to leave. */
  get staying(): boolean {
    return this.#state === 'alive'
  }

  leave(done: () => void): void {
    if (this.#state !== 'alive') {
      done()
      return
    }
    this.#state = 'leaving'
    const { name, agenda, config, list, tell } = this.#options
    const hadOthers = list.hasOthers
    const finish = () => {
      this.#state = 'left'
      done()
    }
    const intent = this.#intend(name, false)
    const farewell = () =>
      list.leave(
        this.#once('timeout waiting for leave broadcast', () => {
          if (hadOthers) agenda.after(config.leavePropagateMs, finish)
          else finish()
        }),
      )
    if (hadOthers) tell(intent, this.#once('timeout while waiting for graceful leave', farewell))
    else farewell()
  }

  force(name: string, prune: boolean, done: () => void): void {
    const { list, tell } = this.#options
    const intent = this.#intend(name, prune)
    if (list.hasOthers) tell(intent, this.#once('timed out broadcasting node removal', done))
    else done()
  }

  #intend(Node: string, Prune: boolean): LeaveIntent {
    const { clock, roster } = this.#options
    const intent = { type: 'leave', LTime: clock.time, Node, Prune } as const
    clock.increment()
    roster.leaveIntent(intent)
    return intent
  }

  /** Runs when called or when the time to tell is up, whichever comes first. */
  #once(late: string, run: () => void): () => void {
    const { agenda, config, warn } = this.#options
    let over = false
    const finish = () => {
      if (over) return
      over = true
      agenda.cancel(plan)
      run()
    }
    const plan = agenda.after(config.broadcastTimeoutMs, () => {
      warn(`serf: ${late}`)
      finish()
    })
    return finish
  }
}
