/** Wire struct of a service instance with its node and checks (protocol/rpc.md section 10). */
import type { CheckServiceNode, HealthCheck } from '../../model/health.ts'
import { type Codec, list, struct } from '../schema.ts'
import { node, nodeService } from './catalog.ts'
import { healthCheck } from './health.ts'

const checkList = list(healthCheck)
/** Never null in our model; without any, real servers send nil. */
const checks: Codec<HealthCheck[]> = {
  write: (w, value) => checkList.write(w, value?.length ? value : null),
  read: (r) => checkList.read(r) ?? [],
  zero: () => [],
  fields: 0,
  shape: { kind: 'list', of: healthCheck.shape, nullable: false },
}

export const checkServiceNode = struct<CheckServiceNode>({ Node: node, Service: nodeService, Checks: checks })
