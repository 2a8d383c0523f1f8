/**
 * A conversation with a catalog: operations, and what a fixed set of reads answers after each. Recorded from the real
 * Consul (record-catalog-transcript.ts), replayed on our store (core/methods/transcript.test.ts).
 *
 * Raft indexes differ from run to run, so every index is written as a label: the number of the operation that it came
 * from, or -1 for all before the first. Session ids are written as the names that the script gives them.
 */
import { seededRandom } from '../../src/base/random.ts'

export type Operation =
  | { do: 'register'; body: RegisterBody }
  | { do: 'deregister'; body: { Node: string; ServiceID?: string; CheckID?: string } }
  | { do: 'session'; name: string; body: { Node: string; Behavior: string; NodeChecks: string[] } }
  | { do: 'destroy'; name: string }
  | { do: 'put'; key: string; value: string; flags?: number; acquire?: string; release?: string; cas?: number }
  | { do: 'delete'; key: string; recurse?: boolean; cas?: number }

export interface RegisterBody {
  Node: string
  Address?: string
  ID?: string
  NodeMeta?: Record<string, string>
  SkipNodeUpdate?: boolean
  Service?: {
    ID?: string
    Service?: string
    Tags?: string[]
    Port?: number
    Address?: string
    Meta?: Record<string, string>
  }
  Check?: CheckBody
  Checks?: CheckBody[]
}

export interface CheckBody {
  Node?: string
  CheckID?: string
  Name?: string
  Status?: string
  Output?: string
  ServiceID?: string
}

/** What a read answered: its index, and its rows cut down to what matters here. */
export interface View {
  index: number
  rows: unknown
}

export interface Step {
  operation: Operation
  /** "" when it was taken, "false" when it was declined, else the error's text. */
  outcome: string
  /** The views that are not as they were after the step before. */
  views: Record<string, View>
}

const NODES = ['a', 'b', 'Box']
const IDS = ['11111111-1111-1111-1111-111111111111', '22222222-2222-2222-2222-222222222222']
const SERVICES = ['web', 'db']
const STATUSES = ['passing', 'warning', 'critical', '']
const SESSIONS = ['s1', 's2', 's3']
const KEYS = ['k', 'k/1', 'k/2', 'l']
const TAGS = [[], ['t1'], ['T1', 't2'], ['t2', 't1']]

/** Reads by name; `{...}` stands for each of a list. */
export const READS = [
  'nodes',
  'nodes?meta=rack:1',
  'services',
  'services?meta=rack:1',
  ...SERVICES.flatMap((name) => [
    `service ${name}`,
    `service ${name}?tag=t1`,
    `health ${name}`,
    `health ${name}?tag=t1`,
    `checks ${name}`,
    `checks ${name}?meta=rack:1`,
  ]),
  ...[...NODES, IDS[0]].flatMap((name) => [`node ${name}`, `node-checks ${name}`, `node-sessions ${name}`]),
  'state any',
  'state critical',
  'state any?meta=rack:1',
  'sessions',
  ...KEYS.map((key) => `key ${key}`),
  'list k',
  'list ',
]

/** @param seed any number; the same seed gives the same operations */
export function script(seed: number, length: number): Operation[] {
  const random = seededRandom(seed)
  const pick = <T>(items: readonly T[]): T => items[random.int(items.length)]!
  const chance = (probability: number) => random.float() < probability

  const check = (): CheckBody => {
    const wanted: CheckBody = { CheckID: pick(['c1', 'c2', 'serfHealth']), Status: pick(STATUSES) }
    if (chance(0.3)) wanted.Output = pick(['fine', 'bad'])
    if (chance(0.5) && wanted.CheckID !== 'serfHealth') wanted.ServiceID = pick(['web', 'db', 'web2'])
    return wanted
  }

  const register = (): Operation => {
    const body: RegisterBody = { Node: pick(NODES), Address: pick(['10.0.0.1', '10.0.0.2']) }
    if (chance(0.35)) body.ID = pick(IDS)
    if (chance(0.2)) body.NodeMeta = { rack: pick(['1', '2']) }
    if (chance(0.4)) body.SkipNodeUpdate = true
    if (chance(0.1)) body.Node = body.Node.toUpperCase()
    if (chance(0.5)) {
      const name = pick(SERVICES)
      body.Service = { Service: name, Port: pick([80, 81]) }
      if (chance(0.6)) body.Service.Tags = pick(TAGS)
      if (chance(0.3)) body.Service.ID = `${name}2`
      if (chance(0.1)) body.Service.Service = name.toUpperCase()
      if (chance(0.1)) body.Service.Meta = pick<Record<string, string>>([{ v: '1' }, { 'consul-x': '1' }, {}])
    }
    if (chance(0.4)) body.Check = check()
    if (chance(0.2)) body.Checks = [check(), check()]
    if (chance(0.03) && body.Check) body.Check.Node = pick(NODES)
    return { do: 'register', body }
  }

  const deregister = (): Operation => {
    const body: { Node: string; ServiceID?: string; CheckID?: string } = { Node: pick(NODES) }
    if (chance(0.5)) body.ServiceID = pick(['web', 'db', 'web2'])
    else if (chance(0.7)) body.CheckID = pick(['c1', 'c2', 'serfHealth'])
    return { do: 'deregister', body }
  }

  const put = (at: number): Operation => {
    const operation: Operation = { do: 'put', key: pick(KEYS), value: pick(['x', 'y', '']) }
    if (chance(0.4)) operation.acquire = pick(SESSIONS)
    else if (chance(0.3)) operation.release = pick(SESSIONS)
    else if (chance(0.2)) operation.cas = pick([0, random.int(at + 1)])
    if (chance(0.1)) operation.flags = 7
    return operation
  }

  const operations: Operation[] = []
  for (let at = 0; at < length; at++) {
    const dice = random.float()
    if (dice < 0.5) operations.push(register())
    else if (dice < 0.6) operations.push(deregister())
    else if (dice < 0.7) {
      const NodeChecks = chance(0.5) ? [pick(['c1', 'c2'])] : []
      operations.push({
        do: 'session',
        name: pick(SESSIONS),
        body: { Node: pick(NODES), Behavior: pick(['release', 'delete']), NodeChecks },
      })
    } else if (dice < 0.74) operations.push({ do: 'destroy', name: pick(SESSIONS) })
    else if (dice < 0.94) operations.push(put(at))
    else operations.push({ do: 'delete', key: pick(KEYS), recurse: chance(0.3) })
  }
  return operations
}

/** Only what changed since the last step. */
export function difference(before: Record<string, View>, after: Record<string, View>): Record<string, View> {
  const changed: Record<string, View> = {}
  for (const [name, view] of Object.entries(after)) {
    if (JSON.stringify(before[name]) !== JSON.stringify(view)) changed[name] = view
  }
  return changed
}

/** An error's text without the session ids in it, which are random. */
export function withoutSessionIds(text: string): string {
  return text.trim().replace(/(invalid session ")[^"]*/, '$1')
}
