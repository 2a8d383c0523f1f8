/**
 * Requests that nobody meant: sound ones with their path, query, headers, body or filter spoilt by chance, from a seed.
 * What they do to an agent may be anything, except to harm it. Left out is only what stops an agent by design, what
 * reaches beyond this machine, and what streams without an end.
 */
import type { Random } from '../../src/base/random.ts'
import type { RawRequest } from '../interop/raw-http.ts'

/** Stops the agent or its membership, calls out, follows its log, or throws its state away. */
const FORBIDDEN = /leave|join|monitor|pprof|profile|\/v1\/snapshot|raft\/peer/i
/** Checks that would be carried out, on whatever address chance makes of theirs. */
const CALLS_OUT = /"?(http|tcp|grpc|args|script|docker\w*|shell|proxy|webhook|sidecar)"?\s*[:=]/i
/** A query waits no longer than this, whatever it asks for. */
const WAIT = 'wait=20ms'

const METHODS = [
  'GET',
  'GET',
  'PUT',
  'PUT',
  'POST',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'PATCH',
  'LIST',
  'TRACE',
  'get',
  'M-SEARCH',
]
const WORDS = [
  ...['', '0', '-1', '1', '18446744073709551615', '18446744073709551616', '9007199254740993', '1e309', 'NaN', 'true'],
  ...['null', '..', '../..', '.', '/', '//', '%2f', '%00', '%', '%zz', '%ff', '%c3%28', '%e2%80%ae', 'é', '\u2028'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', '*', '?', '#', '&', '=', ';', '+', ' '],
  ...['a'.repeat(300), '%41'.repeat(200), '{', '}', '[', ']', '"', "'", '\\', '`', '<script>', '$(x)', '{{.}}', '\t'],
  ...['00000000-0000-0000-0000-000000000000', 'x', 'dc1', '_agent', 'consul', '10s', '-5m', '9999999h', '1ns', 'any'],
]
const PARAMS = [
  ...['index', 'dc', 'stale', 'consistent', 'cached', 'near', 'filter', 'tag', 'passing', 'node-meta', 'pretty', 'ns'],
  ...[
    'recurse',
    'keys',
    'raw',
    'separator',
    'flags',
    'cas',
    'acquire',
    'release',
    'token',
    'max_stale',
    'hash',
    'name',
  ],
  ...[
    'node',
    'service',
    'limit',
    'reason',
    'enable',
    'note',
    'kind',
    'source',
    'by',
    'wan',
    'segment',
    'replace-existing-checks',
  ],
]
const HEADERS = [
  ...[
    'X-Consul-Token',
    'Authorization',
    'Accept',
    'Accept-Encoding',
    'Content-Type',
    'Cache-Control',
    'Range',
    'If-None-Match',
  ],
  ...[
    'Origin',
    'Cookie',
    'X-Forwarded-For',
    'X-HTTP-Method-Override',
    'Upgrade',
    'Expect',
    'TE',
    'Last-Event-ID',
    'User-Agent',
  ],
]
const HEADER_WORDS = [
  ...['', 'Bearer ', 'Bearer x', 'Basic Og==', 'gzip', 'gzip;q=0', 'identity, *;q=0', 'max-age=1, stale-if-error=5'],
  ...[
    'max-age=99999999999999999999',
    'bytes=0-',
    'application/json',
    '*/*',
    'x'.repeat(5000),
    'é',
    '100-continue',
    'h2c',
    'a, b,, c',
  ],
]
/** What stands in for a value within a JSON body. */
const VALUES = [
  ...[
    'null',
    '[]',
    '{}',
    '""',
    '0',
    '-1',
    '1e400',
    '18446744073709551616',
    '1.5',
    'true',
    '"10s"',
    '"\\u0000"',
    '"\\ud800"',
  ],
  ...[
    '[null]',
    '{"":null}',
    '{"__proto__":{"a":1}}',
    '[[[[[[]]]]]]',
    `"${'x'.repeat(2000)}"`,
    `${'['.repeat(500)}${']'.repeat(500)}`,
  ],
]
const FILTER_WORDS = [
  ...[
    ' and ',
    ' or ',
    'not ',
    '(',
    ')',
    '==',
    '!=',
    ' in ',
    ' not in ',
    ' contains ',
    ' is empty',
    ' matches ',
    '"',
    '`',
    '.',
  ],
  ...[
    'Node',
    'Service',
    'Meta["a"]',
    'Tags',
    'ServiceMeta.x',
    '""',
    '(((',
    '/',
    '\\',
    '(?i)a*',
    '(a+)+$',
    '[a-',
    '\u0000',
    '0x1F',
  ],
]

export class Fuzzer {
  readonly #random: Random
  readonly #seeds: readonly RawRequest[]

  /** @param seeds sound requests; those that must not be sent are left out here */
  constructor(random: Random, seeds: readonly RawRequest[]) {
    this.#random = random
    this.#seeds = seeds.filter((seed) => isHarmless(seed))
  }

  request(): RawRequest {
    while (true) {
      const made = this.#spoilt()
      if (isHarmless(made)) return bounded(made)
    }
  }

  #spoilt(): RawRequest {
    const seed = this.#one(this.#seeds)
    let { method, url, body, headers } = seed
    for (let times = 1 + this.#random.int(3); times > 0; times--) {
      switch (this.#random.int(8)) {
        case 0:
          method = this.#one(METHODS)
          break
        case 1:
        case 2:
          url = this.#path(url)
          break
        case 3:
        case 4:
          url = this.#query(url)
          break
        case 5:
          headers = { ...headers, [this.#one(HEADERS)]: this.#one(HEADER_WORDS) }
          break
        default:
          body = this.#body(body ?? this.#one(this.#seeds).body ?? '{}')
      }
    }
    return { method, url, ...(body !== undefined && { body }), ...(headers !== undefined && { headers }) }
  }

  #one<T>(items: readonly T[]): T {
    return items[this.#random.int(items.length)]!
  }

  /** A segment lost, doubled, replaced or filled with something. */
  #path(url: string): string {
    const [path = '', query] = url.split('?', 2)
    const parts = path.split('/')
    const at = this.#random.int(parts.length)
    const put = this.#one<() => string[]>([
      () => [],
      () => [parts[at]!, parts[at]!],
      () => [this.#one(WORDS)],
      () => [this.#spoiltText(parts[at]!)],
      () => [parts[at]!, ...Array.from({ length: this.#random.int(50) }, () => this.#one(WORDS))],
    ])()
    parts.splice(at, 1, ...put)
    const joined = parts.join('/')
    return `${joined.startsWith('/') ? '' : '/'}${joined}${query === undefined ? '' : `?${query}`}`
  }

  #query(url: string): string {
    const [path, query = ''] = url.split('?', 2)
    const params = query === '' ? [] : query.split('&')
    if (params.length > 0 && this.#random.int(3) === 0) {
      const at = this.#random.int(params.length)
      params[at] = this.#spoiltText(params[at]!)
    } else {
      const name = this.#one(PARAMS)
      params.push(
        `${name}${this.#random.int(5) === 0 ? '' : `=${name === 'filter' ? this.#filter() : this.#one(WORDS)}`}`,
      )
    }
    return `${path}?${params.join('&')}`
  }

  #filter(): string {
    const words = Array.from({ length: 1 + this.#random.int(12) }, () => this.#one(FILTER_WORDS))
    return encodeURIComponent(words.join(this.#one(['', ' '])))
  }

  #body(body: string | Uint8Array): string {
    const text = typeof body === 'string' ? body : Buffer.from(body).toString('latin1')
    const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"(?!\s*:)|-?\d+(?:\.\d+)?|true|false|null/g)]
    if (values.length === 0 || this.#random.int(3) === 0) return this.#spoiltText(text)
    const { 0: found, index } = this.#one(values)
    return text.slice(0, index) + this.#one(VALUES) + text.slice(index + found.length)
  }

  /** One place of it lost, doubled, replaced, or given a byte at random. */
  #spoiltText(text: string): string {
    const at = this.#random.int(text.length + 1)
    const length = this.#random.int(4)
    const put = this.#one<() => string>([
      () => '',
      () => text.slice(at, at + length).repeat(2),
      () => this.#one(WORDS),
      () => String.fromCharCode(this.#random.int(256)),
    ])()
    return text.slice(0, at) + put + text.slice(at + length)
  }
}

function isHarmless({ url, body }: RawRequest): boolean {
  const text = body === undefined ? '' : Buffer.from(body).toString('latin1')
  let path = url
  try {
    path = decodeURIComponent(url.split('?')[0]!)
  } catch {
    // As it is.
  }
  return !FORBIDDEN.test(url) && !FORBIDDEN.test(path) && !CALLS_OUT.test(text)
}

/** Answered within moments, and no line break that would make two requests of one. */
function bounded({ url, headers, ...rest }: RawRequest): RawRequest {
  const line = url.replace(/[\r\n ]/g, '%20').replace(/wait=[^&]*/g, WAIT)
  const waits = /[?&](index|hash)=/.test(line) && !line.includes(WAIT)
  const sound = Object.entries(headers ?? {}).filter(([, value]) => !value.includes('event-stream'))
  return { ...rest, url: waits ? `${line}&${WAIT}` : line, headers: Object.fromEntries(sound) }
}
