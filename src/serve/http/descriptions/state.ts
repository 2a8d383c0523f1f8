/** Keys, transactions, sessions and prepared queries. */
import { BLOCK, CATALOG, type Descriptions, get, META, put, READ } from './operation.ts'

export const STATE_DESCRIPTIONS: Descriptions = {
  '/v1/kv/': {
    GET: {
      summary: 'Read a key, or all below it',
      rest: 'key',
      parameters: [...BLOCK, 'recurse', 'keys', 'separator', 'raw'],
      answer: ['KVPair[]', 'Text[]', 'text'],
      headers: META,
      statuses: { 404: { means: 'There is nothing', headers: META } },
      blocks: true,
    },
    PUT: {
      summary: 'Write a key',
      rest: 'key',
      parameters: ['dc', 'flags', 'cas', 'acquire', 'release'],
      body: 'binary',
      answer: 'Boolean',
    },
    DELETE: {
      summary: 'Delete a key, or all below it',
      rest: 'key',
      parameters: ['dc', 'recurse', 'cas'],
      answer: 'Boolean',
    },
  },
  '/v1/txn': put({
    summary: 'Do several things at once, or none of them',
    parameters: ['dc'],
    body: 'TxnOps',
    answer: 'TxnResponse',
    headers: ['ReadKnownLeader', 'ReadLastContact'],
    statuses: {
      409: {
        means: 'It failed, and nothing was done',
        answer: 'TxnResponse',
        headers: ['ReadKnownLeader', 'ReadLastContact'],
      },
    },
  }),
  '/v1/query': {
    GET: {
      summary: 'List prepared queries',
      parameters: BLOCK,
      answer: 'PreparedQuery[]',
      headers: CATALOG,
      blocks: true,
    },
    POST: { summary: 'Make a prepared query', parameters: ['dc'], body: 'PreparedQueryRequest', answer: 'Id' },
  },
  '/v1/query/': {
    GET: {
      summary: 'Read a prepared query',
      rest: 'id',
      parameters: READ,
      answer: 'PreparedQuery[]',
      headers: CATALOG,
    },
    PUT: { summary: 'Change a prepared query', rest: 'id', parameters: ['dc'], body: 'PreparedQueryRequest' },
    DELETE: { summary: 'Delete a prepared query', rest: 'id', parameters: ['dc'] },
  },
  '/v1/session/create': put({ summary: 'Begin a session', parameters: ['dc'], body: 'SessionRequest', answer: 'Id' }),
  '/v1/session/destroy/': put({ summary: 'End a session', rest: 'id', parameters: ['dc'], answer: 'Boolean' }),
  '/v1/session/renew/': put({
    summary: 'Renew a session with a TTL',
    rest: 'id',
    parameters: ['dc'],
    answer: 'Session[]',
  }),
  '/v1/session/info/': get({
    summary: 'A session, or none',
    rest: 'id',
    parameters: BLOCK,
    answer: 'Session[]',
    headers: META,
    blocks: true,
  }),
  '/v1/session/node/': get({
    summary: 'Sessions of a node',
    rest: 'node',
    parameters: BLOCK,
    answer: 'Session[]',
    headers: META,
    blocks: true,
  }),
  '/v1/session/list': get({
    summary: 'All sessions',
    parameters: BLOCK,
    answer: 'Session[]',
    headers: META,
    blocks: true,
  }),
}
