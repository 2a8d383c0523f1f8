/** `consul connect`: the service mesh, its proxies and its certificate authority. */
import { group, notBuilt } from './command.ts'
import { named, text, texts, whole, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS, NAMESPACE_FLAG, SERVER_FLAGS } from './http-flags.ts'

const HTTP = [...CLIENT_FLAGS, ...SERVER_FLAGS] as const
const PROXY_ID = text('proxy-id', "Id of the proxy's registration on the asked agent.")
const SIDECAR_FOR = text(
  'sidecar-for',
  'Id of a service on the asked agent: be the one proxy that is registered there as its sidecar.',
)

export const commands = {
  connect: group(
    'consul connect <subcommand> [options] [args]',
    `Runs and configures the service mesh.

Be the proxy of a service, with the proxy that is built in or with Envoy:

    $ consul connect proxy -service web -service-addr 127.0.0.1:8080 -listen ':8443'
    $ consul connect envoy -sidecar-for web

Show how the certificate authority is set up:

    $ consul connect ca get-config

Each subcommand has its own help.`,
  ),
  'connect ca': group(
    'consul connect ca <subcommand> [options] [args]',
    `Shows and changes how the mesh's certificate authority is set up.

    $ consul connect ca get-config
    $ consul connect ca set-config -config-file ca.json

Each subcommand has its own help.`,
  ),
  'connect ca get-config': notBuilt(
    'consul connect ca get-config [options]',
    'Shows how the certificate authority is set up, as JSON.',
    HTTP,
  ),
  'connect ca set-config': notBuilt(
    'consul connect ca set-config [options]',
    'Changes how the certificate authority is set up. A change of the provider replaces the root certificate.',
    [...HTTP, named('config-file', 'value', 'File with the new settings, as JSON.')],
  ),
  'connect proxy': notBuilt(
    'consul connect proxy [options]',
    `Runs the built-in proxy of the mesh until it is interrupted. It takes its settings from a registration on the asked agent, or from the flags:

    $ consul connect proxy -sidecar-for web
    $ consul connect proxy -service web -upstream db:8181`,
    [
      ...HTTP,
      PROXY_ID,
      SIDECAR_FOR,
      text('listen', 'Address to take connections at. With -service and -service-addr.'),
      yes('log-json', 'Write the log as JSON.'),
      text('log-level', 'The least level that is logged.', '"INFO"'),
      text('pprof-addr', 'Serve profiles of the process over HTTP at this address, as host:port or :port.'),
      yes('register', 'Register the proxy with the asked agent while it runs. With -listen.'),
      text('register-id', 'A suffix that tells the registration from those of other proxies.'),
      text('service', 'Name of the service that the proxy speaks for.'),
      text('service-addr', 'Address of the service behind the proxy. With -listen and -service.'),
      texts(
        'upstream',
        "A service to reach and where to offer it, as name:port: 'db:8181' is db at local port 8181. May be repeated.",
      ),
    ],
  ),
  'connect envoy': notBuilt(
    'consul connect envoy [options]',
    `Makes the settings that Envoy starts with, and runs Envoy with them as a proxy or gateway of the mesh.

    $ consul connect envoy -sidecar-for web
    $ consul connect envoy -sidecar-for web -bootstrap`,
    [
      ...CLIENT_FLAGS,
      NAMESPACE_FLAG,
      PROXY_ID,
      SIDECAR_FOR,
      named('address', 'value', 'LAN address that the gateway is registered with.'),
      text('admin-access-log-path', "File for the access log of Envoy's admin server.", '"/dev/null"'),
      text(
        'admin-bind',
        "Where Envoy's admin server listens, as address:port. Who reaches it rules the proxy.",
        '"localhost:19000"',
      ),
      {
        name: 'bind-address',
        kind: 'pairs',
        valueName: '<name>=<ip>:<port>',
        help: 'Where the gateway listens, by name. May be repeated.',
      },
      yes('bootstrap', 'Print the settings, and run nothing.'),
      text('deregister-after-critical', 'How long the gateway may be critical before it is deregistered.', '"6h"'),
      text('envoy-binary', 'Path of the Envoy to run. Without one, the PATH is searched.'),
      text('envoy-version', 'Version of the Envoy that is run.', '"1.14.5"'),
      yes('expose-servers', 'Offer the servers to other datacenters by this mesh gateway.'),
      text('gateway', 'Kind of gateway to register: terminating, ingress or mesh.'),
      text(
        'grpc-addr',
        "Address of the agent's gRPC, as http(s)://host:port. CONSUL_GRPC_ADDR in the environment says the same.",
      ),
      yes('mesh-gateway', 'Be a mesh gateway.'),
      yes('no-central-config', "Do not ask the agent for the proxy's central settings."),
      yes('register', 'Register the gateway before Envoy starts.'),
      text('service', 'Name of the service that is registered.'),
      named('wan-address', 'value', 'WAN address that the gateway is registered with; an IP address for ingress.'),
    ],
  ),
  'connect envoy pipe-bootstrap': notBuilt(
    'consul connect envoy pipe-bootstrap',
    'Hands settings to Envoy without a file. "consul connect envoy" runs it by itself; people have no use for it.',
    [],
  ),
  'connect expose': notBuilt(
    'consul connect expose [options]',
    'Offers a service of the mesh to the outside by an ingress gateway: its listener and the permission to call the service.',
    [
      ...HTTP,
      texts('host', 'A further DNS name by which the gateway knows the service. May be repeated.'),
      text('ingress-gateway', 'Name of the ingress gateway. Required.'),
      whole('port', 'Port that the gateway listens on. Required.'),
      text('protocol', 'Protocol of the service.', '"tcp"'),
      text('service', 'Name of the service to offer. Required.'),
    ],
  ),
}
