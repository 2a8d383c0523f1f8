/** Ways for a method to say no, and what every read refuses. */
import { ConsulError } from '../../model/errors.ts'
import type { QueryOptions } from '../../model/query.ts'
import type { Authorizer, Resource } from '../acl/authorizer.ts'

/** The arguments make no sense to the method; the text is for the asker. */
export function refused(message: string): ConsulError {
  return new ConsulError('refused', message)
}

/** @throws ConsulError permission-denied */
export function demand(can: Authorizer, resource: Resource, access: 'read' | 'write', segment: string): void {
  if (!can.all && !can.allowed(resource, access, segment)) throw new ConsulError('permission-denied')
}

/**
 * A filter that were passed over would answer too much, so it is refused until filters are built.
 * @throws ConsulError not-built
 */
export function checkOptions(options: QueryOptions): void {
  if (options.Filter) throw new ConsulError('not-built', 'filter expressions are not supported yet')
}

/** @throws ConsulError not-built */
export function refuseConnect(asked: boolean | undefined): void {
  if (asked) throw new ConsulError('not-built', 'Connect queries are not supported yet')
}
