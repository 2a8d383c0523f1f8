/**
 * Two nodes with one name: tells of it, and when the name is ours asks the others whose it is. The minority gives way.
 * Source: protocol/serf.md section 5.
 */
import type { Level } from '../../base/log.ts'
import type { GossipCodec } from './messages.ts'
import type { GossipAddress, Node } from './nodes.ts'
import { CONFLICT_QUERY, type Queries } from './queries.ts'

export interface ConflictsOptions {
  name: string
  address: GossipAddress
  codec: GossipCodec
  queries: Queries
  /** Off: conflicts are only told of. */
  resolve: boolean
  log(level: Level, message: string): void
  giveWay(): void
}

export class Conflicts {
  readonly #options: ConflictsOptions
  #asking = false

  constructor(options: ConflictsOptions) {
    this.#options = options
  }

  seen(known: Node, other: GossipAddress): void {
    const { name, resolve, log } = this.#options
    if (known.name !== name) {
      const { host, port } = known.address
      log(
        'warn',
        `serf: Name conflict for '${known.name}' both ${host}:${port} and ${other.host}:${other.port} are claiming`,
      )
      return
    }
    const resolution = `(Resolution enabled: ${resolve})`
    log(
      'error',
      `serf: Node name conflicts with another node at ${other.host}:${other.port}. Names must be unique! ${resolution}`,
    )
    if (resolve) this.#ask()
  }

  #ask(): void {
    if (this.#asking) return
    this.#asking = true
    const { name, address, codec, queries, log, giveWay } = this.#options
    let responses = 0
    let ours = 0
    const error = queries.ask(
      { name: CONFLICT_QUERY, payload: new TextEncoder().encode(name) },
      {
        ack: () => {},
        response: (_from, payload) => {
          try {
            const member = codec.decodeSerf(payload ?? new Uint8Array(0))
            if (member.type !== 'conflictResponse') return
            responses += 1
            if (member.Addr === address.host && member.Port === address.port) ours += 1
          } catch {
            log('error', 'serf: Failed to decode conflict query response')
          }
        },
        done: () => {
          this.#asking = false
          const votes = `[${ours} / ${responses}]`
          if (ours >= Math.floor(responses / 2) + 1) {
            log('info', `serf: majority in name conflict resolution ${votes}`)
            return
          }
          log('warn', `serf: minority in name conflict resolution, quitting ${votes}`)
          giveWay()
        },
      },
    )
    if (error !== '') this.#asking = false
  }
}
