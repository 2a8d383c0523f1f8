/**
 * Reads that may touch too many rows for one turn of the event loop, as generators: they yield when a slice of work is
 * done, and return what was found. Whoever runs one over a view that stays as it is may let the world turn in between.
 *
 * Everything that such a read depends on it has asked its transaction for before its first yield: so the footprint of a
 * blocking read is known before the rows are gathered.
 */
export type Slices<T> = Generator<void, T>

/** Rows in a slice: about a millisecond, also when rows are made of bytes. */
const ROWS_MAX = 1024
/** A row with a large value counts as so many more: its bytes are copied. */
const BYTES_PER_ROW = 512

/** All of it at once. */
export function drain<T>(slices: Slices<T>): T {
  for (;;) {
    const step = slices.next()
    if (step.done === true) return step.value
  }
}

/** The answer if one slice is all there is to it, else undefined. */
export function firstSlice<T>(slices: Slices<T>): T | undefined {
  const step = slices.next()
  if (step.done === true) return step.value
  slices.return(undefined as never)
  return undefined
}

/** Counts the rows of a slice. */
export class SliceCounter {
  private rows = 0

  /** @returns true when it is time to yield */
  full(bytes = 0): boolean {
    this.rows += 1 + bytes / BYTES_PER_ROW
    if (this.rows < ROWS_MAX) return false
    this.rows = 0
    return true
  }
}

/** The rows in a list, those that are `wanted` if that is asked. */
export function* gathered<T>(rows: Iterable<T>, wanted?: (row: T) => boolean): Slices<T[]> {
  const slice = new SliceCounter()
  const found: T[] = []
  for (const row of rows) {
    if (wanted === undefined || wanted(row)) found.push(row)
    if (slice.full()) yield
  }
  return found
}
