/** `/v1/agent/metrics`: what the agent has measured, as JSON or in the text form of Prometheus (version 0.0.4). */
import type { Gauge, Label, MetricsInterval, Summary } from '../../base/metrics.ts'
import type { HttpResponse } from '../../host/host.ts'
import { jsonText, jsonTextMap, jsonValue } from '../../wire/json.ts'
import { type Exchange, jsonCompact, plain } from './exchange.ts'
import { permitAgent } from './permit.ts'

export async function metrics(exchange: Exchange): Promise<HttpResponse> {
  await permitAgent(exchange, 'read')
  const { backend, door, params } = exchange
  if (params.get('format') === 'prometheus' || prefersPrometheus(exchange)) {
    if (!door.prometheus) return plain(415, 'Prometheus is not enabled since its retention time is not positive')
    const body = prometheusText(backend.metrics.totals())
    return { status: 200, headers: ['Content-Type', 'text/plain; version=0.0.4; charset=utf-8'], body }
  }
  return jsonCompact(exchange, intervalJson(backend.metrics.interval()))
}

/** A scraper names the form by its version (agent/agent_endpoint.go, acceptsOpenMetricsMimeType and before). */
function prefersPrometheus({ request, params }: Exchange): boolean {
  return !params.has('format') && /application\/openmetrics-text/.test(request.header('accept') ?? '')
}

function intervalJson({ from, lengthMs, gauges, counters, samples }: MetricsInterval): string {
  const at = new Date(from).toISOString()
  const summaries = (list: readonly Summary[]) =>
    `[${list.map((summary) => summaryJson(summary, lengthMs / 1000)).join(',')}]`
  return `{"Timestamp":"${at.slice(0, 10)} ${at.slice(11, 19)} +0000 UTC","Gauges":[${gauges
    .map(gaugeJson)
    .join(',')}],"Points":[],"Counters":${summaries(counters)},"Samples":${summaries(samples)}}`
}

function gaugeJson({ name, labels, value }: Gauge): string {
  return `{"Name":${jsonText(name)},"Value":${jsonValue(value)},"Labels":${labelsJson(labels)}}`
}

/** @param seconds that the interval is long */
function summaryJson({ name, labels, count, sum, sumOfSquares, min, max }: Summary, seconds: number): string {
  const spread = count * sumOfSquares - sum * sum
  const deviation = count < 2 ? 0 : Math.sqrt(Math.max(0, spread) / (count * (count - 1)))
  const numbers = {
    Count: count,
    Rate: sum / seconds,
    Sum: sum,
    Min: min,
    Max: max,
    Mean: sum / count,
    Stddev: deviation,
  }
  return `{"Name":${jsonText(name)},${jsonValue(numbers, true).slice(1, -1)},"Labels":${labelsJson(labels)}}`
}

function labelsJson(labels: readonly Label[]): string {
  return jsonTextMap(Object.fromEntries(labels.map(({ name, value }) => [name, value])))
}

interface Totals {
  gauges: readonly Gauge[]
  counters: readonly Summary[]
  samples: readonly Summary[]
}

function prometheusText({ gauges, counters, samples }: Totals): string {
  const lines: string[] = []
  const typed = new Set<string>()
  const head = (name: string, type: string): string => {
    const safe = name.replaceAll(/[^a-zA-Z0-9_]/g, '_')
    if (!typed.has(safe)) lines.push(`# HELP ${safe} ${safe}`, `# TYPE ${safe} ${type}`)
    typed.add(safe)
    return safe
  }
  for (const { name, labels, value } of gauges) lines.push(`${head(name, 'gauge')}${labelText(labels)} ${value}`)
  for (const { name, labels, sum } of counters) lines.push(`${head(name, 'counter')}${labelText(labels)} ${sum}`)
  for (const { name, labels, sum, count } of samples) {
    const safe = head(name, 'summary')
    lines.push(`${safe}_sum${labelText(labels)} ${sum}`, `${safe}_count${labelText(labels)} ${count}`)
  }
  return `${lines.join('\n')}\n`
}

function labelText(labels: readonly Label[]): string {
  if (labels.length === 0) return ''
  const pairs = labels.map(({ name, value }) => `${name.replaceAll(/[^a-zA-Z0-9_]/g, '_')}=${escapeLabel(value)}`)
  return `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`
}
