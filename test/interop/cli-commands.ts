/**
 * The table of command lines that both commands run, each against both agents, in this order. A row is the arguments,
 * and what of the outcome is compared: exit code and which streams say something always, their text unless said otherwise.
 *
 * Left out: `kv put -base64` of what is no base 64, which the real command complains of and then stores as nothing;
 * `validate` has a table of its own (config-side-by-side.test.ts).
 */
import { LIFE_COMMANDS } from './cli-life-commands.ts'
import { MESH_COMMANDS } from './cli-mesh.ts'

export interface CliCommand {
  args: string[]
  input?: string
  env?: Record<string, string>
  /**
   * `all`: both streams word for word. `first-line`: the first line. `names`: the words before colons and equal signs.
   * `outcome`: exit code and which streams speak; the words are each one's own.
   */
  compare: 'all' | 'first-line' | 'names' | 'outcome'
  /** Why not all, or what differs and may. */
  reason?: string
}

function all(...lines: (string | string[])[]): CliCommand[] {
  return lines.map((line) => ({ args: typeof line === 'string' ? line.split(' ') : line, compare: 'all' }))
}

function firstLine(reason: string, ...lines: string[]): CliCommand[] {
  return lines.map((line) => ({ args: line.split(' '), compare: 'first-line', reason }))
}

function outcome(reason: string, ...lines: string[]): CliCommand[] {
  return lines.map((line) => ({ args: line === '' ? [] : line.split(' '), compare: 'outcome', reason }))
}

const KV: CliCommand[] = [
  ...all('kv get missing', 'kv get', 'kv put', 'kv delete', 'kv get a b', 'kv put a b c'),
  ...all(
    'kv put app/one 1',
    'kv put app/two 2',
    'kv put -flags=42 app/three 3',
    'kv put app/dir/four',
    'kv put app/dir/ x',
  ),
  ...all(
    'kv get app/one',
    'kv get /app/one',
    'kv get -detailed app/three',
    'kv get -keys app/',
    'kv get -keys app',
    'kv get -keys',
  ),
  ...all(
    'kv get -recurse app/',
    'kv get -recurse app/dir',
    'kv get -recurse missing',
    'kv get -keys missing',
    'kv get app/',
  ),
  ...all('kv get -recurse -keys app', ['kv', 'get', '-keys', '-separator=', 'app'], 'kv get -separator=x -keys app'),
  ...all(
    'kv get -base64 app/two',
    'kv get -recurse -base64 app',
    'kv get -recurse -detailed app/dir',
    'kv get -stale app/one',
  ),
  ...all('kv get -datacenter=dc1 app/one'),
  ...all('kv put -base64 app/bin AAEC', 'kv get -base64 app/bin'),
  ...all('kv put -cas app/one 2', 'kv put -cas -modify-index=0 app/one 2', 'kv put -cas -modify-index=0 app/new 1'),
  ...all('kv put -cas -modify-index=1 app/new 1', 'kv put -acquire app/lock 1'),
  ...all('kv put -release -session=nope app/lock 1', 'kv put -acquire -session=nope app/lock 1'),
  ...all(
    ['kv', 'put', 'app/é x', 'ü<>'],
    ['kv', 'get', 'app/é x'],
    ['kv', 'put', '', 'v'],
    ['kv', 'put', 'k', ''],
    'kv get k',
  ),
  ...all('kv put app/file @/no/such/file', 'kv put /lead/ing x', 'kv get lead/ing', ['kv', 'get', '']),
  { args: ['kv', 'put', 'app/stdin', '-'], input: 'from\nstdin\n', compare: 'all' },
  ...all('kv get app/stdin', 'kv export app/', 'kv export app/dir/', 'kv export missing', 'kv export a b'),
  {
    args: ['kv', 'import', '-'],
    input: '[{"key":"imp/a","flags":3,"value":"eA=="},{"key":"imp/b","value":""}]',
    compare: 'all',
  },
  {
    args: ['kv', 'import', '-'],
    input: '[{"KEY":"imp/c","Flags":5,"VALUE":"eA==","other":1},{"Key":"imp/d","flags":null,"value":null}]',
    compare: 'all',
  },
  {
    args: ['kv', 'import', '-'],
    input: '{',
    compare: 'outcome',
    reason: 'what is wrong with JSON is told in other words',
  },
  ...all('kv import', 'kv import @/no/such/file', 'kv export imp'),
  ...all('kv delete app/one', 'kv delete app/one', 'kv delete -cas app/two', 'kv delete -cas -modify-index=1 app/two'),
  ...all(
    'kv delete -recurse app/dir',
    'kv delete -recurse -cas app',
    'kv delete -modify-index=1 app/two',
    'kv delete a b',
  ),
  ...all('kv get -keys app/', ['kv', 'delete', ''], ['kv', 'delete', '-recurse', '']),
]

