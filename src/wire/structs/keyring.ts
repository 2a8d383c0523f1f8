/** Wire structs of the gossip keys' method (protocol/rpc.md section 10). */
import type { KeyringOperation, KeyringRequest, KeyringResponse, KeyringResponses } from '../../model/keyring.ts'
import { bool, type Codec, int, list, map, pointer, struct, text, textOf } from '../schema.ts'
import { type Consistency, QUERY_META, QUERY_OPTIONS, TO_DATACENTER } from './query.ts'

export const keyringRequest = struct<KeyringRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  Operation: textOf<KeyringOperation>(),
  Key: text,
  Forwarded: bool,
  RelayFactor: int,
  LocalOnly: bool,
})

export const keyringResponse = struct<KeyringResponse>({
  WAN: bool,
  Datacenter: text,
  Segment: text,
  Messages: map(text),
  Keys: map(int),
  PrimaryKeys: map(int),
  NumNodes: int,
  Error: text,
})

const response = pointer(keyringResponse)

/** A peer's list has no holes; were there some, they are passed over. */
const responses: Codec<KeyringResponse[] | null> = {
  ...(list(response) as Codec<KeyringResponse[] | null>),
  read: (r) =>
    list(response)
      .read(r)
      ?.filter((each) => each !== null) ?? null,
}

export const keyringResponses = struct<KeyringResponses & Consistency>({ ...QUERY_META, Responses: responses })
