/**
 * Checks that are as well as something else is: another service of this node, known from the state at hand, or what
 * another node has, for which the servers are asked and asked again. Source: Consul's agent/checks/alias.go.
 */
import { Deadlines } from '../../base/deadlines.ts'
import { quoteGo } from '../../base/go-flags.ts'
import type { Instant, Millis } from '../../base/units.ts'
import type { HealthCheck } from '../../model/health.ts'
import type { LocalContext } from './messages.ts'
import type { LocalState } from './state.ts'

/** A check of this node is looked at again after this time even if nothing seems to have changed. */
const REFRESH_MS = 60_000
const AT_ONCE: Instant = 0
/** So many questions may fail in a row before the next one waits; then twice as long each time, up to the longest. */
const PROMPT_RETRIES = 3
const RETRY_MS_MAX = 60_000

interface Alias {
  /** "" for this one. */
  node: string
  service: string
  token: string
  /** The question under way; 0 when there is none. */
  question: number
  /** What the servers' last answer is good for. */
  index: number
  failures: number
}

/** What the servers know of the node. */
export interface NodeHealth {
  index: number
  checks: readonly HealthCheck[]
  /** The service itself is there, with or without checks. */
  exists: boolean
}

export interface Aliases {
  start(now: Instant, id: string, alias: { node: string; service: string; token: string }): void
  stop(id: string): void
  /** A check of that service ("": of the node) came, went or changed its status, or the service itself did. */
  changed(service: string): void
  answered(now: Instant, question: number, health: NodeHealth): void
  failed(now: Instant, question: number, message: string): void
  tick(now: Instant): void
  wakeAt(): Instant | null
}

/** @param update the check's status and output are now these */
export function makeAliases(
  { emit }: Pick<LocalContext, 'emit'>,
  state: LocalState,
  update: (now: Instant, id: string, status: string, output: string) => void,
): Aliases {
  const aliases = new Map<string, Alias>()
  const due = new Deadlines<string>()
  const questions = new Map<number, string>()
  let nextQuestion = 1

  function stop(id: string): void {
    const alias = aliases.get(id)
    if (alias === undefined) return
    aliases.delete(id)
    due.delete(id)
    if (alias.question === 0) return
    questions.delete(alias.question)
    emit({ kind: 'abandon-alias', question: alias.question })
  }

  function lookHere(now: Instant, id: string, { node, service }: Alias): void {
    const own: HealthCheck[] = []
    for (const [other, { check, deleted }] of state.checks) {
      if (other !== id && check !== null && !deleted) own.push(check)
    }
    const exists = state.service(service) !== undefined
    const [status, output] = verdict({ node, service }, own, exists)
    update(now, id, status, output)
    due.set(id, now + REFRESH_MS)
  }

  function ask(id: string, alias: Alias): void {
    alias.question = nextQuestion++
    questions.set(alias.question, id)
    const { question, node, service, index, token } = alias
    emit({ kind: 'ask-alias', question, node, service, index, token })
  }

  function settle(question: number): [string, Alias] | undefined {
    const id = questions.get(question)
    const alias = id === undefined ? undefined : aliases.get(id)
    if (id === undefined || alias === undefined) return undefined
    questions.delete(question)
    alias.question = 0
    return [id, alias]
  }

  return {
    start(now, id, given) {
      stop(id)
      aliases.set(id, { ...given, question: 0, index: 0, failures: 0 })
      due.set(id, now)
    },
    stop,
    changed(service) {
      for (const [id, alias] of aliases) {
        if (alias.node === '' && (service === '' || alias.service === service)) due.set(id, AT_ONCE)
      }
    },
    answered(now, question, { index, checks, exists }) {
      const found = settle(question)
      if (found === undefined) return
      const [id, alias] = found
      alias.failures = 0
      alias.index = Math.max(1, index)
      const [status, output] = verdict(alias, checks, exists)
      update(now, id, status, output)
      due.set(id, now)
    },
    failed(now, question, message) {
      const found = settle(question)
      if (found === undefined) return
      const [id, alias] = found
      alias.failures += 1
      if (alias.failures > 1) update(now, id, 'critical', `Failure checking aliased node or service: ${message}`)
      due.set(id, now + retryAfter(alias.failures))
    },
    tick(now) {
      for (let id = due.takeDue(now); id !== undefined; id = due.takeDue(now)) {
        const alias = aliases.get(id)!
        if (alias.node === '') lookHere(now, id, alias)
        else ask(id, alias)
      }
    },
    wakeAt: () => due.next(),
  }
}

function retryAfter(failures: number): Millis {
  return failures <= PROMPT_RETRIES ? 0 : Math.min(RETRY_MS_MAX, 1000 * 2 ** (failures - PROMPT_RETRIES))
}

/** The worst of the node's own checks and those of the service, with the words of the one that says so. */
function verdict(
  { node, service }: Pick<Alias, 'node' | 'service'>,
  checks: readonly HealthCheck[],
  exists: boolean,
): [status: string, output: string] {
  let status = 'passing'
  let output = 'No checks found.'
  let found = false
  for (const check of checks) {
    if (node !== '' && check.Node !== node) continue
    if (check.ServiceID !== '' && check.ServiceID !== service) continue
    if (check.ServiceID === service) found = true
    if (check.Status === 'critical' || check.Status === 'warning') {
      status = check.Status
      output = `Aliased check ${quoteGo(check.Name)} failing: ${check.Output}`
      if (status === 'critical') break
    } else if (status === 'passing') output = 'All checks passing.'
  }
  if (found || exists) return [status, output]
  return ['critical', `Service ${service} could not be found on node ${node}`]
}
