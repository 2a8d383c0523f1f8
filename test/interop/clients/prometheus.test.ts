/** Debian's Prometheus, unchanged: it finds its targets through our DNS, and scrapes our own metrics. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { debianPackage } from '../../support/debian.ts'
import { type AgentProcess, freePorts, httpRequest, startAgentProcess } from '../../support/process.ts'

const run = promisify(execFile)
const POLL_MS = 100
const DISCOVERY_MS = 180_000

let agent: AgentProcess
before(async () => {
  agent = await startAgentProcess(['-dev', '-node=x', '-log-level=err'])
})
after(() => agent?.kill())

/**
 * Prometheus asks the servers of /etc/resolv.conf, on port 53: so it runs in a mount namespace of its own, with a file of
 * ours, and our agent answers on port 53 of a loopback address. That takes root.
 */
async function mayMount(): Promise<boolean> {
  return (
    process.getuid?.() === 0 &&
    (await run('unshare', ['-m', 'true']).then(
      () => true,
      () => false,
    ))
  )
}

test('Prometheus finds its targets through our DNS SRV records', async (t) => {
  if (!(await mayMount())) return t.skip('needs root and mount namespaces')
  const root = debianPackage('prometheus')
  if (root === undefined) return t.skip('no prometheus: there is no apt here, or no network')
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-prometheus-'))
  const scraped = new Set<string>()
  const target = createServer((request, response) => {
    scraped.add(request.url!)
    response.setHeader('Content-Type', 'text/plain').end('up_and_well 1\n')
  })
  await new Promise<void>((done) => target.listen(0, '127.0.0.1', done))
  const dnsAddress = `127.53.${process.pid % 200}.53`
  const resolver = await startAgentProcess(
    [
      ...['-dev', '-node=y', '-log-level=err', `-hcl=addresses { dns = "${dnsAddress}" }`],
      '-hcl=telemetry { prometheus_retention_time = "1m" }',
    ],
    {
      ports: { ...(await freePorts()), dns: 53 },
    },
  )
  let prometheus: ReturnType<typeof spawn> | undefined
  try {
    const service = { Name: 'target', Port: (target.address() as AddressInfo).port, Address: '127.0.0.1' }
    await resolver.http('PUT', '/v1/agent/service/register', JSON.stringify(service))
    const own = { Name: 'agent-http', Port: resolver.ports.http, Address: '127.0.0.1' }
    await resolver.http('PUT', '/v1/agent/service/register', JSON.stringify(own))
    const { http: web } = await freePorts()
    writeFileSync(join(folder, 'resolv.conf'), `nameserver ${dnsAddress}\n`)
    writeFileSync(
      join(folder, 'prometheus.yml'),
      `scrape_configs:
- job_name: discovered
  scrape_interval: 1s
  metrics_path: /found/through/dns
  dns_sd_configs:
  - names: ['target.service.consul']
    type: SRV
    refresh_interval: 1s
- job_name: agents
  scrape_interval: 1s
  metrics_path: /v1/agent/metrics
  params: {format: [prometheus]}
  dns_sd_configs:
  - names: ['agent-http.service.consul']
    type: SRV
    refresh_interval: 1s
`,
    )
    const command = [
      `mount --bind ${folder}/resolv.conf /etc/resolv.conf`,
      `exec ${root}/usr/bin/prometheus --config.file=${folder}/prometheus.yml --storage.tsdb.path=${folder}/data --web.listen-address=127.0.0.1:${web}`,
    ]
    prometheus = spawn('unshare', ['-m', 'sh', '-c', command.join(' && ')], { stdio: ['ignore', 'ignore', 'pipe'] })
    let log = ''
    prometheus.stderr!.on('data', (chunk) => {
      log += chunk
    })
    const until = Date.now() + DISCOVERY_MS
    while (!scraped.has('/found/through/dns')) {
      assert.ok(Date.now() < until && prometheus.exitCode === null, `nothing was scraped:\n${log}`)
      await delay(POLL_MS)
    }
    // The agent's own figures, as Prometheus has understood them.
    const asked = async (query: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> => {
      const { status, body } = await httpRequest(web, 'GET', `/api/v1/query?query=${encodeURIComponent(query)}`)
      return status === 200 ? JSON.parse(body).data.result : []
    }
    const isUp = async () => (await asked('up{job="agents"}'))[0]?.value[1] === '1'
    while (!(await isUp().catch(() => false))) {
      assert.ok(Date.now() < until && prometheus.exitCode === null, `the agent is not up:\n${log}`)
      await delay(POLL_MS)
    }
    const figures = await asked('{job="agents",__name__=~"consul_.+"}')
    assert.ok(figures.length > 10, JSON.stringify(figures))
    const applied = figures.find(({ metric }) => metric.__name__ === 'consul_raft_apply')
    assert.ok(Number(applied?.value[1]) > 0, figures.map(({ metric }) => metric.__name__).join())
  } finally {
    prometheus?.kill('SIGKILL')
    await resolver.kill()
    target.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
