/**
 * JSON arrays as answers. Most are made at once; one that grows long goes out in chunks that are made as the client
 * takes them, so that an answer of any size holds nobody up and its text is never in memory as a whole.
 */
import type { BodyChunks, HttpResponse } from '../../host/host.ts'
import type { QueryMeta } from '../../model/query.ts'
import { type Depth, inside, jsonArray, lineBreak } from '../../wire/json.ts'
import { bodyWithMeta, type Exchange } from './exchange.ts'

/** Making this much text takes a millisecond or two. Longer answers come in chunks. */
const WHOLE_CHARS_MAX = 256 << 10
const CHUNK_CHARS = 64 << 10

/** @param encode an item as a fragment for the given depth */
export function listWithMeta<T>(
  { depth }: Exchange,
  meta: QueryMeta,
  items: readonly T[],
  encode: (item: T, depth: Depth) => string,
  consistency = '',
): HttpResponse {
  const within = inside(depth)
  const begun: string[] = []
  let chars = 0
  while (begun.length < items.length && chars < WHOLE_CHARS_MAX) {
    const text = encode(items[begun.length]!, within)
    begun.push(text)
    chars += text.length
  }
  const body = begun.length < items.length ? arrayChunks(begun, items, encode, depth) : arrayText(begun, depth)
  return bodyWithMeta(meta, body, consistency)
}

function arrayText(items: readonly string[], depth: Depth): string {
  const text = jsonArray(items, depth)
  return depth < 0 ? text : `${text}\n`
}

/** @param begun the first items, encoded: at least one, and not all */
function* arrayChunks<T>(
  begun: readonly string[],
  items: readonly T[],
  encode: (item: T, depth: Depth) => string,
  depth: Depth,
): Generator<string> & BodyChunks {
  const within = inside(depth)
  const between = depth < 0 ? ',' : `,${lineBreak(within)}`
  yield `[${between.slice(1)}${begun.join(between)}`
  for (let at = begun.length; at < items.length; ) {
    const texts = ['']
    for (let chars = 0; at < items.length && chars < CHUNK_CHARS; at++) {
      const text = encode(items[at]!, within)
      texts.push(text)
      chars += text.length
    }
    yield texts.join(between)
  }
  yield depth < 0 ? ']' : `${lineBreak(depth)}]\n`
}
