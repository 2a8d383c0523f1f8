/** `/v1/agent/metrics`: what the agent has measured, as JSON or in the text form of Prometheus (version 0.0.4). */
import {
  type Aggregate,
  INTERVAL_MS,
  type Interval,
  type Labels,
  quantile,
  type Series,
  standardDeviation,
} from '../../base/metrics.ts'
import type { HttpResponse } from '../../host/host.ts'
import { jsonText, jsonTextMap, jsonValue } from '../../wire/json.ts'
import { type Exchange, jsonCompact, plain } from './exchange.ts'
import { permitAgent } from './permit.ts'

const QUANTILES = [0.5, 0.9, 0.99]

export async function metrics(exchange: Exchange): Promise<HttpResponse> {
  await permitAgent(exchange, 'read')
  const { backend, door, params } = exchange
  if (params.get('format') === 'prometheus' || prefersPrometheus(exchange)) {
    if (!door.prometheus) return plain(415, 'Prometheus is not enabled since its retention time is not positive')
    const body = prometheusText(backend.measured.series())
    return { status: 200, headers: ['Content-Type', 'text/plain; version=0.0.4; charset=utf-8'], body }
  }
  return jsonCompact(exchange, intervalJson(backend.measured.latest()))
}

/** A scraper names the form by its version (agent/agent_endpoint.go, acceptsOpenMetricsMimeType and before). */
function prefersPrometheus({ request, params }: Exchange): boolean {
  return !params.has('format') && /application\/openmetrics-text/.test(request.header('accept') ?? '')
}

function intervalJson({ began, gauges, counters, samples }: Interval): string {
  const at = new Date(began).toISOString()
  const levels = gauges.map(
    ({ series: { name, labels }, value }) =>
      `{"Name":${jsonText(name)},"Value":${jsonValue(value)},"Labels":${jsonTextMap(labels)}}`,
  )
  const summaries = (list: Interval['samples']) => `[${list.map(summaryJson).join(',')}]`
  return `{"Timestamp":"${at.slice(0, 10)} ${at.slice(11, 19)} +0000 UTC","Gauges":[${levels.join(',')}],"Points":[],"Counters":${summaries(counters)},"Samples":${summaries(samples)}}`
}

function summaryJson({ series: { name, labels }, aggregate }: { series: Series; aggregate: Aggregate }): string {
  const { count, sum, min, max } = aggregate
  const numbers = {
    Count: count,
    Rate: sum / (INTERVAL_MS / 1000),
    Sum: sum,
    Min: min,
    Max: max,
    Mean: sum / count,
    Stddev: standardDeviation(aggregate),
  }
  return `{"Name":${jsonText(name)},${jsonValue(numbers, true).slice(1, -1)},"Labels":${jsonTextMap(labels)}}`
}

const PROMETHEUS_TYPES = { gauge: 'gauge', counter: 'counter', sample: 'summary' }

function prometheusText(list: readonly Series[]): string {
  const lines: string[] = []
  let last = ''
  for (const series of list) {
    const { kind, labels, total } = series
    const name = series.name.replaceAll(/[^a-zA-Z0-9_:]/g, '_')
    const value = kind === 'gauge' ? series.read() : total.sum
    if (Number.isNaN(value) || (kind !== 'gauge' && total.count === 0)) continue
    if (name !== last) lines.push(`# HELP ${name} ${name}`, `# TYPE ${name} ${PROMETHEUS_TYPES[kind]}`)
    last = name
    if (kind !== 'sample') {
      lines.push(`${name}${labelText(labels)} ${value}`)
      continue
    }
    for (const part of QUANTILES) {
      lines.push(`${name}${labelText({ ...labels, quantile: String(part) })} ${quantile(series.recent, part)}`)
    }
    lines.push(`${name}_sum${labelText(labels)} ${total.sum}`, `${name}_count${labelText(labels)} ${total.count}`)
  }
  return `${lines.join('\n')}\n`
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(
    ([name, value]) => `${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}=${escapeLabel(value)}`,
  )
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
