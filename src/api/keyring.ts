/** The keys that gossip is encrypted with, shown and changed on all members of all pools. */
import { type Caller, decodeJson, expectOk, type RequestOptions } from './client.ts'

/** What the members of one pool said. */
export interface KeyringResponse {
  WAN: boolean
  Datacenter: string
  Segment: string
  /** By member. */
  Messages?: Record<string, string>
  /** How many members have each key, in base64. */
  Keys: Record<string, number> | null
  /** How many members seal with each key. */
  PrimaryKeys: Record<string, number> | null
  NumNodes: number
}

export interface KeyringOptions extends RequestOptions {
  /** 0..5: through how many others each member answers besides directly. */
  relayFactor?: number
}

export interface Keyring {
  /** @param options `localOnly`: this datacenter alone */
  list(options?: KeyringOptions & { localOnly?: boolean }): Promise<KeyringResponse[]>
  install(key: string, options?: KeyringOptions): Promise<void>
  use(key: string, options?: KeyringOptions): Promise<void>
  remove(key: string, options?: KeyringOptions): Promise<void>
}

const PATH = '/v1/operator/keyring'

export function makeKeyring(caller: Caller): Keyring {
  const change =
    (method: 'POST' | 'PUT' | 'DELETE') =>
    async (key: string, options: KeyringOptions = {}) => {
      const { relayFactor, ...request } = options
      expectOk(await caller.send(method, PATH, request, query(relayFactor), JSON.stringify({ Key: key })))
    }
  return {
    async list({ relayFactor, localOnly, ...request } = {}) {
      const asked = { ...query(relayFactor), 'local-only': localOnly ? 'true' : undefined }
      return decodeJson<KeyringResponse[] | null>(expectOk(await caller.send('GET', PATH, request, asked))) ?? []
    },
    install: change('POST'),
    use: change('PUT'),
    remove: change('DELETE'),
  }
}

function query(relayFactor = 0): Record<string, number | undefined> {
  return { 'relay-factor': relayFactor > 0 ? relayFactor : undefined }
}
