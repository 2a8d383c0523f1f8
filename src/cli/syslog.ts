/**
 * The agent's log for syslog. Node speaks no Unix datagrams, so the lines go to the standard program `logger`, one for the
 * agent's life, all with the priority that Consul gives them. Source: Consul's logging/logger.go.
 */
import { spawn } from 'node:child_process'

const FACILITIES = new Set(
  'KERN USER MAIL DAEMON AUTH SYSLOG LPR NEWS UUCP CRON AUTHPRIV FTP LOCAL0 LOCAL1 LOCAL2 LOCAL3 LOCAL4 LOCAL5 LOCAL6 LOCAL7'.split(
    ' ',
  ),
)
const TAG = 'consul'
const PRIORITY = 'notice'
/** A `logger` that hangs must not fill the memory: beyond so many bytes that wait, lines are dropped. */
const WAITING_BYTES_MAX = 1024 * 1024

export interface Syslog {
  write(line: string): void
  close(): void
}

/**
 * @param failed called once when the program is not there or ends
 * @throws Error for a facility that there is not
 */
export function openSyslog(facility: string, failed: (why: string) => void): Syslog {
  if (!FACILITIES.has(facility.toUpperCase())) throw new Error(`invalid syslog facility: ${facility}`)
  const child = spawn('logger', ['-t', TAG, '-p', `${facility.toLowerCase()}.${PRIORITY}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Ctrl-C is for the agent, which still has something to say then.
    detached: true,
  })
  child.unref()
  let open = true
  const end = (why: string) => {
    if (open) failed(why)
    open = false
  }
  child.on('error', (error) => end(error.message))
  child.on('exit', (code) => end(`logger ended with exit code ${code}`))
  child.stdin.on('error', (error: Error) => end(error.message))
  return {
    write(line) {
      if (open && child.stdin.writableLength < WAITING_BYTES_MAX) child.stdin.write(`${line}\n`)
    },
    close() {
      open = false
      child.stdin.end()
    },
  }
}
