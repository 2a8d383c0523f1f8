/**
 * Whom probes over TLS trust: real handshakes with certificates for every way of being wrong, in the words of Consul 1.8.7
 * (taken from a run of it against the same certificates, which are in testdata/tls and good until 2126). What the machine
 * trusts is read once a process, so each list of trusted ones is a process of its own.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttps, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { promisify } from 'node:util'
import type { Probe, ProbeResult } from '../model/check-run.ts'
import { systemCertificates } from './system-certificates.ts'

const FOLDER = resolve(import.meta.dirname, 'testdata/tls')
const AUTHORITY = join(FOLDER, 'authority.pem')
const CERTIFICATES = ['good', 'other-names', 'common-name', 'expired', 'not-yet', 'self', 'self-other-name'] as const
type Certificate = (typeof CERTIFICATES)[number]
/** For dozens of handshakes at once, however busy the machine. */
const AMPLE_MS = 120_000

/** Tries the probes of its argument, and prints what they say. */
const PROGRAM = `
  const { tryProbe } = await import(${JSON.stringify(new URL('./probes.ts', import.meta.url).href)})
  const never = new AbortController().signal
  const results = await Promise.all(JSON.parse(process.argv[1]).map((probe) => tryProbe(probe, never)))
  console.log(JSON.stringify(results))`

async function tried(probes: Probe[], env: NodeJS.ProcessEnv): Promise<ProbeResult[]> {
  const args = ['--input-type=module', '--eval', PROGRAM, JSON.stringify(probes)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } })
  return JSON.parse(stdout) as ProbeResult[]
}

