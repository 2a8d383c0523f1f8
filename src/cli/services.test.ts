/** `consul services`: what is registered from flags and files. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { cannedAgent, run } from './canned.suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'proconsul-services-'))
after(() => rmSync(folder, { recursive: true }))
const agent = await cannedAgent({
  'PUT /v1/agent/service/register': { body: '' },
  'PUT /v1/agent/service/deregister/web-1': { body: '' },
  'PUT /v1/agent/service/deregister/db': { body: '' },
  'PUT /v1/agent/service/deregister/none': { status: 404, body: 'Unknown service "none"' },
})
const services = (argv: string[]) => run(['services', ...argv], { env: agent.env })
const file = (name: string, content: unknown) => {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
const both = () =>
  file('both.json', {
    service: { name: 'web', id: 'web-1', port: 80, enable_tag_override: true, check: { ttl: '10s' } },
    services: [{ Name: 'db' }],
  })

test('from flags', async () => {
  const argv = ['-name=web', '-id=web-1', '-port=80', '-address=10.0.0.1', '-tag=a', '-tag', 'b', '-meta=k=v', '-kind=']
  const { code, out, err } = await services([
    'register',
    ...argv,
    '-tagged-address=lan=10.0.0.1:80',
    '-tagged-address=wan=[::1]:81',
  ])
  assert.deepEqual([code, out, err], [0, 'Registered service: web\n', ''])
  assert.deepEqual(JSON.parse(agent.asked.at(-1)!.body), {
    Name: 'web',
    ID: 'web-1',
    Kind: '',
    Address: '10.0.0.1',
    Port: 80,
    Tags: ['a', 'b'],
    Meta: { k: 'v' },
    TaggedAddresses: { lan: { Address: '10.0.0.1', Port: 80 }, wan: { Address: '::1', Port: 81 } },
  })
})

test('from a file, with all that it says', async () => {
  const { code, out } = await services(['register', both()])
  assert.deepEqual([code, out], [0, 'Registered service: db\nRegistered service: web\n'])
  assert.deepEqual(
    agent.asked.slice(-2).map(({ body }) => JSON.parse(body)),
    [
      { Name: 'db', Weights: { Passing: 1, Warning: 1 } },
      {
        Name: 'web',
        ID: 'web-1',
        Port: 80,
        Weights: { Passing: 1, Warning: 1 },
        EnableTagOverride: true,
        Checks: [{ TTL: '10s', OutputMaxSize: 4096 }],
      },
    ],
  )
})

test('from a file in HCL, with a sidecar', async () => {
  const text =
    'service { name = "api" tags = ["a"] connect { sidecar_service { port = 9 } } check { tcp = "x:1" interval = "5s" } }'
  const { code, out } = await services(['register', file('api.hcl', text)])
  assert.deepEqual([code, out], [0, 'Registered service: api\n'])
  const weights = { Weights: { Passing: 1, Warning: 1 } }
  assert.deepEqual(JSON.parse(agent.asked.at(-1)!.body), {
    Name: 'api',
    Tags: ['a'],
    ...weights,
    Connect: { SidecarService: { Port: 9, ...weights } },
    Checks: [{ TCP: 'x:1', Interval: '5s', OutputMaxSize: 4096 }],
  })
})

test('deregistered by file and by id', async () => {
  assert.equal((await services(['deregister', both()])).out, 'Deregistered service: db\nDeregistered service: web-1\n')
  assert.equal((await services(['deregister', '-id=db'])).out, 'Deregistered service: db\n')
})

const REFUSED: [string[], RegExp][] = [
  [['register'], /^Service registration requires at least one argument or flags\.\n$/],
  [['register', '-name=x', 'y.json'], /^Service registration requires arguments or -id, not both\.\n$/],
  [['register', '-name=x', '-tagged-address=lan=1:2:3'], /^Invalid Tagged Address: /],
  [
    ['register', '/none/such'],
    /^Error: config: Open failed on \/none\/such\. open \/none\/such: no such file or directory\n$/,
  ],
  [['register', file('bad.json', '{')], /^Error: failed to parse .*bad\.json: unexpected end of JSON input\n$/],
  [['register', file('bad.hcl', 'service {')], /^Error: failed to parse .*bad\.hcl: At 1:10: object expected closing/],
  [['register', file('list.json', [])], /^Error: failed to parse .*list\.json: json: cannot unmarshal array/],
  [['register', file('unknown.json', { service: { nam: 'x' } })], /invalid config key service\.nam/],
  [['deregister'], /^Service deregistration requires at least one argument or -id\.\n$/],
  [['deregister', '-id=x', 'y.json'], /^Service deregistration requires arguments or -id, not both\.\n$/],
  [
    ['deregister', '-id=none'],
    /^Error deregistering service "none": Unexpected response code: 404 \(Unknown service "none"\)\n$/,
  ],
]
for (const [argv, message] of REFUSED) {
  test(`services ${argv.join(' ').replace(folder, '')}`, async () => {
    const { code, out, err } = await services(argv)
    assert.deepEqual([code, out], [1, ''])
    assert.match(err, message)
  })
}
