/** User events: told to all agents of a datacenter. */
import {
  type Caller,
  decodeJson,
  escapePath,
  expectOk,
  type ReadOptions,
  type Reply,
  type RequestOptions,
} from './client.ts'

export interface UserEvent {
  ID: string
  Name: string
  /** In base64. */
  Payload: string | null
  NodeFilter: string
  ServiceFilter: string
  TagFilter: string
  Version: number
  LTime: number
}

/** Filters are regular expressions. */
export interface EventWish {
  name: string
  payload?: string | Uint8Array<ArrayBuffer>
  node?: string
  service?: string
  /** Only with `service`. */
  tag?: string
}

export interface Events {
  /** @returns the event with its id */
  fire(wish: EventWish, options?: RequestOptions): Promise<UserEvent>
  /** Those that the agent has accepted lately, oldest first. */
  list(options?: ReadOptions & { name?: string }): Promise<Reply<UserEvent[]>>
}

export function makeEvents(caller: Caller): Events {
  return {
    async fire({ name, payload, node, service, tag }, options) {
      const filters = { node: node || undefined, service: service || undefined, tag: tag || undefined }
      const path = `/v1/event/fire/${escapePath(name)}`
      return decodeJson<UserEvent>(expectOk(await caller.send('PUT', path, options, filters, payload)))
    },
    list: (options) => caller.read<UserEvent[]>('/v1/event/list', options, { name: options?.name || undefined }),
  }
}
