/** The key/value store over HTTP. Keys are text; a key must not begin with a slash. Values are bytes. */
import type { DirEntry } from '../model/kv.ts'
import {
  ApiDecodeError,
  ApiError,
  bodyText,
  type Caller,
  decodeJson,
  escapePath,
  expectOk,
  type Parameters,
  queryMeta,
  type ReadOptions,
  type Reply,
  type RequestOptions,
} from './client.ts'

/** An entry as it was read. A key without a value has an empty one. */
export type KVPair = Omit<DirEntry, 'Value'> & { Value: Uint8Array<ArrayBuffer> }

export interface PutOptions extends RequestOptions {
  /** Any 64 bits, kept with the value. */
  flags?: bigint
  /** Write only if the key's ModifyIndex is this one; 0: only if the key does not exist. */
  cas?: number | bigint
  /** Take the lock for this session, or give it back. */
  acquire?: string
  release?: string
}

export interface DeleteOptions extends RequestOptions {
  cas?: number | bigint
  /** Every key that begins so. */
  recurse?: boolean
}

export interface KV {
  /** null when there is no such key. */
  get(key: string, options?: ReadOptions): Promise<Reply<KVPair | null>>
  /** Every entry whose key begins with the prefix, in order of the keys. */
  list(prefix: string, options?: ReadOptions): Promise<Reply<KVPair[]>>
  /** The same, keys alone; up to and with the first separator after the prefix, if one is given. */
  keys(prefix: string, options?: ReadOptions & { separator?: string }): Promise<Reply<string[]>>
  /** @returns false when a condition (cas, acquire, release) was not met */
  put(key: string, value: string | Uint8Array<ArrayBuffer>, options?: PutOptions): Promise<boolean>
  /** @returns false when the condition (cas) was not met; true also when there was no such key */
  delete(key: string, options?: DeleteOptions): Promise<boolean>
}

export function makeKV(caller: Caller): KV {
  const path = (key: string) => `/v1/kv/${escapePath(key)}`
  const read = async (key: string, options?: ReadOptions, parameters?: Parameters) => {
    const response = await caller.send('GET', path(key), options, parameters)
    if (response.status !== 200 && response.status !== 404) throw new ApiError(response.status, bodyText(response))
    return { found: response.status === 200, response, meta: queryMeta(response) }
  }
  return {
    async get(key, options) {
      const { found, response, meta } = await read(key, options)
      return { value: (found ? decodePairs(bodyText(response))[0] : undefined) ?? null, meta }
    },
    async list(prefix, options) {
      const { found, response, meta } = await read(prefix, options, { recurse: true })
      return { value: found ? decodePairs(bodyText(response)) : [], meta }
    },
    async keys(prefix, options) {
      const separator = options?.separator || undefined
      const { found, response, meta } = await read(prefix, options, { keys: true, separator })
      return { value: found ? (decodeJson<string[] | null>(response) ?? []) : [], meta }
    },
    async put(key, value, options = {}) {
      const { flags, cas, acquire, release } = options
      const parameters = { flags: flags || undefined, cas, acquire, release }
      const response = await caller.send('PUT', path(key), requestOptions(options), parameters, value)
      return bodyText(expectOk(response)).includes('true')
    },
    async delete(key, options = {}) {
      const { cas, recurse } = options
      const response = await caller.send('DELETE', path(key), requestOptions(options), { cas, recurse })
      return bodyText(expectOk(response)).includes('true')
    },
  }
}

/** What of a write's options the transport understands. */
function requestOptions({ datacenter, token, namespace, signal }: RequestOptions): RequestOptions {
  return { datacenter, token, namespace, signal }
}

type Reviver = (key: string, value: unknown, context?: { source?: string }) => unknown
const parseJson: (text: string, reviver: Reviver) => unknown = JSON.parse

/** An entry in JSON: the value in base 64, or null; flags are a number of up to 64 bits, which a double cannot hold. */
function decodePairs(text: string): KVPair[] {
  let rows: unknown
  try {
    rows = parseJson(text, (key, value, context) =>
      key === 'Flags' ? BigInt(context?.source ?? String(value)) : key === 'Value' ? bytesFromBase64(value) : value,
    )
  } catch (error) {
    throw new ApiDecodeError(`the answer is not a list of keys and values: ${text.slice(0, 100)}`, { cause: error })
  }
  return Array.isArray(rows) ? rows : []
}

function bytesFromBase64(value: unknown): Uint8Array<ArrayBuffer> {
  return typeof value === 'string' ? Uint8Array.from(atob(value), (char) => char.charCodeAt(0)) : new Uint8Array()
}
