/**
 * Every read that can block, of an agent that runs, followed as a stream of events: what is there, nothing again for those
 * who have it already, and the next state once something has changed.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { DESCRIPTIONS } from '../src/serve/http/descriptions.ts'
import { type AgentProcess, settled, startAgentProcess } from './support/process.ts'

/** What stands in the place of a path's end. */
const ENDS: Record<string, string> = {
  kind: 'service-defaults/es-web',
  state: 'any',
  key: 'es/key',
  gateway: 'es-gate',
}
const PATH_ENDS: Record<string, string> = {
  '/v1/agent/service/': 'es-own',
  '/v1/session/node/': 'x',
  '/v1/session/info/': '{session}',
  '/v1/connect/intentions/': '{intention}',
  '/v1/coordinate/node/': 'x',
}
/** Of answers with an index that does not tell of a change. */
const NO_CHANGE = ['/v1/query/', '/v1/operator/raft/configuration']
const WITHOUT_ANSWER = [
  '/v1/agent/monitor',
  '/v1/snapshot',
  '/v1/agent/connect/ca',
  '/v1/connect/ca',
  '/v1/acl',
  '/debug',
]

suite('streams of events of every read that can block', () => {
  let agent: AgentProcess
  const names: Record<string, string> = {}

  async function put(path: string, body: unknown = '', method = 'PUT'): Promise<string> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const response = await agent.http(method, path, text)
    assert.equal(response.status, 200, `${method} ${path}: ${response.body}`)
    return response.body
  }
  const idOf = (body: string) => (JSON.parse(body) as { ID: string }).ID

  before(async () => {
    agent = await startAgentProcess(['-dev', '-node=x', '-log-level=err'])
    await settled(agent)
    names.session = idOf(await put('/v1/session/create'))
    await put('/v1/agent/service/register', { Name: 'es-own' })
    await put('/v1/catalog/register', { Node: 'es-node', Address: '10.0.0.1' })
    const intention = { SourceName: 'es-a', DestinationName: 'es-b', Action: 'allow' }
    names.intention = idOf(await put('/v1/connect/intentions', intention, 'POST'))
    await put('/v1/config', { Kind: 'service-defaults', Name: 'es-web', Protocol: 'http' })
  })
  after(() => agent?.kill())

  const url = (pattern: string, rest = '') => {
    const end = PATH_ENDS[pattern] ?? ENDS[rest] ?? (rest === '' ? '' : `es-${rest}`)
    const filled = end.replace(/\{(\w+)\}/, (_, name: string) => names[name]!)
    const query = pattern === '/v1/connect/intentions/match' ? '?by=source&name=es-a' : ''
    return `http://127.0.0.1:${agent.ports.http}${pattern}${filled}${query}`
  }
  const reads = Object.entries(DESCRIPTIONS).flatMap(([pattern, { GET }]) =>
    GET === undefined || WITHOUT_ANSWER.some((each) => pattern.startsWith(each)) ? [] : [{ pattern, ...GET }],
  )
  const followed = reads.filter(({ blocks }) => blocks)

  test('those that tell an index or a hash are followed, and no others', async () => {
    for (const { pattern, rest, blocks } of reads) {
      if (NO_CHANGE.includes(pattern)) continue
      const { status, headers, body } = await fetch(url(pattern, rest))
      await body?.cancel()
      if (status === 501) continue
      const tells = headers.has('X-Consul-Index') || headers.has('X-Consul-ContentHash')
      assert.equal(tells, blocks === true, `${pattern}: ${status}`)
    }
  })

  /** The events of a stream; ends when the reader leaves. */
  async function open(pattern: string, rest: string | undefined, last?: string) {
    const leave = new AbortController()
    const headers = { Accept: 'text/event-stream', ...(last === undefined ? {} : { 'Last-Event-ID': last }) }
    const response = await fetch(url(pattern, rest), { headers, signal: leave.signal })
    assert.equal(response.headers.get('Content-Type'), 'text/event-stream', pattern)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    return {
      leave: () => leave.abort(),
      async next(): Promise<{ id: string; data: string }> {
        for (;;) {
          const end = text.indexOf('\n\n')
          if (end >= 0) {
            const event = text.slice(0, end)
            text = text.slice(end + 2)
            const id = /^id: (.*)$/m.exec(event)
            if (id !== null) return { id: id[1]!, data: /^data: ?(.*)$/m.exec(event)![1]! }
            continue
          }
          const { value, done } = await reader.read()
          assert.ok(!done, `${pattern} ended`)
          text += value
        }
      },
    }
  }

  test('each tells what is there; who has it waits for the next', async () => {
    const streams = await Promise.all(
      followed.map(async ({ pattern, rest }) => {
        const fresh = await open(pattern, rest)
        const first = await fresh.next()
        const again = await open(pattern, rest, first.id)
        const next = again.next()
        next.catch(() => {})
        return { pattern, fresh, again, first, next }
      }),
    )
    await change()
    for (const { pattern, fresh, again, first, next } of streams) {
      assert.notEqual((await next).id, first.id, pattern)
      // An index may pass before what it stands for has changed.
      let latest = first
      while (latest.data === first.data) {
        const event = await fresh.next()
        assert.notEqual(event.id, latest.id, pattern)
        latest = event
      }
      fresh.leave()
      again.leave()
    }
  })

  /** Something that each of the reads shows. */
  async function change(): Promise<void> {
    const proxy = { Service: 'es-proxy', Kind: 'connect-proxy', Port: 3 }
    const service = { Service: 'es-service', Port: 1 }
    const Check = { CheckID: 'es', Name: 'es', Status: 'passing', ServiceID: 'es-service' }
    const node = { Node: 'es-node', Address: '10.0.0.2' }
    // Before the service: once that is there, `catalog/connect` tells of its index alone, in Consul too.
    await put('/v1/catalog/register', {
      ...node,
      Service: { ...proxy, Proxy: { DestinationServiceName: 'es-service' } },
    })
    await put('/v1/config', {
      Kind: 'ingress-gateway',
      Name: 'es-gate',
      Listeners: [{ Port: 1, Protocol: 'tcp', Services: [{ Name: 'es-service' }] }],
    })
    await put('/v1/catalog/register', { ...node, Service: { Service: 'es-gate', Kind: 'ingress-gateway', Port: 2 } })
    await put('/v1/catalog/register', { ...node, Service: service, Check })
    await put('/v1/config', { Kind: 'service-resolver', Name: 'es-service', ConnectTimeout: '7s' })
    await put('/v1/config', { Kind: 'service-defaults', Name: 'es-web', Protocol: 'tcp' })
    await put('/v1/agent/service/register', { Name: 'es-own', Port: 9 })
    await put('/v1/kv/es/key', 'v')
    await put(`/v1/connect/intentions/${names.intention}`, {
      ...{ ID: names.intention, SourceName: 'es-a', DestinationName: 'es-b', Action: 'deny' },
    })
    await put('/v1/query', { Name: 'es', Service: { Service: 'es-service' } }, 'POST')
    await put('/v1/event/fire/es')
    await put(`/v1/session/destroy/${names.session}`)
    await put('/v1/session/create')
    const Coord = { Vec: [0.1, 0, 0, 0, 0, 0, 0, 0], Error: 1.5, Adjustment: 0, Height: 1e-5 }
    await put('/v1/coordinate/update', { Node: 'x', Coord })
  }
})
