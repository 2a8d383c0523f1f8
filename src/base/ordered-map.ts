/**
 * An ordered map (of values other than undefined) with cheap snapshots: a B-tree that writes in place, except to nodes that a live snapshot still shows,
 * which are copied first. With no snapshot alive nothing is ever copied; with one, each node is copied once.
 *
 * Keys are `byteKey` strings (base/text.ts): one character a byte, so that `<` is the order of the bytes.
 *
 * Comparing strings costs a trip to far memory each, and a search makes twenty of them. So each node keeps beside its
 * keys a number made of the six characters that follow what all keys within its fences have in common (the separators
 * left and right of it in the levels above), and searches by those; only ties look at the strings. (Lower and upper
 * fence keys: Graefe, "Modern B-Tree Techniques", section 3.5.)
 */
import { assert } from './assert.ts'

/** Children or entries of a node: at 64, a search of a million keys passes four nodes, and a copy moves half a page. */
const WIDTH_MAX = 64
/** A node this thin is joined with a neighbour, if both fit into one. */
const WIDTH_THIN = 16
const HEAD_LENGTH = 6

class Node<V> {
  /** The map's epoch when this node was made: snapshots of that epoch or later show it. */
  readonly stamp: number
  readonly leaf: boolean
  /** All keys here begin with the same `skip` characters, and so does every key that a search brings here. */
  skip: number
  heads: number[]
  /** In a leaf the keys themselves, else the least key that each child may hold (the first of which is not looked at). */
  keys: string[]
  items: (V | Node<V>)[]

  constructor(stamp: number, leaf: boolean, skip: number, heads: number[], keys: string[], items: (V | Node<V>)[]) {
    this.stamp = stamp
    this.leaf = leaf
    this.skip = skip
    this.heads = heads
    this.keys = keys
    this.items = items
  }
}

/** What a map and its snapshots have in common: reading. */
export class OrderedView<V> {
  /** For this file alone. */
  root: Node<V>
  /** Raised whenever a cursor's path may have become another, so that it seeks its place again. For this file alone. */
  version = 0
  protected count: number

  constructor(root: Node<V> | undefined, count: number) {
    this.root = root ?? new Node<V>(0, true, 0, [], [], [])
    this.count = count
  }

  get size(): number {
    return this.count
  }

  get(key: string): V | undefined {
    let node = this.root
    while (!node.leaf) node = node.items[childAt(node, key)] as Node<V>
    const at = lastUpTo(node, key)
    return at >= 0 && node.keys[at] === key ? (node.items[at] as V) : undefined
  }

  /**
   * Entries whose key starts with `prefix`, in order. The cursor of a map that is being written goes on after the last
   * key that it gave: keys added or removed further on are seen as they are then.
   */
  cursor(prefix = ''): Cursor<V> {
    return new Cursor<V>(this, prefix)
  }
}

/** Call `next` until it is false; in between, `key` and `value` are the current entry. */
export class Cursor<V> {
  key = ''
  value: V | undefined = undefined
  private readonly view: OrderedView<V>
  private readonly prefix: string
  private version = -1
  private started = false
  private done = false
  private readonly path: Node<V>[] = []
  private readonly at: number[] = []

  constructor(view: OrderedView<V>, prefix: string) {
    this.view = view
    this.prefix = prefix
  }

  next(): boolean {
    if (this.done) return false
    if (this.view.version !== this.version) {
      this.version = this.view.version
      this.seek(this.view.root, this.started ? this.key : this.prefix, this.started)
      this.started = true
    } else {
      this.at[this.at.length - 1]! += 1
    }
    const leaf = this.settle()
    if (leaf === undefined) return this.finish()
    const at = this.at[this.at.length - 1]!
    const key = leaf.keys[at]!
    if (!key.startsWith(this.prefix)) return this.finish()
    this.key = key
    this.value = leaf.items[at] as V
    return true
  }

  /** Stands on the first entry at `key`, or after it. */
  private seek(root: Node<V>, key: string, after: boolean): void {
    this.path.length = 0
    this.at.length = 0
    let node = root
    while (!node.leaf) {
      const at = childAt(node, key)
      this.path.push(node)
      this.at.push(at)
      node = node.items[at] as Node<V>
    }
    const at = lastUpTo(node, key)
    this.path.push(node)
    this.at.push(at >= 0 && !after && node.keys[at] === key ? at : at + 1)
  }

