/** Which agent is asked and with what, by flags and environment, and what is said when it does not answer. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { cannedAgent, run } from './canned.suite.ts'

const DATACENTERS = { 'GET /v1/catalog/datacenters': { body: ['dc1', 'dc2'] } }
const ASK = ['catalog', 'datacenters']
/** A port of the system's that nothing uses, and that no other test is given. */
const DESERTED = '127.0.0.1:1'

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'proconsul-cli-'))
})
const agent = await cannedAgent(DATACENTERS)
after(() => rmSync(folder, { recursive: true }))

suite('the address', () => {
  const answered = { code: 0, out: 'dc1\ndc2\n', err: '' }
  test('by environment, with and without a scheme', async () => {
    assert.deepEqual(await run(ASK, { env: { CONSUL_HTTP_ADDR: agent.address } }), answered)
    assert.deepEqual(await run(ASK, { env: { CONSUL_HTTP_ADDR: `http://${agent.address}` } }), answered)
  })
  test('by flag, which beats the environment', async () => {
    const env = { CONSUL_HTTP_ADDR: '127.0.0.1:1' }
    assert.deepEqual(await run([...ASK, `-http-addr=${agent.address}`], { env }), answered)
    assert.deepEqual(await run([...ASK, '--http-addr', agent.address], { env }), answered)
  })
  test('a Unix socket', async () => {
    const { env, asked } = await cannedAgent(DATACENTERS, join(folder, 'agent.sock'))
    assert.deepEqual(await run(ASK, { env }), answered)
    assert.equal(asked.length, 1)
  })
  test('an unknown scheme', async () => {
    const { code, err } = await run(ASK, { env: { CONSUL_HTTP_ADDR: 'ftp://x' } })
    assert.equal(code, 1)
    assert.equal(err, 'Error connecting to Consul agent: Unknown protocol scheme: ftp\n')
  })
})

suite('who is sent elsewhere', () => {
  const moved = (status: number, Location: string) => ({ status, headers: { Location }, body: '' })
  test('goes there, with the same token, and reads where it was to write', async () => {
    const { env, asked } = await cannedAgent({
      'GET /v1/catalog/datacenters': moved(301, '/elsewhere?x=1'),
      'GET /elsewhere?x=1': moved(307, 'here'),
      'GET /here': { body: ['dc7'] },
      'PUT /v1/kv/a//b': moved(301, '/v1/kv/a/b'),
    })
    assert.deepEqual(await run(ASK, { env: { ...env, CONSUL_HTTP_TOKEN: 't' } }), { code: 0, out: 'dc7\n', err: '' })
    assert.deepEqual(
      asked.map(({ url, headers }) => [url, headers['x-consul-token']]),
      [
        ['/v1/catalog/datacenters', 't'],
        ['/elsewhere?x=1', 't'],
        ['/here', 't'],
      ],
    )
    const { code, err } = await run(['kv', 'put', 'a//b', 'v'], { env })
    assert.deepEqual([code, err], [1, 'Error! Failed writing data: Unexpected response code: 404 ()\n'])
    assert.deepEqual(
      asked.slice(3).map(({ method, url, body }) => [method, url, body]),
      [
        ['PUT', '/v1/kv/a//b', 'v'],
        ['GET', '/v1/kv/a/b', ''],
      ],
    )
  })
  test('writes elsewhere where it is told to', async () => {
    const { env, asked } = await cannedAgent({
      'PUT /v1/kv/a': moved(308, '/v1/kv/b'),
      'PUT /v1/kv/b': { body: true },
    })
    assert.equal((await run(['kv', 'put', 'a', 'v'], { env })).code, 0)
    assert.deepEqual(
      asked.map(({ url, body }) => [url, body]),
      [
        ['/v1/kv/a', 'v'],
        ['/v1/kv/b', 'v'],
      ],
    )
  })
  test('tells another host no token', async () => {
    const other = await cannedAgent(DATACENTERS)
    const port = other.address.split(':')[1]
    const { env } = await cannedAgent({
      'GET /v1/catalog/datacenters': moved(302, `http://localhost:${port}/v1/catalog/datacenters`),
    })
    const { code } = await run(ASK, { env: { ...env, CONSUL_HTTP_TOKEN: 't', CONSUL_HTTP_AUTH: 'u:p' } })
    assert.equal(code, 0)
    const [{ headers }] = other.asked as [(typeof other.asked)[number]]
    assert.deepEqual([headers['x-consul-token'], headers.authorization], [undefined, undefined])
  })
  test('gives up where it is sent about for ever', async () => {
    const { env, asked } = await cannedAgent({ 'GET /v1/catalog/datacenters': moved(301, '/v1/catalog/datacenters') })
    const { code, err } = await run(ASK, { env })
    assert.equal(code, 1)
    assert.match(err, /stopped after 10 redirects\n$/)
    assert.equal(asked.length, 10)
  })
})

