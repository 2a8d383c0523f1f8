/**
 * Prepared queries: the rules of their command, and how a name finds its query. The name of a query is a whole name, or
 * for a template a beginning; the longest wins. What a template makes of a name is in query-template.ts.
 * Source: Consul's agent/consul/state/prepared_query.go.
 */

import { quoteGo } from '../../base/go-flags.ts'
import type { Index } from '../../base/units.ts'
import type { Result } from '../../model/command.ts'
import { ConsulError } from '../../model/errors.ts'
import type { IndexedPreparedQueries, PreparedQuery, PreparedQueryRequest } from '../../model/prepared-query.ts'
import type { Found, QuerySource } from '../../model/query.ts'
import { setCounter } from './counters.ts'
import { sessionIdError } from './kv.ts'
import { compileTemplate, isTemplate, renderTemplate } from './query-template.ts'
import type { ReadTxn, WriteTxn } from './rows.ts'
import { fold, queryKey, queryNamePrefix, sessionKey, sessionPrefix } from './tables.ts'

const COUNTER = 'prepared-queries'
const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i

export function applyPreparedQuery(txn: WriteTxn, index: Index, { Op, Query }: PreparedQueryRequest): Result {
  switch (Op) {
    case 'create':
    case 'update': {
      const fault = Query === null ? 'Missing Query ID' : setQuery(txn, index, Query)
      return fault === undefined ? { kind: 'done' } : { kind: 'failed', message: fault }
    }
    case 'delete': {
      const malformed = sessionIdError(Query?.ID ?? '')
      if (malformed !== undefined) {
        return { kind: 'failed', message: `failed prepared query delete: failed prepared query lookup: ${malformed}` }
      }
      deleteQuery(txn, index, Query!.ID)
      return { kind: 'done' }
    }
    default:
      return { kind: 'failed', message: `Invalid PreparedQuery operation '${String(Op)}'` }
  }
}

/** @returns why it cannot be */
function setQuery(txn: WriteTxn, index: Index, query: PreparedQuery): string | undefined {
  if (query.ID === '') return 'Missing Query ID'
  const malformed = sessionIdError(query.ID)
  if (malformed !== undefined) return `failed prepared query lookup: ${malformed}`
  const existing = txn.get('prepared-queries', queryKey(query.ID))
  const isOther = (other: PreparedQuery | undefined) => other !== undefined && other.ID !== existing?.ID
  if (query.Name !== '') {
    if (isOther(queryNamed(txn, query.Name))) return `name '${query.Name}' aliases an existing query name`
  } else if (isTemplate(query) && isOther(templateNamed(txn, ''))) {
    return 'a query template with an empty name already exists'
  }
  if (UUID.test(query.Name) && txn.get('prepared-queries', queryKey(query.Name)) !== undefined) {
    return `name '${query.Name}' aliases an existing query ID`
  }
  if (query.Session !== '') {
    const fault = sessionIdError(query.Session)
    if (fault !== undefined) return `invalid session: ${fault}`
    if (txn.get('sessions', sessionKey(query.Session)) === undefined) {
      return `invalid session ${quoteGo(query.Session)}`
    }
  }
  if (isTemplate(query)) {
    const compiled = compileTemplate(query)
    if (typeof compiled === 'string') return `failed compiling template: ${compiled}`
  }
  txn.put('prepared-queries', { ...query, CreateIndex: existing?.CreateIndex ?? index, ModifyIndex: index })
  setCounter(txn, COUNTER, index)
  return undefined
}

function deleteQuery(txn: WriteTxn, index: Index, id: string): void {
  if (txn.get('prepared-queries', queryKey(id)) === undefined) return
  txn.delete('prepared-queries', queryKey(id))
  setCounter(txn, COUNTER, index)
}

/** Queries end with the session that they are bound to. */
export function deleteQueriesOf(txn: WriteTxn, index: Index, session: string): void {
  for (const query of [...txn.by('queries-by-session', sessionPrefix(session))]) deleteQuery(txn, index, query.ID)
}

function queryNamed(txn: ReadTxn, name: string): PreparedQuery | undefined {
  for (const query of txn.by('queries-by-name', queryNamePrefix(name))) return query
  return undefined
}

function templateNamed(txn: ReadTxn, name: string): PreparedQuery | undefined {
  for (const query of txn.by('queries-by-template', queryNamePrefix(name))) return query
  return undefined
}

/** The template with the longest name that this one begins with. */
function templateFor(txn: ReadTxn, name: string): PreparedQuery | undefined {
  const folded = fold(name)
  let best: PreparedQuery | undefined
  let length = -1
  // In the order of their names, so that of two that fit the longer comes later.
  for (const query of txn.by('queries-by-template', '')) {
    const prefix = fold(query.Name)
    if (prefix > folded) break
    if (prefix.length <= length || !folded.startsWith(prefix)) continue
    best = query
    length = prefix.length
  }
  return best
}

/** @throws ConsulError when the id is no UUID, as Consul answers it */
export function queryGet(txn: ReadTxn, id: string): Found<IndexedPreparedQueries> {
  const index = txn.counter(COUNTER)
  const malformed = sessionIdError(id)
  if (malformed !== undefined) throw new ConsulError('refused', `failed prepared query lookup: ${malformed}`)
  const query = txn.get('prepared-queries', queryKey(id))
  return { Index: index, Queries: query === undefined ? null : [query] }
}

export function queryList(txn: ReadTxn): Found<IndexedPreparedQueries> {
  const queries = [...txn.prefix('prepared-queries', '')]
  return { Index: txn.counter(COUNTER), Queries: queries.length === 0 ? null : queries }
}

/**
 * The query that answers for an id or a name, rendered when it is a template.
 * @param source the agent that was asked
 * @throws ConsulError
 */
export function resolveQuery(txn: ReadTxn, idOrName: string, source: QuerySource): PreparedQuery | undefined {
  if (idOrName === '') throw new ConsulError('refused', 'Missing Query ID')
  if (UUID.test(idOrName)) {
    const query = txn.get('prepared-queries', queryKey(idOrName))
    if (query !== undefined) {
      if (!isTemplate(query)) return query
      throw new ConsulError('refused', 'prepared query templates can only be resolved up by name, not by ID')
    }
  }
  const found = queryNamed(txn, idOrName) ?? templateFor(txn, idOrName)
  if (found === undefined || !isTemplate(found)) return found
  const rendered = renderTemplate(found, idOrName, source)
  if (typeof rendered === 'string') throw new ConsulError('refused', rendered)
  return rendered
}