suite('probes over TLS', () => {
  const empty = mkdtempSync(join(tmpdir(), 'proconsul-tls-'))
  const servers: (Server | Http2SecureServer)[] = []
  const ports = new Map<string, number>()
  before(async () => {
    for (const name of CERTIFICATES) {
      const pem = readFileSync(join(FOLDER, `${name}.pem`))
      const http = createHttps({ key: pem, cert: pem }, (_, response) => response.end('fine'))
      const http2 = createSecureServer({ key: pem, cert: pem })
      http2.on('stream', (stream: ServerHttp2Stream) => {
        stream.on('error', () => {})
        stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.end(Uint8Array.of(0, 0, 0, 0, 2, 8, 1))
      })
      http2.on('sessionError', () => {})
      for (const server of [http, http2]) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
      servers.push(http, http2)
      ports.set(`http ${name}`, (http.address() as AddressInfo).port)
      ports.set(`http2 ${name}`, (http2.address() as AddressInfo).port)
    }
  })
  after(() => {
    for (const server of servers) server.close()
    rmSync(empty, { recursive: true })
  })

  const url = (host: string, name: Certificate) => `https://${host}:${ports.get(`http ${name}`)}/`
  const at = (host: string, name: Certificate) => `${host}:${ports.get(`http2 ${name}`)}`

  /** One of each kind. */
  function probes(host: string, name: Certificate, more: { skipVerify?: boolean; serverName?: string } = {}): Probe[] {
    const tls = { skipVerify: false, serverName: '', ...more }
    const http = { method: 'GET', headers: {}, body: '', redirects: true, outputMax: 4096 }
    return [
      { kind: 'http', url: url(host, name), ...http, tls, timeout: AMPLE_MS },
      { kind: 'grpc', target: at(host, name), tls, timeout: AMPLE_MS },
      { kind: 'h2ping', address: at(host, name), tls, timeout: AMPLE_MS },
    ]
  }

  function passing(host: string, name: Certificate): ProbeResult[] {
    return [
      { status: 'passing', output: `HTTP GET ${url(host, name)}: 200 OK Output: fine` },
      { status: 'passing', output: `gRPC check ${at(host, name)}: success` },
      { status: 'passing', output: 'HTTP2 ping was successful' },
    ]
  }

  function refused(host: string, name: Certificate, why: string): ProbeResult[] {
    const handshake = `transport: authentication handshake failed: x509: ${why}`
    return [
      { status: 'critical', output: `Get "${url(host, name)}": x509: ${why}` },
      {
        status: 'critical',
        output: `rpc error: code = Unavailable desc = connection error: desc = "${handshake}"`,
      },
      { status: 'critical', output: `x509: ${why}` },
    ]
  }

  /** The time of the trial itself is not known beforehand. */
  const timeless = (results: ProbeResult[]) =>
    results.map(({ status, output }) => ({ status, output: output.replace(/(current time )\S+/, '$1T') }))

  const UNKNOWN = 'certificate signed by unknown authority'

  test('of whom the machine trusts nobody is taken for good, unless nobody asks', async () => {
    const env = { SSL_CERT_FILE: join(FOLDER, 'self-other-name.pem'), SSL_CERT_DIR: empty }
    const asked = [
      ...probes('127.0.0.1', 'good'),
      ...probes('localhost', 'self'),
      ...probes('localhost', 'self', { skipVerify: true }),
      ...probes('127.0.0.1', 'expired', { skipVerify: true }),
      ...probes('127.0.0.1', 'other-names', { skipVerify: true, serverName: 'nobody.example' }),
    ]
    assert.deepEqual(await tried(asked, env), [
      ...refused('127.0.0.1', 'good', UNKNOWN),
      ...refused('localhost', 'self', UNKNOWN),
      ...passing('localhost', 'self'),
      ...passing('127.0.0.1', 'expired'),
      ...passing('127.0.0.1', 'other-names'),
    ])
  })

  test('whom SSL_CERT_FILE names is taken for good, for its own names and in its time', async () => {
    const env = { SSL_CERT_FILE: AUTHORITY, SSL_CERT_DIR: empty }
    const name = (serverName: string) => ({ serverName })
    const asked = [
      ...probes('127.0.0.1', 'good'),
      ...probes('localhost', 'good'),
      ...probes('127.0.0.1', 'good', name('web.example')),
      ...probes('127.0.0.1', 'good', name('x.example')),
      ...probes('127.0.0.1', 'other-names'),
      ...probes('localhost', 'other-names'),
      ...probes('127.0.0.1', 'common-name'),
      ...probes('localhost', 'common-name'),
      ...probes('127.0.0.1', 'expired'),
      ...probes('127.0.0.1', 'not-yet'),
      ...probes('127.0.0.1', 'self'),
      // Its names are looked at before its signature.
      ...probes('127.0.0.1', 'self-other-name'),
    ]
    const legacy =
      'certificate relies on legacy Common Name field, use SANs or temporarily enable Common Name matching with GODEBUG=x509ignoreCN=0'
    const time = 'certificate has expired or is not yet valid: current time T is'
    assert.deepEqual(timeless(await tried(asked, env)), [
      ...passing('127.0.0.1', 'good'),
      ...passing('localhost', 'good'),
      ...passing('127.0.0.1', 'good'),
      ...refused('127.0.0.1', 'good', 'certificate is valid for localhost, web.example, not x.example'),
      ...refused('127.0.0.1', 'other-names', 'certificate is valid for 10.0.0.1, not 127.0.0.1'),
      ...refused('localhost', 'other-names', 'certificate is valid for other.example, not localhost'),
      ...refused('127.0.0.1', 'common-name', legacy),
      ...refused(
        ...(['localhost', 'common-name'] as const),
        'certificate is not valid for any names, but wanted to match localhost',
      ),
      ...refused('127.0.0.1', 'expired', `${time} after 2020-02-01T00:00:00Z`),
      ...refused('127.0.0.1', 'not-yet', `${time} before 2099-01-01T00:00:00Z`),
      ...refused('127.0.0.1', 'self', UNKNOWN),
      ...refused(
        ...(['127.0.0.1', 'self-other-name'] as const),
        "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
      ),
    ])
  })

  test('what the other side says before it hangs up is told', async () => {
    const tls = { skipVerify: true, serverName: '' }
    const target = `127.0.0.1:${ports.get('http good')}`
    const [{ output }] = (await tried([{ kind: 'grpc', target, tls, timeout: AMPLE_MS }], {})) as [ProbeResult]
    assert.match(output, /"transport: authentication handshake failed: remote error: tls: no application protocol"$/)
  })

  test('a file that holds no certificate spoils nothing, nor does one whose certificate is broken', async () => {
    const folder = join(empty, 'folder')
    mkdirSync(folder)
    writeFileSync(join(folder, 'broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    writeFileSync(join(folder, 'readme'), 'nothing')
    writeFileSync(join(folder, 'ours.pem'), readFileSync(AUTHORITY))
    const env = { SSL_CERT_FILE: join(empty, 'nowhere'), SSL_CERT_DIR: folder }
    assert.deepEqual(await tried(probes('127.0.0.1', 'good'), env), passing('127.0.0.1', 'good'))
  })
})

test('each certificate counts once, from files and folders alike; links by hash are passed over', async (t) => {
  if (process.platform === 'darwin' || process.platform === 'win32') return t.skip('the list is the key chain')
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-certificates-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [own, other] = [AUTHORITY, join(FOLDER, 'self.pem')].map((path) => readFileSync(path, 'utf8'))
  writeFileSync(join(folder, 'both.pem'), own! + other!)
  writeFileSync(join(folder, 'again.pem'), own!.replaceAll('\n', '\r\n'))
  symlinkSync('again.pem', join(folder, '0123abcd.0'))
  const found = await systemCertificates({ SSL_CERT_FILE: AUTHORITY, SSL_CERT_DIR: `${folder}:${folder}/nowhere` })
  assert.deepEqual(found, [own!.trim(), /-----BEGIN CERT.*?END CERTIFICATE-----/s.exec(other!)![0]])
  assert.deepEqual(await systemCertificates({ SSL_CERT_FILE: `${folder}/nowhere`, SSL_CERT_DIR: '/nowhere' }), [])
})
