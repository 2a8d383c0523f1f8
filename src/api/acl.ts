/**
 * Access control over HTTP: tokens, policies, roles, auth methods, binding rules, and what remains of the old system.
 * Shapes are those of Consul's HTTP API: times are RFC 3339, durations Go's text, hashes base64.
 */
import type { Index } from '../base/units.ts'
import {
  bodyText,
  type Caller,
  decodeJson,
  escapePath,
  expectOk,
  type ReadOptions,
  type Reply,
  type RequestOptions,
} from './client.ts'

interface Indexed {
  CreateIndex: Index
  ModifyIndex: Index
}

/** To a policy or role: by its id, or by its name in what is sent. */
export interface AclLink {
  ID: string
  Name: string
}

export interface AclServiceIdentity {
  ServiceName: string
  Datacenters?: string[]
}

export interface AclNodeIdentity {
  NodeName: string
  Datacenter: string
}

/** What tokens and roles carry. */
interface Grants {
  Policies?: AclLink[]
  ServiceIdentities?: AclServiceIdentity[]
  NodeIdentities?: AclNodeIdentity[]
}

export interface AclToken extends Indexed, Grants {
  /** By which it is named. */
  AccessorID: string
  /** What its bearer shows. */
  SecretID: string
  Description: string
  Roles?: AclLink[]
  Local: boolean
  AuthMethod?: string
  ExpirationTTL?: string
  ExpirationTime?: string
  CreateTime: string
  Hash: string
  /** Of tokens of the old system. */
  Rules?: string
}

/** In lists the secret is missing. */
export type AclTokenListed = Omit<AclToken, 'SecretID' | 'Rules' | 'ExpirationTTL'> & { Legacy?: boolean }

export interface AclPolicy extends Indexed {
  ID: string
  Name: string
  Description: string
  Rules: string
  Datacenters?: string[]
  Hash: string
}

export type AclPolicyListed = Omit<AclPolicy, 'Rules'>

export interface AclRole extends Indexed, Grants {
  ID: string
  Name: string
  Description: string
  Hash: string
}

export interface AclBindingRule extends Indexed {
  ID: string
  Description: string
  AuthMethod: string
  /** An expression over what the auth method knows of the bearer; "" meets everyone. */
  Selector: string
  BindType: 'service' | 'role'
  BindName: string
}

export interface AclAuthMethod extends Indexed {
  Name: string
  /** `kubernetes`, `jwt`. */
  Type: string
  DisplayName?: string
  Description: string
  MaxTokenTTL?: string
  TokenLocality?: 'local' | 'global'
  /** As its type wants it. */
  Config: Record<string, unknown> | null
}

export type AclAuthMethodListed = Omit<AclAuthMethod, 'Config' | 'MaxTokenTTL' | 'TokenLocality'>

export interface AclReplicationStatus {
  Enabled: boolean
  Running: boolean
  SourceDatacenter: string
  ReplicationType: '' | 'legacy' | 'policies' | 'tokens'
  ReplicatedIndex: Index
  ReplicatedRoleIndex: Index
  ReplicatedTokenIndex: Index
  LastSuccess: string
  LastError: string
}

/** A token of the old system. */
export interface LegacyAcl extends Indexed {
  ID: string
  Name: string
  Type: 'client' | 'management'
  Rules: string
}

export interface AclAccess {
  Resource: string
  Segment?: string
  Access: string
}

/** All optional: what is not said is made, or empty. Links may name either id or name. */
export type AclTokenWish = Partial<Omit<AclToken, 'Policies' | 'Roles'>> & {
  Policies?: Partial<AclLink>[]
  Roles?: Partial<AclLink>[]
}
export type AclPolicyWish = Partial<AclPolicy> & { Name: string }
export type AclRoleWish = Partial<Omit<AclRole, 'Policies'>> & { Name: string; Policies?: Partial<AclLink>[] }
export type AclBindingRuleWish = Partial<AclBindingRule> & Pick<AclBindingRule, 'AuthMethod'>
export type AclAuthMethodWish = Partial<AclAuthMethod> & Pick<AclAuthMethod, 'Name' | 'Type'>

/** Things of a kind, by their ids. */
export interface AclThings<Thing, Wish, Listed> {
  create(wish: Wish, options?: RequestOptions): Promise<Thing>
  /** @throws ApiError, 403 or 404 when there is none */
  read(id: string, options?: ReadOptions): Promise<Thing>
  update(id: string, wish: Wish, options?: RequestOptions): Promise<Thing>
  delete(id: string, options?: RequestOptions): Promise<void>
  list(options?: ReadOptions & { policy?: string; role?: string; authMethod?: string }): Promise<Reply<Listed[]>>
}

export interface NamedThings<Thing, Wish, Listed> extends AclThings<Thing, Wish, Listed> {
  readByName(name: string, options?: ReadOptions): Promise<Thing>
}

export interface Tokens extends AclThings<AclToken, AclTokenWish, AclTokenListed> {
  /** The one that the request itself shows. */
  self(options?: ReadOptions): Promise<AclToken>
  clone(accessor: string, wish?: Pick<AclTokenWish, 'Description'>, options?: RequestOptions): Promise<AclToken>
}

export interface LegacyAcls {
  /** @returns its id, which is also its secret */
  create(wish: Partial<LegacyAcl>, options?: RequestOptions): Promise<string>
  update(wish: Partial<LegacyAcl> & { ID: string }, options?: RequestOptions): Promise<string>
  destroy(id: string, options?: RequestOptions): Promise<void>
  /** null when there is none. */
  info(id: string, options?: ReadOptions): Promise<Reply<LegacyAcl | null>>
  clone(id: string, options?: RequestOptions): Promise<string>
  list(options?: ReadOptions): Promise<Reply<LegacyAcl[]>>
}

