/**
 * Changes of the gossip keys on all members of a pool at once: asks each by one of Serf's key queries and puts the
 * answers together, in Serf's words. What a member does with its keys is queries.ts's and keyring.ts's affair.
 * Source: protocol/serf.md section 5.
 */
import { decodeBase64 } from '../../base/base64.ts'
import type { GossipCodec } from './messages.ts'
import type { Queries } from './queries.ts'

export type KeyOperation = 'install' | 'use' | 'remove' | 'list'

const QUERIES: Record<KeyOperation, string> = {
  install: '_serf_install-key',
  use: '_serf_use-key',
  remove: '_serf_remove-key',
  list: '_serf_list-keys',
}

export interface KeyRequestParams {
  operation: KeyOperation
  /** In base64; "" to list. */
  key: string
  /** Through how many others each member answers besides directly. */
  relayFactor: number
}

/** What the members said. */
export interface KeyOutcome {
  /** Complaints and remarks, by member. */
  messages: Record<string, string>
  /** How many members have each key, in base64. */
  keys: Record<string, number>
  /** How many members seal with each key. */
  primaryKeys: Record<string, number>
  /** Members that were asked. */
  nodes: number
  /** Why it was not done everywhere, or "". */
  error: string
}

export interface KeyManagerOptions {
  queries: Queries
  codec: GossipCodec
  /** Members that are alive or suspect, this node among them. */
  nodes(): number
  warn(message: string): void
}

export class KeyManager {
  readonly #options: KeyManagerOptions

  constructor(options: KeyManagerOptions) {
    this.#options = options
  }

  /** @param done once, as soon as all members have answered, at the latest when the query is over */
  ask({ operation, key, relayFactor }: KeyRequestParams, done: (outcome: KeyOutcome) => void): void {
    const { codec, nodes, queries } = this.#options
    const outcome: KeyOutcome = { messages: {}, keys: {}, primaryKeys: {}, nodes: 0, error: '' }
    const decoded = decodeBase64(key)
    if (!decoded.ok) {
      done({ ...outcome, error: decoded.problem })
      return
    }
    outcome.nodes = nodes()
    let answers = 0
    let failures = 0
    let over = false
    const finish = () => {
      if (over) return
      over = true
      if (failures > 0) outcome.error = `${failures}/${outcome.nodes} nodes reported failure`
      else if (answers !== outcome.nodes) outcome.error = `${answers}/${outcome.nodes} nodes reported success`
      done(outcome)
    }
    const payload = codec.encodeSerf({ type: 'keyRequest', Key: decoded.bytes })
    const error = queries.ask(
      { name: QUERIES[operation], payload, relayFactor },
      {
        ack: () => {},
        response: (from, answer) => {
          if (over) return
          answers += 1
          if (!this.#add(outcome, from, answer)) failures += 1
          if (answers === outcome.nodes) finish()
        },
        done: finish,
      },
    )
    if (error !== '') done({ ...outcome, nodes: 0, error })
  }

  /** @returns whether that member did as asked */
  #add(outcome: KeyOutcome, from: string, payload: Uint8Array | null): boolean {
    const { codec, warn } = this.#options
    try {
      const answer = codec.decodeSerf(payload ?? new Uint8Array(0))
      if (answer.type !== 'keyResponse') throw new Error(answer.type)
      if (answer.Message !== '' || !answer.Result) outcome.messages[from] = answer.Message
      if (answer.Message !== '' && answer.Result) warn(`serf: ${answer.Message}`)
      for (const key of answer.Keys ?? []) outcome.keys[key] = (outcome.keys[key] ?? 0) + 1
      outcome.primaryKeys[answer.PrimaryKey] = (outcome.primaryKeys[answer.PrimaryKey] ?? 0) + 1
      return answer.Result
    } catch {
      outcome.messages[from] = `Failed to decode key query response: [${[...(payload ?? [])].join(' ')}]`
      return false
    }
  }
}
