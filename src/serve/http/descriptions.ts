/**
 * What each route is for, in a line, with its parameters, its body and its answers: the source of the OpenAPI description
 * (openapi.ts), and of which routes can be followed as event streams (sse.ts). A test holds it against the route table.
 */
import { ACL_DESCRIPTIONS } from './descriptions/acl.ts'
import { AGENT_DESCRIPTIONS } from './descriptions/agent.ts'
import { CATALOG_DESCRIPTIONS } from './descriptions/catalog.ts'
import { MESH_DESCRIPTIONS } from './descriptions/mesh.ts'
import {
  BLOCK,
  CACHED_CATALOG,
  CATALOG,
  type Descriptions,
  type Form,
  get,
  META,
  type Operation,
  READ,
} from './descriptions/operation.ts'
import { OPERATOR_DESCRIPTIONS } from './descriptions/operator.ts'
import { STATE_DESCRIPTIONS } from './descriptions/state.ts'

export type { Form, Operation }

export const DESCRIPTIONS: Descriptions = {
  ...ACL_DESCRIPTIONS,
  ...AGENT_DESCRIPTIONS,
  ...CATALOG_DESCRIPTIONS,
  ...MESH_DESCRIPTIONS,
  ...STATE_DESCRIPTIONS,
  ...OPERATOR_DESCRIPTIONS,
}

export interface DescribedOperation {
  /** "" or what follows what stands behind the pattern. */
  below: string
  method: string
  operation: Operation
}

/** All that is described of a route of the table. */
export function operationsOf(pattern: string): DescribedOperation[] {
  const all = Object.entries({ '': DESCRIPTIONS[pattern] ?? {}, ...BELOW[pattern] })
  return all.flatMap(([below, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({ below, method, operation })),
  )
}

/** What is told apart only behind a pattern's end, by what follows there. */
export const BELOW: Readonly<Record<string, Descriptions>> = {
  '/v1/query/': {
    '/execute': get({
      summary: 'What a prepared query finds; here its name will do too',
      rest: 'id',
      parameters: [...READ, 'near', 'limit', 'connect', 'cached'],
      answer: 'PreparedQueryResult',
      headers: CACHED_CATALOG,
    }),
    '/explain': get({
      summary: 'What a prepared query comes to for a name',
      rest: 'id',
      parameters: [...READ, 'near', 'limit'],
      answer: 'PreparedQueryExplained',
      headers: CATALOG,
    }),
  },
  '/v1/config/': {
    '/{name}': {
      GET: {
        summary: 'A configuration entry',
        rest: 'kind',
        parameters: BLOCK,
        answer: 'ConfigEntry',
        headers: META,
        statuses: { 404: { means: 'There is no such entry', answer: 'text', headers: META } },
        blocks: true,
      },
      DELETE: {
        summary: 'Delete a configuration entry, if there is one',
        rest: 'kind',
        parameters: ['dc'],
        answer: 'Nothing',
      },
    },
  },
}