  /** Moves from the end of a leaf to the beginning of the next that is not empty. */
  private settle(): Node<V> | undefined {
    const { path, at } = this
    for (;;) {
      const depth = path.length - 1
      const leaf = path[depth]!
      if (at[depth]! < leaf.keys.length) return leaf
      let up = depth - 1
      while (up >= 0 && at[up]! + 1 >= path[up]!.items.length) up--
      if (up < 0) return undefined
      at[up]! += 1
      for (let down = up + 1; down <= depth; down++) {
        path[down] = path[down - 1]!.items[at[down - 1]!] as Node<V>
        at[down] = 0
      }
    }
  }

  private finish(): false {
    this.done = true
    this.value = undefined
    this.path.length = 0
    return false
  }
}

/** A view that stays as it was. Release it when done: until then the map copies what the view shows before changing it. */
export class OrderedSnapshot<V> extends OrderedView<V> {
  private readonly onRelease: () => void
  private released = false

  constructor(root: Node<V>, count: number, onRelease: () => void) {
    super(root, count)
    this.onRelease = onRelease
  }

  release(): void {
    if (this.released) return
    this.released = true
    this.onRelease()
  }
}

export class OrderedMap<V> extends OrderedView<V> {
  private epoch = 0
  /** Epochs of the snapshots alive. */
  private readonly alive = new Set<number>()
  /** The newest of them, or -1: nodes stamped later belong to this map alone. */
  private frozen = -1
  private previous: V | undefined = undefined

  constructor() {
    super(undefined, 0)
  }

  /** @returns the value before, if there was one */
  set(key: string, value: V): V | undefined {
    this.previous = undefined
    const root = this.own(this.root)
    const right = this.insert(root, key, value, undefined, undefined)
    this.root = right === undefined ? root : this.branch([root.keys[0]!, right.keys[0]!], [root, right])
    return this.previous
  }

  /** @returns the value that went away, if there was one */
  delete(key: string): V | undefined {
    if (this.frozen >= 0 && this.get(key) === undefined) return undefined
    this.previous = undefined
    let root = this.own(this.root)
    if (!this.remove(root, key, undefined, undefined)) return undefined
    while (!root.leaf && root.items.length === 1) root = root.items[0] as Node<V>
    this.root = root
    this.count -= 1
    this.version += 1
    return this.previous
  }

  /** Removes all keys with the prefix. What lies wholly within goes node by node, unread. */
  deleteUnder(prefix: string): void {
    const root = this.own(this.root)
    this.prune(root, prefix, after(prefix), undefined, undefined)
    this.root = root
    while (!this.root.leaf && this.root.items.length === 1) this.root = this.own(this.root.items[0] as Node<V>)
    this.version += 1
  }

  clear(): void {
    this.root = new Node<V>(this.epoch, true, 0, [], [], [])
    this.count = 0
    this.version += 1
  }

  snapshot(): OrderedSnapshot<V> {
    const epoch = this.epoch
    this.epoch += 1
    this.alive.add(epoch)
    this.frozen = epoch
    return new OrderedSnapshot<V>(this.root, this.count, () => {
      this.alive.delete(epoch)
      this.frozen = -1
      for (const other of this.alive) if (other > this.frozen) this.frozen = other
    })
  }

  /** The node itself when no snapshot shows it, else a copy that none shows. */
  private own(node: Node<V>): Node<V> {
    if (node.stamp > this.frozen) return node
    return new Node<V>(this.epoch, node.leaf, node.skip, node.heads.slice(), node.keys.slice(), node.items.slice())
  }

  private branch(keys: string[], items: Node<V>[]): Node<V> {
    return new Node<V>(this.epoch, false, 0, headsOf(keys, 0), keys, items)
  }

