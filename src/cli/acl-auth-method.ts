/** `consul acl auth-method`: whom the servers trust to tell who somebody is. */
import { group, notBuilt } from './command.ts'
import { duration, FORMAT, text, yes } from './flag-kinds.ts'
import { ALL_HTTP_FLAGS } from './http-flags.ts'

const META = yes('meta', "Show each method's Raft indexes too.")
const SETTINGS = [
  text(
    'config',
    'Settings of the method, as JSON; @ and the name of a file, or - for standard input, to read them from there.',
  ),
  text('description', 'What the method is for.'),
  text('display-name', 'Name to show to people in place of the method name.'),
  text(
    'kubernetes-ca-cert',
    'Certificate of the CA of the Kubernetes API, as PEM or as @ and the name of a file. Required for kubernetes.',
  ),
  text('kubernetes-host', 'Address of the Kubernetes API. Required for kubernetes.'),
  text(
    'kubernetes-service-account-jwt',
    "Token of the Kubernetes service account that may review others' tokens. Required for kubernetes.",
  ),
  duration('max-token-ttl', 'How long tokens from this method are valid.'),
  text(
    'token-locality',
    "Where tokens from this method are valid: 'local', in this datacenter, or 'global'. Local when not said.",
  ),
] as const

export const commands = {
  'acl auth-method': group(
    'consul acl auth-method <subcommand> [options] [args]',
    `Manages the methods by which "consul login" finds out who is asking.

    $ consul acl auth-method create -name=minikube -type=kubernetes -kubernetes-host=https://10.0.0.1:8443 ...
    $ consul acl auth-method list
    $ consul acl auth-method read -name=minikube
    $ consul acl auth-method update -name=minikube -description="the test cluster"
    $ consul acl auth-method delete -name=minikube

Each subcommand has its own help.`,
  ),
  'acl auth-method create': notBuilt(
    'consul acl auth-method create -name NAME -type TYPE [options]',
    'Makes an auth method.',
    [
      ...ALL_HTTP_FLAGS,
      ...SETTINGS,
      FORMAT,
      META,
      text('name', 'Name of the method. Required.'),
      text('type', 'Type of the method: kubernetes or jwt. Required.'),
    ],
  ),
  'acl auth-method list': notBuilt('consul acl auth-method list [options]', 'Lists all auth methods.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
  ]),
  'acl auth-method read': notBuilt('consul acl auth-method read -name NAME [options]', 'Shows one auth method.', [
    ...ALL_HTTP_FLAGS,
    FORMAT,
    META,
    text('name', 'Name of the method to show.'),
  ]),
  'acl auth-method update': notBuilt(
    'consul acl auth-method update -name NAME [options]',
    'Changes an auth method. What is not given stays as it is, unless -no-merge is.',
    [
      ...ALL_HTTP_FLAGS,
      ...SETTINGS,
      FORMAT,
      META,
      text('name', 'Name of the method to change.'),
      yes('no-merge', 'What is not given becomes empty. Only the name stays.'),
    ],
  ),
  'acl auth-method delete': notBuilt(
    'consul acl auth-method delete -name NAME [options]',
    'Removes an auth method, and with it the tokens that it gave.',
    [...ALL_HTTP_FLAGS, text('name', 'Name of the method to remove.')],
  ),
}
