/** Sessions over HTTP: who holds locks, and when they are lost. */
import type { Session } from '../model/session.ts'
import type { ReadOptions, Reply, RequestOptions } from './client.ts'
import { ApiError, bodyText, type Caller, decodeJson, escapePath, expectOk } from './client.ts'

export type { Session } from '../model/session.ts'

/** All optional. Durations are Go's text: "15s". */
export interface SessionRequest {
  Name?: string
  Node?: string
  LockDelay?: string
  /** What becomes of held keys when the session ends: `release` unless said otherwise. */
  Behavior?: 'release' | 'delete'
  /** 10 s to 24 h; without one the session lives until it is destroyed or a check fails. */
  TTL?: string
  NodeChecks?: string[]
  ServiceChecks?: { ID: string; Namespace?: string }[]
}

export interface Sessions {
  /** @returns the id */
  create(request?: SessionRequest, options?: RequestOptions): Promise<string>
  destroy(id: string, options?: RequestOptions): Promise<void>
  /** @returns the session, or null when it has ended: then its locks are lost */
  renew(id: string, options?: RequestOptions): Promise<Session | null>
  info(id: string, options?: ReadOptions): Promise<Reply<Session | null>>
  list(options?: ReadOptions): Promise<Reply<Session[]>>
  node(name: string, options?: ReadOptions): Promise<Reply<Session[]>>
}

export function makeSessions(caller: Caller): Sessions {
  return {
    async create(request = {}, options) {
      const response = await caller.send('PUT', '/v1/session/create', options, {}, JSON.stringify(request))
      return decodeJson<{ ID: string }>(expectOk(response)).ID
    },
    async destroy(id, options) {
      expectOk(await caller.send('PUT', `/v1/session/destroy/${escapePath(id)}`, options))
    },
    async renew(id, options) {
      const response = await caller.send('PUT', `/v1/session/renew/${escapePath(id)}`, options)
      if (response.status === 404) return null
      if (response.status !== 200) throw new ApiError(response.status, bodyText(response))
      return decodeJson<Session[]>(response)[0] ?? null
    },
    async info(id, options) {
      const { value, meta } = await caller.read<Session[] | null>(`/v1/session/info/${escapePath(id)}`, options)
      return { value: value?.[0] ?? null, meta }
    },
    list: (options) => caller.read('/v1/session/list', options),
    node: (name, options) => caller.read(`/v1/session/node/${escapePath(name)}`, options),
  }
}
