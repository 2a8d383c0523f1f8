/**
 * Answers too large for one turn of the event loop, through a real listener: made chunk by chunk as the client takes
 * them, others being answered in between, and no further than the client goes.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { seededRandom } from '../src/base/random.ts'
import { sampleEntry } from '../src/core/store/samples.ts'
import type { BodyChunks, HttpHandler, Listener } from '../src/host/host.ts'
import { listenHttp } from '../src/host/http.ts'
import { jsonArray, jsonText } from '../src/wire/json.ts'
import { kvJson } from '../src/wire/json-rows.ts'
import { aRequest, makeDoor, wholeBody } from './support/http-door.ts'

const KEYS = 20_000
/** Values that cannot be pressed. */
const random = seededRandom(3)
const ENTRIES = Array.from({ length: KEYS }, (_, i) =>
  sampleEntry(`k/${i}<&>`, { Value: random.bytes(1024), ModifyIndex: i + 1 }),
)
const META = { Index: KEYS, LastContact: 0, KnownLeader: true }

function makeLargeDoor(dev: boolean) {
  const door = makeDoor({ dev })
  door.answers.set('KVS.List', () => ({ ...META, Entries: ENTRIES }))
  door.answers.set('KVS.ListKeys', () => ({ ...META, Keys: ENTRIES.map(({ Key }) => Key) }))
  return door
}

/** @param watch is told of each chunk that is asked for, and of the end */
function watched(body: BodyChunks, watch: { made: number; ended(): void }): BodyChunks {
  return (async function* () {
    try {
      for await (const chunk of body) {
        watch.made += 1
        yield Buffer.from(chunk)
      }
    } finally {
      watch.ended()
    }
  })()
}

async function listening(handle: HttpHandler, use: (port: number) => Promise<void>): Promise<void> {
  const listener: Listener = await listenHttp({ host: '127.0.0.1', port: 0 }, () => 0, handle, { closeGraceMs: 0 })
  try {
    await use(listener.address.port)
  } finally {
    await listener.close()
  }
}

async function ask(port: number, path: string): Promise<IncomingMessage> {
  const [response] = (await once(get({ host: '127.0.0.1', port, path, agent: false }), 'response')) as [IncomingMessage]
  return response
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

suite('a large answer', () => {
  for (const dev of [false, true]) {
    test(`says what one made at once would say, ${dev ? 'laid out' : 'compact'}`, async () => {
      const door = makeLargeDoor(dev)
      const depth = dev ? 0 : -1
      const end = dev ? '\n' : ''
      const recurse = await door.ask('GET', '/v1/kv/k/?recurse')
      const within = dev ? 1 : -1
      const entries = ENTRIES.map((entry) => kvJson(entry, within))
      assert.ok(recurse.text === jsonArray(entries, depth) + end)
      assert.equal(JSON.parse(recurse.text).length, KEYS)
      const keys = await door.ask('GET', '/v1/kv/k/?keys')
      const texts = ENTRIES.map(({ Key }) => jsonText(Key))
      assert.ok(keys.text === jsonArray(texts, depth) + end)
      const pressed = await door.ask('GET', '/v1/kv/k/?keys', { headers: { 'Accept-Encoding': 'gzip' } })
      assert.ok(gunzipSync(pressed.body as Uint8Array).toString() === keys.text)
      assert.deepEqual(
        pressed.headers.filter((text) => text !== 'gzip' && text !== 'Content-Encoding'),
        keys.headers,
      )
    })
  }

  test('lets others be answered before all of it is made, and comes whole', async () => {
    const door = makeLargeDoor(false)
    const watch = { made: 0, ended: () => {} }
    let chunks = 0
    await listening(
      async (request) => {
        const response = await door.handle(request)
        if (typeof response.body !== 'object' || response.body instanceof Uint8Array) return response
        return { ...response, body: watched(response.body, watch) }
      },
      async (port) => {
        const large = await ask(port, '/v1/kv/k/?recurse')
        assert.equal(large.headers['transfer-encoding'], 'chunked')
        assert.equal(large.headers['x-consul-index'], String(KEYS))
        // Nothing of it is read yet, so the server stands still with it as soon as the sockets are full.
        const small = await ask(port, '/v1/status/leader')
        assert.equal(small.statusCode, 200)
        await readAll(small)
        const madeBefore = watch.made
        const text = await readAll(large)
        chunks = watch.made
        assert.ok(madeBefore < chunks, `${madeBefore} of ${chunks} chunks`)
        assert.ok(
          text ===
            jsonArray(
              ENTRIES.map((entry) => kvJson(entry, -1)),
              -1,
            ),
        )
      },
    )
    assert.ok(chunks > 100)
  })

  for (const headers of [{}, { 'Accept-Encoding': 'gzip' }] as Record<string, string>[]) {
    const how = 'Accept-Encoding' in headers ? 'pressed' : 'plain'
    test(`ends where the client goes away, ${how}`, async () => {
      const door = makeLargeDoor(false)
      const ended = Promise.withResolvers<void>()
      const watch = { made: 0, ended: () => ended.resolve() }
      await listening(
        async (request) => {
          const response = await door.handle(request)
          return { ...response, body: watched(response.body as BodyChunks, watch) }
        },
        async (port) => {
          const call = get({ host: '127.0.0.1', port, path: '/v1/kv/k/?recurse', headers, agent: false })
          call.on('error', () => {})
          const [response] = (await once(call, 'response')) as [IncomingMessage]
          await once(response, 'readable')
          response.destroy()
          await ended.promise
        },
      )
      const whole = { made: 0, ended: () => {} }
      const { body } = await door.handle(aRequest('GET', '/v1/kv/k/?recurse'))
      await wholeBody({ status: 200, headers: [], body: watched(body as BodyChunks, whole) })
      assert.ok(watch.made < whole.made, `${watch.made} of ${whole.made} chunks`)
    })
  }

  test('that cannot be finished is cut off, not ended', async () => {
    await listening(
      () => ({
        status: 200,
        headers: [],
        body: (function* () {
          yield 'half'
          throw new Error('broken')
        })(),
      }),
      async (port) => {
        await assert.rejects(ask(port, '/').then(readAll), { code: 'ECONNRESET' })
      },
    )
  })
})
