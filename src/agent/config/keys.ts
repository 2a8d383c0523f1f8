/**
 * Every key that a configuration file of Consul 1.8.7 may hold, and the shape of its value; which of them do something
 * here already, and which belong to Consul Enterprise. No values and no rules: those are in defaults.ts and build.ts.
 * Source: agent/config/config.go and builder_oss.go.
 */
export type Leaf = 'string' | 'bool' | 'int' | 'uint' | 'uint32' | 'uint64' | 'float'

export type Shape =
  | Leaf
  /** Any JSON object, kept as it is. */
  | 'object'
  | { kind: 'struct'; fields: Map<string, Shape>; aliases: Record<string, string>; merge: 'fields' | 'replace' }
  | { kind: 'list'; of: Shape }
  | { kind: 'map'; of: Shape }

export type StructShape = Extract<Shape, { kind: 'struct' }>

const STRINGS: Shape = { kind: 'list', of: 'string' }
const TEXT_MAP: Shape = { kind: 'map', of: 'string' }
const OBJECTS: Shape = { kind: 'list', of: 'object' }

/** @param leaves names by type, separated by spaces */
function struct(leaves: Partial<Record<Leaf, string>>, others: Record<string, Shape> = {}): StructShape {
  const fields = new Map<string, Shape>(Object.entries(others))
  for (const [leaf, names] of Object.entries(leaves)) {
    for (const name of names.trim().split(/\s+/)) fields.set(name, leaf as Leaf)
  }
  return { kind: 'struct', fields, aliases: {}, merge: 'fields' }
}

/** The real one holds these by pointer: a later source replaces them whole. */
function replaced(shape: StructShape): StructShape {
  return { ...shape, merge: 'replace' }
}

const GOSSIP = struct({
  int: 'gossip_nodes suspicion_mult retransmit_mult',
  string: 'gossip_interval probe_interval probe_timeout',
})

const CHECK = replaced(
  struct(
    {
      string: `id name notes service_id token status http method body tcp interval docker_container_id shell grpc
        alias_node alias_service timeout ttl deregister_critical_service_after udp h2ping tls_server_name`,
      int: 'output_max_size success_before_passing failures_before_warning failures_before_critical',
      bool: 'grpc_use_tls tls_skip_verify h2ping_use_tls disable_redirects',
    },
    { args: STRINGS, header: { kind: 'map', of: STRINGS } },
  ),
)
CHECK.aliases = {
  serviceid: 'service_id',
  scriptargs: 'args',
  dockercontainerid: 'docker_container_id',
  tlsskipverify: 'tls_skip_verify',
  deregistercriticalserviceafter: 'deregister_critical_service_after',
}

const MESH_GATEWAY = replaced(struct({ string: 'mode' }))
const UPSTREAM = struct(
  {
    string: 'destination_type destination_namespace destination_name datacenter local_bind_address',
    int: 'local_bind_port',
  },
  { config: 'object', mesh_gateway: MESH_GATEWAY },
)
const EXPOSE = struct(
  { bool: 'checks', int: 'port' },
  { paths: { kind: 'list', of: struct({ int: 'listener_port local_path_port', string: 'path protocol' }) } },
)
const PROXY = struct(
  { string: 'destination_service_name destination_service_id local_service_address', int: 'local_service_port' },
  { config: 'object', upstreams: { kind: 'list', of: UPSTREAM }, mesh_gateway: MESH_GATEWAY, expose: EXPOSE },
)
const SERVICE_CONNECT = struct({ bool: 'native' })
const SERVICE = replaced(
  struct(
    { string: 'kind id name address token', int: 'port', bool: 'enable_tag_override' },
    {
      tags: STRINGS,
      tagged_addresses: { kind: 'map', of: struct({ string: 'address', int: 'port' }) },
      meta: TEXT_MAP,
      check: CHECK,
      checks: { kind: 'list', of: CHECK },
      weights: struct({ int: 'passing warning' }),
      proxy: PROXY,
      connect: SERVICE_CONNECT,
    },
  ),
)
SERVICE_CONNECT.fields.set('sidecar_service', SERVICE)

