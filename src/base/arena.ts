/**
 * Memory for many small byte records outside the JavaScript heap. A million values as typed arrays of their own make the
 * collector pause for most of a second (docs/state-engine.md); as places in a few hundred pages they cost it nothing.
 *
 * Records are named by a small integer and freed by hand. Sizes are rounded up to a class, and a freed place serves the
 * next record of its class; pages are given back only with the whole arena, save those of records too large for one.
 */
import { assert } from './assert.ts'

const PAGE_BYTES = 1 << 20
/** Places begin at multiples of this, so that records may hold aligned numbers. */
const UNIT_BYTES = 16
const UNITS_PER_PAGE = PAGE_BYTES / UNIT_BYTES
/** Larger records get a page of their own size. */
const SHARED_BYTES_MAX = 1 << 16
/** Handles stay below 2^31, which engines keep unboxed: 32 GiB in all. */
const PAGES_MAX = 2 ** 31 / UNITS_PER_PAGE
/** Classes are exact up to here, then a quarter apart: at most a fifth of a place is empty. */
const EXACT_UNITS_MAX = 32

/** One page seen as bytes, as 32-bit and as 64-bit numbers; all three over the same memory. */
export class Page {
  readonly u8: Uint8Array
  readonly u32: Uint32Array
  readonly f64: Float64Array

  constructor(bytes: number) {
    const memory = new ArrayBuffer(bytes)
    this.u8 = new Uint8Array(memory)
    this.u32 = new Uint32Array(memory)
    this.f64 = new Float64Array(memory)
  }
}

const CLASS_UNITS: number[] = []
for (let units = 1; units * UNIT_BYTES <= SHARED_BYTES_MAX; ) {
  CLASS_UNITS.push(units)
  units = units < EXACT_UNITS_MAX ? units + 1 : Math.ceil(units * 1.25)
}
if (CLASS_UNITS.at(-1)! * UNIT_BYTES < SHARED_BYTES_MAX) CLASS_UNITS.push(SHARED_BYTES_MAX / UNIT_BYTES)

/** Class of each size in units. */
const CLASS_OF = new Uint8Array(SHARED_BYTES_MAX / UNIT_BYTES + 1)
for (let units = 1, at = 0; units < CLASS_OF.length; units++) {
  if (units > CLASS_UNITS[at]!) at += 1
  CLASS_OF[units] = at
}

/** Number of the class that a record of this size falls into, or -1 when it gets a page of its own. */
export function sizeClass(bytes: number): number {
  return bytes > SHARED_BYTES_MAX ? -1 : CLASS_OF[Math.max(1, Math.ceil(bytes / UNIT_BYTES))]!
}

export class Arena {
  private readonly pages: Page[] = []
  private readonly free: number[][] = CLASS_UNITS.map(() => [])
  private readonly freePages: number[] = []
  /** Where the page now being filled goes on, in units; a full page at first. */
  private current = 0
  private filled = UNITS_PER_PAGE
  private reserved = 0

  /** Bytes of all pages. */
  get bytes(): number {
    return this.reserved
  }

  /** A place of at least this size; what it holds is not cleared. @returns its handle */
  take(bytes: number): number {
    const kind = sizeClass(bytes)
    if (kind < 0) return this.addPage(bytes) * UNITS_PER_PAGE
    const handle = this.free[kind]!.pop()
    if (handle !== undefined) return handle
    const units = CLASS_UNITS[kind]!
    if (this.filled + units > UNITS_PER_PAGE) {
      this.current = this.addPage(PAGE_BYTES)
      this.filled = 0
    }
    const fresh = this.current * UNITS_PER_PAGE + this.filled
    this.filled += units
    return fresh
  }

  /** @param bytes the size that was asked for */
  give(handle: number, bytes: number): void {
    const kind = sizeClass(bytes)
    if (kind >= 0) {
      this.free[kind]!.push(handle)
      return
    }
    const page = handle / UNITS_PER_PAGE
    this.reserved -= this.pages[page]!.u8.length
    this.pages[page] = NO_PAGE
    this.freePages.push(page)
  }

  page(handle: number): Page {
    return this.pages[handle >>> 16]!
  }

  /** Where the record begins in its page, in bytes; a multiple of 16. */
  offset(handle: number): number {
    return (handle & 0xffff) << 4
  }

  private addPage(bytes: number): number {
    const number = this.freePages.pop() ?? this.pages.length
    assert(number < PAGES_MAX, 'the arena is full')
    const page = new Page(Math.ceil(bytes / UNIT_BYTES) * UNIT_BYTES)
    this.pages[number] = page
    this.reserved += page.u8.length
    return number
  }
}

const NO_PAGE = new Page(0)
