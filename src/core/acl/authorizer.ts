/**
 * Who may do what. Every path to data asks one of these; until ACLs are built and enabled the answer is always yes.
 * Resources and accesses are Consul's (rules of the ACL system, Consul 1.4 and later).
 */
export type Resource =
  | 'acl'
  | 'agent'
  | 'event'
  | 'intention'
  | 'key'
  | 'keyring'
  | 'node'
  | 'operator'
  | 'query'
  | 'service'
  | 'session'

export interface Authorizer {
  /** @param segment the key, node name, service name... that the rule's prefix is held against; "" where there is none */
  allowed(resource: Resource, access: 'read' | 'list' | 'write', segment: string): boolean
  /** True when `allowed` never refuses: lists then need no filtering. */
  readonly all: boolean
}

export const allowAll: Authorizer = { allowed: () => true, all: true }
