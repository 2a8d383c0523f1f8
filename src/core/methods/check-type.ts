/** What kind of check a definition describes, for checks that come to the catalog without an agent's word for it. */
import type { HealthCheckDefinition } from '../../model/health.ts'

/** @returns "" for a check that nobody runs. Order and conditions: Consul's agent/structs/check_type.go, `Type`. */
export function checkType(definition: HealthCheckDefinition): string {
  const runs = definition.Interval > 0
  const script = (definition.ScriptArgs?.length ?? 0) > 0
  if (definition.GRPC !== '' && runs) return 'grpc'
  if (definition.HTTP !== '' && runs) return 'http'
  if (definition.TTL > 0) return 'ttl'
  if (definition.TCP !== '' && runs) return 'tcp'
  if (definition.AliasNode !== '' || definition.AliasService !== '') return 'alias'
  if (script && definition.DockerContainerID !== '' && runs) return 'docker'
  return script ? 'script' : ''
}
