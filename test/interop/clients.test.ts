/**
 * Programs that were written for Consul, unchanged, against Proconsul: Debian's python3-consul, and Debian's Prometheus
 * finding its targets through our DNS. (The real command as a client: cli-side-by-side.test.ts.)
 */
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
import { debianPackage } from '../support/debian.ts'
import { type AgentProcess, freePorts, httpRequest, startAgentProcess } from '../support/process.ts'

const run = promisify(execFile)
const POLL_MS = 100
const DISCOVERY_MS = 60_000

let agent: AgentProcess
before(async () => {
  agent = await startAgentProcess(['-dev', '-node=x', '-log-level=err'])
})
after(() => agent?.kill())

const python = debianPackage('python3-consul')
const SCRIPT = `
import consul, requests, sys, threading, time
c = consul.Consul(port=int(sys.argv[1]))
assert c.kv.put('py/a', 'value', flags=7)
index, data = c.kv.get('py/a')
assert data['Value'] == b'value' and data['Flags'] == 7, data
assert c.kv.get('py/none')[1] is None
assert 'py/a' in c.kv.get('py/', keys=True)[1]
assert c.kv.put('py/a', 'x', cas=0) is False
def later():
    time.sleep(0.2)
    consul.Consul(port=int(sys.argv[1])).kv.put('py/a', 'changed')
threading.Thread(target=later).start()
assert c.kv.get('py/a', index=index, wait='20s')[1]['Value'] == b'changed'
session = c.session.create(name='py', ttl=10, lock_delay=0)
assert c.kv.put('py/lock', 'me', acquire=session)
assert not c.kv.put('py/lock', 'you', acquire=c.session.create())
assert c.session.renew(session)['ID'] == session
assert c.kv.put('py/lock', '', release=session)
assert c.session.destroy(session)
assert c.agent.service.register('py-web', service_id='py-1', port=80, tags=['t'], check=consul.Check.ttl('10s'))
# The library still asks for this with GET, which Consul gave up long ago.
assert requests.put('http://127.0.0.1:%s/v1/agent/check/pass/service:py-1?note=fine' % sys.argv[1]).ok
for _ in range(100):
    found = c.health.service('py-web', passing=True)[1]
    if found: break
    time.sleep(0.1)
assert found[0]['Service']['Port'] == 80 and found[0]['Checks'][-1]['Output'] == 'fine', found
assert 'py-web' in c.catalog.services()[1]
assert c.catalog.service('py-web', tag='t')[1][0]['ServiceID'] == 'py-1'
assert c.agent.maintenance('true', 'why')
assert '_node_maintenance' in c.agent.checks()
assert c.agent.maintenance('false')
assert requests.put('http://127.0.0.1:%s/v1/agent/service/deregister/py-1' % sys.argv[1]).ok
assert c.agent.self()['Config']['NodeName'] == 'x'
event = c.event.fire('py-event', 'body')
assert event['Name'] == 'py-event'
q = c.query.create('consul', name='py-q')
assert len(c.query.execute('py-q')['Nodes']) == 1
assert c.query.delete(q['ID'])
assert c.status.leader() and c.status.peers()
assert c.catalog.datacenters() == ['dc1']
assert c.operator.raft_config()['Servers'][0]['Leader']
assert c.kv.delete('py/', recurse=True)
print('all is well')
`
const pythonSkip = python === undefined && 'no python3-consul: there is no apt here, or no network'
test('python3-consul', { skip: pythonSkip }, async (t) => {
  const env = { ...process.env, PYTHONPATH: join(python!, 'usr/lib/python3/dist-packages') }
  const { stdout } = await run('python3', ['-c', SCRIPT, String(agent.ports.http)], { env }).catch((error: Error) => {
    if (/No module named '(requests|six)'/.test(String(error))) {
      t.skip('python3-requests or python3-six is not installed')
      return { stdout: 'all is well\n' }
    }
    throw error
  })
  assert.equal(stdout, 'all is well\n')
})

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
