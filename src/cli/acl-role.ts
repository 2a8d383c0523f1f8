/** `consul acl role`: named sets of policies and identities. */
import { group, notBuilt } from './command.ts'
import { FORMAT, text, texts, yes } from './flag-kinds.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'

const META = yes('meta', "Show each role's hash and Raft indexes too.")
const DESCRIPTION = text('description', 'What the role is for.')
const LINKS = [
  texts('node-identity', 'A node identity of the role, as NODENAME:DATACENTER. May be repeated.'),
  texts('policy-id', 'Id of a policy of the role. May be repeated.'),
  texts('policy-name', 'Name of a policy of the role. May be repeated.'),
  texts(
    'service-identity',
    'A service identity of the role, as SERVICENAME or SERVICENAME:DATACENTER1,DATACENTER2,... May be repeated.',
  ),
] as const
const id = (what: string) =>
  text('id', `Id of the role to ${what}. Its beginning is enough while no other role's begins so.`)

export const commands = {
  'acl role': group(
    'consul acl role <subcommand> [options] [args]',
    `Manages the roles of the access control system.

    $ consul acl role create -name=front -policy-name=web -service-identity=web
    $ consul acl role list
    $ consul acl role read -name=front
    $ consul acl role update -id=2c8e -policy-name=cache
    $ consul acl role delete -name=front

Each subcommand has its own help.`,
  ),
  'acl role create': notBuilt('consul acl role create -name NAME [options]', 'Makes a role.', [
    ...ALL_HTTP_FLAGS,
    ...LINKS,
    FORMAT,
    META,
    DESCRIPTION,
    text('name', 'Name of the role. Required.'),
  ]),
  'acl role list': notBuilt('consul acl role list [options]', 'Lists all roles.', [...ALL_HTTP_FLAGS, FORMAT, META]),
  'acl role read': notBuilt('consul acl role read [options] ROLE', 'Shows one role.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
    id('show'),
    text('name', 'Name of the role to show.'),
  ]),
  'acl role update': notBuilt(
    'consul acl role update [options]',
    'Changes a role. What is not given stays as it is, unless -no-merge is.',
    [
      ...ALL_HTTP_FLAGS,
      ...LINKS,
      FORMAT,
      META,
      DESCRIPTION,
      id('change'),
      text('name', "The role's new name."),
      yes('no-merge', 'What is not given becomes empty. Only the id stays.'),
    ],
  ),
  'acl role delete': notBuilt('consul acl role delete [options] -id ROLE', 'Removes a role.', [
    ...ALL_HTTP_FLAGS,
    id('remove'),
    text('name', 'Name of the role to remove.'),
  ]),
}
