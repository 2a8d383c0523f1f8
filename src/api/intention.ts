/** Intentions: which service of the mesh may connect to which. */
import type { Index } from '../base/units.ts'
import {
  ApiError,
  bodyText,
  type Caller,
  decodeJson,
  expectOk,
  type ReadOptions,
  type Reply,
  type RequestOptions,
} from './client.ts'

export interface Intention {
  ID: string
  Description: string
  SourceNS: string
  SourceName: string
  DestinationNS: string
  DestinationName: string
  SourceType: string
  Action: 'allow' | 'deny'
  Meta: Record<string, string> | null
  /** 1 to 9: the higher one decides. */
  Precedence: number
  /** RFC 3339. */
  CreatedAt: string
  UpdatedAt: string
  CreateIndex: Index
  ModifyIndex: Index
}

export type IntentionWish = Pick<Intention, 'SourceName' | 'DestinationName' | 'Action'> & Partial<Intention>

export interface Intentions {
  list(options?: ReadOptions): Promise<Reply<Intention[]>>
  /** undefined when there is none. @throws ApiError */
  get(id: string, options?: ReadOptions): Promise<Intention | undefined>
  /** @returns its id */
  create(intention: IntentionWish, options?: RequestOptions): Promise<string>
  update(id: string, intention: IntentionWish, options?: RequestOptions): Promise<void>
  delete(id: string, options?: RequestOptions): Promise<void>
  /** Those that concern a service at that end, the one that decides first. */
  match(by: 'source' | 'destination', name: string, options?: ReadOptions): Promise<Intention[]>
  check(source: string, destination: string, options?: ReadOptions): Promise<boolean>
}

const PATH = '/v1/connect/intentions'

export function makeIntentions(caller: Caller): Intentions {
  return {
    list: (options) => caller.read<Intention[]>(PATH, options),
    async get(id, options) {
      const response = await caller.send('GET', `${PATH}/${id}`, options)
      return response.status === 404 ? undefined : decodeJson<Intention>(ok(response))
    },
    async create(intention, options) {
      const response = await caller.send('POST', PATH, options, {}, JSON.stringify(intention))
      return decodeJson<{ ID: string }>(expectOk(response)).ID
    },
    async update(id, intention, options) {
      expectOk(await caller.send('PUT', `${PATH}/${id}`, options, {}, JSON.stringify(intention)))
    },
    async delete(id, options) {
      expectOk(await caller.send('DELETE', `${PATH}/${id}`, options))
    },
    async match(by, name, options) {
      const { value } = await caller.read<Record<string, Intention[] | null>>(`${PATH}/match`, options, { by, name })
      return value[name] ?? []
    },
    async check(source, destination, options) {
      const asked = { source, destination, 'source-type': 'consul' }
      return (await caller.read<{ Allowed: boolean }>(`${PATH}/check`, options, asked)).value.Allowed
    },
  }
}

/** As Consul's own client words what goes wrong here. */
function ok(response: Parameters<typeof expectOk>[0]): typeof response {
  if (response.status === 200) return response
  const error = new ApiError(response.status, bodyText(response))
  error.message = `Unexpected response ${response.status}: ${error.body}`
  throw error
}
