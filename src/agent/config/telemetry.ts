/** The `telemetry` block. Source: Consul's agent/config/builder.go, lib/telemetry.go. */
import { quoteGo } from '../../base/go-quote.ts'
import { NANOS_PER_MS, type Nanos } from '../../base/units.ts'
import type { TelemetryConfig } from '../telemetry.ts'

interface Reader {
  text(key: string): string | undefined
  flag(key: string): boolean | undefined
  list(key: string): string[]
  duration(key: string): Nanos
}

export function buildTelemetry(read: Reader, warnings: string[]): TelemetryConfig {
  const allow: string[] = []
  const block: string[] = []
  for (const rule of read.list('telemetry.prefix_filter')) {
    if (rule === '') warnings.push('Cannot have empty filter rule in prefix_filter')
    else if (rule.startsWith('+')) allow.push(rule.slice(1))
    else if (rule.startsWith('-')) block.push(rule.slice(1))
    else warnings.push(`Filter rule must begin with either '+' or '-': ${quoteGo(rule)}`)
  }
  const statsdAddress = read.text('telemetry.statsd_address') ?? ''
  const statsiteAddress = read.text('telemetry.statsite_address') ?? ''
  const dogstatsdAddress = read.text('telemetry.dogstatsd_addr') ?? ''
  const prometheusRetention = read.duration('telemetry.prometheus_retention_time') / NANOS_PER_MS
  const otlpEndpoint = read.text('proconsul.otlp_endpoint') ?? ''
  const isSent = [statsdAddress, statsiteAddress, dogstatsdAddress].some((address) => address !== '')
  return {
    prefix: read.text('telemetry.metrics_prefix') ?? 'consul',
    // Numbers that nobody takes away need not say from where they are.
    disableHostname: (read.flag('telemetry.disable_hostname') ?? false) || !(isSent || prometheusRetention > 0),
    allow,
    block,
    filterDefault: read.flag('telemetry.filter_default') ?? true,
    prometheusRetention,
    statsdAddress,
    statsiteAddress,
    dogstatsdAddress,
    otlpEndpoint,
    dogstatsdTags: read.list('telemetry.dogstatsd_tags'),
  }
}