suite('who asks', () => {
  const tokenOf = async (argv: string[], env: Record<string, string>) => {
    const { code } = await run([...ASK, ...argv], { env: { ...agent.env, ...env } })
    assert.equal(code, 0)
    return agent.asked.at(-1)!.headers['x-consul-token']
  }
  test('nobody', async () => assert.equal(await tokenOf([], {}), undefined))
  test('a token by environment, by flag, by file', async () => {
    const path = join(folder, 'token')
    writeFileSync(path, ' from-file\n')
    assert.equal(await tokenOf([], { CONSUL_HTTP_TOKEN: 'env' }), 'env')
    assert.equal(await tokenOf(['-token=flag'], { CONSUL_HTTP_TOKEN: 'env' }), 'flag')
    assert.equal(await tokenOf(['-token=flag'], { CONSUL_HTTP_TOKEN_FILE: path }), 'from-file')
    assert.equal(await tokenOf(['-token=flag', `-token-file=${path}`], {}), 'from-file')
  })
  test('a token file that is not there', async () => {
    const { code, err } = await run([...ASK, '-token-file=/none/such'], { env: agent.env })
    assert.equal(code, 1)
    assert.equal(
      err,
      'Error connecting to Consul agent: Error loading token file: open /none/such: no such file or directory\n',
    )
  })
  test('user and password', async () => {
    await run(ASK, { env: { ...agent.env, CONSUL_HTTP_AUTH: 'u:p:q' } })
    assert.equal(agent.asked.at(-1)!.headers.authorization, `Basic ${Buffer.from('u:p:q').toString('base64')}`)
    await run(ASK, { env: { ...agent.env, CONSUL_HTTP_AUTH: 'u' } })
    assert.equal(agent.asked.at(-1)!.headers.authorization, `Basic ${Buffer.from('u:').toString('base64')}`)
  })
  test('datacenter and namespace go along', async () => {
    await run(['catalog', 'services', '-datacenter=dc2', '-namespace=n'], { env: agent.env })
    assert.equal(agent.asked.at(-1)!.url, '/v1/catalog/services?dc=dc2&ns=n')
    await run(['catalog', 'services'], { env: { ...agent.env, CONSUL_NAMESPACE: 'e' } })
    assert.equal(agent.asked.at(-1)!.url, '/v1/catalog/services?ns=e')
  })
})

