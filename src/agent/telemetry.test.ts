/** Numbers on their way out: the lines that statsd, dogstatsd and statsite are sent, and the intervals. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { createServer as createHttp } from 'node:http'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { silentLog } from '../base/log.ts'
import { Registry } from '../base/metrics.ts'
import { nodeHost } from '../host/node.ts'
import { sendOtlp } from './otlp.ts'
import { startTelemetry, type TelemetryConfig } from './telemetry.ts'

const CONFIG: TelemetryConfig = {
  prefix: 'consul',
  disableHostname: true,
  allow: [],
  block: [],
  filterDefault: true,
  prometheusRetention: 0,
  statsdAddress: '',
  statsiteAddress: '',
  dogstatsdAddress: '',
  dogstatsdTags: [],
  otlpEndpoint: '',
}

/** Lines that come as datagrams, until one matches. */
async function datagrams(t: TestContext): Promise<{ address: string; until(pattern: RegExp): Promise<string[]> }> {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done))
  const lines: string[] = []
  let look = () => {}
  socket.on('message', (bytes) => {
    assert.ok(bytes.length <= 1400)
    lines.push(...bytes.toString().trimEnd().split('\n'))
    look()
  })
  return {
    address: `127.0.0.1:${socket.address().port}`,
    until(pattern) {
      return new Promise((done) => {
        look = () => lines.some((line) => pattern.test(line)) && done(lines)
        look()
      })
    },
  }
}

async function started(t: TestContext, more: Partial<TelemetryConfig>) {
  const telemetry = await startTelemetry({ ...CONFIG, ...more }, nodeHost(silentLog))
  t.after(() => telemetry.stop())
  return telemetry
}

test('statsd gets each addition as it comes, labels as parts of the name', async (t) => {
  const server = await datagrams(t)
  const { registry } = await started(t, { statsdAddress: server.address })
  registry.sample('fsm.kvs', { op: 'set' }).add(1.5)
  registry.counter('rpc.query').add(1)
  for (let i = 0; i < 500; i++) registry.counter('many').add(i)
  const lines = await server.until(/^consul\.many:499\|c$/)
  assert.ok(lines.includes('consul.fsm.kvs.set:1.5|ms'))
  assert.ok(lines.includes('consul.rpc.query:1|c'))
  assert.ok(lines.some((line) => /^consul\.runtime\.sys_bytes:\d+\|g$/.test(line)))
})

test('dogstatsd gets labels as tags, behind those of the configuration', async (t) => {
  const server = await datagrams(t)
  const { registry } = await started(t, { dogstatsdAddress: server.address, dogstatsdTags: ['env:test'] })
  registry.sample('fsm.kvs', { op: 'set' }).add(2)
  await server.until(/^consul\.fsm\.kvs:2\|ms\|#env:test,op:set$/)
})

test('statsite gets the same lines over TCP, again after it was away', async (t) => {
  let heard = ''
  let look = () => {}
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      heard += chunk
      look()
      socket.destroy()
    })
  })
  t.after(() => server.close())
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  const { registry } = await started(t, { statsiteAddress: `127.0.0.1:${port}` })
  const timer = setInterval(() => registry.counter('again').add(1), 20)
  t.after(() => clearInterval(timer))
  for (let round = 0; round < 2; round++) {
    heard = ''
    await new Promise<void>((done) => {
      look = () => heard.includes('consul.again:1|c\n') && done()
    })
  }
})

test('a filter that is reloaded holds from then on', async (t) => {
  const { registry, reload } = await started(t, {})
  registry.counter('a').add(1)
  reload({ ...CONFIG, block: ['consul.a'] })
  registry.counter('a').add(1)
  assert.ok(!registry.series().some(({ name }) => name === 'consul.a'))
})

test('an address without a port is refused', async () => {
  const start = startTelemetry({ ...CONFIG, statsdAddress: 'nowhere' }, nodeHost(silentLog))
  await assert.rejects(start, /not an address with a port: nowhere/)
})

test('an OpenTelemetry collector gets counters, histograms and gauges', async (t) => {
  let heard = (_body: string) => {}
  const collector = createHttp((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      response.end('{}')
      heard(body)
    })
  })
  await new Promise<void>((done) => collector.listen(0, '127.0.0.1', done))
  const { port } = collector.address() as { port: number }
  const registry = new Registry({ prefix: 'consul', host: '', allow: [], block: [], otherwise: true }, 0)
  registry.gauge('raft.last_index', () => 7)
  const endpoint = `http://127.0.0.1:${port}/v1/metrics`
  const stop = await sendOtlp({ endpoint, registry, intervalMs: 50 })
  t.after(() => {
    // The rest comes yet.
    heard = () => collector.close()
    stop()
  })
  registry.counter('rpc.query').add(3)
  registry.sample('fsm.kvs', { op: 'set' }).add(1.5)
  const told = await new Promise<Told>((done) => {
    heard = (body) => {
      const [scope] = (JSON.parse(body) as Export).resourceMetrics[0]!.scopeMetrics
      const byName = new Map(scope?.metrics.map((metric) => [metric.name, metric]))
      if (byName.size >= 3) done(byName)
    }
  })
  assert.equal(told.get('consul.rpc.query')?.sum?.dataPoints[0]?.asDouble, 3)
  assert.equal(told.get('consul.raft.last_index')?.gauge?.dataPoints[0]?.asDouble, 7)
  const point = told.get('consul.fsm.kvs')?.histogram?.dataPoints[0]
  assert.deepEqual([point?.count, point?.sum, point?.attributes?.[0]?.key], [1, 1.5, 'op'])
})

interface Point {
  asDouble?: number
  count?: number
  sum?: number
  attributes?: { key: string }[]
}
type Metric = { name: string } & Partial<Record<'sum' | 'gauge' | 'histogram', { dataPoints: Point[] }>>
type Told = Map<string, Metric>
interface Export {
  resourceMetrics: { scopeMetrics: { metrics: Metric[] }[] }[]
}
