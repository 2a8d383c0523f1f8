/**
 * Two agents, ours and the real one, asked the same. It decides what must be equal: status, headers, body; and what may
 * only correspond: ids one to one, indexes in the same order, the ports that each was given. What differs for a reason
 * is in the table of explained.ts, and nowhere else.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { AgentProcess } from '../support/process.ts'
import type { Explained } from './explained.ts'
import { type RawAnswer, RawHttp } from './raw-http.ts'
import { type Request, titleOf } from './requests.ts'

/** How long the two may take to agree where a write is followed by and by. */
const SETTLE_MS = 120_000
const SETTLE_POLL_MS = 20
/** Of two services, the real one leaves the one that ours names out so many times in a row hardly ever; so with orders. */
const REFUSALS_MAX = 60

/** Where a node stands of which nothing was measured. */
const Coord = { Vec: Array(8).fill(0), Error: 1.5, Adjustment: 0, Height: 0.00001 }

/** What agents change by and by, each in its own time: the index is theirs. */
const MOVES = /^\/v1\/coordinate\//

interface Side {
  agent: AgentProcess
  http: RawHttp
  /** For what is asked while a query waits on the first connection. */
  aside: RawHttp
  names: Record<string, string>
  /** Smaller indexes, 1 excepted, are of its start. */
  begin: number
}

/** An answer in words that may be compared, and what only corresponds, in the order of its appearance. */
interface Comparable {
  text: string
  atoms: Atom[]
}

interface Atom {
  kind: 'id' | 'index' | 'hash'
  value: string
}

export class SideBySide {
  readonly #ours: Side
  readonly #theirs: Side
  readonly #explained: readonly Explained[]
  readonly #used = new Set<Explained>()
  /** Ids and hashes of ours to theirs, and back. */
  readonly #pairs = new Map<string, string>()
  readonly #backs = new Map<string, string>()
  /** Pairs of indexes, rising in both. */
  readonly #indexes: { ours: number; theirs: number }[] = [{ ours: 1, theirs: 1 }]
  asked = 0
  /** Is told every answer of both. */
  heard: (who: 'ours' | 'theirs', asked: Request, answer: RawAnswer) => void = () => {}

  /** @param kind what both of them are */
  constructor(
    ours: AgentProcess,
    theirs: AgentProcess,
    explained: readonly Explained[],
    kind: 'server' | 'client' = 'server',
  ) {
    this.#ours = sideOf(ours, kind)
    this.#theirs = sideOf(theirs, kind)
    this.#explained = explained
  }

