/**
 * What becomes of the agent's numbers: they are kept by intervals for `/v1/agent/metrics`, and sent as they come to
 * statsd, dogstatsd and statsite, or to OpenTelemetry (otlp.ts), where those are configured. What the process itself costs is in host/process-stats.ts.
 * Names: Consul's telemetry reference; forms: github.com/statsd/statsd docs/metric_types.md, docs.datadoghq.com
 * (DogStatsD datagrams).
 */
import { messageOf } from '../base/message-of.ts'
import { INTERVAL_MS, type MetricsNaming, Registry, type Series } from '../base/metrics.ts'
import type { Millis } from '../base/units.ts'
import type { Host } from '../host/host.ts'
import { measureProcess } from '../host/process-stats.ts'

export interface TelemetryConfig {
  /** telemetry.metrics_prefix; "" for none. */
  prefix: string
  /** Gauges don't carry the host's name. */
  disableHostname: boolean
  /** telemetry.prefix_filter, without the signs. */
  allow: string[]
  block: string[]
  filterDefault: boolean
  /** Whether Prometheus may ask; 0: it may not. */
  prometheusRetention: Millis
  /** "host:port", "" for none. */
  statsdAddress: string
  statsiteAddress: string
  dogstatsdAddress: string
  dogstatsdTags: string[]
  /** URL of an OpenTelemetry collector's metrics, "" for none. */
  otlpEndpoint: string
}

/** Lines are gathered into one datagram that any network carries whole, and sent this often. */
const DATAGRAM_BYTES_MAX = 1400
const FLUSH_MS = 100

export interface Telemetry {
  registry: Registry
  /** The naming and the filter are now these; addresses stay until the next start, as Consul's do. */
  reload(config: TelemetryConfig): void
  stop(): void
}

export async function startTelemetry(config: TelemetryConfig, host: Host): Promise<Telemetry> {
  const registry = new Registry(namingOf(config, host), host.date())
  const stops: (() => void)[] = [measureProcess(registry)]
  for (const [form, address] of [
    [statsdLine, config.statsdAddress],
    [dogstatsdLine(config.dogstatsdTags), config.dogstatsdAddress],
  ] as const) {
    if (address !== '') stops.push(await sendDatagrams(registry, host, address, form))
  }
  if (config.otlpEndpoint !== '') {
    const { sendOtlp } = await import('./otlp.ts')
    stops.push(await sendOtlp({ endpoint: config.otlpEndpoint, registry }))
  }
  if (config.statsiteAddress !== '') stops.push(sendStream(registry, host, config.statsiteAddress))
  let cancel = () => {}
  const arm = () => {
    // At even times, so that the intervals of several agents can be laid side by side.
    const wait = INTERVAL_MS - (host.date() % INTERVAL_MS)
    cancel = host.wake(host.now() + wait, () => {
      registry.turn(Math.floor(host.date() / INTERVAL_MS) * INTERVAL_MS)
      arm()
    })
  }
  arm()
  return {
    registry,
    reload: (fresh) => registry.rename(namingOf(fresh, host)),
    stop() {
      cancel()
      for (const stop of stops) stop()
    },
  }
}

function namingOf(
  { prefix, disableHostname, allow, block, filterDefault }: TelemetryConfig,
  host: Host,
): MetricsNaming {
  return { prefix, host: disableHostname ? '' : host.hostname(), allow, block, otherwise: filterDefault }
}

type Form = (series: Series, value: number) => string

/** Labels become parts of the name, since plain statsd has none. */
function statsdLine({ name, kind, labels }: Series, value: number): string {
  const parts = [name, ...Object.values(labels)].map((part) => part.replaceAll(/[:\s|@]/g, '_'))
  return `${parts.join('.')}:${value}|${STATSD_KINDS[kind]}\n`
}

const STATSD_KINDS = { counter: 'c', sample: 'ms', gauge: 'g' }

function dogstatsdLine(tags: readonly string[]): Form {
  return ({ name, kind, labels }, value) => {
    const all = [...tags, ...Object.entries(labels).map(([key, text]) => `${key}:${text}`)]
    const suffix = all.length === 0 ? '' : `|#${all.join(',').replaceAll(/[\s|]/g, '_')}`
    return `${name.replaceAll(/[:\s|@]/g, '_')}:${value}|${STATSD_KINDS[kind]}${suffix}\n`
  }
}

/** Gathers lines, and hands them over by the datagram. Gauges are looked at once an interval. */
function gather(registry: Registry, host: Host, form: Form, send: (lines: string) => void): () => void {
  let lines = ''
  let cancelFlush: (() => void) | undefined
  const flush = () => {
    cancelFlush?.()
    cancelFlush = undefined
    if (lines !== '') send(lines)
    lines = ''
  }
  const add = (series: Series, value: number) => {
    const line = form(series, value)
    if (lines.length + line.length > DATAGRAM_BYTES_MAX) flush()
    lines += line
    cancelFlush ??= host.wake(host.now() + FLUSH_MS, flush)
  }
  registry.tap(add)
  let cancelGauges = () => {}
  const levels = () => {
    for (const series of registry.series()) {
      const value = series.kind === 'gauge' ? series.read() : Number.NaN
      if (!Number.isNaN(value)) add(series, value)
    }
    cancelGauges = host.wake(host.now() + INTERVAL_MS, levels)
  }
  levels()
  return () => {
    cancelGauges()
    flush()
    cancelFlush?.()
  }
}

async function sendDatagrams(registry: Registry, host: Host, address: string, form: Form): Promise<() => void> {
  const to = addressOf(address)
  const port = await host.udp({ host: to.host.includes(':') ? '::' : '0.0.0.0', port: 0 }, () => {})
  const stop = gather(registry, host, form, (lines) => port.send(Buffer.from(lines), to))
  return () => {
    stop()
    void port.close()
  }
}

/** statsite takes the same lines over TCP. What cannot be sent is lost, as with datagrams; the peer is sought again. */
function sendStream(registry: Registry, host: Host, address: string): () => void {
  let conn: Awaited<ReturnType<Host['dial']>> | undefined
  let dialling = false
  let stopped = false
  const connect = () => {
    if (dialling || stopped) return
    dialling = true
    host.dial(addressOf(address)).then(
      (opened) => {
        dialling = false
        if (stopped) return opened.destroy()
        conn = opened
        opened.open({
          data() {},
          end: () => opened.destroy(),
          close() {
            conn = undefined
          },
        })
      },
      (error: unknown) => {
        dialling = false
        host.log.error('Error connecting to statsite', { address, error: messageOf(error) })
      },
    )
  }
  const stop = gather(registry, host, statsdLine, (lines) => {
    if (conn === undefined) connect()
    else conn.write(Buffer.from(lines))
  })
  return () => {
    stop()
    stopped = true
    conn?.end()
  }
}

/** @throws for what is no "host:port" */
function addressOf(text: string): { host: string; port: number } {
  const at = text.lastIndexOf(':')
  const port = Number(text.slice(at + 1))
  if (at < 0 || !(port > 0 && port < 65536)) throw new Error(`telemetry: not an address with a port: ${text}`)
  return { host: text.slice(0, at).replaceAll(/[[\]]/g, '') || '127.0.0.1', port }
}
