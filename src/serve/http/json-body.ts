/**
 * Bodies of JSON. Small ones are decoded at once. Large ones, which Consul takes in any size, are decoded in slices of a
 * few milliseconds with a turn of the event loop between them, since Raft, gossip and everybody else's questions run on
 * the same thread; and one after another, since a body taken apart is many times as large as its text.
 */
import { Resumable } from '../../base/resumable.ts'
import { type Decode, decodeJson, decodeJsonSlowly, JsonError, JsonTooLarge } from '../../wire/json-decode.ts'
import type { Backend } from '../backend.ts'
import { HttpError } from './errors.ts'
import type { Exchange } from './exchange.ts'

/** Two milliseconds of work, or so. */
const AT_ONCE_BYTES_MAX = 64 << 10
/** Rounds of a loop over a value that is decoded already, in one slice. */
const SLICE_ROUNDS = 2000

/** What is left of a body's work; it yields where others may have their turn. */
type Slices<T> = Generator<undefined, T, undefined>

/**
 * Reads the body.
 * @param complaint of a body that is none, in the words of `JsonError`: Consul's endpoints have theirs around them
 * @throws HttpError 413 when it was too long, or has more values than there may be in memory; and what `complaint` makes
 */
export async function readJson<T>(
  exchange: Exchange,
  decode: Decode<T>,
  complaint: (why: string) => Error,
): Promise<T | undefined> {
  const { request } = exchange
  if (request.tooLarge) throw tooLarge()
  try {
    if (isSmall(exchange)) return decodeJson(request.body, decode)
    return await exchange.door.slicer.run(exchange, decodeJsonSlowly(request.body, decode))
  } catch (error) {
    if (error instanceof JsonTooLarge) throw tooLarge()
    if (error instanceof JsonError) throw complaint(error.message)
    throw error
  }
}

/** Makes something of what was read of the body. @param compute as a `Resumable` wants it */
export async function makeOfBody<T>(exchange: Exchange, compute: () => T): Promise<T> {
  return isSmall(exchange) ? compute() : exchange.door.slicer.run(exchange, inSlices(compute))
}

function isSmall({ request }: Exchange): boolean {
  return request.body.byteLength <= AT_ONCE_BYTES_MAX
}

function tooLarge(): HttpError {
  return new HttpError(413, 'Request body too large')
}

function* inSlices<T>(compute: () => T): Slices<T> {
  const work = new Resumable(compute)
  while (!work.step(SLICE_ROUNDS)) yield
  return work.result!
}

/** Does the work of large bodies, of one at a time, in the order in which they came. */
export class Slicer {
  readonly #soon: Backend['soon']
  /** Resolves when the last of those that wait is done. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(soon: Backend['soon']) {
    this.#soon = soon
  }

  /** Rejects with what the slices throw, and when nobody waits for the answer any more. */
  run<T>({ request }: Exchange, slices: Slices<T>): Promise<T> {
    let gone = false
    request.onGone(() => {
      gone = true
    })
    const work = async () => {
      for (;;) {
        await new Promise<void>((turned) => this.#soon(turned))
        if (gone) throw new HttpError(400, 'the asker has gone')
        const slice = slices.next()
        if (slice.done) return slice.value
      }
    }
    const mine = this.#last.then(work)
    this.#last = mine.catch(() => undefined)
    return mine
  }
}
