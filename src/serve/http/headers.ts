/** Headers of answers that the OpenAPI description names. */
import { type Schema, text, whole } from './schemas/schema.ts'

interface Header {
  name: string
  description: string
  schema: Schema
  /** It stands in every such answer. */
  required: boolean
}

export const HEADERS = {
  Index: {
    name: 'X-Consul-Index',
    description: 'Index of the answer, to pass on as ?index',
    schema: whole,
    required: true,
  },
  KnownLeader: {
    name: 'X-Consul-KnownLeader',
    description: 'Whether who answered knows a leader',
    schema: { enum: ['true', 'false'] },
    required: true,
  },
  LastContact: {
    name: 'X-Consul-LastContact',
    description: 'Milliseconds since who answered heard of the leader',
    schema: whole,
    required: true,
  },
  Consistency: {
    name: 'X-Consul-Effective-Consistency',
    description: 'How the answer was read',
    schema: { enum: ['leader', 'stale', 'consistent'] },
    required: true,
  },
  /** Of transactions, only those that read tell of the leader. */
  ReadKnownLeader: {
    name: 'X-Consul-KnownLeader',
    description: 'When it only read: whether who answered knows a leader',
    schema: { enum: ['true', 'false'] },
    required: false,
  },
  ReadLastContact: {
    name: 'X-Consul-LastContact',
    description: 'When it only read: milliseconds since who answered heard of the leader',
    schema: whole,
    required: false,
  },
  ContentHash: {
    name: 'X-Consul-ContentHash',
    description: 'Hash of the content, to pass on as ?hash',
    schema: text,
    required: true,
  },
  Reason: { name: 'X-Consul-Reason', description: 'The status in words', schema: text, required: true },
  Cache: {
    name: 'X-Cache',
    description: 'With ?cached: whether the cache answered',
    schema: { enum: ['HIT', 'MISS'] },
    required: false,
  },
  Age: { name: 'Age', description: 'Of what the cache answered: its age in seconds', schema: whole, required: false },
} satisfies Record<string, Header>

export type HeaderName = keyof typeof HEADERS
