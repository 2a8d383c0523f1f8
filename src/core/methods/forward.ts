/**
 * Which methods may be called again when it is unknown whether the first call was carried out: a caller that lost its
 * server asks the next. Real agents go by the request's type (Consul's agent/structs, RPCInfo.IsRead); so does this.
 */
import type { Method } from '../../model/rpc.ts'
import { methods } from './index.ts'

/** Done by the server itself, and no different when done twice. */
const SAFE_ACTS: ReadonlySet<Method> = new Set<Method>([
  'Status.Ping',
  'Status.Leader',
  'Status.Peers',
  'Status.RaftStats',
  'Catalog.ListDatacenters',
  'Coordinate.ListDatacenters',
  'Coordinate.Update',
  'Session.Renew',
  'Operator.RaftGetConfiguration',
  'Operator.AutopilotGetConfiguration',
  'Operator.ServerHealth',
])

export function isSafe(method: Method): boolean {
  const { kind } = methods[method]
  return kind === 'read' || kind === 'once' || SAFE_ACTS.has(method)
}
