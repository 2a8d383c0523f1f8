/**
 * What a pool remembers across a restart, as the lines of Serf's snapshot file: who was alive and where, the Lamport
 * clocks, and whether this node has left. Makes lines and reads them; keeping the file, and when it is rewritten, are
 * agent/serf-snapshot.ts's affair. Source: protocol/serf.md section 10.
 */

/** A member that was alive when the file was last written; `address` as in `10.0.0.1:8301`, `[::1]:8301`. */
export interface PreviousNode {
  name: string
  address: string
}

/** The latest Lamport times that were handled. */
export interface Clocks {
  member: number
  event: number
  query: number
}

export interface Replayed {
  level: 'info' | 'warn'
  message: string
}

const CLOCK_LINES = [
  ['clock: ', 'member'],
  ['event-clock: ', 'event'],
  ['query-clock: ', 'query'],
] as const

/** The file is rewritten above this, or above so much for each living member, whichever is more. */
const SIZE_MIN = 128 * 1024
const BYTES_PER_NODE = 256
const WHOLE_NUMBER = /^\d{1,20}$/

export class SnapshotLog {
  readonly #alive = new Map<string, string>()
  readonly #rejoinAfterLeave: boolean
  #clocks: Clocks = { member: 0, event: 0, query: 0 }
  #left = false

  /** @param rejoinAfterLeave whoever has left may come back by itself */
  constructor(rejoinAfterLeave: boolean) {
    this.#rejoinAfterLeave = rejoinAfterLeave
  }

  get clocks(): Clocks {
    return this.#clocks
  }

  get alive(): PreviousNode[] {
    return Array.from(this.#alive, ([name, address]) => ({ name, address }))
  }

  /** The file's length above which it is to be rewritten from `whole`. */
  get bytesMax(): number {
    return Math.max(SIZE_MIN, this.#alive.size * BYTES_PER_NODE)
  }

  /** Takes in a file's content; a last line that is not whole is passed over. @returns remarks for the log */
  replay(text: string): Replayed[] {
    const remarks: Replayed[] = []
    const lines = text.split('\n')
    lines.pop()
    for (const line of lines) {
      const remark = this.#replayLine(line)
      if (remark !== undefined) remarks.push(remark)
    }
    return remarks
  }

  /** @returns what to append to the file */
  joined(name: string, address: string): string {
    // A name is what a peer says it is; it shall not write lines of its own.
    if (this.#left || name.includes('\n')) return ''
    this.#alive.set(name, address)
    return `alive: ${name} ${address}\n`
  }

  gone(name: string): string {
    if (this.#left || !this.#alive.delete(name)) return ''
    return `not-alive: ${name}\n`
  }

  passed(now: Clocks): string {
    if (this.#left) return ''
    let lines = ''
    for (const [prefix, clock] of CLOCK_LINES) {
      if (now[clock] <= this.#clocks[clock]) continue
      this.#clocks = { ...this.#clocks, [clock]: now[clock] }
      lines += `${prefix}${now[clock]}\n`
    }
    return lines
  }

  /** Nothing is remembered after this. */
  leave(): string {
    if (this.#left) return ''
    this.#left = true
    if (!this.#rejoinAfterLeave) this.#alive.clear()
    return 'leave\n'
  }

  /** The whole file anew. */
  whole(): string {
    let lines = ''
    for (const [name, address] of this.#alive) lines += `alive: ${name} ${address}\n`
    for (const [prefix, clock] of CLOCK_LINES) lines += `${prefix}${this.#clocks[clock]}\n`
    return this.#left ? `${lines}leave\n` : lines
  }

  #replayLine(line: string): Replayed | undefined {
    if (line.startsWith('alive: ')) {
      const at = line.lastIndexOf(' ')
      if (at < 'alive: '.length) return { level: 'warn', message: `serf: Failed to parse address: ${line}` }
      this.#alive.set(line.slice('alive: '.length, at), line.slice(at + 1))
    } else if (line.startsWith('not-alive: ')) this.#alive.delete(line.slice('not-alive: '.length))
    else if (line === 'leave') {
      if (this.#rejoinAfterLeave) return { level: 'info', message: 'serf: Ignoring previous leave in snapshot' }
      this.#alive.clear()
      this.#clocks = { member: 0, event: 0, query: 0 }
    } else if (!line.startsWith('#') && !line.startsWith('coordinate: ')) return this.#replayClock(line)
    return undefined
  }

  #replayClock(line: string): Replayed | undefined {
    const found = CLOCK_LINES.find(([prefix]) => line.startsWith(prefix))
    if (found === undefined) return { level: 'warn', message: `serf: Unrecognized snapshot line: ${line}` }
    const [prefix, clock] = found
    const time = line.slice(prefix.length)
    if (!WHOLE_NUMBER.test(time) || !Number.isSafeInteger(Number(time))) {
      return {
        level: 'warn',
        message: `serf: Failed to convert ${prefix.slice(0, -2).replace('-', ' ')} time: ${time}`,
      }
    }
    this.#clocks = { ...this.#clocks, [clock]: Number(time) }
    return undefined
  }
}