suite('HTTPS', () => {
  test('files that are wrong are told at once', async () => {
    const said = async (env: Record<string, string>) => (await run(ASK, { env: { ...agent.env, ...env } })).err
    assert.equal(
      await said({ CONSUL_CACERT: '/none' }),
      'Error connecting to Consul agent: Error loading CA File: open /none: no such file or directory\n',
    )
    assert.equal(
      await said({ CONSUL_CLIENT_CERT: '/none' }),
      'Error connecting to Consul agent: both client cert and client key must be provided\n',
    )
  })
  test('is asked for by scheme or environment; an agent without it is told', async () => {
    for (const env of [
      { CONSUL_HTTP_ADDR: `https://${agent.address}` },
      { ...agent.env, CONSUL_HTTP_SSL: 'true', CONSUL_HTTP_SSL_VERIFY: 'false' },
    ]) {
      const { code, err } = await run(ASK, { env })
      assert.equal(code, 1)
      assert.equal(
        err,
        `Error listing datacenters: Get "https://${agent.address}/v1/catalog/datacenters": http: server gave HTTP response to HTTPS client\n`,
      )
    }
  })
  test('is trusted when the machine, or a file that is named, knows who signed its certificate', async (t) => {
    const file = (name: string) => fileURLToPath(new URL(`../host/testdata/tls/${name}.pem`, import.meta.url))
    const pem = readFileSync(file('good'))
    const server = createTls({ key: pem, cert: pem }, (_, response) => response.end('["dc1"]'))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const { SSL_CERT_FILE: before } = process.env
    t.after(() => {
      server.close()
      if (before === undefined) delete process.env.SSL_CERT_FILE
      else process.env.SSL_CERT_FILE = before
    })
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const said = (more: Record<string, string> = {}) => run(ASK, { env: { CONSUL_HTTP_ADDR: url, ...more } })
    const taken = { code: 0, out: 'dc1\n', err: '' }
    process.env.SSL_CERT_FILE = file('self')
    assert.equal(
      (await said()).err,
      `Error listing datacenters: Get "${url}/v1/catalog/datacenters": x509: certificate signed by unknown authority\n`,
    )
    assert.deepEqual(await said({ CONSUL_HTTP_SSL_VERIFY: 'false' }), taken)
    assert.deepEqual(await said({ CONSUL_CACERT: file('authority') }), taken)
    process.env.SSL_CERT_FILE = file('authority')
    assert.deepEqual(await said(), taken)
  })
  test('a setting that is no boolean is told, and not heeded', async () => {
    const { code, err } = await run(ASK, { env: { ...agent.env, CONSUL_HTTP_SSL: 'foo' } })
    assert.equal(code, 0)
    assert.match(
      err,
      /\[WARN\] {2}consul-api: could not parse CONSUL_HTTP_SSL: error="strconv\.ParseBool: parsing "foo": invalid syntax"\n$/,
    )
  })
})

suite('no answer', () => {
  test('refused', async () => {
    const address = DESERTED
    const { code, out, err } = await run(['members'], { env: { CONSUL_HTTP_ADDR: address } })
    assert.equal(code, 1)
    assert.equal(out, '')
    assert.equal(
      err,
      `Error retrieving members: Get "http://${address}/v1/agent/members?segment=_all": dial tcp ${address}: connect: connection refused\n`,
    )
  })
  test('refused, for a write', async () => {
    const address = DESERTED
    const { err } = await run(['kv', 'put', 'x', 'y'], { env: { CONSUL_HTTP_ADDR: address } })
    assert.equal(
      err,
      `Error! Failed writing data: Put "http://${address}/v1/kv/x": dial tcp ${address}: connect: connection refused\n`,
    )
  })
  test('a port that cannot be', async () => {
    const { code, err } = await run(ASK, { env: { CONSUL_HTTP_ADDR: '127.0.0.1:99999' } })
    assert.equal(code, 1)
    assert.match(err, /: dial tcp: address 99999: invalid port\n$/)
  })
  test('no socket at the path', async () => {
    const path = join(folder, 'none.sock')
    const { code, err } = await run(ASK, { env: { CONSUL_HTTP_ADDR: `unix://${path}` } })
    assert.equal(code, 1)
    assert.equal(
      err,
      `Error listing datacenters: Get "http://${encodeURIComponent(path)}/v1/catalog/datacenters": dial unix ${path}: connect: no such file or directory\n`,
    )
  })
  test('one who hangs up', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.end()))
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as AddressInfo
    const { code, err } = await run(ASK, { env: { CONSUL_HTTP_ADDR: `127.0.0.1:${port}` } })
    server.close()
    assert.equal(code, 1)
    assert.match(err, /^Error listing datacenters: Get "http:.*": EOF\n$/)
  })
  test('an error of the agent', async () => {
    const failing = await cannedAgent({ 'GET /v1/catalog/datacenters': { status: 500, body: 'No cluster leader' } })
    const { code, err } = await run(ASK, { env: failing.env })
    assert.equal(code, 1)
    assert.equal(err, 'Error listing datacenters: Unexpected response code: 500 (No cluster leader)\n')
  })
})