const ACL = struct(
  {
    bool: 'enabled enable_token_replication enable_key_list_policy enable_token_persistence msp_disable_bootstrap',
    string: 'policy_ttl role_ttl token_ttl down_policy default_policy disabled_ttl',
  },
  {
    tokens: struct(
      { string: 'master replication agent_master default agent' },
      { managed_service_provider: { kind: 'list', of: struct({ string: 'accessor_id secret_id' }) } },
    ),
  },
)

const AUTO_CONFIG = struct(
  { bool: 'enabled', string: 'intro_token intro_token_file' },
  {
    server_addresses: STRINGS,
    dns_sans: STRINGS,
    ip_sans: STRINGS,
    authorization: struct(
      { bool: 'enabled' },
      {
        static: struct(
          {
            bool: 'allow_reuse',
            string: `oidc_discovery_url oidc_discovery_ca_cert jwks_url jwks_ca_cert bound_issuer expiration_leeway
              not_before_leeway clock_skew_leeway`,
          },
          {
            claim_assertions: STRINGS,
            jwt_supported_algs: STRINGS,
            bound_audiences: STRINGS,
            claim_mappings: TEXT_MAP,
            list_claim_mappings: TEXT_MAP,
            jwt_validation_pub_keys: STRINGS,
          },
        ),
      },
    ),
  },
)

const AUDIT_SINK = struct({
  string: 'name type format path delivery_guarantee rotate_duration',
  int: 'rotate_bytes rotate_max_files',
})

