/**
 * The form of the tables of requests in requests/: what is asked, in which order, and what an answer leaves behind for
 * those that follow. `{name}` in a URL or body stands for what an earlier answer of the same agent left under that name;
 * `{node}` for the node that both agents are.
 */
import type { RawRequest } from './raw-http.ts'

export interface Request extends RawRequest {
  /** The `ID` of the answer's body is remembered under this name. */
  saveId?: string
  /** The answer's X-Consul-Index is remembered under this name. */
  saveIndex?: string
  /** Asked again until both agents answer alike: for what follows a write by and by (anti-entropy). */
  settles?: true
  /** Indexes are not compared. */
  loose?: true
  /** A blocking query: these are asked while it waits, on other connections, and the last of them must wake it. */
  wokenBy?: Request[]
}

type Extra = Pick<Request, 'headers' | 'saveId' | 'saveIndex' | 'settles' | 'wokenBy'>

export function ask(method: string, url: string, extra: Extra & { body?: Request['body'] } = {}): Request {
  return { method, url, ...extra }
}

/** One for each ending of the URL. */
export function get(prefix: string, endings: string[], extra: Extra = {}): Request[] {
  return endings.map((ending) => ({ method: 'GET', url: prefix + ending, ...extra }))
}

export function del(prefix: string, endings: string[]): Request[] {
  return endings.map((ending) => ({ method: 'DELETE', url: prefix + ending }))
}

/** @param body text or bytes as they are, anything else as JSON */
export function put(url: string, body: unknown = '', extra: Extra = {}): Request {
  return {
    method: 'PUT',
    url,
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    ...extra,
  }
}

export function puts(url: string, bodies: unknown[]): Request[] {
  return bodies.map((body) => put(url, body))
}

/** As it is told in reports. */
export function titleOf({ method, url, body }: RawRequest): string {
  const text = body === undefined ? '' : ` ${Buffer.from(body).toString('latin1')}`
  return `${method} ${url}${text.length > 200 ? `${text.slice(0, 200)}… (${body!.length} bytes)` : text}`
}