const CATALOG: CliCommand[] = [
  ...all(
    'catalog nodes',
    'catalog nodes -service=none',
    'catalog nodes -service=consul',
    'catalog nodes -node-meta=a=b',
  ),
  ...all(
    'catalog nodes -near=_agent',
    'catalog nodes extra',
    'catalog services',
    'catalog services -tags',
    'catalog services -node=x',
  ),
  ...all(
    'catalog services -node=none',
    'catalog services extra',
    'catalog datacenters',
    'catalog datacenters extra',
    'catalog nodes -detailed',
  ),
  ...all(
    'services register -name=cli -port=80 -tag=a -tag=b -address=1.2.3.4 -meta=k=v',
    'services register',
    'services register /no/such',
  ),
  ...all(
    'services register -name=bare',
    'services deregister',
    'services deregister -id=bare',
    'services deregister -id=none',
  ),
  ...all('services deregister -id=cli', 'services deregister a b'),
  ...all(
    'members',
    'members -detailed',
    'members -status=left',
    'members -status=alive',
    'members -wan',
    'members -wan -detailed',
    'members -status=(',
    'members -segment=x',
    'keyring -list',
    'keyring -list-primary',
    'keyring -list -local-only',
    'keyring -list -use=x',
    'keyring -list -relay-factor=6',
    'keyring -list-primary -local-only',
    'keyring -install=MDEyMzQ1Njc4OWFiY2RlZg==',
    'keyring -use=x',
    'keyring -remove=MDEyMzQ1Njc4OWFiY2RlZg== -relay-factor=1',
    'rtt nobody',
    'rtt -wan nobody.dc1',
    'rtt -wan nobody',
    'rtt -wan a.dc1 b.dc1',
    'members extra',
  ),
]

const UNREACHABLE = '-http-addr=127.0.0.1:1'

const ERRORS: CliCommand[] = [
  ...all(
    `kv get ${UNREACHABLE} a`,
    `members ${UNREACHABLE}`,
    `catalog nodes ${UNREACHABLE}`,
    `info ${UNREACHABLE}`,
    `leave ${UNREACHABLE}`,
  ),
  ...all(
    `kv put ${UNREACHABLE} a b`,
    'kv get -http-addr=no.such.host.invalid:1 a',
    'kv get -http-addr=unix:///no/such.sock a',
  ),
  ...all('kv get -http-addr a'),
  { args: ['members'], env: { CONSUL_HTTP_ADDR: '127.0.0.1:1' }, compare: 'all' },
  { args: ['members'], env: { CONSUL_HTTP_SSL: 'maybe' }, compare: 'all' },
  { args: ['kv', 'get', 'a'], env: { CONSUL_HTTP_TOKEN_FILE: '/no/such/file' }, compare: 'all' },
  { args: ['kv', 'put', 'token/a', 'b'], env: { CONSUL_HTTP_TOKEN: 'anything' }, compare: 'all' },
  ...all('kv delete token/a'),
]