/** The whole file. */
export const CONFIG_SHAPE: StructShape = struct(
  {
    string: `acl_agent_master_token acl_agent_token acl_datacenter acl_default_policy acl_disabled_ttl acl_down_policy
      acl_master_token acl_replication_token acl_token acl_ttl advertise_addr advertise_addr_ipv4 advertise_addr_ipv6
      advertise_addr_wan advertise_addr_wan_ipv4 advertise_addr_wan_ipv6 ae_interval alt_domain bind_addr ca_file
      ca_path cert_file check_deregister_interval_min check_reap_interval check_update_interval client_addr data_dir
      datacenter default_query_time discovery_max_stale domain encrypt key_file log_file log_level log_rotate_duration
      max_query_time node_id node_name pid_file primary_datacenter primary_gateways_interval raft_snapshot_interval
      reconnect_timeout reconnect_timeout_wan retry_interval retry_interval_wan revision segment serf_lan serf_wan
      server_name session_ttl_min sync_coordinate_interval_min syslog_facility tls_cipher_suites tls_min_version
      ui_content_path ui_dir version version_prerelease`,
    bool: `acl_enable_key_list_policy bootstrap disable_anonymous_signature disable_coordinates disable_host_node_id
      disable_http_unprintable_char_filter disable_keyring_file disable_remote_exec disable_update_check
      discard_check_output enable_acl_replication enable_agent_tls_for_checks enable_central_service_config
      enable_debug enable_local_script_checks enable_script_checks enable_syslog encrypt_verify_incoming
      encrypt_verify_outgoing leave_on_terminate log_json non_voting_server rejoin_after_leave server
      skip_leave_on_interrupt tls_prefer_server_cipher_suites translate_wan_addrs ui verify_incoming
      verify_incoming_https verify_incoming_rpc verify_outgoing verify_server_hostname`,
    int: `bootstrap_expect check_output_max_size log_rotate_bytes log_rotate_max_files protocol raft_protocol
      raft_snapshot_threshold raft_trailing_logs retry_max retry_max_wan segment_limit segment_name_limit`,
    float: 'sync_coordinate_rate_target',
  },
  {
    acl: ACL,
    addresses: struct({ string: 'dns http https grpc' }),
    audit: replaced(struct({ bool: 'enabled' }, { sink: { kind: 'map', of: AUDIT_SINK } })),
    auto_config: AUTO_CONFIG,
    auto_encrypt: struct({ bool: 'tls allow_tls' }, { dns_san: STRINGS, ip_san: STRINGS }),
    autopilot: struct({
      bool: 'cleanup_dead_servers disable_upgrade_migration',
      string: 'last_contact_threshold server_stabilization_time redundancy_zone_tag upgrade_version_tag',
      int: 'max_trailing_logs',
      uint: 'min_quorum',
    }),
    cache: struct({ int: 'entry_fetch_max_burst', float: 'entry_fetch_rate' }),
    check: CHECK,
    checks: { kind: 'list', of: CHECK },
    config_entries: struct({}, { bootstrap: OBJECTS }),
    connect: struct(
      { bool: 'enabled enable_mesh_gateway_wan_federation', string: 'ca_provider test_ca_leaf_root_change_spread' },
      { ca_config: 'object' },
    ),
    consul: struct(
      {},
      {
        coordinate: struct({ int: 'update_batch_size update_max_batches', string: 'update_period' }),
        raft: struct({ string: 'election_timeout heartbeat_timeout leader_lease_timeout' }),
        server: struct({ string: 'health_interval' }),
      },
    ),
    dns_config: struct(
      {
        bool: `allow_stale disable_compression enable_truncate only_passing enable_additional_node_meta_txt use_cache
          prefer_namespace`,
        int: 'a_record_limit udp_answer_limit',
        string: 'max_stale node_ttl recursor_timeout cache_max_age',
      },
      { service_ttl: TEXT_MAP, soa: replaced(struct({ uint32: 'refresh retry expire min_ttl' })) },
    ),
    gossip_lan: GOSSIP,
    gossip_wan: GOSSIP,
    http_config: struct(
      { bool: 'use_cache' },
      { block_endpoints: STRINGS, allow_write_http_from: STRINGS, response_headers: TEXT_MAP },
    ),
    limits: struct({
      int: 'http_max_conns_per_client rpc_max_burst rpc_max_conns_per_client',
      string: 'https_handshake_timeout rpc_handshake_timeout',
      float: 'rpc_rate',
      uint64: 'kv_max_value_size txn_max_req_len',
    }),
    node_meta: TEXT_MAP,
    performance: struct({ string: 'leave_drain_time rpc_hold_timeout', int: 'raft_multiplier' }),
    ports: struct({
      int: `dns http https serf_lan serf_wan server grpc proxy_min_port proxy_max_port sidecar_min_port
        sidecar_max_port expose_min_port expose_max_port`,
    }),
    primary_gateways: STRINGS,
    /** Proconsul's own. */
    proconsul: struct({ string: 'otlp_endpoint state_engine' }),
    recursors: STRINGS,
    retry_join: STRINGS,
    retry_join_wan: STRINGS,
    segments: {
      kind: 'list',
      of: struct({ string: 'advertise bind name', int: 'port', bool: 'rpc_listener' }),
    },
    serf_lan_allowed_cidrs: STRINGS,
    serf_wan_allowed_cidrs: STRINGS,
    service: SERVICE,
    services: { kind: 'list', of: SERVICE },
    snapshot_agent: 'object',
    start_join: STRINGS,
    start_join_wan: STRINGS,
    tagged_addresses: TEXT_MAP,
    telemetry: struct(
      {
        string: `circonus_api_app circonus_api_token circonus_api_url circonus_broker_id circonus_broker_select_tag
          circonus_check_display_name circonus_check_force_metric_activation circonus_check_id
          circonus_check_instance_id circonus_check_search_tag circonus_check_tags circonus_submission_interval
          circonus_submission_url dogstatsd_addr metrics_prefix prometheus_retention_time statsd_address
          statsite_address`,
        bool: 'disable_hostname filter_default',
      },
      { dogstatsd_tags: STRINGS, prefix_filter: STRINGS },
    ),
    unix_sockets: struct({ string: 'group mode user' }),
    watches: OBJECTS,
  },
)

/** Gone since long, and passed over with a warning by the real one too. */
export const DEPRECATED_KEYS = new Set(['acl_enforce_version_8'])

/** Consul Enterprise's: no effect, and said so (segments are refused, in build.ts). */
export const ENTERPRISE_KEYS = new Set([
  'non_voting_server',
  'segment',
  'segments',
  'autopilot.redundancy_zone_tag',
  'autopilot.upgrade_version_tag',
  'autopilot.disable_upgrade_migration',
  'dns_config.prefer_namespace',
  'acl.msp_disable_bootstrap',
  'acl.tokens.managed_service_provider',
  'audit',
])

const words = (text: string) => new Set(text.trim().split(/\s+/))

/**
 * Keys that do something here, or ask for what holds anyway (we never call home; one server's reads are never stale).
 * Any other key is read, checked, and answered with a warning.
 */
