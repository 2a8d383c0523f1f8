/** Commands on configuration entries and intentions, in the form of cli-commands.ts. */
import type { CliCommand } from './cli-commands.ts'

function all(...lines: string[]): CliCommand[] {
  return lines.map((line) => ({ args: line.split(' '), compare: 'all' }))
}

function write(input: string, flags: string[] = [], compare: CliCommand['compare'] = 'all'): CliCommand {
  return { args: ['config', 'write', ...flags, '-'], input, compare }
}

export const MESH_COMMANDS: readonly CliCommand[] = [
  ...all('config write', 'config write a b', 'config write /none/such', 'config read', 'config read -kind x'),
  ...all('config list', 'config list -kind nonsense', 'config list -kind service-defaults', 'config delete -kind x'),
  ...all('config read -kind nonsense -name x', 'config read -kind service-defaults -name none'),
  write('{"Kind": "service-defaults", "Name": "cli-web", "Protocol": "http", "Meta": {"a": "<b>"}}'),
  write('kind = "service-defaults"\nname = "cli-api"\nprotocol = "http"\nmesh_gateway { mode = "local" }'),
  write('Kind = "proxy-defaults"\nName = "global"\nConfig { n = 1 f = 1.5 list = [1, 2] deep { x = "y" } }'),
  write(
    'Kind = "service-splitter"\nName = "cli-web"\nSplits = [\n { Weight = 90.5 },\n { Weight = 9.5 Service = "cli-api" }\n]',
  ),
  write('Kind = "terminating-gateway"\nName = "cli-out"\nServices { Name = "cli-ext" }'),
  write('{"Kind": "service-defaults", "Name": "cli-web", "Protocol": "tcp"}'),
  write('Name = "x"'),
  write('Kind = 7'),
  write('Kind = "nonsense"'),
  write('{"Kind": "service-defaults", "Name": "cli-cas"}', ['-cas', '-modify-index=0']),
  write('{"Kind": "service-defaults", "Name": "cli-cas"}', ['-cas', '-modify-index=0']),
  write('{"Kind": "service-defaults", "Name": "cli-cas", "Unknown": 1}', [], 'outcome'),
  write('Kind = {', [], 'outcome'),
  ...all(
    'config list -kind service-defaults',
    'config list -kind proxy-defaults',
    'config list -kind service-resolver',
  ),
  ...all('config read -kind service-defaults -name cli-web', 'config read -kind service-defaults -name cli-api'),
  ...all('config read -kind proxy-defaults -name global', 'config read -kind service-splitter -name cli-web'),
  ...all('config read -kind terminating-gateway -name cli-out', 'config read -kind service-defaults -name cli-cas'),
  ...all('config delete -kind service-defaults -name cli-cas', 'config delete -kind service-defaults -name none'),
  ...all('config delete -kind service-defaults -name cli-api', 'config delete -kind service-splitter -name cli-web'),
  ...all('config delete -kind service-defaults -name cli-api', 'config delete -kind service-defaults -name cli-web'),
  ...all('config delete -kind proxy-defaults -name global', 'config delete -kind terminating-gateway -name cli-out'),

  ...all('intention create', 'intention create a', 'intention create a/b/c d', 'intention create -allow -deny a b'),
  ...all(
    'intention create cli-web cli-db',
    'intention create cli-web cli-db',
    'intention create -deny -meta=a=1 -meta=b=2 * cli-db',
  ),
  ...all(
    'intention create -replace -deny cli-web cli-db',
    'intention create -replace cli-new cli-db',
    'intention create -file /none',
  ),
  ...all(
    'intention check',
    'intention check cli-web cli-db',
    'intention check cli-new cli-db',
    'intention check a/b/c d',
  ),
  ...all('intention match', 'intention match cli-db', 'intention match -source cli-web', 'intention match none'),
  ...all(
    'intention match -source -destination x',
    'intention get',
    'intention get cli-web cli-db',
    'intention get * cli-db',
  ),
  ...all(
    'intention get none cli-db',
    'intention get nonsense',
    'intention get default/cli-web cli-db',
    'intention get a b c',
  ),
  ...all(
    'intention delete',
    'intention delete nonsense',
    'intention delete none cli-db',
    'intention delete cli-web cli-db',
  ),
  ...all('intention delete cli-new cli-db', 'intention delete * cli-db', 'intention match cli-db'),
]
