/** Who an agent is, at its first start and later ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeLog } from '../base/log.ts'
import { seededRandom } from '../base/random.ts'
import { findNodeId } from './node-id.ts'

function setting(machine: string | undefined) {
  const files = new Map<string, Uint8Array>()
  const disk = {
    readFile: async (name: string) => files.get(name),
    writeFile: async (name: string, bytes: Uint8Array) => void files.set(name, bytes),
  }
  const log = makeLog(
    'agent',
    () => {},
    () => 'info',
  )
  const host = { random: seededRandom(1), machineId: () => machine, log }
  const find = (nodeId = '', disableHostNodeId = true) =>
    findNodeId({ nodeId, dataDir: 'd', disableHostNodeId }, host, disk)
  return { files, find }
}

const MACHINE = '3d1219c7-c4c5-404a-aa1f-6d2a48adfda4'

test('a random id is kept', async () => {
  const { find } = setting(MACHINE)
  const id = await find()
  assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  assert.equal(await find(), id)
  assert.equal(await find('', false), id)
})

test('the machine gives the id that Consul 1.8.7 derives from it', async () => {
  assert.equal(await setting(MACHINE).find('', false), '333a158e-0d38-e425-ad6a-b7db4732c648')
})

test('a machine that has no id gets a random one, and keeps it', async () => {
  const { find } = setting(undefined)
  assert.equal(await find('', false), await find('', false))
})

test('the configured id goes before the one that was kept, and takes its place', async () => {
  const { find } = setting(MACHINE)
  await find()
  const wanted = '11111111-2222-3333-4444-555555555555'
  assert.equal(await find(wanted), wanted)
  assert.equal(await find(), wanted)
})

test('a file that holds no id is not passed over', async () => {
  const { files, find } = setting(MACHINE)
  files.set('node-id', Buffer.from('who knows'))
  await assert.rejects(find(), /node-id in d does not hold a node id: who knows/)
})
