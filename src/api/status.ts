/** What the servers say of their cluster. */
import { type Caller, decodeJson, expectOk, type RequestOptions } from './client.ts'

export interface Status {
  /** Address and port of the leader, or "" while there is none. */
  leader(options?: RequestOptions): Promise<string>
  /** Address and port of each server. */
  peers(options?: RequestOptions): Promise<string[]>
}

export function makeStatus(caller: Caller): Status {
  return {
    leader: async (options) => decodeJson<string>(expectOk(await caller.send('GET', '/v1/status/leader', options))),
    peers: async (options) => decodeJson<string[]>(expectOk(await caller.send('GET', '/v1/status/peers', options))),
  }
}
