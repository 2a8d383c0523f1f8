/** Wire structs of health checks (protocol/rpc.md section 10). */
import type { HealthCheck, HealthCheckDefinition } from '../../model/health.ts'
import { bool, filled, int, list, map, RAFT_INDEX, struct, text } from '../schema.ts'

export const healthCheckDefinition = struct<HealthCheckDefinition>({
  HTTP: text,
  TLSSkipVerify: bool,
  Header: map(filled(list(text), () => [])),
  Method: text,
  Body: text,
  TCP: text,
  Interval: int,
  OutputMaxSize: int,
  Timeout: int,
  DeregisterCriticalServiceAfter: int,
  ScriptArgs: list(text),
  DockerContainerID: text,
  Shell: text,
  GRPC: text,
  GRPCUseTLS: bool,
  AliasNode: text,
  AliasService: text,
  TTL: int,
})

export const healthCheck = struct<HealthCheck>({
  ...RAFT_INDEX,
  Node: text,
  CheckID: text,
  Name: text,
  Status: text,
  Notes: text,
  Output: text,
  ServiceID: text,
  ServiceName: text,
  ServiceTags: list(text),
  Type: text,
  Definition: healthCheckDefinition,
})
