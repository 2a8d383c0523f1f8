/** The keyring's files: begun by the configured key, believed more than it from then on, and written as Serf writes them. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type LogRecord, makeLog } from '../base/log.ts'
import { memoryDisk } from '../host/disk.ts'
import type { Disk } from '../host/host.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { loadKeyring } from './keyring.ts'

const KEY = Buffer.from('0123456789abcdef')
const OTHER = Buffer.alloc(32, 7)
const LAN_FILE = 'serf/local.keyring'

function load(disk: Disk, key: Uint8Array | undefined, keyringFile = true) {
  const records: LogRecord[] = []
  const log = makeLog(
    'agent',
    (record) => records.push(record),
    () => 'debug',
  )
  const config = { gossip: { key, keyringFile }, dataDir: '/data' } as unknown as RuntimeConfig
  return loadKeyring('lan', config, disk, log).then((found) => ({ ...found, records }))
}

const kept = async (disk: Disk) => Buffer.from((await disk.readFile(LAN_FILE)) ?? []).toString()

async function having(content: string): Promise<Disk> {
  const disk = memoryDisk()
  await disk.writeFile(LAN_FILE, Buffer.from(content))
  return disk
}

suite('the keyring as a file', () => {
  test('is begun by the configured key, and not at all without one', async () => {
    const disk = memoryDisk()
    assert.deepEqual((await load(disk, undefined)).keys, [])
    assert.equal(await disk.readFile(LAN_FILE), undefined)
    assert.deepEqual((await load(disk, KEY)).keys, [KEY])
    assert.equal(await kept(disk), '["MDEyMzQ1Njc4OWFiY2RlZg=="]')
  })

  test('is written as Serf writes it, and read again, without the configured key too', async () => {
    const disk = memoryDisk()
    const { save } = await load(disk, KEY)
    await save([OTHER, KEY])
    assert.equal(await kept(disk), `[\n  "${OTHER.toString('base64')}",\n  "${KEY.toString('base64')}"\n]`)
    const again = await load(disk, undefined)
    assert.deepEqual(again.keys.map(Buffer.from), [OTHER, KEY])
  })

  test('counts more than another configured key, and says so', async () => {
    const disk = await having(`["${OTHER.toString('base64')}"]`)
    const { keys, records } = await load(disk, KEY)
    assert.deepEqual(keys.map(Buffer.from), [OTHER])
    assert.deepEqual(
      records.map(({ level, message, fields }) => [level, message, fields]),
      [['warn', " keyring doesn't include key provided with -encrypt, using keyring", { keyring: 'LAN' }]],
    )
    assert.deepEqual((await load(disk, OTHER)).records, [])
  })

  test('stays away when it is turned off, whatever lies there', async () => {
    const disk = await having(`["${OTHER.toString('base64')}"]`)
    const { keys, save } = await load(disk, KEY, false)
    assert.deepEqual(keys, [KEY])
    await save([KEY, OTHER])
    assert.equal(await kept(disk), `["${OTHER.toString('base64')}"]`)
  })

  test('that makes no sense is refused', async () => {
    for (const [content, why] of [
      ['[]', /^Error: Failed to configure keyring: no keys present in keyring: \/data\/serf\/local\.keyring$/],
      ['["!"]', /^Error: Failed to configure keyring: illegal base64 data at input byte 0$/],
      ['["c2hvcnQ="]', /^Error: Failed to configure keyring: key size must be 16, 24 or 32 bytes$/],
      ['{"a":1}', /is not a list of keys/],
      ['[', /^Error: Failed to configure keyring: /],
    ] as const) {
      await assert.rejects(async () => load(await having(content), KEY), why)
    }
  })
})
