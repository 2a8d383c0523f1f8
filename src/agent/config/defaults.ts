/** What holds when nothing is said, in the form of a configuration file. Source: agent/config/default.go. */
import type { Settings } from './decode.ts'

export const DEFAULTS: Settings = {
  acl_default_policy: 'allow',
  acl_down_policy: 'extend-cache',
  acl_ttl: '30s',
  acl: { policy_ttl: '30s' },
  bind_addr: '0.0.0.0',
  bootstrap: false,
  bootstrap_expect: 0,
  check_output_max_size: 4096,
  check_update_interval: '5m',
  client_addr: '127.0.0.1',
  datacenter: 'dc1',
  default_query_time: '300s',
  disable_coordinates: false,
  disable_host_node_id: true,
  disable_remote_exec: true,
  domain: 'consul.',
  encrypt_verify_incoming: true,
  encrypt_verify_outgoing: true,
  log_level: 'INFO',
  max_query_time: '600s',
  primary_gateways_interval: '30s',
  protocol: 2,
  raft_snapshot_interval: '30s',
  raft_snapshot_threshold: 16384,
  raft_trailing_logs: 10240,
  retry_interval: '30s',
  retry_interval_wan: '30s',
  server: false,
  syslog_facility: 'LOCAL0',
  tls_min_version: 'tls12',
  autopilot: {
    cleanup_dead_servers: true,
    last_contact_threshold: '200ms',
    max_trailing_logs: 250,
    min_quorum: 0,
    server_stabilization_time: '10s',
  },
  dns_config: {
    allow_stale: true,
    a_record_limit: 0,
    udp_answer_limit: 3,
    enable_additional_node_meta_txt: true,
    max_stale: '87600h',
    recursor_timeout: '2s',
  },
  gossip_lan: {
    gossip_interval: '200ms',
    gossip_nodes: 3,
    retransmit_mult: 4,
    probe_interval: '1s',
    probe_timeout: '500ms',
    suspicion_mult: 4,
  },
  gossip_wan: {
    gossip_interval: '500ms',
    gossip_nodes: 3,
    retransmit_mult: 4,
    probe_interval: '5s',
    probe_timeout: '3s',
    suspicion_mult: 6,
  },
  limits: {
    http_max_conns_per_client: 200,
    https_handshake_timeout: '5s',
    kv_max_value_size: 512 * 1024,
    rpc_handshake_timeout: '5s',
    rpc_max_burst: 1000,
    rpc_max_conns_per_client: 100,
    rpc_rate: -1,
    txn_max_req_len: 512 * 1024,
  },
  telemetry: { metrics_prefix: 'consul', filter_default: true, prometheus_retention_time: '0s' },
  performance: { leave_drain_time: '5s', raft_multiplier: 5, rpc_hold_timeout: '7s' },
  ports: {
    dns: 8600,
    http: 8500,
    https: -1,
    grpc: -1,
    serf_lan: 8301,
    serf_wan: 8302,
    server: 8300,
    proxy_min_port: 20000,
    proxy_max_port: 20255,
    sidecar_min_port: 21000,
    sidecar_max_port: 21255,
    expose_min_port: 21500,
    expose_max_port: 21755,
  },
}

/** Of either pool on one machine. */
const DEV_GOSSIP: Settings = {
  gossip_interval: '100ms',
  probe_interval: '100ms',
  probe_timeout: '100ms',
  suspicion_mult: 3,
}

/** Laid over the defaults by -dev. */
export const DEV_DEFAULTS: Settings = {
  bind_addr: '127.0.0.1',
  connect: { enabled: true },
  disable_anonymous_signature: true,
  disable_keyring_file: true,
  enable_debug: true,
  gossip_lan: DEV_GOSSIP,
  gossip_wan: DEV_GOSSIP,
  log_level: 'DEBUG',
  server: true,
  ui: true,
  performance: { raft_multiplier: 1 },
  ports: { grpc: 8502 },
}

/** Not for users to choose: how often the agent compares itself with the catalog. */
export const SYNC_INTERVAL_MS = 60_000

/** Where the state's rows live unless said otherwise. */
export const STATE_ENGINE = 'memory'
