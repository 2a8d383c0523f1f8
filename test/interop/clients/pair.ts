/**
 * For clients that others wrote: the same scenario is run against our agent and, where it can be had, against the real
 * one, and what the client was told must be the same. Hidden is what is each agent's own: ids, indexes, ports, times.
 */
import assert from 'node:assert/strict'
import { type AgentProcess, realConsul, settled, startAgentProcess } from '../../support/process.ts'

export interface Pair {
  ours: AgentProcess
  /** Undefined where the real Consul cannot be had: then the scenario's own expectations are all that counts. */
  theirs: AgentProcess | undefined
  all(): AgentProcess[]
  stop(): Promise<void>
}

export async function startPair(args: readonly string[] = ['-dev', '-node=x', '-log-level=err']): Promise<Pair> {
  const real = realConsul()
  const ours = await startAgentProcess([...args])
  const theirs = real === undefined ? undefined : await startAgentProcess([...args], { command: real })
  const all = () => (theirs === undefined ? [ours] : [ours, theirs])
  await Promise.all(all().map((agent) => settled(agent)))
  return { ours, theirs, all, stop: async () => void (await Promise.all(all().map((agent) => agent.kill()))) }
}

/** What a client was told at one step: the step's name, and the value or error as the client gave it. */
export type Step = [name: string, told: unknown]

/** Fails where the two were told different things at the same step. */
export function assertToldAlike(ours: readonly Step[], theirs: readonly Step[]): void {
  assert.deepEqual(
    ours.map(([name]) => name),
    theirs.map(([name]) => name),
  )
  const different = ours.flatMap(([name, told], i) => {
    const [one, other] = [JSON.stringify(told), JSON.stringify(theirs[i]![1])]
    return one === other ? [] : [`${name}\n  ours:   ${one}\n  theirs: ${other}`]
  })
  assert.equal(different.length, 0, `${different.length} of ${ours.length} differ:\n${different.join('\n')}`)
}

const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
const INDEX_FIELD = /^(Create|Modify|Lock|LTime)(Index)?$|^LTime$/
/** Where two agents in dev mode differ, and may: how far away nodes are, and for how long they think. */
const OWN_FIELD = /^(Coord|Vec|Height|Adjustment|Error)$/

/** Gives each agent's steps the same words for what is its own. One for each run of a scenario. */
export function hider({ ports }: AgentProcess): (told: unknown) => unknown {
  const ids = new Map<string, string>()
  const text = (value: string): string => {
    let hidden = value.replace(ID, (id) => {
      if (!ids.has(id)) ids.set(id, `<id ${ids.size + 1}>`)
      return ids.get(id)!
    })
    for (const [name, port] of Object.entries(ports)) {
      hidden = hidden.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), `<${name}>`)
    }
    return hidden
  }
  const hide = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value)
    if (typeof value === 'number' && Object.values(ports).includes(value)) return text(String(value))
    if (Array.isArray(value)) return value.map(hide)
    if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => {
        if (INDEX_FIELD.test(name) && typeof each === 'number') return [name, each === 0 ? 0 : '<index>']
        if (OWN_FIELD.test(name)) return [name, `<${typeof each}>`]
        return [text(name), hide(each)]
      }),
    )
  }
  return hide
}
