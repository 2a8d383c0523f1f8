/**
 * The user events that this agent has accepted: the last 256, by their filters, with an index of their own for those who
 * wait for the next. Source: Consul's agent/user_event.go, event_endpoint.go.
 */

import { compileGoRegexp, type GoRegexp } from '../base/go-regexp.ts'
import { messageOf } from '../base/message-of.ts'
import { uuid } from '../base/random.ts'
import type { Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import { EVENT_VERSION, type UserEvent } from '../model/event.ts'
import type { Caller } from '../model/rpc.ts'
import type { LocalService, Self } from '../serve/backend.ts'
import { decodeUserEvent, encodeUserEvent } from '../wire/structs/user-event.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { Pools } from './pools.ts'
import type { RemoteExec } from './remote-exec.ts'

const KEPT = 256
const PREFIX = 'consul:event:'
/** A program's trigger, for `consul exec`: never listed. */
const REMOTE_EXEC = '_rexec'

type Wish = Pick<UserEvent, 'Name' | 'Payload' | 'NodeFilter' | 'ServiceFilter' | 'TagFilter'>

export interface UserEventsParts {
  config: Pick<RuntimeConfig, 'nodeName' | 'datacenter' | 'disableRemoteExec'>
  host: Host
  /** Events are told to the datacenter by its servers. */
  caller: Pick<Caller, 'call'>
  services(): readonly LocalService[]
  exec: Pick<RemoteExec, 'receive'>
}

export interface UserEvents {
  self: Pick<Self, 'fireEvent' | 'events' | 'nextEvent'>
  /** Nobody waits any longer. */
  stop(): void
  /** What came by gossip. @returns false when it is none of Consul's user events */
  receive(name: string, payload: Uint8Array | null, time: number): boolean
}

/** Tells the pool of an event, in the form that all its agents know: what a server does for those who ask it to. */
export async function fireUserEvent(pools: Pick<Pools, 'fire'>, name: string, payload: Uint8Array): Promise<void> {
  await pools.fire(PREFIX + name, payload).catch((error: unknown) => {
    // Consul tells all segments, and gathers what goes wrong; there is one, without a name.
    const fault = `error broadcasting event to segment "": ${messageOf(error)}`
    throw new ConsulError('refused', `1 error occurred:\n\t* ${fault}\n\n`)
  })
}

export function keepUserEvents(parts: UserEventsParts): UserEvents {
  const { host, config, caller } = parts
  const { log } = host
  const kept: UserEvent[] = []
  const waiting = new Set<() => void>()

  function keep(event: UserEvent): void {
    kept.push(event)
    if (kept.length > KEPT) kept.shift()
    const told = [...waiting]
    waiting.clear()
    for (const run of told) run()
  }

  return {
    self: {
      async fireEvent({ Datacenter, Token, ...wish }) {
        validate(wish)
        const event = { ...wish, ID: uuid(host.random), Version: EVENT_VERSION, LTime: 0 }
        const payload = encodeUserEvent(event)
        // Any server can tell of it, so an old one is as good as the leader.
        const to = { Datacenter: Datacenter || config.datacenter, Token: Token ?? '', AllowStale: true }
        await caller.call('Internal.EventFire', { ...to, Name: event.Name, Payload: payload })
        return event
      },
      events: () => kept,
      nextEvent(timeoutMs, gone) {
        return new Promise((resolve) => {
          const finish = () => {
            cancel()
            waiting.delete(finish)
            gone.removeEventListener('abort', finish)
            resolve()
          }
          const cancel = host.wake(host.now() + timeoutMs, finish)
          waiting.add(finish)
          gone.addEventListener('abort', finish)
        })
      },
    },
    stop() {
      for (const finish of [...waiting]) finish()
    },
    receive(name, payload, time) {
      if (!name.startsWith(PREFIX)) return false
      let event: UserEvent
      try {
        event = decodeUserEvent(payload ?? new Uint8Array(0), time)
      } catch (error) {
        log.error('Failed to decode event', { error: String(error) })
        return true
      }
      if (event.Version > EVENT_VERSION) {
        log.warn('Event version may have unsupported features', { version: event.Version, event: event.Name })
      }
      if (!isMeant(event, config.nodeName, parts.services())) return true
      const fields = { event_name: event.Name, event_id: event.ID }
      if (event.Name === REMOTE_EXEC) {
        if (config.disableRemoteExec) log.info('ignoring remote exec event, disabled.', fields)
        else parts.exec.receive(event.Payload)
      } else {
        log.debug('new event', fields)
        keep(event)
      }
      return true
    },
  }
}

function validate(wish: Wish): void {
  if (wish.Name === '') throw new ConsulError('refused', 'User event missing name')
  if (wish.TagFilter !== '' && wish.ServiceFilter === '') {
    throw new ConsulError('refused', 'Cannot provide tag filter without service filter')
  }
  for (const [kind, text] of [
    ['node', wish.NodeFilter],
    ['service', wish.ServiceFilter],
    ['tag', wish.TagFilter],
  ] as const) {
    try {
      compileGoRegexp(text)
    } catch (error) {
      throw new ConsulError('refused', `Invalid ${kind} filter: ${messageOf(error)}`)
    }
  }
}

function isMeant(event: UserEvent, node: string, services: readonly LocalService[]): boolean {
  if (!(expression(event.NodeFilter)?.test(node) ?? false)) return false
  if (event.ServiceFilter === '') return true
  const name = expression(event.ServiceFilter)
  const tag = expression(event.TagFilter)
  if (name === undefined || tag === undefined) return false
  return services.some(
    ({ service }) =>
      name.test(service.Service) && (event.TagFilter === '' || (service.Tags ?? []).some((text) => tag.test(text))),
  )
}

/** "" matches everything; undefined for what is no expression. It is a peer's: matched in linear time. */
function expression(text: string): GoRegexp | undefined {
  try {
    return compileGoRegexp(text)
  } catch {
    return undefined
  }
}
