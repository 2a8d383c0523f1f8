/**
 * How many answers fit. Answers are left out from the end, and with the SRV records go the addresses of their targets;
 * the limits and the sizes counted are Consul's (agent/dns.go), so that both leave out the same.
 */
import { isAscii } from '../../base/text.ts'
import { MESSAGE_BYTES_MAX, type Message, type Resource, TYPE, UDP_SIZE_DEFAULT } from './message.ts'

/** Consul's own bound on `udp_answer_limit`. */
const UDP_ANSWERS_MAX = 8
const TCP_ANSWERS_MAX = 4096
const TCP_SRV_ANSWERS_MAX = 1024
/** Consul keeps the header's 12 bytes free. */
const TCP_BYTES_MAX = MESSAGE_BYTES_MAX - 12
/** What UDP answers keep free. */
const UDP_BYTES_SPARE = 7
/** Farther than this beyond the limit, answers are not left out one by one: then it may happen that none is left. */
const FAR_BYTES = 100

/** Bytes of the encoded message; Infinity when it is too long to encode. */
export type Measure = (message: Message, compress: boolean) => number

/**
 * Shortens `message.answers` and `message.additional` (replacing both arrays) for UDP.
 * @param size what the asker can take; at most 512 means the plain limit and its bound on the number of answers
 * @returns true when answers were left out
 */
export function trimUdp(
  message: Message,
  size: number,
  answerLimit: number,
  compress: boolean,
  measure: Measure,
): boolean {
  const before = message.answers.length
  const bytesMax = Math.max(size, UDP_SIZE_DEFAULT)
  const answersMax = Math.max(0, Math.min(UDP_ANSWERS_MAX, answerLimit))
  const index = indexAdditional(message)
  let counted = compress
  if (bytesMax === UDP_SIZE_DEFAULT && before > answersMax) {
    // Counted without compression from here on: whoever writes the names out must stay below 512 bytes as well.
    counted = false
    keep(message, answersMax, index)
  }
  shrink(message, bytesMax - UDP_BYTES_SPARE, bytesMax, counted, index, measure)
  return message.answers.length < before
}

/** The same for TCP, whose messages have a 16-bit length. */
export function trimTcp(message: Message, compress: boolean, measure: Measure): boolean {
  const answersMax = message.questions[0]?.type === TYPE.SRV ? TCP_SRV_ANSWERS_MAX : TCP_ANSWERS_MAX
  if (message.answers.length > answersMax) message.answers = message.answers.slice(0, answersMax)
  return shrink(message, TCP_BYTES_MAX, TCP_BYTES_MAX, compress, indexAdditional(message), measure)
}

/** First additional record of each name, lower case; undefined when there are none. */
type Index = Map<string, Resource> | undefined

function indexAdditional(message: Message): () => Index {
  const { additional } = message
  let index: Index
  return () => {
    if (additional.length === 0 || index !== undefined) return index
    index = new Map()
    for (const record of additional) {
      const name = record.name.toLowerCase()
      if (!index.has(name)) index.set(name, record)
    }
    return index
  }
}

function keep(message: Message, count: number, index: () => Index): void {
  message.answers = message.answers.slice(0, count)
  const found = index()
  if (found !== undefined) message.additional = additionalFor(message.answers, found)
}

/** The address records (through aliases) that the SRV records need. */
function additionalFor(answers: Resource[], index: Map<string, Resource>): Resource[] {
  const additional: Resource[] = []
  const resolved = new Set<string>()
  for (const answer of answers) {
    if (answer.type !== 'SRV') continue
    let target = answer.target.toLowerCase()
    while (!resolved.has(target)) {
      resolved.add(target)
      const record = index.get(target)
      if (record === undefined) break
      additional.push(record)
      if (record.type === 'CNAME') target = record.target.toLowerCase()
    }
  }
  return additional
}

/** @returns true when something had to go */
function shrink(
  message: Message,
  allowed: number,
  limit: number,
  compress: boolean,
  index: () => Index,
  measure: Measure,
): boolean {
  if (message.answers.length <= 1 || bytesAtMost(message, allowed) <= allowed) return false
  let shrunk = false
  for (let size = measure(message, compress); message.answers.length > 1 && size > allowed; ) {
    shrunk = true
    if (size - limit > FAR_BYTES) size = keepMost(message, limit, compress, index, measure)
    else {
      keep(message, message.answers.length - 1, index)
      size = measure(message, compress)
    }
  }
  return shrunk
}

/**
 * Keeps the greatest number of answers within `limit`, none when not even one is. Records are mostly of a size, so each
 * trial is set where a straight line between the nearest known sizes says.
 * @returns the size of what is kept
 */
function keepMost(message: Message, limit: number, compress: boolean, index: () => Index, measure: Measure): number {
  const all = message.answers
  const sizeOf = (count: number): number => {
    message.answers = all
    keep(message, count, index)
    return measure(message, compress)
  }
  let [low, lowSize] = [0, sizeOf(0)]
  // With the additional records that are needed, and no others, it may all fit.
  let [high, highSize] = [all.length, sizeOf(all.length)]
  if (highSize <= limit) return highSize
  while (high - low > 1) {
    const line = low + Math.floor(((limit - lowSize) * (high - low)) / (highSize - lowSize))
    const middle = Number.isFinite(highSize) ? line : low + ((high - low) >>> 1)
    const count = Math.min(high - 1, Math.max(low + 1, middle))
    const size = sizeOf(count)
    if (size > limit) [high, highSize] = [count, size]
    else [low, lowSize] = [count, size]
  }
  message.answers = all
  keep(message, low, index)
  return lowSize
}

/** A bound from above that needs no encoding; it gives up counting once past `enough`. */
function bytesAtMost(message: Message, enough: number): number {
  let bytes = 12
  for (const question of message.questions) bytes += nameAtMost(question.name) + 4
  for (const section of [message.answers, message.authority, message.additional]) {
    for (const record of section) {
      if (bytes > enough) return bytes
      bytes += 10 + nameAtMost(record.name) + dataAtMost(record)
    }
  }
  return bytes
}

/** The root's byte included. A character is at most three bytes. */
const nameAtMost = (name: string): number => (isAscii(name) ? name.length : name.length * 3) + 1

function dataAtMost(record: Resource): number {
  switch (record.type) {
    case 'A':
      return 4
    case 'AAAA':
      return 16
    case 'SRV':
      return 6 + nameAtMost(record.target)
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return nameAtMost(record.target)
    case 'TXT':
      return record.texts.reduce((sum, text) => sum + text.length + 1 + Math.floor(text.length / 255), 0)
    case 'SOA':
      return 20 + nameAtMost(record.nameserver) + nameAtMost(record.mailbox)
    case 'other':
      return record.data.length
  }
}
