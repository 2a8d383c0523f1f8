/** An agent's start in unlucky orders: what the world does early or late must not leave it without its duties. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeLog } from '../base/log.ts'
import type { Host } from '../host/host.ts'
import { nodeHost } from '../host/node.ts'
import { startAgentOn } from './agent.ts'
import { loadConfig } from './config/build.ts'

const FREE_PORTS = { http: 0, dns: 0, server: 0, serf_lan: 0, serf_wan: 0, grpc: -1 }

test('a server that leads before it has read its files still serves', async () => {
  let elected = () => {}
  const election = new Promise<void>((done) => {
    elected = done
  })
  const log = makeLog(
    'agent',
    ({ message }) => message === 'entering leader state' && elected(),
    () => 'info',
  )
  const real = nodeHost(log)
  const host: Host = {
    ...real,
    async disk(path) {
      const disk = await real.disk(path)
      return { ...disk, listFiles: (folder) => election.then(() => disk.listFiles(folder)) }
    },
  }
  const { config } = loadConfig({
    args: ['-dev'],
    settings: { ports: FREE_PORTS },
    hostname: 'early',
    interfaces: host.interfaces(),
  })
  const agent = await startAgentOn(config, host)
  try {
    await agent.ready
    const { Nodes } = await agent.call('Catalog.ListNodes', {})
    assert.deepEqual(
      Nodes?.map(({ Node }) => Node),
      ['early'],
    )
  } finally {
    await agent.stop()
  }
})
