/** The bytes of HTTP/1.1: what is taken, what is refused in which words, and streams that are cut anywhere. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { answerHead, ChunkedReader, dateHeader, HeadFault, headEnd, parseHead, type RequestHead } from './http.ts'

function parsed(text: string): RequestHead {
  const head = parseHead(text)
  assert.ok(!(head instanceof HeadFault), `refused: ${(head as HeadFault).status}`)
  return head
}

function get(target: string, ...lines: string[]): string {
  return `${['GET ', target, ' HTTP/1.1\r\nHost: x\r\n', ...lines.map((line) => `${line}\r\n`)].join('')}\r\n`
}

suite('the end of a head', () => {
  test('is an empty line, of CR LF or LF, wherever the bytes were cut', () => {
    for (const [text, end] of [
      ['GET / HTTP/1.1\r\nHost: x\r\n\r\nbody', 27],
      ['GET / HTTP/1.1\nHost: x\n\nbody', 24],
      ['a\r\n\nb', 4],
      ['a\n\r\nb', 4],
      ['a\r\nb\r\n', -1],
      ['a\r\n\r', -1],
    ] as const) {
      assert.equal(headEnd(Buffer.from(text), 0), end, JSON.stringify(text))
    }
  })

  test('is found from two bytes before where the search stopped', () => {
    const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    for (let cut = 0; cut < bytes.length; cut++) {
      assert.equal(headEnd(bytes.subarray(0, cut), 0), -1)
      assert.equal(headEnd(bytes, Math.max(0, cut - 2)), bytes.length)
    }
  })
})

suite('a head', () => {
  test('has method, URL, headers in order with blanks taken off', () => {
    const head = parsed(get('/v1/kv/a?b=c', 'X-A:  1 \t', 'x-b:', ': nameless', 'X-C: a', '\tfolded '))
    assert.deepEqual(head, {
      method: 'GET',
      url: '/v1/kv/a?b=c',
      minor: 1,
      headers: ['Host', 'x', 'X-A', '1', 'x-b', '', 'X-C', 'a folded'],
      length: 0,
      persistent: true,
      expect: 'nothing',
    })
  })

  test('may have any method that is a token, and any byte above ASCII, which travels percent-encoded', () => {
    assert.equal(parsed(get('/').replace('GET', 'X-y!')).method, 'X-y!')
    assert.equal(parsed(get('/v1/kv/\xd0\xba?raw')).url, '/v1/kv/%D0%BA?raw')
    assert.equal(parsed(get('/', 'X: \xd0')).headers.at(-1), '\xd0')
  })

  test('says whether the connection persists', () => {
    const persists = (version: string, connection: string) =>
      parsed(`GET / HTTP/${version}\r\nHost: x\r\nConnection: ${connection}\r\n\r\n`).persistent
    assert.deepEqual(
      [persists('1.1', ''), persists('1.1', 'Close'), persists('1.1', 'keep-alive, close'), persists('1.2', 'x')],
      [true, false, false, true],
    )
    assert.deepEqual([persists('1.0', ''), persists('1.0', 'Keep-Alive')], [false, true])
  })

  test('says how long the body is', () => {
    assert.equal(parsed(get('/', 'Content-Length: 12', 'content-length: 12')).length, 12)
    assert.equal(parsed(get('/', 'Content-Length:')).length, 0)
    assert.equal(parsed(get('/', 'Transfer-Encoding: Chunked')).length, -1)
    const both = parsed(get('/', 'Content-Length: 3', 'Transfer-Encoding: chunked'))
    assert.deepEqual([both.length, both.persistent], [-1, false])
    assert.equal(parsed(get('/', 'Expect: 100-Continue')).expect, 'continue')
    assert.equal(parsed(get('/', 'Expect: more')).expect, 'other')
  })

  // As Consul 1.8.7 says it; test/interop/http-lines.test.ts asks the real one.
  const refusals: [string, string][] = [
    ['GARBAGE\r\n\r\n', '400 Bad Request'],
    ['GET /\r\n\r\n', '400 Bad Request'],
    ['GET  / HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['GET /a b HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['G(T / HTTP/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    ['GET / HTTP/2.0\r\nHost: x\r\n\r\n', '400 Bad Request: unsupported protocol version'],
    ['GET / http/1.1\r\nHost: x\r\n\r\n', '400 Bad Request'],
    [get('/a\x01'), '400 Bad Request'],
    [get('/a\x7f'), '400 Bad Request'],
    ['GET / HTTP/1.1\r\n\r\n', '400 Bad Request: missing required Host header'],
    [get('/', 'Host: y'), '400 Bad Request: too many Host headers'],
    ['GET / HTTP/1.1\r\nHost: a b<\r\n\r\n', '400 Bad Request: malformed Host header'],
    [get('/', 'no colon'), '400 Bad Request'],
    ['GET / HTTP/1.1\r\n folded: first\r\nHost: x\r\n\r\n', '400 Bad Request'],
    [get('/', 'a : b'), '400 Bad Request: invalid header name'],
    [get('/', 'a(: b'), '400 Bad Request: invalid header name'],
    [get('/', 'a: \x01'), '400 Bad Request: invalid header value'],
    [get('/', 'a: b\rc'), '400 Bad Request: invalid header value'],
    ...['x', '-1', '+1', '1, 1', '0x1', '9'.repeat(20)].map((value): [string, string] => [
      get('/', `Content-Length: ${value}`),
      '400 Bad Request',
    ]),
    [get('/', 'Content-Length: 1', 'Content-Length: 2'), '400 Bad Request'],
    ...['gzip', 'gzip, chunked', 'identity', ''].map((value): [string, string] => [
      get('/', `Transfer-Encoding: ${value}`),
      '501 Not Implemented',
    ]),
    [get('/', 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'), '501 Not Implemented'],
  ]
  for (const [text, status] of refusals) {
    test(`${JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)} is refused: ${status}`, () => {
      const head = parseHead(text)
      assert.ok(head instanceof HeadFault)
      assert.equal(head.status, status)
    })
  }

  test('of any bytes whatever is parsed or refused', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'GET',
        ' ',
        '/',
        'HTTP/1.1',
        '\r\n',
        '\n',
        '\r',
        ':',
        'Host',
        'Content-Length',
        '1',
        ',',
        '\t',
        '\xff',
      ),
      fc.string({ maxLength: 5 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const bytes = Buffer.from(`${pieces.join('')}\r\n\r\n`, 'latin1')
        const end = headEnd(bytes, 0)
        assert.ok(end > 0)
        const head = parseHead(bytes.toString('latin1', 0, end))
        if (head instanceof HeadFault) return
        assert.match(head.url, /^[\x21-\x7e]+$/)
        assert.ok(head.length >= -1 && Number.isSafeInteger(head.length))
        assert.equal(head.headers.length % 2, 0)
        for (const text of head.headers) assert.doesNotMatch(text, /[\r\n]/)
      }),
      { numRuns: 3000 },
    )
  })
})

/** Reads as a connection does: pieces one after another, as far as they go. */
function unchunk(pieces: Buffer[]): { body: string; rest: string; done: boolean } | 'broken' {
  const reader = new ChunkedReader()
  let body = ''
  let rest = ''
  for (const piece of pieces) {
    const end = reader.read(piece, (data) => {
      body += data.toString('latin1')
    })
    if (end === undefined) return 'broken'
    rest += piece.toString('latin1', end)
  }
  return { body, rest, done: reader.done }
}

