/** Ways for a method to say no. */
import { ConsulError } from '../../model/errors.ts'
import type { Authorizer, Resource } from '../acl/authorizer.ts'

/** The arguments make no sense to the method; the text is for the asker. */
export function refused(message: string): ConsulError {
  return new ConsulError('refused', message)
}

/** @throws ConsulError permission-denied */
export function demand(can: Authorizer, resource: Resource, access: 'read' | 'write', segment: string): void {
  if (!can.all && !can.allowed(resource, access, segment)) throw new ConsulError('permission-denied')
}
