/**
 * Streams of requests cut anywhere, and streams spoilt by chance (from a seed, PROCONSUL_FUZZ_SEED): the same requests are
 * seen however they came, and nobody is kept waiting.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, beforeEach, suite, test } from 'node:test'
import fc from 'fast-check'
import type { Listener } from './host.ts'
import { listenHttp } from './http.ts'

const SEED = Number(process.env.PROCONSUL_FUZZ_SEED ?? 1)
const BODY_BYTES_MAX = 200
const STREAMED = '/streamed'

let listener: Listener
let seen: string[] = []
before(async () => {
  listener = await listenHttp(
    { host: '127.0.0.1', port: 0 },
    (_method, url) => (url === STREAMED ? Number.POSITIVE_INFINITY : BODY_BYTES_MAX),
    async (request) => {
      let body = Buffer.from(request.body).toString('latin1')
      for await (const chunk of request.chunks ?? []) body += Buffer.from(chunk).toString('latin1')
      seen.push(`${request.method} ${request.url} ${request.tooLarge ? 'too large' : body}`)
      return {
        status: 200,
        headers: ['X-Seen', String(seen.length)],
        body: request.url === STREAMED ? ['a', 'b'] : 'ab',
      }
    },
    { closeGraceMs: 20 },
  )
})
after(() => listener.close())
beforeEach(() => {
  seen = []
})

interface Asked {
  method: string
  path: string
  body: string
  chunks: number
}

const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'FOO'),
  path: fc.constantFrom('/a', '/b?c=%20', STREAMED),
  body: fc.string({ unit: 'binary-ascii', maxLength: BODY_BYTES_MAX + 20 }),
  /** 0: the body has a length; otherwise it comes in chunks of so many bytes. */
  chunks: fc.nat({ max: 60 }),
})

function bytesOf({ method, path, body, chunks }: Asked): string {
  const head = `${method} ${path} HTTP/1.1\r\nHost: x\r\n`
  if (chunks === 0) return `${head}Content-Length: ${body.length}\r\n\r\n${body}`
  let framed = ''
  for (let at = 0; at < body.length; at += chunks) {
    const chunk = body.slice(at, at + chunks)
    framed += `${chunk.length.toString(16)}\r\n${chunk}\r\n`
  }
  return `${head}Transfer-Encoding: chunked\r\n\r\n${framed}0\r\n\r\n`
}

/** Sends pieces, each in a turn of its own, and resolves with all that comes until the server has closed. */
async function send(pieces: Buffer[]): Promise<string> {
  const socket = connect(listener.address.port, '127.0.0.1')
  socket.setNoDelay(true)
  let got = ''
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  const closed = once(socket, 'close')
  for (const piece of pieces) {
    socket.write(piece)
    await new Promise((turned) => setImmediate(turned))
  }
  await closed
  return got
}

const LAST = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

suite('streams of requests', () => {
  test('are told apart in the same way wherever they are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(asked, { maxLength: 6 }),
        fc.array(fc.nat({ max: 1500 }), { maxLength: 12 }),
        async (requests, cuts) => {
          seen = []
          const bytes = Buffer.from(requests.map(bytesOf).join('') + LAST, 'latin1')
          const at = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort((a, b) => a - b)
          const got = await send(at.slice(1).map((end, i) => bytes.subarray(at[i], end)))
          const bodyOf = ({ path, body }: Asked) =>
            path !== STREAMED && body.length > BODY_BYTES_MAX ? 'too large' : body
          const wanted = requests.map((request) => `${request.method} ${request.path} ${bodyOf(request)}`)
          assert.deepEqual(seen, [...wanted, 'GET /last '])
          assert.equal(got.match(/HTTP\/1\.1 200 OK/g)?.length, wanted.length + 1)
        },
      ),
      { numRuns: 150, seed: SEED },
    )
  })

  test('that are spoilt are answered as far as they make sense, and then closed', async () => {
    const spoil = fc.tuple(
      fc.nat({ max: 2000 }),
      fc.constantFrom('', '\r\n', '\n', ' ', ':', '\0', '\xff', '0', 'Content-Length: 3\r\n'),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(asked, { minLength: 1, maxLength: 4 }),
        fc.array(spoil, { minLength: 1, maxLength: 4 }),
        async (requests, spoils) => {
          let text = requests.map(bytesOf).join('')
          for (const [at, what] of spoils) {
            const place = at % text.length
            text = text.slice(0, place) + what + text.slice(place + 1)
          }
          const socket = connect(listener.address.port, '127.0.0.1')
          let got = ''
          socket.on('data', (chunk) => {
            got += chunk.toString('latin1')
          })
          socket.on('error', () => {})
          // What is left waiting for more is cut off by the end of what is sent.
          socket.end(Buffer.from(text, 'latin1'))
          await once(socket, 'close')
          if (got !== '') assert.match(got, /^HTTP\/1\.[01] (200|400|417|431|500|501) /)
        },
      ),
      { numRuns: 300, seed: SEED },
    )
    assert.match(await send([Buffer.from(LAST)]), /^HTTP\/1\.1 200 OK/)
  })
})
