/**
 * Who this agent is: the id that the configuration gives, else the one it had before, else a new one, which is kept. A new
 * one is random, or the same for all who ask on this machine when the configuration says so. Source: agent/nodeid.go.
 */
import { createHash } from 'node:crypto'
import { formatUuid, uuid } from '../base/random.ts'
import type { Disk, Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { RuntimeConfig } from './config/runtime.ts'

const NODE_ID_FILE = 'node-id'
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** @throws ConsulError when what was kept is no id */
export async function findNodeId(
  config: Pick<RuntimeConfig, 'nodeId' | 'dataDir' | 'disableHostNodeId'>,
  host: Pick<Host, 'random' | 'machineId' | 'log'>,
  disk: Pick<Disk, 'readFile' | 'writeFile'>,
): Promise<string> {
  const stored = await disk.readFile(NODE_ID_FILE)
  if (config.nodeId === '' && stored !== undefined) {
    const id = Buffer.from(stored).toString().trim().toLowerCase()
    if (!UUID.test(id))
      throw new ConsulError('refused', `${NODE_ID_FILE} in ${config.dataDir} does not hold a node id: ${id}`)
    return id
  }
  const id = config.nodeId === '' ? newNodeId(config.disableHostNodeId, host) : config.nodeId
  await disk.writeFile(NODE_ID_FILE, Buffer.from(`${id}\n`))
  return id
}

function newNodeId(random: boolean, host: Pick<Host, 'random' | 'machineId' | 'log'>): string {
  if (random) return uuid(host.random)
  const machine = host.machineId()
  if (machine === undefined) {
    host.log.debug("Couldn't get a unique ID from the host")
    return uuid(host.random)
  }
  // Machines of one make have ids that differ little; a digest of them differs much.
  const id = formatUuid(createHash('sha512').update(machine).digest().subarray(0, 16))
  host.log.debug('Using unique ID from host as node ID', { id })
  return id
}
