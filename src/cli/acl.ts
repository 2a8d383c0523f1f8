/** `consul acl`: the access control system as a whole. Tokens, policies, roles and the rest have files of their own. */
import { group, notBuilt } from './command.ts'
import { FORMAT, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, SERVER_FLAGS } from './http-flags.ts'

const HTTP = [...CLIENT_FLAGS, ...SERVER_FLAGS] as const

export const commands = {
  acl: group(
    'consul acl <subcommand> [options] [args]',
    `Manages access control: tokens, the policies and roles that they carry, and how others log in for one.

Make the first token, of a cluster that has none yet:

    $ consul acl bootstrap

List the policies, or make a token with one of them:

    $ consul acl policy list
    $ consul acl token create -description="web front" -policy-name=web

Each subcommand has its own help.`,
  ),
  'acl bootstrap': notBuilt(
    'consul acl bootstrap [options]',
    'Makes the first management token of a cluster. It works once; after that only a reset on the servers allows it again.',
    [...HTTP, FORMAT],
  ),
  'acl translate-rules': notBuilt(
    'consul acl translate-rules  [options] TRANSLATE',
    'Rewrites rules from the syntax before Consul 1.4 into the current one. TRANSLATE is the rules themselves, @ and the name of a file, - for standard input, or a token that has them.',
    [
      ...HTTP,
      yes('token-accessor', 'TRANSLATE is the accessor id of a token: take its rules.'),
      yes('token-secret', 'TRANSLATE is the secret id of a token: take its rules.'),
    ],
  ),
  'acl set-agent-token': notBuilt(
    'consul acl set-agent-token [options] TYPE TOKEN',
    'Gives the asked agent a token to work with, until it restarts or for good, as its configuration says. TYPE is default, agent, master or replication.',
    HTTP,
  ),
}
