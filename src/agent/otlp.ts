/**
 * Metrics to an OpenTelemetry collector (OTLP over HTTP), by OpenTelemetry's own library. It is large and few want it, so
 * it is no dependency: whoever configures an endpoint installs it. Its settings for headers, timeouts and certificates
 * are its environment variables, OTEL_EXPORTER_OTLP_*. Source: opentelemetry.io/docs/specs/otlp.
 */
import type { Counter, Histogram, Meter } from '@opentelemetry/api'
import { INTERVAL_MS, type Registry, type Series } from '../base/metrics.ts'
import type { Millis } from '../base/units.ts'

/** With all attempts: an agent that stops waits no longer for a collector that is down. */
const EXPORT_TIMEOUT_MS = 2_000

export interface OtlpParts {
  /** URL of the collector's metrics, as in `http://127.0.0.1:4318/v1/metrics`. */
  endpoint: string
  /** Who tells: `service.name` and the like are the library's, by OTEL_RESOURCE_ATTRIBUTES. */
  registry: Registry
  intervalMs?: Millis
}

/** @returns what sends the rest and ends it, in a moment or two. @throws when the library is not installed */
export async function sendOtlp({ endpoint, registry, intervalMs = INTERVAL_MS }: OtlpParts): Promise<() => void> {
  const [{ MeterProvider, PeriodicExportingMetricReader }, { OTLPMetricExporter }] = await Promise.all([
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/exporter-metrics-otlp-http'),
  ]).catch((error: unknown) => {
    const packages = '@opentelemetry/sdk-metrics @opentelemetry/exporter-metrics-otlp-http'
    throw new Error(`proconsul.otlp_endpoint needs OpenTelemetry's library: npm install ${packages}`, { cause: error })
  })
  const exporter = new OTLPMetricExporter({ url: endpoint, timeoutMillis: EXPORT_TIMEOUT_MS })
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(intervalMs, EXPORT_TIMEOUT_MS),
  })
  const provider = new MeterProvider({ readers: [reader] })
  const meter = provider.getMeter('proconsul')
  const counters = new Map<string, Counter>()
  const histograms = new Map<string, Histogram>()
  registry.tap(({ kind, name, labels }, value) => {
    if (kind === 'counter') remembered(counters, name, () => meter.createCounter(name)).add(value, labels)
    else remembered(histograms, name, () => meter.createHistogram(name)).record(value, labels)
  })
  const gauges = new Map<string, Series[]>()
  const watch = () => watchGauges(meter, registry, gauges)
  watch()
  // Gauges are made by parts of the agent that start after this one.
  const timer = setInterval(watch, intervalMs).unref()
  return () => {
    clearInterval(timer)
    provider.shutdown().catch(() => {})
  }
}

function remembered<T>(known: Map<string, T>, name: string, make: () => T): T {
  let one = known.get(name)
  if (one === undefined) {
    one = make()
    known.set(name, one)
  }
  return one
}

/** Looks the registry through once, so that a collection need not do so for each gauge. @param gauges by their names */
function watchGauges(meter: Meter, registry: Registry, gauges: Map<string, Series[]>): void {
  for (const lines of gauges.values()) lines.length = 0
  for (const series of registry.series()) {
    if (series.kind !== 'gauge') continue
    remembered(gauges, series.name, () => watched(meter, series.name)).push(series)
  }
}

function watched(meter: Meter, name: string): Series[] {
  const lines: Series[] = []
  meter.createObservableGauge(name).addCallback((result) => {
    for (const series of lines) {
      const value = series.read()
      if (!Number.isNaN(value)) result.observe(value, series.labels)
    }
  })
  return lines
}
