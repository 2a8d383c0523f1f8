/** Wire structs of intentions (protocol/rpc.md section 10). */
import type {
  IndexedIntentionMatches,
  IndexedIntentions,
  Intention,
  IntentionMatchEntry,
  IntentionQueryCheck,
  IntentionQueryMatch,
  IntentionQueryRequest,
  IntentionRequest,
} from '../../model/intention.ts'
import { time } from '../go-time.ts'
import { bool, bytes, int, list, map, pointer, RAFT_INDEX, struct, text, textOf, WRITE_REQUEST } from '../schema.ts'
import { type Consistency, QUERY_META, QUERY_OPTIONS, TO_DATACENTER } from './query.ts'

export const intention = struct<Intention>({
  ...RAFT_INDEX,
  ID: text,
  Description: text,
  SourceNS: text,
  SourceName: text,
  DestinationNS: text,
  DestinationName: text,
  SourceType: text,
  Action: text,
  DefaultAddr: text,
  DefaultPort: int,
  Meta: map(text),
  Precedence: int,
  CreatedAt: time,
  UpdatedAt: time,
  Hash: bytes,
})

export const intentionRequest = struct<IntentionRequest>({
  ...WRITE_REQUEST,
  Op: textOf<IntentionRequest['Op']>(),
  Intention: pointer(intention),
})

export const intentionQuery = struct<IntentionQueryRequest>({
  ...QUERY_OPTIONS,
  ...TO_DATACENTER,
  IntentionID: text,
  Match: pointer(
    struct<IntentionQueryMatch>({
      Type: textOf<IntentionQueryMatch['Type']>(),
      Entries: list(struct<IntentionMatchEntry>({ Namespace: text, Name: text })),
    }),
  ),
  Check: pointer(
    struct<IntentionQueryCheck>({
      SourceNS: text,
      SourceName: text,
      DestinationNS: text,
      DestinationName: text,
      SourceType: text,
    }),
  ),
})

export const indexedIntentions = struct<IndexedIntentions & Consistency>({ ...QUERY_META, Intentions: list(intention) })
export const indexedIntentionMatches = struct<IndexedIntentionMatches & Consistency>({
  ...QUERY_META,
  Matches: list(list(intention)),
})
export const intentionCheckResponse = struct<{ Allowed: boolean }>({ Allowed: bool })
