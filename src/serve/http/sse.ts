/**
 * Beyond Consul: a GET that can block, asked for with `Accept: text/event-stream`, answers with a stream of events, one
 * for each change (https://html.spec.whatwg.org/multipage/server-sent-events.html). Each carries as its id what a
 * blocking query would pass on (the index, or the hash of an agent's service), so that a client which comes back with
 * `Last-Event-ID` misses nothing that still holds. Within, it is the very endpoint that is asked again and again.
 *
 * `data` is the body, laid out compactly. An answer 404 with an index (a key that is not there) is an event of the type
 * `not-found`; a failure is one of the type `failure`, and ends the stream. Endpoints that cannot block answer as ever.
 */
import type { HttpRequest, HttpResponse } from '../../host/host.ts'
import type { Backend } from '../backend.ts'
import { DESCRIPTIONS } from './descriptions.ts'
import { failureOf, HttpError } from './errors.ts'
import { type Door, type Endpoint, Exchange } from './exchange.ts'
import type { Route } from './router.ts'
import { openStream, type Stream } from './stream.ts'

/** Without a change a comment goes out this often, so that nobody between the two thinks the connection dead. */
const WAIT = '30s'
/** Events that wait for a slow reader. Each tells the whole state, so a client that lags further has to come back. */
const WAITING_EVENTS_MAX = 64
/** Longer results are not sent as events: each is held whole, and nobody else is served while it is laid out. */
const EVENT_CHARS_MAX = 4 << 20

export function wantsEvents({ method, request }: Exchange, { pattern }: Pick<Route, 'pattern'>): boolean {
  if (method !== 'GET') return false
  const accepted = request.header('accept')
  if (accepted === undefined || !prefersEvents(accepted)) return false
  return DESCRIPTIONS[pattern]?.GET?.blocks === true
}

const EVENT_STREAM = /(?:^|,)\s*text\/event-stream\s*(;[^,]*)?(?:,|$)/i
const JSON_BODY = /(?:^|,)\s*application\/json\s*(;[^,]*)?(?:,|$)/i
const QUALITY = /;\s*q\s*=\s*([\d.]+)/i

/** Who takes JSON as gladly gets that, as from Consul. */
function prefersEvents(accepted: string): boolean {
  const quality = (type: RegExp) => {
    const found = type.exec(accepted)
    return found === null ? 0 : Number(QUALITY.exec(found[1] ?? '')?.[1] ?? 1)
  }
  return quality(EVENT_STREAM) > quality(JSON_BODY)
}

/** @returns the endpoint's plain answer when it is a failure, or nothing that one could wait for */
export async function eventStream(exchange: Exchange, endpoint: Endpoint): Promise<HttpResponse> {
  const compact = exchange.depth < 0 ? exchange.door : { ...exchange.door, pretty: false }
  const known = exchange.request.header('last-event-id') ?? ''
  const source = new Source(exchange, compact, endpoint)
  exchange.request.onGone(() => source.leave())
  // Whoever knows the latest waits for the next; that there is something to wait for shows at once.
  const first = await source.ask('')
  const mark = markOf(first)
  if (mark === undefined) return endpoint(exchange)
  const stream = openStream(exchange, WAITING_EVENTS_MAX)
  if (mark !== known) await push(stream, first, mark)
  void follow(source, stream, mark, exchange.backend)
  return { status: 200, headers: EVENT_HEADERS.slice(), body: stream.body, live: true }
}

const PAUSE_MS = 1000

const EVENT_HEADERS = ['Cache-Control', 'no-store', 'Content-Type', 'text/event-stream', 'Vary', 'Accept']

async function follow(source: Source, stream: Stream, start: string, backend: Backend): Promise<void> {
  let mark = start
  try {
    while (!stream.gone.aborted) {
      const asked = backend.now()
      const answer = await source.ask(mark)
      if (stream.gone.aborted) return
      const next = markOf(answer)
      if (next === undefined) throw new Error(await textOf(answer))
      if (next === mark) {
        stream.push(':\n\n')
        // An endpoint that tells an index but does not wait for it must not be asked without a pause.
        if (backend.now() - asked < PAUSE_MS) await backend.self.nextChange(PAUSE_MS, stream.gone)
        if (backend.now() === asked) return stream.end()
      } else {
        // An index that falls means another state (a restored snapshot): what it names is new as well.
        mark = next
        if (!(await push(stream, answer, next))) return stream.end()
      }
    }
  } catch (error) {
    stream.push(`event: failure\n${dataLines(failureOf(error).text)}\n\n`)
    stream.end()
  }
}

async function push(stream: Stream, answer: HttpResponse, mark: string): Promise<boolean> {
  const type = answer.status === 404 ? 'event: not-found\n' : ''
  return stream.push(`${type}id: ${mark}\n${dataLines(await textOf(answer))}\n\n`)
}

function dataLines(text: string): string {
  return text
    .replace(/\n$/, '')
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}`)
    .join('\n')
}

async function textOf({ body = '' }: HttpResponse): Promise<string> {
  if (typeof body === 'string') return bounded(body)
  if (body instanceof Uint8Array) return bounded(new TextDecoder().decode(body))
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text = bounded(text + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })))
  }
  return text + decoder.decode()
}

function bounded(text: string): string {
  if (text.length > EVENT_CHARS_MAX) throw new HttpError(500, 'the result is too large to be followed as events')
  return text
}

/** What to pass on to wait for the next; undefined for what cannot be waited for. */
function markOf({ status, headers }: HttpResponse): string | undefined {
  if (status !== 200 && status !== 404) return undefined
  for (const name of ['X-Consul-Contenthash', 'X-Consul-Index']) {
    const at = headers.indexOf(name)
    if (at >= 0 && at % 2 === 0) return headers[at + 1]
  }
  return undefined
}

/** Asks the endpoint again and again on behalf of one request. */
class Source {
  readonly #exchange: Exchange
  readonly #door: Door
  readonly #endpoint: Endpoint
  /** What the question under way wants run when the asker goes. */
  #onGone: (() => void)[] = []

  constructor(exchange: Exchange, door: Door, endpoint: Endpoint) {
    this.#exchange = exchange
    this.#door = door
    this.#endpoint = endpoint
  }

  leave(): void {
    for (const run of this.#onGone.splice(0)) run()
  }

  /** @param mark of the latest answer; "" asks for what is there now */
  async ask(mark: string): Promise<HttpResponse> {
    const { request, path, params, rest } = this.#exchange
    this.#onGone = []
    const asked: HttpRequest = {
      method: request.method,
      url: request.url,
      header: (name) => (name === 'accept' ? undefined : request.header(name)),
      body: request.body,
      tooLarge: false,
      remote: request.remote,
      onGone: (run) => void this.#onGone.push(run),
    }
    const isIndex = /^\d{1,20}$/.test(mark)
    const given = params
      .with('index', isIndex ? mark : '')
      .with('hash', mark !== '' && !isIndex ? mark : '')
      .with('wait', mark === '' ? '' : WAIT)
    return this.#endpoint(new Exchange(this.#door, asked, path, given, rest))
  }
}
