/** Configuration entries: what the servers keep for all services and proxies. Their fields are Consul's. */
import type { Index } from '../base/units.ts'
import type { ConfigKind } from '../model/config-entry.ts'
import {
  bodyText,
  type Caller,
  decodeJson,
  expectOk,
  type ReadOptions,
  type Reply,
  type RequestOptions,
} from './client.ts'

export type { ConfigKind }

/** Of any kind. Durations are Go's text: "15s". What says nothing is left out. */
export interface ConfigEntry {
  Kind: ConfigKind
  Name: string
  Meta?: Record<string, string>
  CreateIndex?: Index
  ModifyIndex?: Index
  [field: string]: unknown
}

export interface ConfigEntries {
  /** @throws ApiError, 404 when there is none */
  get(kind: string, name: string, options?: ReadOptions): Promise<Reply<ConfigEntry>>
  list(kind: string, options?: ReadOptions): Promise<Reply<ConfigEntry[]>>
  /**
   * Makes or replaces an entry; it may be given as the text of its JSON too.
   * @param cas only if its ModifyIndex is still this one, 0 if it does not exist. @returns false when it is not
   */
  set(entry: ConfigEntry | string, options?: RequestOptions & { cas?: Index }): Promise<boolean>
  delete(kind: string, name: string, options?: RequestOptions): Promise<void>
}

export function makeConfigEntries(caller: Caller): ConfigEntries {
  return {
    get: (kind, name, options) => caller.read<ConfigEntry>(`/v1/config/${kind}/${name}`, options),
    list: (kind, options) => caller.read<ConfigEntry[]>(`/v1/config/${kind}`, options),
    async set(entry, { cas, ...options } = {}) {
      const body = typeof entry === 'string' ? entry : JSON.stringify(entry)
      const response = expectOk(await caller.send('PUT', '/v1/config', options, { cas }, body))
      return bodyText(response).trim() === 'true'
    },
    async delete(kind, name, options) {
      decodeJson(expectOk(await caller.send('DELETE', `/v1/config/${kind}/${name}`, options)))
    },
  }
}
