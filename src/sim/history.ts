/**
 * What clients saw: each operation on a key with the time it was asked and answered. The same records are made by clients
 * in a simulated world and by clients of real processes, and judged by the same checkers (linearizable.ts, stale.ts).
 * Values are unique to the write that set them, so a value also names a version.
 */

/** `null` stands for an absent key. */
export type Value = string | null

export type Action =
  | { kind: 'put'; value: string }
  | { kind: 'delete' }
  /** Succeeds only where the key still has what `expected` names; absent for null. */
  | { kind: 'cas'; expected: Value; value: string }
  | { kind: 'delete-cas'; expected: Value }
  | { kind: 'lock'; session: string; value: string }
  | { kind: 'unlock'; session: string; value: string }
  | { kind: 'get' }
  /** Not of a client: an older state took the place of this one. */
  | { kind: 'reset'; value: Value; session: string }

export interface Seen {
  value: Value
  /** Who holds the lock, or "". */
  session: string
}

/** What a key holds, as text. */
export function textOf(bytes: Uint8Array | null): string {
  return bytes === null ? '' : String.fromCharCode(...bytes)
}

/** Of a write: whether it succeeded. Of a read: what was there. */
export type Answer = boolean | Seen

export interface Operation {
  /** The client's name; it asks one thing at a time. */
  client: string
  key: string
  action: Action
  /** Times of one clock, in any unit. */
  asked: number
  /** Infinity when no answer came, or an error that does not say whether it happened. */
  answered: number
  /** undefined when nobody knows. */
  answer: Answer | undefined
}

/** A read of one server's own state, however old. */
export interface StaleRead {
  /** The server, and which life of it. */
  server: string
  key: string
  value: Value
  /** Order in which that server answered. */
  at: number
}

/** The state as it was at some moment: what is not in it was absent. */
export type Past = ReadonlyMap<string, Seen>

/** Somebody put a past in place of the state; times as of an operation. */
export interface Restore {
  past: Past
  asked: number
  answered: number
  /** undefined when nobody knows whether it happened. */
  done: true | undefined
}

export class History {
  readonly operations: Operation[] = []
  readonly restores: Restore[] = []
  readonly staleReads: StaleRead[] = []

  /** Everything, with what the restores did to each key. */
  all(): Operation[] {
    const keys = new Set(this.operations.map(({ key }) => key))
    const resets = this.restores.flatMap(({ past, asked, answered, done }) =>
      [...keys].map((key): Operation => {
        const { value, session } = past.get(key) ?? { value: null, session: '' }
        return { client: 'restore', key, action: { kind: 'reset', value, session }, asked, answered, answer: done }
      }),
    )
    return [...this.operations, ...resets]
  }

  /** @returns what completes it: an answer, or undefined when the outcome stays unknown, or `forget` when nothing happened */
  begin(client: string, key: string, action: Action, now: number): Pending {
    const operation: Operation = {
      client,
      key,
      action,
      asked: now,
      answered: Number.POSITIVE_INFINITY,
      answer: undefined,
    }
    this.operations.push(operation)
    return {
      answered: (answer, at) => {
        operation.answered = at
        operation.answer = answer
      },
      /** It certainly did not happen. */
      refused: () => {
        const place = this.operations.lastIndexOf(operation)
        if (place >= 0) this.operations.splice(place, 1)
      },
    }
  }
}

export interface Pending {
  answered(answer: Answer, at: number): void
  refused(): void
}

export function describe({ client, key, action, asked, answered, answer }: Operation): string {
  const { kind, ...rest } = action
  const what = Object.entries(rest)
    .map(([name, value]) => ` ${name}=${String(value)}`)
    .join('')
  const seen =
    answer === undefined ? '?' : typeof answer === 'boolean' ? String(answer) : `${answer.value}/${answer.session}`
  return `${asked.toFixed(3)}..${answered.toFixed(3)} ${client} ${kind} ${key}${what} -> ${seen}`
}
