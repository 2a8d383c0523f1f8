/** `consul monitor`: follows an agent's log. */
import { withAgent } from './client.ts'
import { command, type Io } from './command.ts'
import { text, yes } from './flag-kinds.ts'
import { CLIENT_FLAGS } from './http-flags.ts'

const ENDED = 'Remote side ended the monitor! This usually means that the\nremote side has exited or crashed.'

export const commands = {
  monitor: command({
    usage: 'consul monitor [options]',
    about: "Prints the asked agent's log as it is written, until it is interrupted.",
    flags: [
      ...CLIENT_FLAGS,
      yes('log-json', 'Print the log as JSON.'),
      text('log-level', 'The least level that is shown; it may be below what the agent itself logs.', '"INFO"'),
    ],
    async run(io, flags) {
      const json = flags['log-json'] ?? false
      const level = flags['log-level'] ?? 'INFO'
      const stop = new AbortController()
      const end = () => stop.abort()
      process.on('SIGINT', end)
      process.on('SIGTERM', end)
      try {
        return await withAgent(io, flags, `Error starting ${json ? 'JSON ' : ''}monitor`, async (consul) => {
          const log = await consul.agent.monitor({ level, json }, { signal: stop.signal })
          await printLines(io, log).catch(() => {})
          if (stop.signal.aborted) return 0
          io.out('')
          io.out(ENDED)
          return 1
        })
      } finally {
        process.off('SIGINT', end)
        process.off('SIGTERM', end)
      }
    },
  }),
}

async function printLines(io: Io, log: AsyncIterable<Uint8Array>): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of log) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) io.out(line)
  }
}
