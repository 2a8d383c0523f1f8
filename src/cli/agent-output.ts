/**
 * What `consul agent` prints: the banner, and the log in Consul's text form or as JSON, held back until the banner has
 * been shown. It forms lines and hands them on; what is logged, and when the agent starts or ends, is not decided here.
 * Source of the forms: hashicorp/go-hclog (intlogger.go), Consul's command/agent.
 */
import type { Sink } from '../base/log.ts'
import { jsonLine, textLine } from '../base/log-lines.ts'

export { jsonLine, textLine }

export interface BannerInfo {
  version: string
  nodeId: string
  nodeName: string
  datacenter: string
  /** Of the network; servers are in all of them. */
  segment: string
  server: boolean
  bootstrap: boolean
  clientAddrs: readonly string[]
  /** The address that other agents know. */
  clusterAddr: string
  ports: { http: number; https: number; grpc: number; dns: number; serfLan: number; serfWan: number }
  encrypt: { gossip: boolean; tlsOutgoing: boolean; tlsIncoming: boolean; autoEncryptTls: boolean }
}

export interface AgentOutput {
  sink: Sink
  /** A line for people, marked with an arrow; none with JSON logs. */
  say(text: string): void
  /** Shows the banner and lets the log through. */
  banner(info: BannerInfo): void
}

/** Before every line of the log and of the banner. */
const INDENT = '    '
const ARROW = '==> '
/** Records that wait for the banner. More of them than a start gives: a fault, of which the newest tell most. */
const HELD_MAX = 1000

/** @param clock wall time in milliseconds, with fractions */
export function makeAgentOutput(options: {
  json: boolean
  clock(): number
  print(line: string): void
  /** Where the log goes besides: each record at once, as one line. */
  also?(line: string): void
}): AgentOutput {
  const { json, clock, print, also } = options
  const form = json ? jsonLine : textLine
  let held: string[] | null = []
  const say = (text: string) => {
    if (!json) print(text === '' ? '' : ARROW + text)
  }
  return {
    say,
    sink(record) {
      const text = form(record, clock())
      also?.(text)
      const line = INDENT + text
      if (held === null) print(line)
      else if (held.push(line) > HELD_MAX) held.shift()
    },
    banner(info) {
      say('Starting Consul agent...')
      if (!json) for (const line of bannerLines(info)) print(INDENT + line)
      say('')
      say('Log data will now stream in as it occurs:\n')
      for (const line of held ?? []) print(line)
      held = null
    },
  }
}

const LABEL_WIDTH = 14

export function bannerLines(info: BannerInfo): string[] {
  const { ports, encrypt } = info
  const doors = `HTTP: ${ports.http}, HTTPS: ${ports.https}, gRPC: ${ports.grpc}, DNS: ${ports.dns}`
  const facts = [
    ['Version', `'${info.version}'`],
    ['Node ID', `'${info.nodeId}'`],
    ['Node name', `'${info.nodeName}'`],
    ['Datacenter', `'${info.datacenter}' (Segment: '${info.segment}')`],
    ['Server', `${info.server} (Bootstrap: ${info.bootstrap})`],
    ['Client Addr', `[${info.clientAddrs.join(' ')}] (${doors})`],
    ['Cluster Addr', `${info.clusterAddr} (LAN: ${ports.serfLan}, WAN: ${ports.serfWan})`],
    [
      'Encrypt',
      `Gossip: ${encrypt.gossip}, TLS-Outgoing: ${encrypt.tlsOutgoing}, TLS-Incoming: ${encrypt.tlsIncoming}, Auto-Encrypt-TLS: ${encrypt.autoEncryptTls}`,
    ],
  ] as const
  return facts.map(([label, fact]) => `${label.padStart(LABEL_WIDTH)}: ${fact}`)
}
