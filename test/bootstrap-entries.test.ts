/** `config_entries { bootstrap = [...] }`: written once by the first leader, and then left to those who change them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCluster } from './support/servers.ts'

const Datacenter = 'dc1'

test('configured entries are there from the start, and a restart changes none of them', {
  timeout: 180_000,
}, async () => {
  const settings = {
    config_entries: {
      bootstrap: [
        { kind: 'service-defaults', name: 'web', protocol: 'http' },
        { Kind: 'proxy-defaults', Name: 'global', Config: { a: 1 } },
      ],
    },
  }
  const cluster = await startCluster(1, { settings })
  try {
    const leader = await cluster.leader()
    const read = async (Kind: string, Name: string) =>
      (await leader.call('ConfigEntry.Get', { Datacenter, Kind, Name })).Entry as Record<string, unknown> | null
    assert.equal((await read('service-defaults', 'web'))?.Protocol, 'http')
    assert.deepEqual((await read('proxy-defaults', 'global'))?.Config, { a: 1 })
    const Entry = { ...(await read('service-defaults', 'web')), Protocol: 'grpc' }
    await leader.call('ConfigEntry.Apply', { Datacenter, Op: 'upsert', Entry: Entry as never })
    await leader.stop()
    await leader.start()
    await cluster.leader()
    assert.equal((await read('service-defaults', 'web'))?.Protocol, 'grpc')
  } finally {
    await cluster.stop()
  }
})
