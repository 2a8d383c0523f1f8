/**
 * Every answer of both agents held against the description that ours serves: what it gets wrong shows, whoever answers.
 * Fields of bodies that were taken must be described too.
 */
import { openApi } from '../../src/serve/http/openapi.ts'
import { ROUTES } from '../../src/serve/http/routes.ts'
import { describedBy } from '../support/openapi-answers.ts'
import type { RawAnswer } from './raw-http.ts'
import type { Request } from './requests.ts'

/** They pass over what they do not know. */
const LENIENT = new Set(['PUT /v1/session/create', 'POST /v1/discovery-chain/{service}'])

/** What agents answer only with ACLs, keys of gossip, or once: tried in described.test.ts. */
export const ELSEWHERE =
  /^\w+ \/v1\/(acl\/|agent\/(token|reload|monitor|join|leave|connect\/authorize)|connect\/ca\/configuration|coordinate\/update|internal\/(federation-state\/|acl\/)|operator\/(keyring|raft\/peer)|snapshot|openapi)/

type Who = 'ours' | 'theirs'

export class DescribedAnswers {
  readonly #described = describedBy(openApi(ROUTES))
  readonly #faults = new Map<string, string>()
  readonly #answered = new Set<string>()

  hear(who: Who, { method, url, body }: Request, { status, headers, body: answer }: RawAnswer): void {
    const operation = this.#described.operationOf(method, url)
    if (operation === undefined) return
    if (this.#described.tells(operation, status)) this.#answered.add(operation)
    const fault = this.#described.answerFault({ method, url, status, headers: headers.map(pairOf), body: answer })
    if (fault !== undefined) this.#note(`${operation} (${who}): ${fault}`, `${method} ${url} ${status}`)
    if (status === 200 && isObject(body) && !LENIENT.has(operation)) {
      for (const name of this.#described.unknownIn(method, url, String(body))) {
        // Those with a line between the words are the older spellings, which are taken and not described.
        if (!name.includes('_')) this.#note(`body of ${operation}: ${name} is not described`, String(body))
      }
    }
  }

  #note(fault: string, request: string): void {
    if (!this.#faults.has(fault)) this.#faults.set(fault, request)
  }

  /** One example for each fault. */
  faults(): string[] {
    return [...this.#faults].map(([fault, request]) => `${fault}\n  ${request.slice(0, 300)}`)
  }

  /** Operations of which no answer was heard that is no mistake. */
  unanswered(): string[] {
    return this.#described.operations().filter((operation) => !this.#answered.has(operation))
  }
}

function pairOf(line: string): [string, string] {
  const colon = line.indexOf(': ')
  return [line.slice(0, colon), line.slice(colon + 2)]
}

function isObject(body: Request['body']): boolean {
  if (typeof body !== 'string' || !body.startsWith('{')) return false
  try {
    JSON.parse(body)
    return true
  } catch {
    return false
  }
}