  /** `low` and `high` are the node's fences; undefined where it has none. @returns the new right half, if it split */
  private insert(
    node: Node<V>,
    key: string,
    value: V,
    low: string | undefined,
    high: string | undefined,
  ): Node<V> | undefined {
    if (node.leaf) {
      const at = lastUpTo(node, key)
      if (at >= 0 && node.keys[at] === key) {
        this.previous = node.items[at] as V
        node.items[at] = value
        // Cursors hold nodes, and a node that was just copied is another than theirs.
        if (this.frozen >= 0) this.version += 1
        return undefined
      }
      this.count += 1
      this.version += 1
      insertInto(node, at + 1, key, value)
    } else {
      const at = childAt(node, key)
      const child = this.own(node.items[at] as Node<V>)
      node.items[at] = child
      const right = this.insert(child, key, value, lowOf(node, at, low), highOf(node, at, high))
      if (right === undefined) return undefined
      insertInto(node, at + 1, right.keys[0]!, right)
    }
    return node.keys.length > WIDTH_MAX ? this.split(node, low, high) : undefined
  }

  private split(node: Node<V>, low: string | undefined, high: string | undefined): Node<V> {
    // At the right edge of the tree keys arrive in order more often than not: leave the left node full.
    const cut = high === undefined ? node.keys.length - 1 : node.keys.length >>> 1
    const keys = node.keys.splice(cut)
    const items = node.items.splice(cut)
    const middle = keys[0]!
    node.skip = common(low, middle)
    node.heads = headsOf(node.keys, node.skip)
    const skip = common(middle, high)
    return new Node<V>(this.epoch, node.leaf, skip, headsOf(keys, skip), keys, items)
  }

  /**
   * Removes the keys from `from` on, up to `to` or without end. The children at both ends of the gap stay, even if nothing
   * is left in them: the one before it then reaches to the one after it, and so do their own outermost children.
   * `low` and `high` are the node's fences as they are from now on.
   */
  private prune(
    node: Node<V>,
    from: string,
    to: string | undefined,
    low: string | undefined,
    high: string | undefined,
  ): void {
    if (node.leaf) {
      const first = below(node, from)
      const end = to === undefined ? node.keys.length : below(node, to)
      this.count -= end - first
      node.keys.splice(first, end - first)
      node.items.splice(first, end - first)
    } else {
      const first = childAt(node, from)
      const last = to === undefined ? node.items.length - 1 : childAt(node, to)
      for (let at = first + 1; at < last; at++) this.count -= sizeOf(node.items[at] as Node<V>)
      if (last > first + 1) {
        node.keys.splice(first + 1, last - first - 1)
        node.items.splice(first + 1, last - first - 1)
      }
      for (let at = first; at <= Math.min(first + 1, last); at++) {
        const child = this.own(node.items[at] as Node<V>)
        node.items[at] = child
        // A search by the heads of a node holds for what lies within its fences alone: what lies beyond them is no bound.
        const left = at === first ? from : ''
        const right = at === first && last > first ? undefined : to
        this.prune(child, left, right, lowOf(node, at, low), highOf(node, at, high))
      }
    }
    node.skip = common(low, high)
    node.heads = headsOf(node.keys, node.skip)
  }

  /** @returns whether the key was there; where a snapshot is alive it must be, or nodes are copied for nothing */
  private remove(node: Node<V>, key: string, low: string | undefined, high: string | undefined): boolean {
    if (node.leaf) {
      const at = lastUpTo(node, key)
      if (at < 0 || node.keys[at] !== key) return false
      this.previous = node.items[at] as V
      removeFrom(node, at)
      return true
    }
    const at = childAt(node, key)
    const child = this.own(node.items[at] as Node<V>)
    node.items[at] = child
    if (!this.remove(child, key, lowOf(node, at, low), highOf(node, at, high))) return false
    if (child.keys.length > WIDTH_THIN || node.items.length === 1) return true
    const left = at > 0 ? at - 1 : at
    const sum = (node.items[left] as Node<V>).keys.length + (node.items[left + 1] as Node<V>).keys.length
    if (sum <= WIDTH_MAX) this.join(node, left, low, high)
    return true
  }

  /** Joins the children at `at` and `at + 1`; a wider node has wider fences, hence other heads. */
  private join(node: Node<V>, at: number, low: string | undefined, high: string | undefined): void {
    const left = node.items[at] as Node<V>
    const right = node.items[at + 1] as Node<V>
    assert(left.leaf === right.leaf, 'siblings stand on one level')
    const keys = [...left.keys, ...right.keys]
    // The separator, not the right child's own note of it: that one is not kept up at the left edge of the tree.
    if (!left.leaf) keys[left.keys.length] = node.keys[at + 1]!
    const skip = common(lowOf(node, at, low), highOf(node, at + 1, high))
    node.items[at] = new Node<V>(this.epoch, left.leaf, skip, headsOf(keys, skip), keys, [
      ...left.items,
      ...right.items,
    ])
    removeFrom(node, at + 1)
  }
}

