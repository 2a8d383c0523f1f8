/**
 * How an agent runs a check: what was registered (`CheckRun`), and what its host is asked to try (`Probe`). Fields that
 * are not in 1.8.7 carry the name and meaning that later versions of Consul gave them. Source: agent/structs/check_type.go.
 */
import type { Millis } from '../base/units.ts'
import { type CheckStatus, type HealthCheckDefinition, NO_DEFINITION } from './health.ts'

export interface CheckRun extends HealthCheckDefinition {
  /** So many good results in a row, and a failing check passes; 0 and 1 alike mean the first one. */
  SuccessBeforePassing: number
  /** So many bad results in a row, and the check warns (since 1.11); 0: as many as make it critical. */
  FailuresBeforeWarning: number
  /** So many bad results in a row, and the check is critical; 0 and 1 alike mean the first one. */
  FailuresBeforeCritical: number
  /** "host:port" that gets a datagram (since 1.13). */
  UDP: string
  /** "host:port" that gets an HTTP/2 ping (since 1.10). */
  H2PING: string
  /** Over TLS (since 1.10, where it is on unless told otherwise). */
  H2PingUseTLS: boolean
  /** The name that the certificate must carry; "" for the host of the target (since 1.9). */
  TLSServerName: string
  /** An HTTP answer that points elsewhere is the answer (since 1.17). */
  DisableRedirects: boolean
}

/** Of a check that nobody runs. Shared, so never changed. */
export const NO_RUN: CheckRun = Object.freeze({
  ...NO_DEFINITION,
  SuccessBeforePassing: 0,
  FailuresBeforeWarning: 0,
  FailuresBeforeCritical: 0,
  UDP: '',
  H2PING: '',
  H2PingUseTLS: true,
  TLSServerName: '',
  DisableRedirects: false,
})

/**
 * What kind of check it is. Order and conditions: Consul's agent/structs/check_type.go, `Type`.
 * @returns "" for a check that nobody runs: its status is as given
 */
export function checkType(run: HealthCheckDefinition & Partial<Pick<CheckRun, 'UDP' | 'H2PING'>>): string {
  const runs = run.Interval > 0
  const script = (run.ScriptArgs?.length ?? 0) > 0
  if (run.GRPC !== '' && runs) return 'grpc'
  if (run.HTTP !== '' && runs) return 'http'
  if (run.TTL > 0) return 'ttl'
  if (run.TCP !== '' && runs) return 'tcp'
  if (run.UDP && runs) return 'udp'
  if (run.H2PING && runs) return 'h2ping'
  if (run.AliasNode !== '' || run.AliasService !== '') return 'alias'
  if (script && run.DockerContainerID !== '' && runs) return 'docker'
  return script ? 'script' : ''
}

export interface ProbeTls {
  skipVerify: boolean
  /** "" for the host of the target. */
  serverName: string
}

/** One attempt to find out how something is. Bytes of output past `outputMax` are dropped from its beginning. */
export type Probe =
  | { kind: 'script'; args: string[]; timeout: Millis; outputMax: number }
  | { kind: 'docker'; container: string; args: string[]; timeout: Millis; outputMax: number }
  | {
      kind: 'http'
      url: string
      method: string
      headers: Record<string, string[]>
      body: string
      redirects: boolean
      tls: ProbeTls
      timeout: Millis
      outputMax: number
    }
  | { kind: 'tcp' | 'udp'; address: string; timeout: Millis }
  /** `target` is "host:port", with "/service" behind it for one service of several. */
  | { kind: 'grpc'; target: string; tls: ProbeTls | null; timeout: Millis }
  | { kind: 'h2ping'; address: string; tls: ProbeTls | null; timeout: Millis }

export interface ProbeResult {
  status: CheckStatus
  output: string
  /** Not a verdict of what was probed: the attempt itself failed. It counts at once, whatever the thresholds. */
  final?: boolean
}
