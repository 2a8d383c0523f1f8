/** Every kind of probe against real sockets and programs: what passes, what does not, and in which words. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttp, type Server } from 'node:http'
import { createServer as createHttp2, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { type AddressInfo, createServer as createTcp, type Server as TcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Probe, ProbeResult } from '../model/check-run.ts'
import { tryProbe } from './probes.ts'

const NEVER = new AbortController().signal
const TLS = { skipVerify: false, serverName: '' }
/** For probes that come to their end by themselves, however busy the machine. */
const AMPLE_MS = 60_000

type HttpProbe = Probe & { kind: 'http' }
type ScriptProbe = Probe & { kind: 'script' }

function run(probe: Probe, gone = NEVER): Promise<ProbeResult> {
  return tryProbe(probe, gone)
}

async function listening(server: Server | TcpServer | Http2Server): Promise<string> {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Where nobody listens: a port of the system's that nothing uses, and that no other test is given. */
const DESERTED = '127.0.0.1:1'

suite('HTTP probes', () => {
  const server = createHttp((request, response) => {
    const { url, method, headers } = request
    if (url === '/slow') return
    if (url === '/pressed' || url === '/pressed-cut') {
      const pressed = gzipSync('a line of the answer\n'.repeat(3_000), { level: 0 })
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': pressed.length })
      if (url === '/pressed') return void response.end(pressed)
      response.write(pressed.subarray(0, 50_000), () => response.destroy())
      return
    }
    if (url === '/long-header') {
      return void response.writeHead(200, { 'x-long': 'x'.repeat(100_000) }).end('a line of the answer\n')
    }
    if (url === '/stall') return void response.write('half')
    if (url === '/cut') {
      response.writeHead(200, { 'content-length': 100 })
      response.write('part', () => response.destroy())
      return
    }
    if (url === '/loop' || url === '/redirect') {
      response.writeHead(302, { location: url === '/loop' ? '/loop' : '/echo' })
      return void response.end('moved')
    }
    const status = Number(url?.slice(1))
    if (status > 0) response.statusCode = status
    if (url === '/big') return void response.end(`${'x'.repeat(100_000)}END`)
    if (url !== '/echo') return void response.end('said')
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => response.end(JSON.stringify({ method, headers, body })))
  })
  let base = ''
  before(async () => {
    base = `http://${await listening(server)}`
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  const http = (path: string, more: Partial<HttpProbe> = {}): HttpProbe => ({
    ...{ kind: 'http', url: base + path, method: 'GET', headers: {}, body: '', redirects: true },
    ...{ tls: TLS, timeout: AMPLE_MS, outputMax: 4096 },
    ...more,
  })

  test('the status of the answer decides, and the output quotes it', async () => {
    for (const [path, status] of [
      ['/200', 'passing'],
      ['/299', 'passing'],
      ['/429', 'warning'],
      ['/404', 'critical'],
      ['/500', 'critical'],
    ] as const) {
      assert.equal((await run(http(path))).status, status, path)
    }
    assert.equal((await run(http('/500'))).output, `HTTP GET ${base}/500: 500 Internal Server Error Output: said`)
  })

  test('method, headers and body are those that were asked for, the rest is filled in', async () => {
    const headers = { 'X-Two': ['1', '2'], Host: ['a.example'], Accept: ['text/x'] }
    const { output } = await run(http('/echo', { method: 'POST', headers, body: 'hi' }))
    const heard = JSON.parse(output.slice(output.indexOf('{')))
    assert.equal(heard.method, 'POST')
    assert.equal(heard.body, 'hi')
    const { host, accept, 'x-two': two, 'user-agent': agent, 'content-length': length } = heard.headers
    assert.deepEqual([host, accept, two, agent, length], ['a.example', 'text/x', '1, 2', 'Consul Health Check', '2'])
  })

  test('of a long body its end is kept', async () => {
    const { output } = await run(http('/big', { outputMax: 10 }))
    assert.equal(output, `HTTP GET ${base}/big: 200 OK Output: xxxxxxxEND`)
  })

  test('redirects are followed, up to ten, unless they shall not be', async () => {
    const followed = await run(http('/redirect', { method: 'POST', body: 'x' }))
    assert.equal(followed.status, 'passing')
    assert.match(followed.output, /"method":"GET".*"body":""/)
    const loop = await run(http('/loop'))
    assert.deepEqual(loop, { status: 'critical', output: 'Get "/loop": stopped after 10 redirects' })
    assert.match((await run(http('/redirect', { redirects: false }))).output, /: 302 Found Output: moved$/)
  })

  test('an answer that breaks off or stalls has still told its status', async () => {
    assert.equal((await run(http('/cut'))).output, `HTTP GET ${base}/cut: 200 OK Output: part`)
    const stalled = await run(http('/stall', { timeout: 3_000 }))
    assert.deepEqual(stalled, { status: 'passing', output: `HTTP GET ${base}/stall: 200 OK Output: half` })
  })

  test('pressed answers are read, also when they break off, and long headers are taken', async () => {
    const text = 'a line of the answer\n'
    for (const path of ['/pressed', '/pressed-cut', '/long-header']) {
      const { status, output } = await run(http(path, { outputMax: 100_000 }))
      assert.equal(status, 'passing', path)
      assert.ok(output.startsWith(`HTTP GET ${base}${path}: 200 OK Output: ${text}`), output.slice(0, 200))
    }
    const asked = { 'Accept-Encoding': ['gzip, br'] }
    const { output } = await run(http('/pressed', { headers: asked, outputMax: 100_000 }))
    assert.ok(output.includes('Output: \x1f'), output.slice(0, 200))
    assert.doesNotMatch((await run(http('/echo', { method: 'HEAD' }))).output, /accept-encoding/)
  })

  test('failures are critical and say what is wrong', async () => {
    const nowhere = DESERTED
    const outputs = [
      [
        http('/slow', { timeout: 1_000 }),
        `Get "${base}/slow": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
      ],
      [
        http('', { url: `http://${nowhere}/` }),
        `Get "http://${nowhere}/": dial tcp ${nowhere}: connect: connection refused`,
      ],
      [http('', { url: 'nonsense' }), 'Get "nonsense": unsupported protocol scheme ""'],
      [http('', { url: 'ftp://x/' }), 'Get "ftp://x/": unsupported protocol scheme "ftp"'],
      [
        http('', { url: base.replace('http', 'https') }),
        `Get "${base.replace('http', 'https')}": http: server gave HTTP response to HTTPS client`,
      ],
    ] as const
    for (const [probe, output] of outputs) assert.deepEqual(await run(probe), { status: 'critical', output })
    const odd: [Partial<HttpProbe>, string][] = [
      [{ method: 'A B' }, 'net/http: invalid method "A B"'],
      [{ headers: { 'a b': ['c'] } }, `Get "${base}/200": net/http: invalid header field name "a b"`],
      [{ headers: { a: ['b', 'c\n'] } }, `Get "${base}/200": net/http: invalid header field value "c\\n" for key a`],
    ]
    for (const [more, output] of odd) {
      assert.deepEqual(await run(http('/200', more)), { status: 'critical', output })
    }
    assert.equal((await run(http('', { url: 'http://[::1' }))).status, 'critical')
  })

  test('a server that answers with an alert of TLS is shown to be none of HTTP', async () => {
    const alert = createTcp((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(Buffer.from('15030100020216', 'hex')))
    })
    const url = `http://${await listening(alert)}/`
    const { output } = await run(http('', { url }))
    alert.close()
    const said = 'net/http: HTTP/1.x transport connection broken: malformed HTTP response'
    assert.equal(output, `Get "${url}": ${said} "\\x15\\x03\\x01\\x00\\x02\\x02\\x16"`)
  })

  test('whoever is no longer waited for gives up', async () => {
    const gone = new AbortController()
    const asked = new Promise((done) => server.once('request', done))
    const result = run(http('/slow'), gone.signal)
    await asked
    gone.abort()
    assert.equal((await result).status, 'critical')
  })
})

suite('scripts', () => {
  const script = (code: string, more: Partial<ScriptProbe> = {}): ScriptProbe => ({
    ...{ kind: 'script', args: ['/bin/sh', '-c', code], timeout: AMPLE_MS, outputMax: 4096 },
    ...more,
  })

  test('the exit code decides', async () => {
    assert.deepEqual(await run(script('echo fine')), { status: 'passing', output: 'fine\n' })
    assert.deepEqual(await run(script('echo hm >&2; exit 1')), { status: 'warning', output: 'hm\n' })
    assert.deepEqual(await run(script('exit 2')), { status: 'critical', output: '' })
    assert.equal((await run(script('kill -9 $$'))).status, 'critical')
  })

  test('of long output its end is kept, with a note', async () => {
    const { output } = await run(script('seq 1 3000', { outputMax: 15 }))
    assert.equal(output, 'Captured 15 of 13893 bytes\n...\n2998\n2999\n3000\n')
  })

  test('one that takes too long is killed, with all its children', async () => {
    const result = await run(script('echo begin; sleep 1000 & echo $!; wait', { timeout: 4_000 }))
    const [words, child] = /^(Timed out \(4s\) running check\n\nbegin\n)(\d+)\n$/.exec(result.output)!.slice(1)
    assert.equal(words, 'Timed out (4s) running check\n\nbegin\n')
    assert.deepEqual([result.status, result.final], ['critical', true])
    // Killed is not yet gone.
    while (isAlive(Number(child))) await new Promise((done) => setImmediate(done))
  })

  test('one whose child has fled does not hold the check up', async () => {
    const { status } = await run(script('setsid sleep 10 & exit 0', { timeout: 300 }))
    assert.equal(status, 'critical')
  })

  test('what cannot be started counts at once', async () => {
    const none = await run(script('', { args: ['/nope/x'] }))
    assert.deepEqual(none, {
      status: 'critical',
      output: 'fork/exec /nope/x: no such file or directory',
      final: true,
    })
    const unknown = await run(script('', { args: ['no-such-command'] }))
    assert.equal(unknown.output, 'exec: "no-such-command": executable file not found in $PATH')
    assert.equal((await run(script('', { args: ['/tmp'] }))).output, 'fork/exec /tmp: permission denied')
    assert.equal((await run(script('', { args: ['a\0b'] }))).final, true)
  })
})

/** A zombie that nobody has buried yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    const { readFileSync } = process.getBuiltinModule('node:fs')
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

suite('sockets', () => {
  test('TCP passes where somebody listens', async () => {
    const server = createTcp((socket) => socket.destroy())
    const address = await listening(server)
    const passed = await run({ kind: 'tcp', address, timeout: AMPLE_MS })
    assert.deepEqual(passed, { status: 'passing', output: `TCP connect ${address}: Success` })
    server.close()
    const nowhere = DESERTED
    const refused = await run({ kind: 'tcp', address: nowhere, timeout: AMPLE_MS })
    assert.deepEqual(refused, { status: 'critical', output: `dial tcp ${nowhere}: connect: connection refused` })
    for (const [bad, output] of [
      ['nonsense', 'dial tcp: address nonsense: missing port in address'],
      ['1:2:3', 'dial tcp: address 1:2:3: too many colons in address'],
      ['127.0.0.1:99999', 'dial tcp: address 127.0.0.1:99999: invalid port or host'],
    ] as const) {
      assert.deepEqual(await run({ kind: 'tcp', address: bad, timeout: AMPLE_MS }), { status: 'critical', output })
    }
  })

  test('UDP passes with an answer or with silence, and not where nobody listens', async () => {
    const socket = createSocket('udp4')
    await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
    const address = `127.0.0.1:${socket.address().port}`
    const silent = await run({ kind: 'udp', address, timeout: 100 })
    assert.deepEqual(silent, { status: 'passing', output: `UDP connect ${address}: Success` })
    socket.on('message', (_, { port, address: from }) => socket.send('pong', port, from))
    assert.equal((await run({ kind: 'udp', address, timeout: AMPLE_MS })).status, 'passing')
    await new Promise<void>((done) => socket.close(done))
    assert.equal((await run({ kind: 'udp', address, timeout: AMPLE_MS })).status, 'critical')
  })
})

suite('HTTP/2', () => {
  const server = createHttp2()
  let address = ''
  /** What the next call is answered. */
  let answer: (stream: ServerHttp2Stream) => void = () => {}
  const asked: string[] = []
  before(async () => {
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        asked.push(`${headers[':path']} ${Buffer.concat(chunks).toString('hex')}`)
        answer(stream as ServerHttp2Stream)
      })
    })
    address = await listening(server)
  })
  after(() => server.close())

  const says = (reply: number[], status = '0', message = '') => {
    answer = (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status, 'grpc-message': message }))
      stream.end(Buffer.from(reply))
    }
  }
  const grpc = (more: Partial<Probe & { kind: 'grpc' }> = {}) =>
    run({ kind: 'grpc', target: address, tls: null, timeout: AMPLE_MS, ...more })

  test('gRPC passes when the service says that it serves', async () => {
    says([0, 0, 0, 0, 2, 8, 1])
    assert.deepEqual(await grpc(), { status: 'passing', output: `gRPC check ${address}: success` })
    const target = `${address}/shop`
    assert.deepEqual(await grpc({ target }), { status: 'passing', output: `gRPC check ${target}: success` })
    assert.deepEqual(asked, [
      '/grpc.health.v1.Health/Check 0000000000',
      '/grpc.health.v1.Health/Check 00000000060a0473686f70',
    ])
  })

  test('gRPC that says anything else is critical', async () => {
    const unhealthy = "gRPC application didn't report service healthy"
    for (const reply of [[], [0, 0, 0, 0, 0], [0, 0, 0, 0, 2, 8, 2], [1, 0, 0, 0, 2, 8, 1], [0, 0, 0, 9, 9, 8, 1]]) {
      says(reply)
      assert.deepEqual(await grpc(), { status: 'critical', output: unhealthy })
    }
    says([], '5', 'unknown%20service')
    assert.equal((await grpc()).output, 'rpc error: code = NotFound desc = unknown service')
    answer = (stream) => {
      stream.respond({ ':status': 503 })
      stream.end()
    }
    assert.match((await grpc()).output, /^rpc error: code = Unavailable desc = unexpected HTTP status 503/)
    answer = () => {}
    assert.match((await grpc({ timeout: 1_000 })).output, /code = DeadlineExceeded/)
    const nowhere = DESERTED
    assert.match((await grpc({ target: nowhere })).output, /Unavailable.*dial tcp .*: connect: connection refused/)
  })

  test('a ping passes where HTTP/2 is spoken, and only there', async () => {
    const ping = (at: string) => run({ kind: 'h2ping', address: at, tls: null, timeout: AMPLE_MS })
    assert.deepEqual(await ping(address), { status: 'passing', output: 'HTTP2 ping was successful' })
    const old = createHttp((_, response) => response.end())
    assert.equal((await ping(await listening(old))).status, 'critical')
    old.closeAllConnections()
    old.close()
    assert.match((await ping(DESERTED)).output, /^dial tcp .*refused$/)
  })
})