const AGENT: CliCommand[] = [
  ...all('agent -dev -datacenter=a!b', 'agent -server', 'agent'),
  ...all('agent -dev -client=nonsense', 'agent -config-file=/no/such/file'),
  ...all(
    'agent -dev -node-id=short',
    'agent -dev -bootstrap-expect=3',
    'agent -server -data-dir=/tmp/none -bootstrap -bootstrap-expect=3',
  ),
  ...all('agent -dev -retry-interval=x', 'agent -dev -dns-port=99999'),
  ...all('agent -dev -log-level=loud', 'agent -dev -advertise=0.0.0.0'),
]

/** Those whose outcome depends on the agent that they ask. */
export const ASKING_COMMANDS: readonly CliCommand[] = [
  ...KV,
  ...CATALOG,
  { args: ['info'], compare: 'names', reason: 'the figures are of each agent' },
]

export const CLI_COMMANDS: readonly CliCommand[] = [
  ...ASKING_COMMANDS,
  ...MESH_COMMANDS,
  ...ERRORS,
  ...AGENT,
  ...LIFE_COMMANDS,
  ...firstLine("Proconsul's own version follows", 'version', '--version', 'version -x'),
  ...firstLine(
    'the mistake is named alike, the usage that follows is in our own words',
    ...['kv get -ns=x a', 'kv get -bogus a', 'kv put -flags=x a 1', 'kv put -flags=-1 a 1', 'kv put -cas=maybe a 1'],
    ...[
      'kv put -modify-index=x a 1',
      'members -bogus',
      'kv',
      'catalog',
      'services',
      'leave extra',
      'join',
      'force-leave',
      'exec',
      'kv import -prefix=p -',
    ],
    ...[
      'services register -name=x -meta=broken',
      'services register -name=x -port=y',
      'agent -bogus',
      'agent -dev extra',
    ],
    ...[
      'agent -dev -http-port=x',
      'agent -dev -server-port=0x',
      'agent -dev=maybe',
      'agent -bootstrap-expect=many',
      'agent --',
    ],
  ),
  ...all(
    'operator raft list-peers',
    'operator raft list-peers -stale',
    'operator raft remove-peer',
    'operator raft remove-peer -id=a -address=b',
    'operator raft remove-peer -id=a',
    'operator raft remove-peer -address=10.0.0.1:8300',
    'operator autopilot get-config',
    'operator autopilot set-config -min-quorum=3 -last-contact-threshold=1m -cleanup-dead-servers=false',
    'operator autopilot set-config -redundancy-zone-tag=zone -max-trailing-logs=7 -server-stabilization-time=90s',
    'operator autopilot get-config -stale',
    'snapshot inspect',
    'snapshot inspect a b',
    'snapshot inspect /none/such',
    'snapshot restore',
    'snapshot restore /none/such',
    'snapshot save',
    'snapshot save a b',
    'snapshot save -datacenter=nowhere /none/such',
  ),
  ...firstLine(
    'the mistake is named alike, the usage that follows is in our own words',
    'operator raft list-peers -bogus',
    'operator autopilot set-config -max-trailing-logs=x',
    'operator autopilot set-config -last-contact-threshold=x',
    'operator autopilot set-config -cleanup-dead-servers=x',
  ),
  ...outcome('usage is told in our own words', 'operator', 'operator raft', 'operator autopilot', 'snapshot'),
  ...outcome('ours tells also what the agent said', 'kv get -datacenter=none app/one'),
  ...outcome('of an address that is none, ours says so, the real one that there is none', 'agent -dev -bind=nonsense'),
  ...outcome('regular expressions have other words for their mistakes', 'members -status=('),
  { args: ['info', 'extra'], compare: 'names', reason: 'the figures are of each agent' },
  ...outcome(
    'usage is told in our own words',
    '',
    'bogus',
    '--help',
    'kv --help',
    'kv get -h',
    'agent -help',
    'catalog bogus',
    '-bogus',
    '--bogus kv',
  ),
]
