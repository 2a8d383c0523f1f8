/**
 * `consul agent`: reads the configuration, starts the agent on the real host, shows its banner and its log, and ends it
 * when told to. What the agent does is the agent's (../agent); how the process lives and ends is agent-life.ts.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { loadConfig } from '../agent/config/build.ts'
import { ConfigError } from '../agent/config/error.ts'
import { AGENT_FLAGS } from '../agent/config/flags.ts'
import type { RuntimeConfig } from '../agent/config/runtime.ts'
import { CONSUL_API_VERSION } from '../agent/version.ts'
import { type Log, makeLog } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Interval } from '../base/metrics.ts'
import { nodeHost } from '../host/node.ts'
import { live, type RunningAgent, type Signal } from './agent-life.ts'
import { type AgentOutput, makeAgentOutput } from './agent-output.ts'
import type { Command, Io } from './command.ts'
import { openError } from './input.ts'
import { openLogFile } from './log-file.ts'
import { openSyslog } from './syslog.ts'

const agent: Command = {
  usage: 'consul agent [options]',
  about: `Runs an agent until it is interrupted. An agent is one node of a cluster: a server, or a client of the servers.

For a first look, with everything in memory:

    $ consul agent -dev`,
  flags: AGENT_FLAGS,
  run,
}

async function run(io: Io, argv: string[]): Promise<number> {
  const bare = nodeHost(
    makeLog(
      'agent',
      (record) => output.sink(record),
      () => level,
    ),
  )
  const host = { ...bare, ...(io.env.NOTIFY_SOCKET && { ready: () => void tellReady(io.env.NOTIFY_SOCKET, bare.log) }) }
  let loaded: ReturnType<typeof loadConfig>
  const load = () => loadConfig({ args: argv, hostname: host.hostname(), interfaces: host.interfaces() })
  try {
    loaded = load()
  } catch (error) {
    return refuse(io, error)
  }
  const { config, warnings } = loaded
  let level = config.logLevel
  const copies = openCopies(config, io)
  if (copies === undefined) return 1
  const output = makeAgentOutput({
    also: copies.write,
    json: config.logJson,
    clock: wallClock,
    print(line) {
      try {
        io.out(line)
      } catch {
        // Where the log goes may be full, or broken: that must not end the agent.
      }
    },
  })
  for (const warning of warnings) host.log.warn(warning)
  let latest: (() => Interval) | undefined
  // Also because Node would open its debugger at the first of them, and end at the other.
  process.on('SIGUSR1', () => void showMetrics(io, latest))
  process.on('SIGUSR2', () => {})
  return live({
    log: host.log,
    leaveOn: { SIGINT: !config.skipLeaveOnInterrupt, SIGTERM: config.leaveOnTerminate },
    async start() {
      let shown = false
      const identified = (nodeId: string) => {
        shown = true
        showBanner(output, config, nodeId)
      }
      const watches = keepWatches(host.log)
      const reread = async () => {
        const fresh = load()
        await watches.compile(fresh.config).catch((error: unknown) => {
          throw new Error(`Failed reloading watches: ${messageOf(error)}`)
        })
        for (const warning of fresh.warnings) host.log.warn(warning)
        return fresh.config
      }
      const reloaded = (fresh: RuntimeConfig) => {
        level = fresh.logLevel
        watches.run()
      }
      try {
        const { startAgentOn } = await import('../agent/agent.ts')
        await watches.compile(config)
        return await withPidFile(config.pidFile, async () => {
          const measuring = (read: () => Interval) => {
            latest = read
          }
          const agent = await startAgentOn(config, host, { identified, measuring, reread, reloaded })
          watches.address = agent.http
          watches.run()
          return {
            ended: agent.ended,
            leave: () => agent.leave(),
            reload: () => agent.reload(),
            stop() {
              watches.stop()
              return agent.stop()
            },
          }
        })
      } catch (error) {
        // The log is still held back, and with it what went wrong.
        if (!shown) io.err(`==> ${messageOf(error)}`)
        throw error
      }
    },
    running() {
      output.say('Consul agent running!')
      setTimeout(() => process.getBuiltinModule('node:module').flushCompileCache(), CACHE_FLUSH_MS).unref()
    },
    onSignal(take) {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const satisfies Signal[]) {
        process.on(signal, () => take(signal))
      }
    },
    after: (ms, act) => host.wake(host.now() + ms, act),
  })
}

/** When compiled code is saved: an agent may be killed before it ends as Node would like it to. */
const CACHE_FLUSH_MS = 10_000

