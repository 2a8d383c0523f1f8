/**
 * `/debug/pprof/`: profiles of this process, at the addresses and in the format of Go's (net/http/pprof), so that `go tool
 * pprof`, Grafana and `consul debug` read them. Who may ask: agent/http.go, handlePProf. What Go has and Node has not is
 * refused by name.
 */
import { messageOf } from '../../base/message-of.ts'
import type { HttpResponse, Profiler, ProfileWish } from '../../host/host.ts'
import { ConsulError } from '../../model/errors.ts'
import { type Exchange, plain } from './exchange.ts'
import { permit } from './permit.ts'

type Kind = ProfileWish['kind']

const DESCRIPTIONS: Record<Kind | 'cmdline', string> = {
  allocs: 'What is allocated in the next second, or in so many ?seconds. Forgets what heap has seen',
  cmdline: 'The command line of this process',
  goroutine: 'What this process waits for: sockets, timers, files. With debug=1 as text',
  heap: 'Memory that is held, of what was allocated since this was asked for first. ?gc=1 collects garbage before, ?seconds begins anew',
  profile: 'Processor time of the next 30 seconds, or of so many ?seconds',
}
/** What Go's runtime has. */
const ABSENT: Record<string, string> = {
  block: 'Node has no locks that its threads wait for',
  mutex: 'Node has no locks that its threads wait for',
  threadcreate: 'Node does not tell where its threads were made',
  trace: "Node's traces are not of Go's format; a profile tells what ran",
}
const SECONDS = { profile: 30, heap: 0, allocs: 0, goroutine: 0 } satisfies Record<Kind, number>
/** Longer is not measured at a stretch. */
const SECONDS_MAX = 3600
const ROOT = '/debug/pprof/'

export async function profiler(exchange: Exchange): Promise<HttpResponse> {
  if (!exchange.door.debug) throw new ConsulError('acl-disabled')
  await permit(exchange, 'operator', 'read')
  const source = exchange.backend.profiler
  const name = exchange.path.slice(ROOT.length)
  if (name === 'symbol') return noSniff(plain(200, 'num_symbols: 0\n'))
  if (Object.hasOwn(ABSENT, name)) return failed(501, `${name}: ${ABSENT[name]}`)
  if (source === undefined) return failed(501, 'this process cannot be measured')
  if (name === '') return index(source)
  if (name === 'cmdline') return noSniff(plain(200, source.commandLine().join('\0')))
  if (!isKind(name)) return failed(404, 'Unknown profile')
  const { params } = exchange
  if (name !== 'profile' && params.get('seconds') !== '') {
    if (positive(params.get('seconds')) === 0) {
      return failed(400, 'invalid value for "seconds" - must be a positive integer')
    }
    if (wantsText(params.get('debug'))) return failed(400, 'seconds and debug params are incompatible')
  }
  return measured(exchange, source, name)
}

async function measured({ params, request }: Exchange, source: Profiler, kind: Kind): Promise<HttpResponse> {
  const gone = new AbortController()
  request.onGone(() => gone.abort())
  const asText = kind !== 'profile' && wantsText(params.get('debug'))
  const seconds = Math.min(positive(params.get('seconds')) || SECONDS[kind], SECONDS_MAX)
  let body: Uint8Array
  try {
    const collect = positive(params.get('gc')) > 0
    body = await source.take({ kind, ms: seconds * 1000, asText, collect, gone: gone.signal })
  } catch (error) {
    const reason = messageOf(error)
    return failed(500, kind === 'profile' ? `Could not enable CPU profiling: ${reason}` : reason)
  }
  const headers = asText
    ? ['Content-Type', 'text/plain; charset=utf-8']
    : ['Content-Disposition', `attachment; filename="${kind}"`, 'Content-Type', 'application/octet-stream']
  return noSniff({ status: 200, headers: [...headers, 'Vary', 'Accept-Encoding'], body })
}

/** Any whole number but 0. */
function wantsText(debug: string): boolean {
  return /^[+-]?\d{1,15}$/.test(debug) && Number(debug) !== 0
}

/** 0 for what is no whole number above 0, as Go takes it. */
function positive(text: string): number {
  return /^\+?\d{1,15}$/.test(text) ? Number(text) : 0
}

function isKind(name: string): name is Kind {
  return Object.hasOwn(SECONDS, name)
}

function noSniff(response: HttpResponse): HttpResponse {
  response.headers.push('X-Content-Type-Options', 'nosniff')
  return response
}

function failed(status: number, text: string): HttpResponse {
  const response = plain(status, `${text}\n`)
  response.headers.push('X-Content-Type-Options', 'nosniff', 'X-Go-Pprof', '1')
  return response
}

function index(source: Profiler): HttpResponse {
  const waiting = source.resources().reduce((sum, [, count]) => sum + count, 0)
  const names = Object.keys(DESCRIPTIONS) as (keyof typeof DESCRIPTIONS)[]
  const rows = names.map((name) => {
    const count = name === 'goroutine' ? String(waiting) : ''
    const link = name === 'goroutine' || name === 'heap' || name === 'allocs' ? `${name}?debug=1` : name
    return `<tr><td>${count}</td><td><a href="${link}">${name}</a></td><td>${DESCRIPTIONS[name]}.</td></tr>`
  })
  const absent = Object.entries(ABSENT).map(([name, why]) => `<li>${name}: ${why}.</li>`)
  const body = `<html>
<head><title>/debug/pprof/</title></head>
<body>
<p>/debug/pprof/</p>
<table>
<thead><td>Count</td><td>Profile</td><td></td></thead>
${rows.join('\n')}
</table>
<p>Profiles without debug=1 are for <code>go tool pprof</code>. Not here, unlike in Go:</p>
<ul>
${absent.join('\n')}
</ul>
</body>
</html>
`
  return noSniff({
    status: 200,
    headers: ['Content-Type', 'text/html; charset=utf-8', 'Vary', 'Accept-Encoding'],
    body,
  })
}
