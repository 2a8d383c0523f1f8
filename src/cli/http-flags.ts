/**
 * The flags that every command has which talks to an agent, and the environment variables beside them. A flag beats its
 * variable. What is made of them is a client (client.ts).
 */
import type { Flag } from './command.ts'

/** Where the agent is and who is asking. */
export const CLIENT_FLAGS = [
  {
    name: 'ca-file',
    kind: 'string',
    valueName: 'value',
    help: 'File with the CA certificates that the agent is trusted by, for HTTPS. CONSUL_CACERT in the environment says the same.',
  },
  {
    name: 'ca-path',
    kind: 'string',
    valueName: 'value',
    help: 'Directory with CA certificates that the agent is trusted by, for HTTPS. CONSUL_CAPATH in the environment says the same.',
  },
  {
    name: 'client-cert',
    kind: 'string',
    valueName: 'value',
    help: "File with this client's certificate, for agents that verify their callers. CONSUL_CLIENT_CERT in the environment says the same.",
  },
  {
    name: 'client-key',
    kind: 'string',
    valueName: 'value',
    help: "File with the key of this client's certificate. CONSUL_CLIENT_KEY in the environment says the same.",
  },
  {
    name: 'http-addr',
    kind: 'string',
    valueName: 'address',
    help: 'Where the agent serves HTTP: host and port, with http://, https:// or nothing before them, or unix:// and the path of a socket. CONSUL_HTTP_ADDR in the environment says the same, and CONSUL_HTTP_SSL=true asks for HTTPS. Without either it is http://127.0.0.1:8500.',
  },
  {
    name: 'tls-server-name',
    kind: 'string',
    valueName: 'value',
    help: "Name that the agent's certificate is checked for, in place of its host name. CONSUL_TLS_SERVER_NAME in the environment says the same.",
  },
  {
    name: 'token',
    kind: 'string',
    valueName: 'value',
    help: "ACL token to ask with. CONSUL_HTTP_TOKEN in the environment says the same. Without one, the agent's own token counts.",
  },
  {
    name: 'token-file',
    kind: 'string',
    valueName: 'value',
    help: 'File that holds the ACL token; it beats -token and CONSUL_HTTP_TOKEN. CONSUL_HTTP_TOKEN_FILE in the environment says the same.',
  },
] as const satisfies readonly Flag[]

/** Which servers shall answer. */
export const SERVER_FLAGS = [
  {
    name: 'datacenter',
    kind: 'string',
    valueName: 'value',
    help: "Datacenter to ask. Without it, the asked agent's own.",
  },
  {
    name: 'stale',
    kind: 'bool',
    numbers: 'strconv',
    help: 'Any server may answer a read, not the leader alone: sooner, and perhaps from a moment ago. Writes do not heed it.',
  },
] as const satisfies readonly Flag[]

export const NAMESPACE_FLAG = {
  name: 'namespace',
  kind: 'string',
  valueName: 'default',
  help: 'Namespace to ask. Namespaces are a feature of Consul Enterprise, and agents without it refuse one. CONSUL_NAMESPACE in the environment says the same.',
} as const satisfies Flag

/** Agent, servers and namespace together. */
export const ALL_HTTP_FLAGS = [...CLIENT_FLAGS, ...SERVER_FLAGS, NAMESPACE_FLAG] as const

/** Flags that help lists under "HTTP API Options". */
export const HTTP_FLAG_NAMES: ReadonlySet<string> = new Set(
  [...CLIENT_FLAGS, ...SERVER_FLAGS].map((flag): string => flag.name),
)

/** What of these flags was given. A command without server flags has the fewer. */
export interface HttpFlagValues {
  'ca-file'?: string
  'ca-path'?: string
  'client-cert'?: string
  'client-key'?: string
  'http-addr'?: string
  'tls-server-name'?: string
  token?: string
  'token-file'?: string
  datacenter?: string
  stale?: boolean
  namespace?: string
}