suite('a body in chunks', () => {
  test('is what its chunks hold, however it is cut, and ends where it ends', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.nat({ max: 300 }), { maxLength: 10 }),
        (chunks, cuts) => {
          const framed = chunks.map((chunk) => `${chunk.length.toString(16)};x=y\r\n${chunk}\r\n`).join('')
          const bytes = Buffer.from(`${framed}0\r\nTrailer: x\r\n\r\nGET`, 'latin1')
          const at = [...new Set([0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort(
            (a, b) => a - b,
          )
          const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
          assert.deepEqual(unchunk(pieces), { body: chunks.join(''), rest: 'GET', done: true })
        },
      ),
    )
  })

  test('is refused when lengths, line ends or bounds are wrong', () => {
    for (const text of [
      'zz\r\nq\r\n0\r\n\r\n',
      '\r\n',
      '-1\r\n',
      '1\nq\r\n0\r\n\r\n',
      '1\r\nqq\r\n0\r\n\r\n',
      '1\r\nq\n0\r\n\r\n',
      `${'0'.repeat(13)}\r\n`,
      'f'.repeat(5000),
      `0\r\n${`X: ${'y'.repeat(4000)}\r\n`.repeat(20)}`,
    ]) {
      assert.equal(unchunk([Buffer.from(text)]), 'broken', text.slice(0, 20))
    }
  })
})

suite('the head of an answer', () => {
  test('holds the status in words, and the headers in order', () => {
    assert.equal(answerHead(200, 1, ['A', '1', 'B', '2']), 'HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n')
    assert.equal(answerHead(404, 0, []), 'HTTP/1.0 404 Not Found\r\n')
    assert.equal(answerHead(299, 1, []), 'HTTP/1.1 299 status code 299\r\n')
  })

  test('lets no value make a header of its own, and writes what is not ASCII as UTF-8', () => {
    assert.equal(answerHead(200, 1, ['A', 'b\r\nC: d\x00']), 'HTTP/1.1 200 OK\r\nA: b  C: d \r\n')
    assert.equal(answerHead(200, 1, ['A', 'é']), 'HTTP/1.1 200 OK\r\nA: \xc3\xa9\r\n')
  })

  test('has the date of its second', () => {
    const at = Date.UTC(2026, 10, 22, 20, 50, 58, 999)
    assert.equal(dateHeader(at), 'Date: Sun, 22 Nov 2026 20:50:58 GMT\r\n')
    assert.equal(dateHeader(at + 1), 'Date: Sun, 22 Nov 2026 20:50:59 GMT\r\n')
  })
})
