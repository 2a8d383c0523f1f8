/** Tries a check once, whatever its kind. Loaded by agents that have something to try. */
import type { Probe, ProbeResult } from '../model/check-run.ts'
import { tryDocker } from './probes/docker.ts'
import { tryHttp } from './probes/http.ts'
import { tryGrpc, tryH2Ping } from './probes/http2.ts'
import { runScript } from './probes/script.ts'
import { tryTcp, tryUdp } from './probes/socket.ts'

/** Never rejects. When `gone` is aborted it ends soon, with a result that nobody reads. */
export function tryProbe(probe: Probe, gone: AbortSignal): Promise<ProbeResult> {
  switch (probe.kind) {
    case 'script':
      return runScript(probe, gone)
    case 'docker':
      return tryDocker(probe, gone)
    case 'http':
      return tryHttp(probe, gone)
    case 'tcp':
      return tryTcp(probe.address, probe.timeout, gone)
    case 'udp':
      return tryUdp(probe.address, probe.timeout, gone)
    case 'grpc':
      return tryGrpc(probe, gone)
    case 'h2ping':
      return tryH2Ping(probe, gone)
  }
}
