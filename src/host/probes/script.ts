/**
 * A program as a check, as Nagios knows it: exit code 0 passes, 1 warns, everything else is critical, and what it prints
 * is the output. It gets a process group of its own, so that it goes with all its children when its time is up.
 * Source: Consul's agent/checks/check.go (CheckMonitor), agent/exec.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { formatGoDuration } from '../../base/go-duration.ts'
import { systemWords } from '../../base/system-words.ts'
import { NANOS_PER_MS } from '../../base/units.ts'
import type { Probe, ProbeResult } from '../../model/check-run.ts'
import { Tail } from './tail.ts'
import { fieldsOf } from './words.ts'

export function runScript({ args, timeout, outputMax }: Probe & { kind: 'script' }, gone: AbortSignal) {
  return new Promise<ProbeResult>((resolve) => {
    const critical = (output: string) => resolve({ status: 'critical', output, final: true })
    let child: ChildProcess
    try {
      child = spawn(args[0]!, args.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    } catch (error) {
      // Such as a byte 0 in an argument.
      critical(startFault(args[0]!, error))
      return
    }
    const output = new Tail(outputMax)
    child.stdout?.on('data', (chunk: Uint8Array) => output.add(chunk))
    child.stderr?.on('data', (chunk: Uint8Array) => output.add(chunk))
    let late = false
    const timer = setTimeout(() => {
      late = true
      killTree(child)
      // Whoever has fled from the group keeps our ends open, and would keep the check waiting with them.
      child.stdout?.destroy()
      child.stderr?.destroy()
    }, timeout)
    const stop = () => killTree(child)
    gone.addEventListener('abort', stop, { once: true })
    const ended = () => {
      clearTimeout(timer)
      gone.removeEventListener('abort', stop)
    }
    child.on('error', (error) => {
      ended()
      critical(startFault(args[0]!, error))
    })
    child.on('close', (code) => {
      ended()
      const text = output.noted()
      if (late) {
        const words = `Timed out (${formatGoDuration(timeout * NANOS_PER_MS)}) running check`
        critical(text === '' ? words : `${words}\n\n${text}`)
      } else resolve({ status: code === 0 ? 'passing' : code === 1 ? 'warning' : 'critical', output: text })
    })
  })
}

function killTree({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself in the meantime.
  }
}

function startFault(program: string, error: unknown): string {
  const { code } = fieldsOf(error)
  if (code === 'ENOENT' && !program.includes('/')) return `exec: "${program}": executable file not found in $PATH`
  return `fork/exec ${program}: ${systemWords(error)}`
}