async function refuse(io: Io, error: unknown): Promise<number> {
  const code = error instanceof ConfigError ? error.code : 'refused'
  if (code === 'flags' || code === 'help') {
    const { flagUsage } = await import('./help.ts')
    if (code === 'flags') io.err(messageOf(error))
    io.err(flagUsage(AGENT_FLAGS))
  }
  if (code !== 'help') io.err(`==> ${code === 'flags' ? 'error parsing flags: ' : ''}${messageOf(error)}`)
  return 1
}

/** The watches of the configuration: their module is loaded only when there are any. */
function keepWatches(log: Log) {
  let start: (address: string) => () => void = () => () => {}
  let stop = () => {}
  return {
    address: '',
    /** Takes their place at the next `run`. @throws Error for the first that cannot be */
    async compile({ watches, ports }: RuntimeConfig): Promise<void> {
      if (watches.length === 0) {
        start = () => () => {}
        return
      }
      const { compileWatches, runWatches } = await import('./agent-watches.ts')
      const compiled = compileWatches(watches, log, ports.http >= 0)
      start = (address) => runWatches(compiled, address, log.named('watch'))
    },
    run() {
      stop()
      stop = start(this.address)
    },
    stop: () => stop(),
  }
}

const wallClock = () => performance.timeOrigin + performance.now()

/** Where the log goes besides standard output. */
function openCopies(config: RuntimeConfig, io: Io): { write: ((line: string) => void) | undefined } | undefined {
  const writers: ((line: string) => void)[] = []
  try {
    if (config.logFile.path !== '') writers.push(openLogFile({ ...config.logFile, clock: wallClock }).write)
    if (config.syslogFacility !== undefined) {
      const failed = (why: string) => io.err(`==> the log no longer goes to syslog: ${why}`)
      writers.push(openSyslog(config.syslogFacility, failed).write)
    }
  } catch (error) {
    io.err(`==> ${messageOf(error)}`)
    return undefined
  }
  if (writers.length === 0) return { write: undefined }
  return {
    write(line) {
      for (const write of writers) write(line)
    },
  }
}

function showBanner(output: AgentOutput, config: RuntimeConfig, nodeId: string): void {
  output.banner({
    version: CONSUL_API_VERSION,
    nodeId,
    nodeName: config.nodeName,
    datacenter: config.datacenter,
    segment: config.server ? '<all>' : '',
    server: config.server,
    bootstrap: config.bootstrap,
    clientAddrs: config.clientAddrs,
    clusterAddr: config.advertiseAddr,
    // Nothing is served over gRPC yet, whatever port is meant for it.
    ports: { ...config.ports, grpc: -1 },
    encrypt: { gossip: config.gossip.key !== undefined, tlsOutgoing: false, tlsIncoming: false, autoEncryptTls: false },
  })
}

/** The file holds the process id while the agent runs. */
async function withPidFile(path: string, start: () => Promise<RunningAgent>): Promise<RunningAgent> {
  if (path === '') return start()
  try {
    writeFileSync(path, String(process.pid))
  } catch (error) {
    throw new Error(`Could not open pid file: ${openError(error, path)}`, { cause: error })
  }
  const remove = () => rmSync(path, { force: true })
  try {
    const agent = await start()
    return {
      ended: agent.ended,
      leave: () => agent.leave(),
      reload: () => agent.reload(),
      stop: () => agent.stop().finally(remove),
    }
  } catch (error) {
    remove()
    throw error
  }
}

export const commands = { agent }

/** Loaded by those alone whose service manager wants to know. */
async function tellReady(socket: string | undefined, log: Log): Promise<void> {
  const ready = await import('../host/ready.ts')
  ready.tellReady(socket, (error) => log.debug('systemd notify failed', { error }))
}

async function showMetrics(io: Io, latest: (() => Interval) | undefined): Promise<void> {
  if (latest === undefined) return
  const { metricsText } = await import('./metrics-text.ts')
  io.err(metricsText(latest()))
}
