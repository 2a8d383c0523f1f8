/**
 * Who takes part: which change turns one configuration into the next, and which configurations the log holds.
 * A configuration is in effect from the moment it is appended; the ones not yet committed are kept so that a truncation
 * can fall back. Changes are one server at a time, so that majorities of neighbours overlap.
 * Read: Ongaro's thesis, chapter 4 (single-server changes).
 */
import type { Index, ServerId } from '../../base/units.ts'
import type { Configuration, Server, ServerChange, Suffrage } from './messages.ts'

const NOBODY: Configuration = { servers: [] }

interface Placed {
  index: Index
  configuration: Configuration
}

/** The configurations that the log holds: the newest committed one, then all later ones. */
export class Configurations {
  /** Never empty; the first is the committed one. */
  private placed: Placed[]
  /** Voters of the latest configuration. */
  voters: Server[] = []

  constructor(configuration: Configuration, index: Index) {
    this.placed = [{ index, configuration }]
    this.settle()
  }

  get committed(): Configuration {
    return this.placed[0]!.configuration
  }

  get committedIndex(): Index {
    return this.placed[0]!.index
  }

  get latest(): Configuration {
    return this.placed[this.placed.length - 1]!.configuration
  }

  get latestIndex(): Index {
    return this.placed[this.placed.length - 1]!.index
  }

  append(index: Index, configuration: Configuration): void {
    this.placed.push({ index, configuration })
    this.settle()
  }

  /** The log lost its entries from `index` on. Committed ones are never lost. */
  truncateFrom(index: Index): void {
    while (this.placed.length > 1 && this.latestIndex >= index) this.placed.pop()
    this.settle()
  }

  commitTo(index: Index): void {
    let newest = 0
    while (newest + 1 < this.placed.length && this.placed[newest + 1]!.index <= index) newest++
    this.placed.splice(0, newest)
  }

  /** A snapshot replaced the log up to `upTo`; configurations after that stay. */
  reset(configuration: Configuration, index: Index, upTo: Index): void {
    this.placed = [{ index, configuration }, ...this.placed.filter((each) => each.index > upTo)]
    this.settle()
  }

  find(id: ServerId): Server | undefined {
    return this.latest.servers.find((server) => server.id === id)
  }

  findAddress(address: string): Server | undefined {
    return this.latest.servers.find((server) => server.address === address)
  }

  isVoter(id: ServerId): boolean {
    return this.voters.some((server) => server.id === id)
  }

  /**
   * A voter may stand. So may one that the newest configuration leaves out while that one is not known to be committed:
   * it may be the only server that has it, and without its entries nobody could be elected (thesis, section 4.2.2).
   */
  mayStand(id: ServerId): boolean {
    if (this.isVoter(id)) return true
    const before = this.placed[this.placed.length - 2]?.configuration.servers ?? []
    return before.some((server) => server.id === id && server.suffrage === 'voter')
  }

  private settle(): void {
    this.voters = this.latest.servers.filter((server) => server.suffrage === 'voter')
  }
}

export function noConfiguration(): Configurations {
  return new Configurations(NOBODY, 0)
}

/** @returns what is wrong with it, or undefined */
export function faultOf(configuration: Configuration): string | undefined {
  const ids = new Set<string>()
  const addresses = new Set<string>()
  let voters = 0
  for (const { id, address, suffrage } of configuration.servers) {
    if (id === '') return 'a server without an ID'
    if (address === '') return `server ${id} has no address`
    if (ids.has(id)) return `two servers have the ID ${id}`
    if (addresses.has(address)) return `two servers have the address ${address}`
    ids.add(id)
    addresses.add(address)
    if (suffrage === 'voter') voters++
  }
  if (voters > 0) return undefined
  const shown = configuration.servers.map(describeServer).join(' ')
  return `Need at least one voter in configuration: {[${shown}]}`
}

/**
 * The configuration after `change`. Adding a voter promotes and re-addresses; adding a non-voter never demotes.
 * @returns the same object when nothing changes
 */
export function changed(from: Configuration, change: ServerChange): Configuration {
  const known = from.servers.find((server) => server.id === change.id)
  switch (change.kind) {
    case 'add-voter':
      return put(from, known, { id: change.id, address: change.address, suffrage: 'voter' })
    case 'add-nonvoter':
      return put(from, known, { id: change.id, address: change.address, suffrage: known?.suffrage ?? 'nonvoter' })
    case 'demote':
      return known === undefined ? from : put(from, known, { ...known, suffrage: 'nonvoter' })
    case 'remove':
      return known === undefined ? from : { servers: from.servers.filter((server) => server !== known) }
  }
}

function put(from: Configuration, known: Server | undefined, server: Server): Configuration {
  if (known === undefined) return { servers: [...from.servers, server] }
  if (known.address === server.address && known.suffrage === server.suffrage) return from
  return { servers: from.servers.map((each) => (each === known ? server : each)) }
}

const SUFFRAGE_WORDS: Record<Suffrage, string> = { voter: 'Voter', nonvoter: 'Nonvoter', staging: 'Staging' }

/** As Consul's log shows a list of servers. */
export function describeServers(servers: Server[]): string {
  const words = servers.map(
    ({ suffrage, id, address }) => `{Suffrage:${SUFFRAGE_WORDS[suffrage]} ID:${id} Address:${address}}`,
  )
  return `[${words.join(' ')}]`
}

/** As Consul's log shows one server. */
export function describeServer({ suffrage, id, address }: Server): string {
  return `{${SUFFRAGE_WORDS[suffrage]} ${id} ${address}}`
}
