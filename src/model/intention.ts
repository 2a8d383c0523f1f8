/** Intentions: which service may connect to which. Rows, commands, methods. */
import type { DCSpecificRequest } from './catalog.ts'
import type { QueryMeta, QueryOptions, RaftIndex, ToDatacenter, WriteRequest } from './query.ts'
import { type GoTime, ZERO_TIME } from './time.ts'

export interface Intention extends RaftIndex {
  /** A UUID. */
  ID: string
  Description: string
  /** Always "default" or "*" in this edition, but kept as sent. */
  SourceNS: string
  SourceName: string
  DestinationNS: string
  DestinationName: string
  SourceType: string
  Action: string
  DefaultAddr: string
  DefaultPort: number
  Meta: Record<string, string> | null
  /** 1 to 9, from how exact both ends are; the higher one decides. */
  Precedence: number
  CreatedAt: GoTime
  UpdatedAt: GoTime
  Hash: Uint8Array | null
}

/** Of which nothing was said. Shared, so never changed. */
export const NO_INTENTION: Intention = Object.freeze({
  ID: '',
  Description: '',
  SourceNS: '',
  SourceName: '',
  DestinationNS: '',
  DestinationName: '',
  SourceType: '',
  Action: '',
  DefaultAddr: '',
  DefaultPort: 0,
  Meta: null,
  Precedence: 0,
  CreatedAt: ZERO_TIME,
  UpdatedAt: ZERO_TIME,
  Hash: null,
  CreateIndex: 0,
  ModifyIndex: 0,
})

export type IntentionOp = 'create' | 'update' | 'delete'

export interface IntentionRequest extends WriteRequest, ToDatacenter {
  Op: IntentionOp
  Intention: Intention | null
}

export interface IntentionMatchEntry {
  Namespace: string
  Name: string
}

export interface IntentionQueryMatch {
  Type: 'source' | 'destination'
  Entries: IntentionMatchEntry[] | null
}

export interface IntentionQueryCheck {
  SourceNS: string
  SourceName: string
  DestinationNS: string
  DestinationName: string
  SourceType: string
}

export interface IntentionQueryRequest extends QueryOptions, ToDatacenter {
  IntentionID?: string
  Match?: IntentionQueryMatch | null
  Check?: IntentionQueryCheck | null
}

export interface IndexedIntentions extends QueryMeta {
  Intentions: Intention[] | null
}

export interface IndexedIntentionMatches extends QueryMeta {
  /** One list for each entry asked. */
  Matches: (Intention[] | null)[] | null
}

export interface IntentionMethods {
  /** Answers the intention's id. */
  'Intention.Apply': { args: IntentionRequest; reply: string }
  'Intention.Get': { args: IntentionQueryRequest; reply: IndexedIntentions }
  'Intention.List': { args: DCSpecificRequest; reply: IndexedIntentions }
  'Intention.Match': { args: IntentionQueryRequest; reply: IndexedIntentionMatches }
  'Intention.Check': { args: IntentionQueryRequest; reply: { Allowed: boolean } }
}