/** The least text that is above all that begin with `prefix`; undefined where there is none. */
function after(prefix: string): string | undefined {
  let length = prefix.length
  while (length > 0 && prefix.charCodeAt(length - 1) === 0xff) length--
  if (length === 0) return undefined
  return prefix.slice(0, length - 1) + String.fromCharCode(prefix.charCodeAt(length - 1) + 1)
}

/** How many of a leaf's keys are below `key`. */
function below<V>(leaf: Node<V>, key: string): number {
  let at = 0
  while (at < leaf.keys.length && leaf.keys[at]! < key) at++
  return at
}

function sizeOf<V>(node: Node<V>): number {
  if (node.leaf) return node.keys.length
  let sum = 0
  for (const child of node.items) sum += sizeOf(child as Node<V>)
  return sum
}

function lowOf<V>(node: Node<V>, at: number, low: string | undefined): string | undefined {
  return at === 0 ? low : node.keys[at]
}

function highOf<V>(node: Node<V>, at: number, high: string | undefined): string | undefined {
  return at + 1 < node.keys.length ? node.keys[at + 1] : high
}

function childAt<V>(node: Node<V>, key: string): number {
  const at = lastUpTo(node, key)
  return Math.max(at, 0)
}

/** Place of the last key that is not above `key`, or -1. */
function lastUpTo<V>(node: Node<V>, key: string): number {
  const heads = node.heads
  const head = headOf(key, node.skip)
  let low = 0
  let high = heads.length
  // Keys that come in order, as out of a snapshot, all go to the right edge.
  if (high > 0 && heads[high - 1]! < head) return high - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if (heads[middle]! <= head) low = middle + 1
    else high = middle
  }
  const keys = node.keys
  if (low === 0 || heads[low - 1]! < head || keys[low - 1]! <= key) return low - 1
  high = low - 1
  low = 0
  while (low < high) {
    const middle = (low + high) >>> 1
    if (heads[middle]! < head || keys[middle]! <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

/**
 * Six characters as a number; a key that ends early is filled up with zeros, which only makes a tie. The half keeps
 * the arrays of heads in the representation for fractions from their first element on.
 */
function headOf(key: string, skip: number): number {
  if (skip + HEAD_LENGTH <= key.length) {
    const high = (key.charCodeAt(skip) << 16) | (key.charCodeAt(skip + 1) << 8) | key.charCodeAt(skip + 2)
    const low = (key.charCodeAt(skip + 3) << 16) | (key.charCodeAt(skip + 4) << 8) | key.charCodeAt(skip + 5)
    return high * 0x1000000 + low + 0.5
  }
  let head = 0
  for (let i = skip; i < skip + HEAD_LENGTH; i++) head = head * 256 + (i < key.length ? key.charCodeAt(i) : 0)
  return head + 0.5
}

function headsOf(keys: string[], skip: number): number[] {
  const heads: number[] = []
  for (const key of keys) heads.push(headOf(key, skip))
  return heads
}

/** Length of the longest common beginning of two fences, 0 where one is missing. */
function common(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return 0
  const length = Math.min(a.length, b.length)
  let at = 0
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  return at
}

function insertInto<V>(node: Node<V>, at: number, key: string, item: V | Node<V>): void {
  const { heads, keys, items } = node
  const head = headOf(key, node.skip)
  heads.push(head)
  keys.push(key)
  items.push(item)
  for (let i = keys.length - 1; i > at; i--) {
    heads[i] = heads[i - 1]!
    keys[i] = keys[i - 1]!
    items[i] = items[i - 1]!
  }
  heads[at] = head
  keys[at] = key
  items[at] = item
}

function removeFrom<V>(node: Node<V>, at: number): void {
  const { heads, keys, items } = node
  for (let i = at + 1; i < keys.length; i++) {
    heads[i - 1] = heads[i]!
    keys[i - 1] = keys[i]!
    items[i - 1] = items[i]!
  }
  heads.pop()
  keys.pop()
  items.pop()
}
