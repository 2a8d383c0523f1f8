/** Snapshot archives: those of the real Consul, our own, and those that somebody spoilt. */
import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { suite, test } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import { readArchive, writeArchive } from './archive.ts'
import { SnapshotError } from './snapshot.ts'
import { TAR_END, type TarPart, TarReader, tarHeader, tarPadding } from './tar.ts'
import { noVectors, vectorFile } from './testdata/vectors.ts'

const META = {
  index: 250,
  term: 4,
  configurationIndex: 1,
  configuration: { servers: [{ id: 'a', address: '127.0.0.1:8300', suffrage: 'voter' as const }] },
}
const STATE = Buffer.alloc(100_000, 'state ')

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function gathered(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

const ours = () =>
  gathered(writeArchive({ meta: META, size: STATE.length, state: pieces(STATE), now: 1_700_000_000_123 }))

const sum = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

/** An archive of these files, whatever they are. */
function archiveOf(files: [name: string, bytes: Uint8Array][], end: Uint8Array = TAR_END): Buffer {
  const parts = files.flatMap(([name, bytes]) => [
    tarHeader({ name, size: bytes.length, mode: 0o600, mtime: 0 }),
    bytes,
    tarPadding(bytes.length),
  ])
  return gzipSync(Buffer.concat([...parts, end]))
}

function metaOf(size: number): Buffer {
  const { configuration: _, ...rest } = META
  return Buffer.from(
    JSON.stringify({
      Version: 1,
      ID: 'x',
      Index: rest.index,
      Term: rest.term,
      ConfigurationIndex: 1,
      Configuration: { Servers: [] },
      Size: size,
    }),
  )
}

function sumsOf(...files: [string, Uint8Array][]): [string, Uint8Array] {
  return ['SHA256SUMS', Buffer.from(files.map(([name, bytes]) => `${sum(bytes)}  ${name}\n`).join(''))]
}

suite('what was written is read', () => {
  test('our own archive, however it is cut', async () => {
    const archive = await ours()
    for (const size of [1, 7, 512, 100_000]) {
      const state: Uint8Array[] = []
      const meta = await readArchive(pieces(archive, size), (bytes) => void state.push(bytes.slice()))
      assert.deepEqual({ ...meta, id: '', size: 0 }, { ...META, id: '', size: 0 })
      assert.equal(meta.id, '4-250-1700000000123')
      assert.equal(meta.size, STATE.length)
      assert.ok(Buffer.concat(state).equals(STATE))
    }
  })

  test('the tar ends with two blocks of zeros, which is what Consul reads', async () => {
    const tar = gunzipSync(await ours())
    assert.equal(tar.length % 512, 0)
    const files: string[] = []
    const reader = new TarReader()
    for (const part of reader.push(tar)) if (part.kind !== 'data') files.push(part.kind === 'file' ? part.name : 'end')
    reader.finish()
    assert.deepEqual(files, ['meta.json', 'state.bin', 'SHA256SUMS', 'end'])
    assert.ok(tar.subarray(-1024).every((byte) => byte === 0) && tar.subarray(-1536, -1024).some((byte) => byte !== 0))
  })

  test('archives of the real one', { skip: noVectors }, async () => {
    for (const [name, index] of [
      ['a', 250],
      ['b', undefined],
    ] as const) {
      let size = 0
      const meta = await readArchive(pieces(vectorFile('snapshot', `snapshot-${name}.tgz`)), (bytes) => {
        size += bytes.length
      })
      assert.equal(meta.size, size)
      if (index !== undefined) assert.equal(meta.index, index)
    }
  })
})

suite('what was spoilt is refused', () => {
  const refused = (archive: Uint8Array | Promise<Uint8Array>, message: RegExp) =>
    assert.rejects(
      async () => readArchive(pieces(await archive)),
      (error: Error) => {
        assert.ok(error instanceof SnapshotError, `${error.stack}`)
        assert.match(error.message, message)
        return true
      },
    )
  const good = (size = STATE.length): [string, Uint8Array][] => [
    ['meta.json', metaOf(size)],
    ['state.bin', STATE],
  ]

  test('the pieces of these tests make a good one', async () => {
    assert.equal((await readArchive(pieces(archiveOf([...good(), sumsOf(...good())])))).index, 250)
  })
  test('nothing, or no gzip at all', async () => {
    await refused(new Uint8Array(0), /^failed to decompress snapshot: EOF$/)
    await refused(Buffer.from('hello, world'), /^failed to decompress snapshot: gzip: invalid header$/)
  })
  test('cut off anywhere', async () => {
    const whole = await ours()
    for (let at = 1; at < whole.length; at += 37) await refused(whole.subarray(0, at), /unexpected EOF|EOF/)
    const tar = gunzipSync(whole)
    for (const at of [100, 512, 1000, 5000, tar.length - 1024, tar.length - 512]) {
      await refused(gzipSync(tar.subarray(0, at)), /failed reading snapshot: unexpected EOF/)
    }
  })
  test('a bit of the state turned over', async () => {
    const tar = gunzipSync(await ours())
    tar[5000]! ^= 1
    await refused(gzipSync(tar), /failed checking integrity of snapshot: hash check failed for "state.bin"/)
  })
  test('a bit of a header turned over', async () => {
    const tar = gunzipSync(await ours())
    tar[3]! ^= 1
    await refused(gzipSync(tar), /invalid tar header/)
  })
  test('bytes after the end', async () => {
    const whole = await ours()
    await refused(Buffer.concat([whole, Buffer.from('more')]), /gzip: invalid header/)
    await refused(gzipSync(Buffer.concat([gunzipSync(whole), new Uint8Array(512)])), /unread uncompressed bytes remain/)
  })
  test('other files, other paths, links', async () => {
    await refused(archiveOf([['../../etc/passwd', STATE]]), /unexpected file "..\/..\/etc\/passwd" in snapshot/)
    await refused(archiveOf([['/state.bin', STATE]]), /unexpected file "\/state.bin"/)
    await refused(archiveOf([...good(), ...good()]), /a second file "meta.json"/)
    const link = Buffer.from(tarHeader({ name: 'state.bin', size: 0, mode: 0o777, mtime: 0 }))
    link[156] = 0x32
    link.write('        ', 148, 'latin1')
    const total = link.reduce((a, b) => a + b, 0)
    link.write(`${total.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
    await refused(gzipSync(Buffer.concat([link, TAR_END])), /no plain file/)
  })
  test('sums that are missing, wrong, or of something else', async () => {
    await refused(archiveOf(good()), /file missing for "meta.json"/)
    await refused(archiveOf([...good(), sumsOf(good()[0]!)]), /file missing for "state.bin"/)
    await refused(archiveOf([...good(), sumsOf(...good(), ['more', STATE])]), /list missing hash for "more"/)
    await refused(archiveOf([...good(), ['SHA256SUMS', Buffer.from('rubbish\n')]]), /cannot be read/)
    await refused(archiveOf([good()[0]!, sumsOf(...good())]), /hash check failed for "state.bin"/)
  })
  test('a state of another size than it says', async () => {
    const files = good(5)
    await refused(archiveOf([...files, sumsOf(...files)]), /state.bin has 100000 bytes, not 5/)
  })
  test('meta data that are none, or endless', async () => {
    const files: [string, Uint8Array][] = [
      ['meta.json', Buffer.from('{')],
      ['state.bin', STATE],
    ]
    await refused(archiveOf([...files, sumsOf(...files)]), /not JSON/)
    await refused(archiveOf([['meta.json', Buffer.alloc(2 << 20)]]), /at most 1048576 are allowed/)
  })
  test('a bomb costs what it makes, chunk by chunk: whoever takes none of it ends it', async () => {
    const bomb = gzipSync(
      Buffer.concat([tarHeader({ name: 'state.bin', size: 64 << 20, mode: 0, mtime: 0 }), Buffer.alloc(64 << 20)]),
    )
    assert.ok(bomb.length < 100_000)
    let taken = 0
    const refusal = new SnapshotError('not a state')
    await assert.rejects(
      readArchive(pieces(bomb), (bytes) => {
        taken += bytes.length
        throw refusal
      }),
      (error) => error === refusal,
    )
    assert.ok(taken < 1 << 20, `${taken} bytes were made`)
  })
})

test('a tar reader takes headers in any pieces', () => {
  const tar = Buffer.concat([
    tarHeader({ name: 'f', size: 3, mode: 0o600, mtime: 1 }),
    Buffer.from('abc'),
    tarPadding(3),
    TAR_END,
  ])
  const found: TarPart[] = []
  const reader = new TarReader()
  for (const byte of tar) found.push(...reader.push(Uint8Array.of(byte)))
  reader.finish()
  assert.deepEqual(
    found.map((part) => (part.kind === 'data' ? Buffer.from(part.bytes).toString() : part.kind)),
    ['file', 'a', 'b', 'c', 'end'],
  )
})
