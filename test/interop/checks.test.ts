/**
 * The same checks on the real agent and on ours, of the same targets: healthy, failing, slow, broken, flapping and
 * recovering. What they make of them must be the same, word for word where the words are Consul's.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTls } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect, isDeepStrictEqual } from 'node:util'
import { type AgentProcess, realConsul, startAgentProcess } from '../support/process.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

/** Far longer than any check takes to be run, followed and told. */
const SEEN_MS = 120_000

interface Shown {
  CheckID: string
  Status: string
  Output: string
  Type: string
  ServiceName: string
}

/** What a target answers on each path; an agent's name in the path tells who asks. */
const answers = new Map<string, (request: IncomingMessage, response: ServerResponse) => void>()
const target = createServer((request, response) => {
  const path = request.url ?? ''
  const answer = answers.get(path)
  if (answer !== undefined) return answer(request, response)
  const status = Number(path.slice(1))
  if (status > 0) response.statusCode = status
  response.end('said')
})
answers.set('/slow', () => {})
answers.set('/big', (_, response) => response.end(`${'x'.repeat(9_000)}END`))
answers.set('/echo', ({ method, headers }, response) => {
  const { host, accept, 'x-a': a, 'user-agent': agent, 'content-length': length } = headers
  response.end(JSON.stringify([method, host, accept, a, agent, length]))
})
answers.set('/redirect', (_, response) => response.writeHead(302, { location: '/echo' }).end('moved'))
answers.set('/loop', (_, response) => response.writeHead(302, { location: '/loop' }).end('moved'))
answers.set('/cut', (_, response) => {
  response.writeHead(200, { 'content-length': 100 })
  response.write('part', () => response.destroy())
})

function addressOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

const TLS = new URL('../../src/host/testdata/tls/', import.meta.url)
/** Over TLS, with a certificate that the agents trust (for 127.0.0.1 and web.example), and with one that they do not. */
const [trusted, unknown] = ['good.pem', 'self.pem'].map((name) => {
  const pem = readFileSync(new URL(name, TLS))
  return createTls({ key: pem, cert: pem }, (_, response) => response.end('said'))
})

