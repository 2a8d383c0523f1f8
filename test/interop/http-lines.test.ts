/**
 * Requests that no client library would send, byte for byte to ours and to the real Consul: both must answer with the same
 * status line and body, and go on with the connection or give it up alike. A plain request follows each: whether it is
 * answered tells which.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { realConsul } from '../support/process.ts'
import { type Pair, startPair } from './clients/pair.ts'

const skip =
  realConsul() === undefined &&
  'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

const LAST = 'GET /v1/catalog/datacenters HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

/** Latin-1: `\xd0\xba` is a letter of two bytes. */
const CASES: Record<string, string> = {
  'a key above ASCII, as it is': 'PUT /v1/kv/\xd0\xba HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nq',
  'the same, escaped': 'GET /v1/kv/%D0%BA?raw HTTP/1.1\r\nHost: x\r\n\r\n',
  'a key that is no UTF-8': 'PUT /v1/kv/\xff\x80 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nq',
  'what that is read back as': 'GET /v1/kv/%FF%80?raw HTTP/1.1\r\nHost: x\r\n\r\n',
  'a query above ASCII': 'GET /v1/catalog/nodes?node-meta=\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n',
  'a method that nobody knows': 'FOO /v1/agent/self HTTP/1.1\r\nHost: x\r\n\r\n',
  'a method that the store does not know': 'FOO /v1/kv/a HTTP/1.1\r\nHost: x\r\n\r\n',
  'a method in small letters': 'get /v1/agent/self HTTP/1.1\r\nHost: x\r\n\r\n',
  'a method that is no token': 'G(T /v1/kv/a HTTP/1.1\r\nHost: x\r\n\r\n',
  'no Host': 'GET /v1/kv/a HTTP/1.1\r\n\r\n',
  'two Hosts': 'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n',
  'a Host that is none': 'GET /v1/kv/a HTTP/1.1\r\nHost: x y<\r\n\r\n',
  'an empty Host': 'GET /v1/kv/a HTTP/1.1\r\nHost:\r\n\r\n',
  'an old client': 'GET /v1/kv/a HTTP/1.0\r\n\r\n',
  'an old client that wants to go on': 'GET /v1/kv/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
  'HTTP/1.2': 'GET /v1/kv/a HTTP/1.2\r\nHost: x\r\n\r\n',
  'HTTP/2.0': 'GET /v1/kv/a HTTP/2.0\r\nHost: x\r\n\r\n',
  'HTTP/0.9': 'GET /v1/kv/a HTTP/0.9\r\nHost: x\r\n\r\n',
  'no version': 'GET /v1/kv/a\r\n\r\n',
  'a blank in the path': 'GET /v1/kv/a b HTTP/1.1\r\nHost: x\r\n\r\n',
  'two blanks': 'GET  /v1/kv/a HTTP/1.1\r\nHost: x\r\n\r\n',
  'an empty line before': '\r\nGET /v1/kv/a HTTP/1.1\r\nHost: x\r\n\r\n',
  'lines without CR': 'GET /v1/kv/a HTTP/1.1\nHost: x\n\n',
  'a control character in the path': 'GET /v1/kv/a\x01 HTTP/1.1\r\nHost: x\r\n\r\n',
  'a header without a colon': 'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nfoo\r\n\r\n',
  'a blank before the colon': 'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nfoo : a\r\n\r\n',
  'a header whose name is no token': 'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nf(o: a\r\n\r\n',
  'a control character in a value': 'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nfoo: a\x01\r\n\r\n',
  'a bare CR in a value': 'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nfoo: a\rb\r\n\r\n',
  'a header without a name': 'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\n: a\r\n\r\n',
  'a folded header': 'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nfoo: a\r\n b\r\n\r\n',
  'a fold before any header': 'GET /v1/kv/a HTTP/1.1\r\n foo: a\r\nHost: x\r\n\r\n',
  'the same length twice': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nq',
  'two lengths': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nqq',
  'a length that is no number': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\nq',
  'a length below 0': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nq',
  'a length with a sign': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nq',
  'a list of lengths': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\nq',
  'an empty length': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n',
  'a length beyond all numbers': `PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nContent-Length: ${'9'.repeat(20)}\r\n\r\nq`,
  'chunks with extensions and trailers':
    'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nq\r\n0\r\nX: y\r\n\r\n',
  Chunks: 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nq\r\n0\r\n\r\n',
  'a chunk longer than it says':
    'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nqqq\r\n0\r\n\r\n',
  'another coding': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n',
  'two codings': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'no coding by name': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nq',
  'an expectation that is none': 'PUT /v1/kv/b HTTP/1.1\r\nHost: x\r\nExpect: foo\r\nContent-Length: 1\r\n\r\nq',
  'CONNECT to a path': 'CONNECT /v1/kv/a HTTP/1.1\r\nHost: x\r\n\r\n',
  'a whole URL': 'GET http://y/v1/catalog/datacenters HTTP/1.1\r\nHost: x\r\n\r\n',
  'a path without a slash': 'GET v1/catalog/datacenters HTTP/1.1\r\nHost: x\r\n\r\n',
  'OPTIONS of everything': 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n',
  'a wish for another protocol':
    'GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'no HTTP at all': 'GARBAGE\r\n\r\n',
  'a greeting of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n',
  'a bad escape': 'GET /v1/kv/%zz HTTP/1.1\r\nHost: x\r\n\r\n',
  'a fragment': 'GET /v1/kv/a#b HTTP/1.1\r\nHost: x\r\n\r\n',
  'a head as long as it may be': `GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(1 << 20)}\r\n\r\n`,
  'a head that is longer': `GET /v1/kv/a HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat((1 << 20) + 8192)}\r\n\r\n`,
}

/** Status lines and bodies of all that comes until the server has closed. */
function answersTo(port: number, text: string): Promise<string> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    let got = ''
    socket.on('data', (chunk) => {
      got += chunk.toString('latin1')
    })
    // A server that has not read all may reset the connection behind its answer.
    socket.on('error', () => {})
    socket.on('close', () => done(got))
    socket.write(Buffer.from(text + LAST, 'latin1'))
  })
}

/** Of each answer the status line and whether it is said to be the last; then what is no header. */
function essence(answers: string): string {
  const lines = answers.split('\r\n')
  return lines.filter((line) => !/^[\w-]+: /.test(line) || /^(Allow|Connection|Content-Type): /.test(line)).join('\n')
}

suite('requests byte for byte', { skip }, () => {
  let pair: Pair
  before(async () => {
    pair = await startPair(['-dev', '-node=x', '-log-level=err'])
  })
  after(() => pair?.stop())

  for (const [name, text] of Object.entries(CASES)) {
    test(name, async () => {
      const [ours, theirs] = await Promise.all(
        pair.all().map(async ({ ports }) => essence(await answersTo(ports.http, text))),
      )
      const sorted = (answers: string) => answers.split('\n').sort().join('\n')
      assert.equal(sorted(ours!), sorted(theirs!))
    })
  }
})
