/**
 * Records what the real Consul 1.8.7 answers to the operations of catalog-transcript.ts.
 *
 * node test/support/record-catalog-transcript.ts HTTP-ADDRESS SEED LENGTH > transcript.json
 *
 * The agent must be a fresh one in dev mode, less than a minute old: later its leader reaps nodes that only this script
 * knows of.
 */
import {
  difference,
  type Operation,
  READS,
  type Step,
  script,
  type View,
  withoutSessionIds,
} from './catalog-transcript.ts'

const [address = '127.0.0.1:8500', seed = '1', length = '100'] = process.argv.slice(2)

interface Row {
  [name: string]: unknown
}

const sessions = new Map<string, string>()
const names = new Map<string, string>()
const labels = new Map<number, number>()
let highest = 0
let current = -1

async function ask(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; text: string; index: number }> {
  const answer = await fetch(`http://${address}/v1/${path}`, {
    method,
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: answer.status, text: await answer.text(), index: Number(answer.headers.get('x-consul-index') ?? 0) }
}

async function perform(operation: Operation): Promise<string> {
  switch (operation.do) {
    case 'register':
    case 'deregister':
      return outcome(await ask('PUT', `catalog/${operation.do}`, operation.body))
    case 'session': {
      const answer = await ask('PUT', 'session/create', { ...operation.body, LockDelay: '0s' })
      if (answer.status === 200) {
        const id = JSON.parse(answer.text).ID
        sessions.set(operation.name, id)
        names.set(id, operation.name)
      }
      return answer.status === 200 ? '' : answer.text.trim()
    }
    case 'destroy':
      return outcome(await ask('PUT', `session/destroy/${idOf(operation.name)}`))
    case 'put': {
      const query = new URLSearchParams()
      if (operation.flags !== undefined) query.set('flags', String(operation.flags))
      if (operation.acquire !== undefined) query.set('acquire', idOf(operation.acquire))
      if (operation.release !== undefined) query.set('release', idOf(operation.release))
      if (operation.cas !== undefined) query.set('cas', String(operation.cas === 0 ? 0 : indexOf(operation.cas)))
      return outcome(await ask('PUT', `kv/${operation.key}?${query}`, operation.value))
    }
    case 'delete':
      return outcome(await ask('DELETE', `kv/${operation.key}${operation.recurse ? '?recurse' : ''}`))
  }
}

const NO_SESSION = '99999999-9999-9999-9999-999999999999'
const idOf = (name: string): string => sessions.get(name) ?? NO_SESSION

/** The index that carries a label; one far in the future when the operation left none. */
function indexOf(label: number): number {
  for (const [index, known] of labels) if (known === label) return index
  return 2 ** 40
}

function outcome({ status, text }: { status: number; text: string }): string {
  if (status !== 200) return withoutSessionIds(text)
  return text.trim() === 'false' ? 'false' : ''
}

const PATHS: Record<string, (name: string) => string> = {
  nodes: () => 'catalog/nodes',
  services: () => 'catalog/services',
  service: (name) => `catalog/service/${name}`,
  health: (name) => `health/service/${name}`,
  checks: (name) => `health/checks/${name}`,
  node: (name) => `catalog/node/${name}`,
  'node-checks': (name) => `health/node/${name}`,
  'node-sessions': (name) => `session/node/${name}`,
  state: (name) => `health/state/${name}`,
  sessions: () => 'session/list',
  key: (name) => `kv/${name}`,
  list: (name) => `kv/${name}?recurse`,
}

async function view(read: string): Promise<{ index: number; rows: unknown }> {
  const [head, query] = read.split('?')
  const [what, name = ''] = head!.split(' ')
  let path = PATHS[what!]!(name)
  if (query !== undefined) path += `?${query.replace('meta=', 'node-meta=')}`
  const answer = await ask('GET', path)
  const body = answer.status === 200 ? JSON.parse(answer.text) : null
  return { index: answer.index, rows: rows(what!, body) }
}

/** This agent's own node is none of the script's. */
const foreign = (row: Row): boolean => row.Node !== 'oracle'

function rows(what: string, body: unknown): unknown {
  if (body === null) return null
  switch (what) {
    case 'nodes':
      return (body as Row[]).filter(foreign).map(node)
    case 'services':
      return Object.fromEntries(
        Object.entries(body as Record<string, string[]>)
          .filter(([name]) => name !== 'consul')
          .map(([name, tags]): [string, string[]] => [name, tags.sort()])
          .sort(([a], [b]) => (a < b ? -1 : 1)),
      )
    case 'service':
      return (body as Row[]).map((row) => [
        row.Node,
        row.ID,
        row.Address,
        row.NodeMeta,
        row.ServiceID,
        row.ServiceName,
        row.ServiceTags,
        row.ServicePort,
        row.ServiceMeta,
        row.CreateIndex,
        row.ModifyIndex,
      ])
    case 'health':
      return (body as { Node: Row; Service: Row; Checks: Row[] }[]).map((row) => [
        row.Node.Node,
        row.Node.ModifyIndex,
        service(row.Service),
        row.Checks.map(check),
      ])
    case 'node': {
      const found = body as { Node: Row; Services: Record<string, Row> }
      return [node(found.Node), Object.values(found.Services).map(service).sort()]
    }
    case 'checks':
    case 'node-checks':
    case 'state':
      return (body as Row[]).filter(foreign).map(check)
    case 'sessions':
    case 'node-sessions':
      return (body as Row[])
        .map((row) => [names.get(row.ID as string), row.Node, row.Behavior, row.CreateIndex as number] as const)
        .sort((a, b) => a[3] - b[3])
    default:
      return (body as Row[]).map((row) => [
        row.Key,
        row.Value,
        row.Flags,
        names.get(row.Session as string) ?? '',
        row.LockIndex,
        row.CreateIndex,
        row.ModifyIndex,
      ])
  }
}

const node = (row: Row) => [row.Node, row.ID, row.Address, row.Meta, row.CreateIndex, row.ModifyIndex]
const service = (row: Row) => [row.ID, row.Service, row.Tags, row.Port, row.Meta, row.CreateIndex, row.ModifyIndex]
const check = (row: Row) => [
  row.Node,
  row.CheckID,
  row.Status,
  row.Output,
  row.ServiceID,
  row.ServiceName,
  row.ServiceTags,
  row.CreateIndex,
  row.ModifyIndex,
]

/** Places of indexes in the rows of each read, from the end. */
const INDEXES_AT_END: Record<string, number> = {
  nodes: 2,
  service: 2,
  checks: 2,
  'node-checks': 2,
  state: 2,
  key: 2,
  list: 2,
  sessions: 1,
  'node-sessions': 1,
}

function label(index: number): number {
  if (index > highest) {
    highest = index
    if (current >= 0) labels.set(index, current)
  }
  return labels.get(index) ?? -1
}

/** Replaces the indexes in a view by labels; the highest first, so that a new index is known as new. */
function labelled(read: string, found: { index: number; rows: unknown }): View {
  const what = read.split(/[ ?]/)[0]!
  const index = label(found.index)
  const cut = (list: unknown[], count: number) =>
    list.map((item, at) => (at >= list.length - count ? label(item as number) : item))
  let result = found.rows
  if (Array.isArray(result) && result.length > 0) {
    if (what === 'health') {
      result = (result as [string, number, unknown[], unknown[][]][]).map(([name, modified, instance, checks]) => [
        name,
        label(modified),
        cut(instance, 2),
        checks.map((item) => cut(item, 2)),
      ])
    } else if (what === 'node') {
      const [row, instances] = result as [unknown[], unknown[][]]
      result = [cut(row, 2), instances.map((item) => cut(item, 2))]
    } else result = (result as unknown[][]).map((item) => cut(item, INDEXES_AT_END[what] ?? 0))
  }
  return { index, rows: result }
}

async function views(): Promise<Record<string, View>> {
  const raw: [string, { index: number; rows: unknown }][] = []
  for (const read of READS) raw.push([read, await view(read)])
  const all: Record<string, View> = {}
  for (const [, found] of raw) label(found.index)
  for (const [read, found] of raw) all[read] = labelled(read, found)
  return all
}

let before = await views()
const steps: Step[] = []
for (const operation of script(Number(seed), Number(length))) {
  current = steps.length
  const result = await perform(operation)
  const after = await views()
  steps.push({ operation, outcome: result, views: difference(before, after) })
  before = after
}
console.log(`[\n${steps.map((step) => JSON.stringify(step)).join(',\n')}\n]`)