  /** Asks both, in order, and tells where they differ without an explanation. */
  async differences(requests: readonly Request[]): Promise<string[]> {
    const found: string[] = []
    for (const request of requests) found.push(...(await this.#differences(request)))
    return found
  }

  /** Explanations that explained nothing: the difference is gone, or was never seen. */
  unused(): Explained[] {
    return this.#explained.filter((each) => !this.#used.has(each))
  }

  close(): void {
    for (const { http, aside } of [this.#ours, this.#theirs]) {
      http.close()
      aside.close()
    }
  }

  /**
   * Indexes of what the agents wrote about themselves when they started are not compared: who comes first, the leader or
   * the agent's own anti-entropy, is a race in both. Compared is what this writes now and all that follows. The agent's
   * node is given a coordinate, since lists near it have another order once it has told its own, in its own time.
   */
  async begin(): Promise<void> {
    for (const side of [this.#ours, this.#theirs]) {
      while (!(await isRegistered(side))) await delay(SETTLE_POLL_MS)
      const { node } = side.names
      await side.http.ask({ method: 'PUT', url: '/v1/coordinate/update', body: JSON.stringify({ Node: node, Coord }) })
      while (!(await isPlaced(side))) await delay(SETTLE_POLL_MS)
      await side.http.ask({ method: 'PUT', url: '/v1/kv/begin', body: '' })
      const answer = await side.http.ask({ method: 'GET', url: '/v1/kv/begin' })
      side.begin = Number(headerOf(answer, 'X-Consul-Index'))
      await side.http.ask({ method: 'DELETE', url: '/v1/kv/begin' })
    }
  }

  async #differences(request: Request): Promise<string[]> {
    const deadline = Date.now() + SETTLE_MS
    for (let refusals = 0; ; ) {
      this.asked += 1
      const found: string[] = []
      const [ours, theirs] = await Promise.all([
        this.#answerOf(this.#ours, request, found),
        this.#answerOf(this.#theirs, request, found),
      ])
      if (request.settles && Date.now() < deadline && !sameText(this.#comparable(request, ours, theirs))) {
        await delay(SETTLE_POLL_MS)
        continue
      }
      const byChance = refusedByChance(request, ours, theirs) || shuffledByChance(request, ours, theirs)
      if (byChance && ++refusals < REFUSALS_MAX) {
        if (!sameText(this.#comparable(request, ours, theirs))) continue
      }
      found.push(...this.#compare(request, ours, theirs))
      return found
    }
  }

  async #answerOf(side: Side, request: Request, found: string[]): Promise<RawAnswer> {
    const asked = filledIn(request, side.names)
    let answer: RawAnswer
    if (request.wokenBy === undefined) answer = await side.http.ask(asked)
    else {
      let over = false
      const waiting = side.http.ask(asked).finally(() => {
        over = true
      })
      for (const [i, meanwhile] of request.wokenBy.entries()) {
        await side.aside.ask(filledIn(meanwhile, side.names))
        const who = side === this.#ours ? 'ours' : 'theirs'
        const last = i === request.wokenBy.length - 1
        if (over && !last) found.push(`${titleOf(asked)}\n  ${who} did not wait for what follows ${titleOf(meanwhile)}`)
      }
      answer = await waiting
    }
    this.heard(side === this.#ours ? 'ours' : 'theirs', asked, answer)
    if (request.saveId !== undefined) side.names[request.saveId] = idIn(answer)
    if (request.saveIndex !== undefined) side.names[request.saveIndex] = headerOf(answer, 'X-Consul-Index') ?? ''
    return answer
  }

  #comparable(request: Request, ours: RawAnswer, theirs: RawAnswer): [Comparable, Comparable] {
    return [comparable(request, ours, this.#ours.agent), comparable(request, theirs, this.#theirs.agent)]
  }

  #compare(request: Request, ours: RawAnswer, theirs: RawAnswer): string[] {
    const [one, other] = this.#comparable(request, ours, theirs)
    const same = sameText([one, other])
    const mismatches = same
      ? one.atoms.flatMap((atom, i) =>
          this.#correspond(atom, other.atoms[i]!, request.loose || MOVES.test(request.url)),
        )
      : []
    if ((same && mismatches.length === 0) || this.#explain(request, ours, theirs)) return []
    return [told(request, one.text, other.text, mismatches)]
  }

  #explain(request: Request, ours: RawAnswer, theirs: RawAnswer): boolean {
    const found = this.#explained.find(({ request: asked, holds, but }) => {
      if (!asked.test(`${request.method} ${request.url}`) || holds?.(ours, theirs, request) === false) return false
      return but === undefined || sameText(this.#comparable(request, without(ours, but), without(theirs, but)))
    })
    if (found !== undefined) this.#used.add(found)
    return found !== undefined
  }

  #correspond({ kind, value }: Atom, { value: counterpart }: Atom, loose = false): string[] {
    if (kind === 'index' && loose) return []
    if (kind === 'index') return this.#correspondIndex(Number(value), Number(counterpart))
    const known = this.#pairs.get(value)
    const back = this.#backs.get(counterpart)
    if (known === undefined && back === undefined) {
      this.#pairs.set(value, counterpart)
      this.#backs.set(counterpart, value)
    } else if (known !== counterpart || back !== value) return [`${kind} ${value}: ${known} before, ${counterpart} now`]
    return []
  }

  #correspondIndex(ours: number, theirs: number): string[] {
    const [early, earlyToo] = [ours < this.#ours.begin, theirs < this.#theirs.begin]
    if (early && earlyToo && ours > 1 && theirs > 1) return []
    const wrong = this.#indexes.find((pair) => Math.sign(pair.ours - ours) !== Math.sign(pair.theirs - theirs))
    if (wrong !== undefined) return [`index ${ours} and ${theirs}, though ${wrong.ours} corresponds to ${wrong.theirs}`]
    if (!this.#indexes.some((pair) => pair.ours === ours)) this.#indexes.push({ ours, theirs })
    return []
  }
}

function sideOf(agent: AgentProcess, kind: 'server' | 'client'): Side {
  const { http } = agent.ports
  return {
    agent,
    http: new RawHttp(http),
    aside: new RawHttp(http),
    names: { node: 'x', ...(kind === 'server' && { server: 'x' }) },
    begin: 0,
  }
}

/** Whether both have written: the leader the check of the member, the agent what only it knows of its node. */
async function isRegistered({ http, names }: Side): Promise<boolean> {
  const node = await http.ask({ method: 'GET', url: `/v1/catalog/node/${names.node}` })
  const checks = await http.ask({ method: 'GET', url: '/v1/health/state/passing' })
  const found = node.body.toString()
  // Of a server its own service too; that of a client agent has none.
  const service = names.server === undefined || /"Service":\s*"consul"/.test(found)
  return service && /"lan_ipv4".*"consul-network-segment"/s.test(found) && checks.body.includes(`"${names.node}"`)
}

async function isPlaced({ http, names }: Side): Promise<boolean> {
  return (await http.ask({ method: 'GET', url: `/v1/coordinate/node/${names.node}` })).status === 200
}

/**
 * An entry that spoils the chains of several services is refused for the sake of one of them, which the real one takes
 * from a map of Go. A refusal changes nothing, so that it may be asked for again.
 */
function refusedByChance({ url }: Request, ours: RawAnswer, theirs: RawAnswer): boolean {
  return url.startsWith('/v1/config') && ours.status === 500 && theirs.status === 500
}

/** Without a place to be near to, what a prepared query finds is shuffled anew each time, in both. */
function shuffledByChance({ url }: Request, ours: RawAnswer, theirs: RawAnswer): boolean {
  const instances = ({ body }: RawAnswer) => body.toString().split(/"Node": ?\{/).length - 1
  return /^\/v1\/query\/.*\/execute/.test(url) && instances(ours) > 1 && instances(ours) === instances(theirs)
}

function filledIn(request: Request, names: Record<string, string>): Request {
  const fill = (text: string) => text.replace(/\{(\w+)\}/g, (whole, name: string) => names[name] ?? whole)
  const { body } = request
  return { ...request, url: fill(request.url), body: typeof body === 'string' ? fill(body) : body }
}

function idIn(answer: RawAnswer): string {
  const found = /"ID": ?"([^"]+)"/.exec(answer.body.toString())
  return found?.[1] ?? ''
}

export function headerOf(answer: RawAnswer, name: string): string | undefined {
  return answer.headers.find((header) => header.startsWith(`${name}: `))?.slice(name.length + 2)
}

/**
 * Headers of the moment and of the framing say nothing: Go's server sends a body of over 2 KB in chunks when it does not
 * know its length. Those that frame a body were obeyed in reading it, so they are right.
 */
const PASSED_OVER = /^(Date|Content-Length|Transfer-Encoding): /

const ATOMS =
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|(?<="(?:Create|Modify|Last)Index": ?)[1-9]\d*|(?<=^X-Consul-Index: )\d+|(?<=^Conflicting flags: .*\bcas=)[1-9]\d*|(?<="ContentHash": ?")\w+|(?<=^X-Consul-Contenthash: )\w+/gm

function comparable(
  request: Request,
  { status, reason, headers, body }: RawAnswer,
  { ports }: AgentProcess,
): Comparable {
  const url = request.url.replace('/%76%31/', '/v1/')
  const shown = headers.filter((header) => !PASSED_OVER.test(header)).sort()
  let text = `${status} ${reason}\n${shown.join('\n')}\n\n${body.toString('latin1')}`
  for (const [name, port] of Object.entries(ports))
    text = text.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), `<${name}>`)
  if (text.includes('"LockDelay"')) text = sortedList(text, byAge)
  // Services and their checks, both from maps of Go.
  if (url.startsWith('/v1/agent/health/service/')) text = sortedParts(text)
  if (/^\/v1\/query(\?|$)/.test(url)) text = sortedList(text, byAge)
  if (url.startsWith('/v1/agent/members')) text = sortedList(text, byText)
  if (url.startsWith('/v1/catalog/services')) text = sortedTags(text)
  if (/^\/v1\/(connect\/intentions|operator\/autopilot\/health)/.test(url)) text = withoutMoments(text)
  // These are not kept fresh: their age grows, and one agent may say its next second a moment before the other.
  if (/^\/v1\/(catalog\/datacenters|query\/)/.test(url)) text = text.replace(/^Age: \d+$/m, 'Age: <seconds>')
  const atoms: Atom[] = []
  text = text.replace(ATOMS, (value) => {
    const kind = value.length === 36 ? 'id' : /^\d+$/.test(value) && value.length < 10 ? 'index' : 'hash'
    atoms.push({ kind, value })
    return `<${kind}>`
  })
  return { text, atoms }
}

function without(answer: RawAnswer, headers: RegExp): RawAnswer {
  return { ...answer, headers: answer.headers.filter((header) => !headers.test(header)) }
}

/** The elements of the list that is the body, in an order of our own, where the real one's comes from chance. */
function sortedList(text: string, order: (a: string, b: string) => number): string {
  const start = text.indexOf('\n\n[') + 2
  const end = text.lastIndexOf(']')
  if (start < 2 || end < start) return text
  const elements = elementsOf(text.slice(start + 1, end))
  // The last one has what stands before the bracket that closes the list behind it.
  const last = /\s*$/.exec(elements.at(-1) ?? '')![0]
  const sorted = elements.map((element) => element.trimEnd()).sort(order)
  return `${text.slice(0, start + 1)}${sorted.join(',')}${last}${text.slice(end)}`
}

/** What stands between the commas of a list in JSON, those of what is inside its elements apart. */
function elementsOf(inside: string): string[] {
  const elements: string[] = []
  let depth = 0
  let from = 0
  for (const { 0: mark, index } of inside.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{},]/g)) {
    if (mark === '{' || mark === '[') depth += 1
    else if (mark === '}' || mark === ']') depth -= 1
    else if (mark === ',' && depth === 0) {
      elements.push(inside.slice(from, index))
      from = index + 1
    }
  }
  return [...elements, inside.slice(from)]
}

/** Of sessions and queries: lists come in the order of their ids, which are random. */
function byAge(a: string, b: string): number {
  const age = (session: string) => Number(/"CreateIndex": ?(\d+)/.exec(session)?.[1] ?? 0)
  return age(a) - age(b)
}

/** What is in the text, in whichever order. */
function sortedParts(text: string): string {
  const parts = text.split(/[\n,[\]{}]+/).map((part) => part.trim())
  return parts.sort().join('\n')
}

/** Of what comes from a map of Go. */
function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}

/** When intentions were made and servers stood firm, and hashes over their ids, which are random. */
function withoutMoments(text: string): string {
  return text.replace(/"(CreatedAt|UpdatedAt|Hash|StableSince|LastContact)":( ?)"[^"]+"/g, '"$1":$2"<moment>"')
}

/** The tags of all instances of a service are gathered in a map of Go, which has no order. */
function sortedTags(text: string): string {
  return text
    .replace(/(?:^ {8}".*\n)+(?= {4}\])/gm, (tags) => {
      const sorted = tags.trimEnd().replaceAll(/,$/gm, '').split('\n').sort()
      return `${sorted.join(',\n')}\n`
    })
    .replace(/(?<=":\[)"[^\]\n]*(?=\])/g, (tags) => elementsOf(tags).sort().join(','))
}

function sameText([one, other]: [Comparable, Comparable]): boolean {
  return one.text === other.text
}

function told(request: Request, ours: string, theirs: string, mismatches: string[] = []): string {
  if (mismatches.length > 0) return [titleOf(request), ...mismatches].join('\n  ')
  return `${titleOf(request)}\n  ours:   ${excerpt(ours, theirs)}\n  theirs: ${excerpt(theirs, ours)}`
}

/** From a little before the first difference. */
function excerpt(text: string, other: string): string {
  let at = 0
  while (at < text.length && text[at] === other[at]) at += 1
  const from = at < 300 ? 0 : at - 150
  return JSON.stringify(text.slice(from, at + 250))
}
