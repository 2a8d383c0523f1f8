/** `consul acl policy`: named sets of rules. */
import { group, notBuilt } from './command.ts'
import { FORMAT, text, texts, yes } from './flag-kinds.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'

const META = yes('meta', "Show each policy's hash and Raft indexes too.")
const RULES = text('rules', 'The rules; @ and the name of a file, or - for standard input, to read them from there.')
const DATACENTERS = texts('valid-datacenter', 'A datacenter where the policy counts. May be repeated.')
const DESCRIPTION = text('description', 'What the policy is for.')
const id = (what: string) =>
  text('id', `Id of the policy to ${what}. Its beginning is enough while no other policy's begins so.`)

export const commands = {
  'acl policy': group(
    'consul acl policy <subcommand> [options] [args]',
    `Manages the policies of the access control system.

    $ consul acl policy create -name=web -rules=@web.hcl
    $ consul acl policy list
    $ consul acl policy read -name=web
    $ consul acl policy update -name=web -rules=@web.hcl
    $ consul acl policy delete -name=web

Each subcommand has its own help.`,
  ),
  'acl policy create': notBuilt('consul acl policy create -name NAME [options]', 'Makes a policy from rules.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
    RULES,
    DATACENTERS,
    DESCRIPTION,
    text('from-token', "A token from before Consul 1.4, in place of -rules: the policy gets the token's rules."),
    text('name', 'Name of the policy. Required.'),
    yes('token-secret', 'What -from-token names is a secret id, not an accessor id.'),
  ]),
  'acl policy list': notBuilt('consul acl policy list [options]', 'Lists all policies.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
  ]),
  'acl policy read': notBuilt('consul acl policy read [options] POLICY', 'Shows one policy.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
    id('show'),
    text('name', 'Name of the policy to show.'),
  ]),
  'acl policy update': notBuilt(
    'consul acl policy update [options]',
    'Changes a policy. What is not given stays as it is, unless -no-merge is.',
    [
      ...ALL_HTTP_FLAGS,
      FORMAT,
      META,
      RULES,
      DATACENTERS,
      DESCRIPTION,
      id('change'),
      text('name', "The policy's name: a new one together with -id, else the one to change."),
      yes('no-merge', 'What is not given becomes empty. Only the id stays.'),
    ],
  ),
  'acl policy delete': notBuilt('consul acl policy delete [options] -id POLICY', 'Removes a policy.', [
    ...ALL_HTTP_FLAGS,
    id('remove'),
    text('name', 'Name of the policy to remove.'),
  ]),
}