export const HONOURED_KEYS: ReadonlySet<string> = words(`
  autopilot.cleanup_dead_servers autopilot.last_contact_threshold autopilot.max_trailing_logs autopilot.min_quorum
  autopilot.server_stabilization_time addresses.dns addresses.http addresses.https advertise_addr advertise_addr_ipv4 advertise_addr_ipv6
  advertise_addr_wan advertise_addr_wan_ipv4 advertise_addr_wan_ipv6 alt_domain bind_addr bootstrap bootstrap_expect
  check check_output_max_size check_update_interval checks client_addr config_entries.bootstrap data_dir datacenter default_query_time
  disable_anonymous_signature disable_coordinates disable_host_node_id disable_keyring_file disable_remote_exec disable_update_check
  discard_check_output discovery_max_stale dns_config.a_record_limit dns_config.allow_stale dns_config.cache_max_age dns_config.disable_compression
  dns_config.recursor_timeout dns_config.use_cache
  dns_config.enable_additional_node_meta_txt dns_config.enable_truncate dns_config.max_stale dns_config.node_ttl
  dns_config.only_passing dns_config.service_ttl dns_config.soa.expire dns_config.soa.min_ttl dns_config.soa.refresh
  dns_config.soa.retry dns_config.udp_answer_limit domain encrypt encrypt_verify_incoming encrypt_verify_outgoing
  gossip_lan.gossip_interval gossip_lan.gossip_nodes gossip_lan.probe_interval gossip_lan.probe_timeout
  gossip_lan.retransmit_mult gossip_lan.suspicion_mult gossip_wan.gossip_interval gossip_wan.gossip_nodes
  gossip_wan.probe_interval gossip_wan.probe_timeout gossip_wan.retransmit_mult gossip_wan.suspicion_mult
  disable_http_unprintable_char_filter enable_central_service_config enable_debug enable_local_script_checks enable_script_checks http_config.allow_write_http_from
  http_config.block_endpoints http_config.response_headers http_config.use_cache leave_on_terminate translate_wan_addrs
  unix_sockets.group unix_sockets.mode unix_sockets.user
  limits.http_max_conns_per_client limits.kv_max_value_size limits.rpc_handshake_timeout limits.rpc_max_burst
  limits.rpc_max_conns_per_client limits.rpc_rate limits.txn_max_req_len enable_syslog log_file log_json log_level log_rotate_bytes log_rotate_duration log_rotate_max_files max_query_time
  node_id node_meta node_name performance.leave_drain_time performance.raft_multiplier performance.rpc_hold_timeout
  pid_file ports.dns ports.grpc ports.http ports.https ports.serf_lan ports.serf_wan ports.server
  ports.sidecar_max_port ports.sidecar_min_port service services
  proconsul.otlp_endpoint proconsul.state_engine protocol primary_datacenter raft_protocol raft_snapshot_interval raft_snapshot_threshold raft_trailing_logs
  reconnect_timeout reconnect_timeout_wan recursors rejoin_after_leave retry_interval retry_interval_wan retry_join retry_join_wan retry_max retry_max_wan serf_lan serf_lan_allowed_cidrs
  serf_wan serf_wan_allowed_cidrs server session_ttl_min
  skip_leave_on_interrupt syslog_facility start_join start_join_wan tagged_addresses telemetry.disable_hostname telemetry.dogstatsd_addr
  telemetry.dogstatsd_tags telemetry.filter_default telemetry.metrics_prefix telemetry.prefix_filter
  telemetry.prometheus_retention_time telemetry.statsd_address telemetry.statsite_address watches
`)

/** Only the real one's own tests may set these; it overwrites them with its own values, as we do. */
export const FIXED_KEYS: ReadonlySet<string> = words(`
  acl.disabled_ttl ae_interval check_deregister_interval_min check_reap_interval revision segment_limit
  segment_name_limit sync_coordinate_interval_min sync_coordinate_rate_target version version_prerelease
  connect.test_ca_leaf_root_change_spread consul.coordinate.update_batch_size consul.coordinate.update_max_batches
  consul.coordinate.update_period consul.raft.election_timeout consul.raft.heartbeat_timeout
  consul.raft.leader_lease_timeout consul.server.health_interval
`)

/**
 * Protections that are not built yet. To run without them would be less than the configuration says, so they are
 * refused rather than passed over.
 */
export const PROTECTIONS: readonly string[] = [
  'acl.enabled',
  'acl_datacenter',
  'verify_incoming',
  'verify_incoming_rpc',
  'verify_incoming_https',
]
