/** `/v1/agent/monitor`: the agent's log as it is written (agent/agent_endpoint.go, logging/monitor/monitor.go). */
import type { Level } from '../../base/log.ts'
import { jsonLine, textLine } from '../../base/log-lines.ts'
import type { HttpResponse } from '../../host/host.ts'
import { badRequest } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { permitAgent } from './permit.ts'
import { openStream } from './stream.ts'

/** Lines that wait for a slow reader; further ones are dropped, and counted. */
const WAITING_LINES_MAX = 512

const LEVEL_NAMES: Record<string, Level> = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERR: 'error',
  ERROR: 'error',
}

export async function monitor(exchange: Exchange): Promise<HttpResponse> {
  const { params, backend } = exchange
  await permitAgent(exchange, 'read')
  const name = params.get('loglevel') || 'INFO'
  const level = Object.hasOwn(LEVEL_NAMES, name.toUpperCase()) ? LEVEL_NAMES[name.toUpperCase()] : undefined
  if (level === undefined) throw badRequest(`Unknown log level: ${name}`)
  const form = params.has('logjson') ? jsonLine : textLine
  const stream = openStream(exchange, WAITING_LINES_MAX)
  let dropped = 0
  const off = backend.log.tap(level, (record) => {
    if (!stream.push(`${form(record, backend.date())}\n`)) dropped += 1
  })
  stream.gone.addEventListener('abort', () => {
    off()
    if (dropped > 0) backend.log.warn('Dropped logs during monitor request', { dropped_count: dropped })
  })
  return { status: 200, headers: ['Vary', 'Accept-Encoding'], body: stream.body, live: true }
}