suite('Docker', () => {
  test('runs the program in the container, through the socket of the engine', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-docker-'))
    const socket = join(folder, 'docker.sock')
    const calls: string[] = []
    let exitCode = 0
    const engine = createHttp((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        calls.push(`${request.method} ${request.url} ${body}`.trim())
        if (request.url?.startsWith('/containers/gone/')) {
          response.statusCode = 404
          return void response.end('no such container')
        }
        if (request.url?.endsWith('/start')) return void response.end('printed')
        if (request.method === 'POST') response.statusCode = 201
        response.end(JSON.stringify(request.method === 'POST' ? { Id: 'e1' } : { ExitCode: exitCode }))
      })
    })
    await new Promise<void>((done) => engine.listen(socket, done))
    const before = process.env.DOCKER_HOST
    process.env.DOCKER_HOST = `unix://${socket}`
    t.after(() => {
      engine.close()
      rmSync(folder, { recursive: true })
      if (before === undefined) delete process.env.DOCKER_HOST
      else process.env.DOCKER_HOST = before
    })
    const docker = (container: string) =>
      run({ kind: 'docker', container, args: ['check', 'me'], timeout: AMPLE_MS, outputMax: 100 })
    assert.deepEqual(await docker('c1'), { status: 'passing', output: 'printed' })
    assert.deepEqual(calls, [
      'POST /containers/c1/exec {"AttachStdin":false,"AttachStdout":true,"AttachStderr":true,"Tty":false,"Cmd":["check","me"]}',
      'POST /exec/e1/start {"Detach":false,"Tty":true}',
      'GET /exec/e1/json',
    ])
    exitCode = 1
    assert.equal((await docker('c1')).status, 'warning')
    exitCode = 2
    assert.equal((await docker('c1')).status, 'critical')
    assert.deepEqual(await docker('gone'), {
      status: 'critical',
      output: 'create exec failed for container gone: unknown container gone or exec',
    })
    process.env.DOCKER_HOST = `unix://${folder}/nobody`
    assert.match((await docker('c1')).output, /dial unix .*nobody: connect: no such file or directory$/)
    process.env.DOCKER_HOST = 'nonsense'
    assert.equal((await docker('c1')).output, 'unable to parse docker host `nonsense`')
  })
})
