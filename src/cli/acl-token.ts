/** `consul acl token`: the tokens that callers show. */
import { group, notBuilt } from './command.ts'
import { duration, FORMAT, text, texts, yes } from './flag-kinds.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'

const META = yes('meta', "Show each token's hash and Raft indexes too.")
const LINKS = [
  texts('node-identity', 'A node identity that the token carries, as NODENAME:DATACENTER. May be repeated.'),
  texts('policy-id', 'Id of a policy that the token carries. May be repeated.'),
  texts('policy-name', 'Name of a policy that the token carries. May be repeated.'),
  texts('role-id', 'Id of a role that the token carries. May be repeated.'),
  texts('role-name', 'Name of a role that the token carries. May be repeated.'),
  texts(
    'service-identity',
    'A service identity that the token carries, as SERVICENAME or SERVICENAME:DATACENTER1,DATACENTER2,... May be repeated.',
  ),
] as const
const accessor = (what: string) =>
  text('id', `Accessor id of the token to ${what}. Its beginning is enough while no other token's begins so.`)

export const commands = {
  'acl token': group(
    'consul acl token <subcommand> [options] [args]',
    `Manages the tokens of the access control system.

    $ consul acl token create -description="web front" -policy-name=web
    $ consul acl token list
    $ consul acl token read -id 986193
    $ consul acl token update -id 986193 -description="web front, east"
    $ consul acl token delete -id 986193

Each subcommand has its own help.`,
  ),
  'acl token create': notBuilt(
    'consul acl token create [options]',
    'Makes a token that carries the given policies, roles and identities, and prints it.',
    [
      ...ALL_HTTP_FLAGS,
      ...LINKS,
      FORMAT,
      META,
      text('accessor', 'Accessor id of the new token, a UUID. Without one it is made.'),
      text('description', 'What the token is for.'),
      duration('expires-ttl', 'How long the token is valid.'),
      yes('local', 'The token is valid in this datacenter alone.'),
      text('secret', 'Secret id of the new token, a UUID. Without one it is made.'),
    ],
  ),
  'acl token clone': notBuilt(
    'consul acl token clone [options]',
    'Makes a new token that carries what another one carries.',
    [
      ...ALL_HTTP_FLAGS,
      FORMAT,
      text('description', 'What the new token is for.'),
      text(
        'id',
        "Accessor id of the token to copy, or anonymous. Its beginning is enough while no other token's begins so.",
      ),
    ],
  ),
  'acl token list': notBuilt('consul acl token list [options]', 'Lists all tokens.', [...ALL_HTTP_FLAGS, FORMAT, META]),
  'acl token read': notBuilt('consul acl token read [options] -id TOKENID', 'Shows one token.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
    accessor('show'),
    yes('self', 'Show the token that this command asks with.'),
  ]),
  'acl token update': notBuilt(
    'consul acl token update [options]',
    'Changes a token. What it carries is replaced by what is given here, unless a -merge flag says to add to it.',
    [
      ...ALL_HTTP_FLAGS,
      ...LINKS,
      FORMAT,
      META,
      accessor('change'),
      text('description', 'What the token is for.'),
      yes('merge-node-identities', 'Add the node identities to those that it has.'),
      yes('merge-policies', 'Add the policies to those that it has.'),
      yes('merge-roles', 'Add the roles to those that it has.'),
      yes('merge-service-identities', 'Add the service identities to those that it has.'),
      yes(
        'upgrade-legacy',
        'Make a token from before Consul 1.4 a token of today, with the given policies in place of its rules and its secret kept. Make sure that the policies allow what its users need.',
      ),
    ],
  ),
  'acl token delete': notBuilt('consul acl token delete [options] -id TOKEN', 'Removes a token.', [
    ...ALL_HTTP_FLAGS,
    accessor('remove'),
  ]),
}
