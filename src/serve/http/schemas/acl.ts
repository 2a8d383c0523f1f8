/** Access control: tokens, policies, roles, auth methods, binding rules, and what remains of the old system. */
import type { AclToken } from '../../../model/acl.ts'
import { aclAuthMethod, aclBindingRule, aclPolicy, aclRole, aclToken, legacyAcl } from '../../../wire/structs/acl.ts'
import {
  body,
  flag,
  given,
  givenDuration,
  goDuration,
  list,
  listOrNull,
  mapOrNull,
  object,
  ref,
  row,
  type Schema,
  text,
  time,
  whole,
} from './schema.ts'

const links = list(ref('AclLink'))
const identities = {
  ServiceIdentities: list(object({ ServiceName: text, Datacenters: list(text) }, ['Datacenters'])),
  NodeIdentities: list(object({ NodeName: text, Datacenter: text })),
}
const granted = { Policies: links, Roles: links, ...identities }
const OPTIONAL: (keyof AclToken)[] = [
  'Policies',
  'Roles',
  'ServiceIdentities',
  'NodeIdentities',
  'AuthMethod',
  'ExpirationTime',
]
/** Of a link, either is enough in what is sent. */
const givenGrants: Record<string, Schema> = {
  Policies: listOrNull(body({ ID: text, Name: text })),
  Roles: listOrNull(body({ ID: text, Name: text })),
  ServiceIdentities: listOrNull(body({ ServiceName: text, Datacenters: listOrNull(text) })),
  NodeIdentities: listOrNull(body({ NodeName: text, Datacenter: text })),
}
const { Roles: _, ...givenRoleGrants } = givenGrants
const RESOURCE = { Resource: text, Segment: text, Access: text }

export const ACL_SCHEMAS = {
  AclLink: object({ ID: text, Name: text }),
  AclToken: row(aclToken, {
    optional: [...OPTIONAL, 'Rules', 'ExpirationTTL'],
    hidden: ['Type'],
    as: { ...granted, ExpirationTTL: goDuration },
  }),
  AclTokenListed: object(
    {
      ...{ AccessorID: text, Description: text, ...granted, Local: flag, AuthMethod: text, ExpirationTime: time },
      ...{ CreateTime: time, Hash: text, CreateIndex: whole, ModifyIndex: whole, Legacy: flag },
    },
    [...OPTIONAL, 'Legacy'],
  ),
  GivenAclToken: given(aclToken, {
    hidden: ['Type', 'Hash', 'CreateTime', 'CreateIndex', 'ModifyIndex'],
    as: { ...givenGrants, ExpirationTTL: givenDuration },
  }),
  AclTokenCopy: body({ Description: text }),
  AclPolicy: row(aclPolicy, { optional: ['Datacenters'], hidden: ['Syntax'] }),
  AclPolicyListed: row(aclPolicy, { hidden: ['Syntax', 'Rules'] }),
  GivenAclPolicy: given(aclPolicy, { hidden: ['Syntax', 'Hash', 'CreateIndex', 'ModifyIndex'], required: ['Name'] }),
  AclRole: row(aclRole, {
    optional: ['Policies', 'ServiceIdentities', 'NodeIdentities'],
    as: { Policies: links, ...identities },
  }),
  GivenAclRole: given(aclRole, {
    hidden: ['Hash', 'CreateIndex', 'ModifyIndex'],
    as: givenRoleGrants,
    required: ['Name'],
  }),
  AclBindingRule: row(aclBindingRule),
  GivenAclBindingRule: given(aclBindingRule, { hidden: ['CreateIndex', 'ModifyIndex'] }),
  AclAuthMethod: row(aclAuthMethod, {
    optional: ['DisplayName', 'Description', 'MaxTokenTTL', 'TokenLocality'],
    as: { MaxTokenTTL: goDuration },
  }),
  AclAuthMethodListed: row(aclAuthMethod, {
    optional: ['DisplayName', 'Description'],
    hidden: ['MaxTokenTTL', 'TokenLocality', 'Config'],
  }),
  GivenAclAuthMethod: given(aclAuthMethod, {
    hidden: ['CreateIndex', 'ModifyIndex'],
    as: { MaxTokenTTL: givenDuration },
    required: ['Name', 'Type'],
  }),
  AclLogin: body({ AuthMethod: text, BearerToken: text, Meta: mapOrNull(text) }, ['AuthMethod', 'BearerToken']),
  AclReplication: object({
    ...{ Enabled: flag, Running: flag, SourceDatacenter: text, ReplicationType: text, ReplicatedIndex: whole },
    ...{ ReplicatedRoleIndex: whole, ReplicatedTokenIndex: whole, LastSuccess: time, LastError: time },
  }),
  AclQuestions: list(body(RESOURCE, ['Resource', 'Access'])),
  AclPermission: object({ ...RESOURCE, Allow: flag }, ['Segment']),
  LegacyAcl: row(legacyAcl),
  GivenLegacyAcl: given(legacyAcl, { hidden: ['CreateIndex', 'ModifyIndex'] }),
}
