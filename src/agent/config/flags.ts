/**
 * The agent's command-line flags: names, kinds and targets are those of Consul 1.8.7 (agent/config/flags.go), the help
 * is ours. Each flag stands for one configuration key; what a key means is in keys.ts and build.ts.
 */
import type { FlagSpec } from '../../base/go-flags.ts'

export interface AgentFlag extends FlagSpec {
  /** The dotted configuration key; null for flags that say how to start or what to read. */
  readonly key: string | null
}

type Kind = 'bool' | 'int' | 'string' | 'strings'

const ENTERPRISE = '(Enterprise-only)'

function flag<Name extends string, K extends Kind>(name: Name, kind: K, key: string | null, help: string) {
  return { name, kind, key, help, numbers: 'strconv' } as const
}

/** In the order of their names, as help lists them. */
export const AGENT_FLAGS = [
  flag('advertise', 'string', 'advertise_addr', 'The address that other agents are told to reach this one by.'),
  flag('advertise-wan', 'string', 'advertise_addr_wan', 'Like -advertise, for servers in other datacenters.'),
  flag(
    'allow-write-http-from',
    'strings',
    'http_config.allow_write_http_from',
    'A network, as a CIDR, whose clients may call endpoints that write; others may only read. May be repeated.',
  ),
  flag('alt-domain', 'string', 'alt_domain', 'A second domain that DNS answers for.'),
  flag('bind', 'string', 'bind_addr', 'The address to listen on for the cluster: RPC and gossip.'),
  flag('bootstrap', 'bool', 'bootstrap', 'Let this server elect itself and start a cluster of one.'),
  flag('bootstrap-expect', 'int', 'bootstrap_expect', 'How many servers to wait for before the first election.'),
  flag('check_output_max_size', 'int', 'check_output_max_size', 'How many bytes of output are kept for each check.'),
  flag('client', 'string', 'client_addr', 'The addresses to listen on for clients: HTTP, HTTPS, DNS and gRPC.'),
  {
    ...flag(
      'config-dir',
      'strings',
      null,
      'A folder of configuration: its files ending in .json or .hcl are read in the order of their names. May be repeated.',
    ),
    as: 'config-file',
  },
  flag('config-file', 'strings', null, 'A configuration file, in JSON or HCL by its ending. May be repeated.'),
  {
    name: 'config-format',
    kind: 'string',
    key: null,
    help: "Read every configuration file in this format, 'json' or 'hcl', whatever it ends in.",
  },
  flag('data-dir', 'string', 'data_dir', 'The folder that holds what the agent must remember.'),
  flag('datacenter', 'string', 'datacenter', 'Datacenter of the agent.'),
  flag(
    'default-query-time',
    'string',
    'default_query_time',
    "How long a blocking query waits when it names no 'wait' of its own.",
  ),
  flag('dev', 'bool', null, 'Development mode: one server, everything in memory, ready at once.'),
  flag(
    'disable-host-node-id',
    'bool',
    'disable_host_node_id',
    'Make the node id at random instead of deriving it from this machine.',
  ),
  flag('disable-keyring-file', 'bool', 'disable_keyring_file', 'Keep the gossip keyring out of the data folder.'),
  flag('dns-port', 'int', 'ports.dns', 'Port for DNS; -1 for none.'),
  flag('domain', 'string', 'domain', 'The domain that DNS answers for.'),
  flag(
    'enable-local-script-checks',
    'bool',
    'enable_local_script_checks',
    'Allow checks that run scripts when they come from configuration files.',
  ),
  flag('enable-script-checks', 'bool', 'enable_script_checks', 'Allow checks that run scripts, also over HTTP.'),
  flag('encrypt', 'string', 'encrypt', 'The key, in base64, that encrypts gossip.'),
  flag('grpc-port', 'int', 'ports.grpc', 'Port for gRPC, which Envoy needs; -1 for none.'),
  flag('hcl', 'strings', null, 'A piece of configuration in HCL. May be repeated.'),
  flag('http-port', 'int', 'ports.http', 'Port for the HTTP API; -1 for none.'),
  flag('https-port', 'int', 'ports.https', 'Port for the HTTPS API; -1 for none.'),
  flag('join', 'strings', 'start_join', 'An agent to join at start, or else fail. May be repeated.'),
  flag('join-wan', 'strings', 'start_join_wan', 'A server elsewhere to join at start, or else fail. May be repeated.'),
  flag('log-file', 'string', 'log_file', 'Also write the log to this file.'),
  flag('log-json', 'bool', 'log_json', 'Log one JSON object a line.'),
  flag('log-level', 'string', 'log_level', 'The least severe level to log: trace, debug, info, warn or err.'),
  flag('log-rotate-bytes', 'int', 'log_rotate_bytes', 'Begin a new log file after this many bytes.'),
  flag('log-rotate-duration', 'string', 'log_rotate_duration', 'Begin a new log file after this long.'),
  flag('log-rotate-max-files', 'int', 'log_rotate_max_files', 'How many old log files to keep.'),
  flag(
    'max-query-time',
    'string',
    'max_query_time',
    'The longest that a blocking query may wait, whatever it asks for and with the jitter that is added.',
  ),
  flag('node', 'string', 'node_name', 'Name of this node, unlike any other in the cluster; the host name by default.'),
  flag(
    'node-id',
    'string',
    'node_id',
    'Id of this node, a UUID that no other node ever had. Made at first start and kept in the data folder by default.',
  ),
  {
    name: 'node-meta',
    kind: 'pairs',
    key: 'node_meta',
    help: 'A fact about this node, as `key:value`. May be repeated.',
    valueName: 'key:value',
    separator: ':',
  },
  flag('non-voting-server', 'bool', 'non_voting_server', `${ENTERPRISE} Replicate, but take no part in elections.`),
  flag('pid-file', 'string', 'pid_file', 'Write the process id to this file.'),
  flag(
    'primary-gateway',
    'strings',
    'primary_gateways',
    'A mesh gateway of the primary datacenter, to federate through at start. May be repeated.',
  ),
  flag('protocol', 'int', 'protocol', 'Protocol version to speak; the latest by default.'),
  flag('raft-protocol', 'int', 'raft_protocol', 'Raft protocol version to speak; the latest by default.'),
  flag('recursor', 'strings', 'recursors', 'A DNS server to ask about other domains. May be repeated.'),
  flag('rejoin', 'bool', 'rejoin_after_leave', 'Join the cluster again, also after a leave.'),
  flag('retry-interval', 'string', 'retry_interval', 'How long to wait between attempts to join.'),
  flag('retry-interval-wan', 'string', 'retry_interval_wan', 'How long to wait between attempts to join the WAN.'),
  flag('retry-join', 'strings', 'retry_join', 'An agent to join at start, trying until it works. May be repeated.'),
  flag(
    'retry-join-wan',
    'strings',
    'retry_join_wan',
    'A server elsewhere to join at start, trying until it works. May be repeated.',
  ),
  flag('retry-max', 'int', 'retry_max', 'Give up joining after this many attempts; 0 for never.'),
  flag('retry-max-wan', 'int', 'retry_max_wan', 'Give up joining the WAN after this many attempts; 0 for never.'),
  flag('segment', 'string', 'segment', `${ENTERPRISE} The network segment to join.`),
  flag(
    'serf-lan-allowed-cidrs',
    'strings',
    'serf_lan_allowed_cidrs',
    'A network, as a CIDR, whose agents may join by LAN gossip. May be repeated.',
  ),
  flag('serf-lan-bind', 'string', 'serf_lan', 'The address to listen on for LAN gossip.'),
  flag('serf-lan-port', 'int', 'ports.serf_lan', 'Port for LAN gossip.'),
  flag(
    'serf-wan-allowed-cidrs',
    'strings',
    'serf_wan_allowed_cidrs',
    'A network, as a CIDR, whose servers may join by WAN gossip. May be repeated.',
  ),
  flag('serf-wan-bind', 'string', 'serf_wan', 'The address to listen on for WAN gossip.'),
  flag('serf-wan-port', 'int', 'ports.serf_wan', 'Port for WAN gossip; -1 for none.'),
  flag('server', 'bool', 'server', 'Be a server of the cluster.'),
  flag('server-port', 'int', 'ports.server', 'Port for RPC between servers and from clients.'),
  flag('syslog', 'bool', 'enable_syslog', 'Also log to syslog.'),
  flag('ui', 'bool', 'ui', 'Serve the web UI.'),
  flag('ui-content-path', 'string', 'ui_content_path', 'The path that the web UI is served under; /ui/ by default.'),
  flag('ui-dir', 'string', 'ui_dir', 'Serve the web UI from this folder.'),
] as const satisfies readonly AgentFlag[]
