/**
 * Operating failures that callers tell apart. Old peers know them by text: this table is the only place that maps a
 * code to the exact text on the wire and to an HTTP status (protocol/rpc.md, "Error strings that carry meaning").
 */
export const ERRORS = {
  'no-leader': { text: 'No cluster leader', status: 500 },
  /** The datacenter is known, and none of its servers answers. Stands before the text that it contains. */
  'datacenter-unreachable': {
    text: 'Remote DC has no server currently reachable: No path to datacenter',
    status: 500,
  },
  'no-path-to-datacenter': { text: 'No path to datacenter', status: 500 },
  'no-servers': { text: 'No known Consul servers', status: 500 },
  'permission-denied': { text: 'Permission denied', status: 403 },
  'acl-not-found': { text: 'ACL not found', status: 403 },
  'acl-disabled': { text: 'ACL support disabled', status: 401 },
  'not-ready-for-consistent-reads': { text: 'Not ready to serve consistent reads', status: 500 },
  'rate-limited': { text: 'RPC rate limit exceeded', status: 429 },
  'query-not-found': { text: 'Query not found', status: 404 },
  /** Leadership went away while the write was under way: whether it happened is unknown. */
  'leadership-lost': { text: 'leadership lost while committing log', status: 500 },
  'not-leader': { text: 'node is not the leader', status: 500 },
  'disk-full': { text: 'the log cannot be written', status: 500 },
  'shutting-down': { text: 'raft is already shutdown', status: 500 },
  /** The agent's cache had no answer when the asker's time was up: what Consul makes of having nothing. */
  'nothing-cached': { text: 'internal error: response type not correct', status: 500 },
  /** Arguments that the method refuses; the text is its own. */
  refused: { text: '', status: 500 },
  'bad-request': { text: '', status: 400 },
  'not-found': { text: '', status: 404 },
  'too-large': { text: '', status: 413 },
  'not-built': { text: '', status: 501 },
} as const

export type ErrorCode = keyof typeof ERRORS

export class ConsulError extends Error {
  override name = 'ConsulError'
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string = ERRORS[code].text, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const KNOWN_TEXTS = (Object.entries(ERRORS) as [ErrorCode, { text: string }][]).filter(([, { text }]) => text !== '')

/** A peer's error: its code is found by the text that it contains, as peers do; without one it is a plain refusal. */
export function errorFromText(text: string, options?: ErrorOptions): ConsulError {
  const code = KNOWN_TEXTS.find(([, known]) => text.includes(known.text))?.[0] ?? 'refused'
  return new ConsulError(code, text, options)
}
