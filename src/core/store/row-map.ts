/** What one table or index in memory must do, and the plain way to do it: an ordered map of row objects. */
import { type Cursor, OrderedMap, type OrderedSnapshot, type OrderedView } from '../../base/ordered-map.ts'
import type { RangeGone } from './store.ts'

export interface RowMapView<R> {
  get(key: string): R | undefined
  /** Rows whose key starts with `prefix`, in key order. */
  under(prefix: string): Iterable<R>
}

export interface RowMapSnapshot<R> extends RowMapView<R> {
  release(): void
}

export interface RowMap<R> extends RowMapView<R> {
  /** True when rows are kept as copies: then what was put is not what is read. */
  readonly copies: boolean
  /** @returns the row before, if there was one */
  set(key: string, row: R): R | undefined
  delete(key: string): R | undefined
  /** Deletes all rows whose key starts with `prefix`, and tells each. */
  deleteUnder(prefix: string, gone: (key: string, row: R) => void): void
  /**
   * The same at once, if the rows are many; undefined if they are not, or cannot go at once. What they leave is cleared
   * away later, by `tidy`.
   */
  cut?(prefix: string): RangeGone | undefined
  /** Clears away a little of what `cut` left. */
  tidy?(): void
  snapshot(): RowMapSnapshot<R>
}

/** Iterates a cursor's values. One iterator object serves one loop. */
class Values<R> implements Iterable<R>, Iterator<R> {
  private readonly view: OrderedView<R>
  private readonly prefix: string
  private cursor: Cursor<R> | undefined = undefined

  constructor(view: OrderedView<R>, prefix: string) {
    this.view = view
    this.prefix = prefix
  }

  [Symbol.iterator](): Iterator<R> {
    return new Values(this.view, this.prefix)
  }

  next(): IteratorResult<R> {
    this.cursor ??= this.view.cursor(this.prefix)
    return this.cursor.next() ? { done: false, value: this.cursor.value! } : { done: true, value: undefined }
  }
}

export class ObjectRows<R> implements RowMap<R> {
  readonly copies = false
  private readonly map = new OrderedMap<R>()

  get(key: string): R | undefined {
    return this.map.get(key)
  }

  under(prefix: string): Iterable<R> {
    return new Values(this.map, prefix)
  }

  set(key: string, row: R): R | undefined {
    return this.map.set(key, row)
  }

  delete(key: string): R | undefined {
    return this.map.delete(key)
  }

  deleteUnder(prefix: string, gone: (key: string, row: R) => void): void {
    const cursor = this.map.cursor(prefix)
    while (cursor.next()) gone(cursor.key, cursor.value!)
    this.map.deleteUnder(prefix)
  }

  snapshot(): RowMapSnapshot<R> {
    return new ObjectRowsSnapshot(this.map.snapshot())
  }
}

class ObjectRowsSnapshot<R> implements RowMapSnapshot<R> {
  private readonly view: OrderedSnapshot<R>

  constructor(view: OrderedSnapshot<R>) {
    this.view = view
  }

  get(key: string): R | undefined {
    return this.view.get(key)
  }

  under(prefix: string): Iterable<R> {
    return new Values(this.view, prefix)
  }

  release(): void {
    this.view.release()
  }
}