suite('checks, side by side with the real agent', { skip }, () => {
  let ours: AgentProcess
  let theirs: AgentProcess
  let at = ''

  before(async () => {
    for (const server of [target, trusted!, unknown!]) {
      await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    }
    at = addressOf(target)
    // New output of a check whose status stays would otherwise reach the catalog minutes later.
    const args = ['-dev', '-node=x', '-log-level=err', '-enable-script-checks', '-hcl=check_update_interval = "0s"']
    const env = { SSL_CERT_FILE: fileURLToPath(new URL('authority.pem', TLS)) }
    ours = await startAgentProcess(args, { env })
    theirs = await startAgentProcess(args, { command: real, env })
  })
  after(async () => {
    await Promise.all([ours?.kill(), theirs?.kill()])
    for (const server of [target, trusted!, unknown!]) {
      server.closeAllConnections()
      server.close()
    }
  })

  async function register(agent: AgentProcess, definition: Record<string, unknown>): Promise<void> {
    const body = JSON.stringify({ Name: definition.ID, Interval: '1s', ...definition })
    const { status, body: said } = await agent.http('PUT', '/v1/agent/check/register', body)
    assert.equal(status, 200, said)
  }

  /** Waits for the catalog to say so of the check, as whoever discovers services would see it. */
  async function seen(agent: AgentProcess, id: string, wanted: (check: Shown) => boolean): Promise<Shown> {
    const end = Date.now() + SEEN_MS
    for (let index = '0'; ; ) {
      const { body, headers } = await agent.http('GET', `/v1/health/node/x?index=${index}&wait=5s`)
      const check = (JSON.parse(body) as Shown[]).find(({ CheckID }) => CheckID === id)
      if (check !== undefined && wanted(check)) return check
      const who = agent === ours ? 'ours' : 'the real one'
      if (Date.now() > end) assert.fail(`${who} has not come to what is waited for: ${id} is ${inspect(check)}`)
      index = String(headers['x-consul-index'] ?? '0')
    }
  }

  test('every kind of target, in the same words', async () => {
    const http = (path: string) => ({ HTTP: `http://${at}${path}` })
    const script = (code: string) => ({ Args: ['/bin/sh', '-c', code] })
    const definitions: Record<string, Record<string, unknown>> = {
      'http-200': http('/200'),
      'http-429': http('/429'),
      'http-500': http('/500'),
      'http-301': http('/301'),
      'http-echo': {
        ...http('/echo'),
        Method: 'POST',
        Body: 'hi',
        Header: { 'X-A': ['1', '2'], Host: ['foo.example'] },
      },
      'http-big': { ...http('/big'), OutputMaxSize: 20 },
      'http-redirect': http('/redirect'),
      'http-loop': http('/loop'),
      'http-cut': http('/cut'),
      'http-slow': { ...http('/slow'), Timeout: '300ms' },
      'http-refused': { HTTP: 'http://127.0.0.1:1/x' },
      'http-nonsense': { HTTP: 'nonsense' },
      'http-ftp': { HTTP: 'ftp://127.0.0.1/' },
      'https-plain': { HTTP: `https://${at}/` },
      'https-trusted': { HTTP: `https://${addressOf(trusted!)}/` },
      'https-unknown': { HTTP: `https://${addressOf(unknown!)}/` },
      'https-unchecked': { HTTP: `https://${addressOf(unknown!)}/`, TLSSkipVerify: true },
      'grpc-unknown': { GRPC: addressOf(unknown!), GRPCUseTLS: true, Timeout: '5s' },
      tcp: { TCP: at },
      'tcp-refused': { TCP: '127.0.0.1:1' },
      'tcp-nonsense': { TCP: 'nonsense' },
      'tcp-localhost': { TCP: 'localhost:1' },
      'grpc-refused': { GRPC: '127.0.0.1:1', Timeout: '500ms' },
      'script-ok': script('echo fine'),
      'script-warn': script('echo hm; exit 1'),
      'script-bad': script('echo no; exit 3'),
      'script-killed': script('echo oh; kill -9 $$'),
      'script-slow': { ...script('echo begin; sleep 100'), Timeout: '300ms' },
      'script-long': { ...script('seq 1 3000'), OutputMaxSize: 30 },
      'script-none': { Args: ['/nope/x'] },
      'script-unknown': { Args: ['no-such-command'] },
      'script-folder': { Args: ['/tmp'] },
    }
    const agents = [ours, theirs]
    for (const [ID, definition] of Object.entries(definitions)) {
      await Promise.all(agents.map((agent) => register(agent, { ID, ...definition })))
    }
    try {
      for (const ID of Object.keys(definitions)) {
        const pick = ({ Status, Output, Type }: Shown) => ({ ID, Status, Output, Type })
        // What has little time says something else where the machine gives it none: until it is tried again.
        const end = Date.now() + SEEN_MS
        for (;;) {
          const [mine, its] = await Promise.all(agents.map((agent) => seen(agent, ID, ({ Output }) => Output !== '')))
          if (Date.now() < end && !isDeepStrictEqual(pick(mine!), pick(its!))) continue
          assert.deepEqual(pick(mine!), pick(its!))
          break
        }
      }
    } finally {
      // Whatever came of it: those that fail would keep the agents busy while the other tests wait for their own.
      await Promise.all(
        Object.keys(definitions).flatMap((ID) =>
          agents.map((agent) => agent.http('PUT', `/v1/agent/check/deregister/${ID}`)),
        ),
      )
    }
  })

  test('a flapping target passes and fails by the thresholds', async () => {
    const results = [200, 500, 200, 500, 500, 500, 200, 429, 200]
    const statuses = await Promise.all(
      Object.entries({ ours, theirs }).map(async ([name, agent]) => {
        const told: string[] = []
        const done = new Promise<void>((finish) => {
          let asked = 0
          answers.set(`/flap/${name}`, async (_, response) => {
            // What the result before this one has come to.
            const { body } = await agent.http('GET', '/v1/agent/checks')
            if (asked > 0) told.push((JSON.parse(body) as Record<string, Shown>).flap?.Status ?? 'gone')
            if (asked === results.length) finish()
            response.statusCode = results[asked++] ?? 200
            response.end()
          })
        })
        const HTTP = `http://${at}/flap/${name}`
        await register(agent, { ID: 'flap', HTTP, SuccessBeforePassing: 2, FailuresBeforeCritical: 3, Timeout: '10s' })
        await done
        await agent.http('PUT', '/v1/agent/check/deregister/flap')
        return told
      }),
    )
    assert.deepEqual(statuses[0], statuses[1])
    assert.deepEqual(new Set(statuses[0]), new Set(['passing', 'critical', 'warning']))
  })

  test('a service goes and comes with its check, and an alias with the service', async () => {
    for (const agent of [ours, theirs]) {
      let healthy = true
      answers.set('/health', (_, response) => {
        response.statusCode = healthy ? 200 : 503
        response.end()
      })
      const Check = { CheckID: 'web-up', HTTP: `http://${at}/health`, Interval: '1s' }
      await agent.http('PUT', '/v1/agent/service/register', JSON.stringify({ Name: 'web', Check }))
      await agent.http(
        'PUT',
        '/v1/agent/service/register',
        JSON.stringify({ Name: 'front', Check: { CheckID: 'like-web', AliasService: 'web' } }),
      )
      for (const status of ['passing', 'critical', 'passing']) {
        healthy = status === 'passing'
        await seen(agent, 'web-up', ({ Status }) => Status === status)
        const alias = await seen(agent, 'like-web', ({ Status }) => Status === status)
        assert.match(
          alias.Output,
          healthy ? /^All checks passing\.$/ : /^Aliased check "Service 'web' check" failing: /,
        )
        assert.equal(alias.Type, 'alias')
      }
      await agent.http('PUT', '/v1/agent/service/deregister/web')
      await agent.http('PUT', '/v1/agent/service/deregister/front')
    }
  })
})
