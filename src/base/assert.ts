/** A broken invariant is our own bug: stop, in production too. Operating failures never come here. */
export class InvariantError extends Error {
  override name = 'InvariantError'
}

export function assert(claim: unknown, message: string): asserts claim {
  if (!claim) throw new InvariantError(message)
}

/** The end of an exhaustive switch: adding a kind breaks the build here. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`)
}
