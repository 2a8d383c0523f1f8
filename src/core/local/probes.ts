/**
 * When this node's checks are tried, and what their results amount to: one attempt at a time for each check, an interval
 * after the last one ended, so that a slow check delays nobody but itself; and so many results in a row before a status
 * counts. How an attempt is made is the host's affair. Source: Consul's agent/checks/check.go (`run`, StatusHandler).
 */
import { Deadlines } from '../../base/deadlines.ts'
import type { Random } from '../../base/random.ts'
import { type Instant, type Millis, NANOS_PER_MS } from '../../base/units.ts'
import { type CheckRun, checkType, type Probe, type ProbeResult } from '../../model/check-run.ts'
import type { LocalContext } from './messages.ts'

/** Oftener no check is tried: it would be the checks that bring the machine down. */
const INTERVAL_MS_MIN = 1_000
/** Patience with what was given none. */
const SCRIPT_TIMEOUT_MS = 30_000
const NETWORK_TIMEOUT_MS = 10_000

interface Schedule {
  probe: Probe
  interval: Millis
  run: CheckRun
  /** Results of either kind in a row, the last one included. */
  successes: number
  failures: number
  /** The number of the attempt under way; 0 when there is none. */
  attempt: number
}

export interface Probes {
  /** The check is to be tried from now on, if it is one that can be; in place of how it was tried before. */
  start(now: Instant, id: string, run: CheckRun): void
  stop(id: string): void
  /** An attempt has ended. */
  probed(now: Instant, attempt: number, result: ProbeResult): void
  tick(now: Instant): void
  wakeAt(): Instant | null
}

/** @param update the check's status and output are now these */
export function makeProbes(
  context: LocalContext,
  random: Random,
  update: (now: Instant, id: string, status: string, output: string) => void,
): Probes {
  const { settings, emit, log } = context
  const schedules = new Map<string, Schedule>()
  const due = new Deadlines<string>()
  const underWay = new Map<number, string>()
  let nextAttempt = 1

  function stop(id: string): void {
    const schedule = schedules.get(id)
    if (schedule === undefined) return
    schedules.delete(id)
    due.delete(id)
    if (schedule.attempt === 0) return
    underWay.delete(schedule.attempt)
    emit({ kind: 'abandon', attempt: schedule.attempt })
  }

  function judge(now: Instant, id: string, schedule: Schedule, { status, output, final }: ProbeResult): void {
    if (final) return update(now, id, status, output)
    const { run } = schedule
    if (status !== 'critical') {
      schedule.successes += 1
      schedule.failures = 0
      if (schedule.successes >= run.SuccessBeforePassing) {
        log('debug', 'Check status updated', { check: id, status })
        return update(now, id, status, output)
      }
      log('warn', 'Check passed but has not reached success threshold', {
        check: id,
        status,
        success_count: schedule.successes,
        success_threshold: run.SuccessBeforePassing,
      })
      return
    }
    schedule.failures += 1
    schedule.successes = 0
    if (schedule.failures >= run.FailuresBeforeCritical) {
      log('warn', 'Check is now critical', { check: id })
      return update(now, id, status, output)
    }
    if (run.FailuresBeforeWarning > 0 && schedule.failures >= run.FailuresBeforeWarning) {
      log('warn', 'Check is now warning', { check: id })
      return update(now, id, 'warning', output)
    }
    log('warn', 'Check failed but has not reached failure threshold', {
      check: id,
      status,
      failure_count: schedule.failures,
      failure_threshold: run.FailuresBeforeCritical,
    })
  }

  return {
    start(now, id, run) {
      stop(id)
      const outputMax =
        run.OutputMaxSize > 0 ? Math.min(run.OutputMaxSize, settings.checkOutputMaxSize) : settings.checkOutputMaxSize
      const probe = probeOf(run, outputMax)
      if (probe === undefined) return
      let interval = run.Interval / NANOS_PER_MS
      if (interval < INTERVAL_MS_MIN) {
        log('warn', 'check has interval below minimum', { check: id, minimum_interval: '1s' })
        interval = INTERVAL_MS_MIN
      }
      // The first result counts, whatever it is.
      const successes = run.SuccessBeforePassing
      schedules.set(id, { probe, interval, run, successes, failures: run.FailuresBeforeCritical, attempt: 0 })
      due.set(id, now + random.float() * interval)
    },
    stop,
    probed(now, attempt, result) {
      const id = underWay.get(attempt)
      const schedule = id === undefined ? undefined : schedules.get(id)
      // Undefined for one that was abandoned as it ended.
      if (id === undefined || schedule === undefined) return
      underWay.delete(attempt)
      schedule.attempt = 0
      due.set(id, now + schedule.interval)
      judge(now, id, schedule, result)
    },
    tick(now) {
      for (let id = due.takeDue(now); id !== undefined; id = due.takeDue(now)) {
        const schedule = schedules.get(id)!
        schedule.attempt = nextAttempt++
        underWay.set(schedule.attempt, id)
        emit({ kind: 'probe', attempt: schedule.attempt, check: id, probe: schedule.probe })
      }
    },
    wakeAt: () => due.next(),
  }
}

/** @returns undefined for a check that is not tried at intervals */
function probeOf(run: CheckRun, outputMax: number): Probe | undefined {
  const given = run.Timeout / NANOS_PER_MS
  const timeout = given > 0 ? given : NETWORK_TIMEOUT_MS
  const tls = { skipVerify: run.TLSSkipVerify, serverName: run.TLSServerName }
  switch (checkType(run)) {
    case 'script':
      if (run.Interval <= 0) return undefined
      return { kind: 'script', args: run.ScriptArgs!, timeout: given > 0 ? given : SCRIPT_TIMEOUT_MS, outputMax }
    case 'docker': {
      const patience = given > 0 ? given : SCRIPT_TIMEOUT_MS
      return { kind: 'docker', container: run.DockerContainerID, args: run.ScriptArgs!, timeout: patience, outputMax }
    }
    case 'http': {
      const { HTTP: url, Method, Body: body, Header, DisableRedirects } = run
      const method = Method || 'GET'
      return {
        ...{ kind: 'http', url, method, headers: Header ?? {}, body, redirects: !DisableRedirects },
        ...{ tls, timeout, outputMax },
      }
    }
    case 'tcp':
      return { kind: 'tcp', address: run.TCP, timeout }
    case 'udp':
      return { kind: 'udp', address: run.UDP, timeout }
    case 'grpc':
      return { kind: 'grpc', target: run.GRPC, tls: run.GRPCUseTLS ? tls : null, timeout }
    case 'h2ping':
      return { kind: 'h2ping', address: run.H2PING, tls: run.H2PingUseTLS ? tls : null, timeout }
    default:
      return undefined
  }
}