export interface Acl {
  /** The first management token of a cluster, once. */
  bootstrap(options?: RequestOptions): Promise<AclToken>
  replication(options?: RequestOptions): Promise<AclReplicationStatus>
  /** Trades what an auth method trusts for a token. */
  login(
    wish: { AuthMethod: string; BearerToken: string; Meta?: Record<string, string> },
    options?: RequestOptions,
  ): Promise<AclToken>
  /** Ends the token that the request shows, if a login gave it. */
  logout(options?: RequestOptions): Promise<void>
  tokens: Tokens
  policies: NamedThings<AclPolicy, AclPolicyWish, AclPolicyListed>
  roles: NamedThings<AclRole, AclRoleWish, AclRole>
  bindingRules: AclThings<AclBindingRule, AclBindingRuleWish, AclBindingRule>
  authMethods: AclThings<AclAuthMethod, AclAuthMethodWish, AclAuthMethodListed>
  /** Rules of the old system in the words of the new one. */
  translateRules(rules: string, options?: RequestOptions): Promise<string>
  /** The same of a token of the old system. */
  translateTokenRules(accessor: string, options?: RequestOptions): Promise<string>
  /** What the token of the request may do, in the order asked. */
  authorize(asked: readonly AclAccess[], options?: ReadOptions): Promise<(AclAccess & { Allow: boolean })[]>
  legacy: LegacyAcls
}

export function makeAcl(caller: Caller): Acl {
  const send = async (
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    options?: ReadOptions,
    body?: unknown,
  ): Promise<ReturnType<typeof expectOk>> => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    return expectOk(await caller.send(method, `/v1/acl/${path}`, options, {}, text))
  }
  const put = async <T>(path: string, options?: RequestOptions, body?: unknown): Promise<T> =>
    decodeJson<T>(await send('PUT', path, options, body))
  const get = async <T>(path: string, options?: ReadOptions): Promise<T> =>
    decodeJson<T>(await send('GET', path, options))
  const idOf = async (answer: Promise<{ ID: string }>): Promise<string> => (await answer).ID

  /** @param one in paths of one thing, `many` of the list */
  function things<Thing, Wish, Listed>(one: string, many: string): AclThings<Thing, Wish, Listed> {
    const path = (id: string) => `${one}/${escapePath(id)}`
    return {
      create: (wish, options) => put<Thing>(one, options, wish),
      read: (id, options) => get<Thing>(path(id), options),
      update: (id, wish, options) => put<Thing>(path(id), options, wish),
      async delete(id, options) {
        await send('DELETE', path(id), options)
      },
      list({ policy, role, authMethod, ...options } = {}) {
        const only = { policy: policy || undefined, role: role || undefined, authmethod: authMethod || undefined }
        return caller.read<Listed[]>(`/v1/acl/${many}`, options, only)
      },
    }
  }
  const byName =
    <Thing>(one: string) =>
    (name: string, options?: ReadOptions): Promise<Thing> =>
      get<Thing>(`${one}/name/${escapePath(name)}`, options)

  return {
    bootstrap: (options) => put('bootstrap', options),
    replication: (options) => get('replication', options),
    login: async (wish, options) => decodeJson<AclToken>(await send('POST', 'login', options, wish)),
    async logout(options) {
      await send('POST', 'logout', options)
    },
    tokens: {
      ...things<AclToken, AclTokenWish, AclTokenListed>('token', 'tokens'),
      self: (options) => get('token/self', options),
      clone: (accessor, wish = {}, options = {}) => put(`token/${escapePath(accessor)}/clone`, options, wish),
    },
    policies: {
      ...things<AclPolicy, AclPolicyWish, AclPolicyListed>('policy', 'policies'),
      readByName: byName<AclPolicy>('policy'),
    },
    roles: { ...things<AclRole, AclRoleWish, AclRole>('role', 'roles'), readByName: byName<AclRole>('role') },
    bindingRules: things<AclBindingRule, AclBindingRuleWish, AclBindingRule>('binding-rule', 'binding-rules'),
    authMethods: things<AclAuthMethod, AclAuthMethodWish, AclAuthMethodListed>('auth-method', 'auth-methods'),
    translateRules: async (rules, options) => bodyText(await send('POST', 'rules/translate', options, rules)),
    translateTokenRules: async (accessor, options) =>
      bodyText(await send('GET', `rules/translate/${escapePath(accessor)}`, options)),
    async authorize(asked, options) {
      const body = JSON.stringify(asked)
      return decodeJson(expectOk(await caller.send('POST', '/v1/internal/acl/authorize', options, {}, body)))
    },
    legacy: {
      create: (wish, options) => idOf(put('create', options, wish)),
      update: (wish, options) => idOf(put('update', options, wish)),
      async destroy(id, options) {
        await send('PUT', `destroy/${escapePath(id)}`, options)
      },
      async info(id, options) {
        const { value, meta } = await caller.read<LegacyAcl[] | null>(`/v1/acl/info/${escapePath(id)}`, options)
        return { value: value?.[0] ?? null, meta }
      },
      clone: (id, options) => idOf(put(`clone/${escapePath(id)}`, options)),
      list: (options) => caller.read('/v1/acl/list', options),
    },
  }
}
