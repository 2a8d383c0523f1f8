/** `consul acl binding-rule`: what somebody gets who logs in by an auth method. */
import { group, notBuilt } from './command.ts'
import { FORMAT, text, yes } from './flag-kinds.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'

const META = yes('meta', "Show each rule's Raft indexes too.")
const RULE = [
  text(
    'bind-name',
    `Name of the service identity or role that is given. \${var} stands for what the method found out. Required.`,
  ),
  text('bind-type', 'What is given: a "service" identity or a "role".', '"service"'),
  text('description', 'What the rule is for.'),
  text('selector', 'Expression over what the method found out: the rule counts when it is true.'),
] as const
const id = (what: string) =>
  text('id', `Id of the rule to ${what}. Its beginning is enough while no other rule's begins so.`)

export const commands = {
  'acl binding-rule': group(
    'consul acl binding-rule <subcommand> [options] [args]',
    `Manages the rules that say what a token gets that "consul login" makes.

    $ consul acl binding-rule create -method=minikube -bind-name='k8s-\${serviceaccount.name}' -selector='serviceaccount.namespace==default'
    $ consul acl binding-rule list
    $ consul acl binding-rule read -id=43cb72
    $ consul acl binding-rule update -id=43cb72 -bind-name='\${serviceaccount.name}'
    $ consul acl binding-rule delete -id=43cb72

Each subcommand has its own help.`,
  ),
  'acl binding-rule create': notBuilt('consul acl binding-rule create [options]', 'Makes a binding rule.', [
    ...ALL_HTTP_FLAGS,
    ...RULE,
    FORMAT,
    META,
    text('method', 'Name of the auth method that the rule belongs to. Required.'),
  ]),
  'acl binding-rule list': notBuilt('consul acl binding-rule list [options]', 'Lists binding rules.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
    text('method', 'Show only the rules of this auth method.'),
  ]),
  'acl binding-rule read': notBuilt('consul acl binding-rule read -id ID [options]', 'Shows one binding rule.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
    id('show'),
  ]),
  'acl binding-rule update': notBuilt(
    'consul acl binding-rule update -id ID [options]',
    'Changes a binding rule. What is not given stays as it is, unless -no-merge is.',
    [
      ...ALL_HTTP_FLAGS,
      ...RULE,
      FORMAT,
      META,
      id('change'),
      yes('no-merge', 'What is not given becomes empty. Only the id stays.'),
    ],
  ),
  'acl binding-rule delete': notBuilt('consul acl binding-rule delete -id ID [options]', 'Removes a binding rule.', [
    ...ALL_HTTP_FLAGS,
    id('remove'),
  ]),
}
