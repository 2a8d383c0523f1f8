/**
 * @module proconsul
 * Runs Consul agents inside a Node program: as many as you like, each with its own state, none with global state.
 *
 * ```ts
 * import { startAgent } from 'proconsul'
 * const agent = await startAgent({ dev: true })
 * await fetch(`${agent.http}/v1/kv/greeting`, { method: 'PUT', body: 'hello' })
 * await agent.stop()
 * ```
 */
import { type Agent, startAgentOn } from './agent/agent.ts'
import { type ConfigSources, loadConfig } from './agent/config/build.ts'
import { type Level, makeLog, type Sink } from './base/log.ts'
import { nodeHost } from './host/node.ts'

export type { Agent } from './agent/agent.ts'
export { ConfigError } from './agent/config/error.ts'
export { CONSUL_API_VERSION, PROCONSUL_VERSION } from './agent/version.ts'
export type { LogRecord, Sink } from './base/log.ts'
export { ConsulError } from './model/errors.ts'
export type { Args, Caller, Method, Methods, Reply } from './model/rpc.ts'

export interface AgentOptions {
  /** Dev mode: one server, everything in memory. The default unless `config.data_dir` is given. */
  dev?: boolean
  /** Keys as in Consul's configuration files: `{ node_name: 'a', ports: { http: 0 } }`. A port of 0 means any free one. */
  config?: Record<string, unknown>
  /** Command-line flags, as after `consul agent`. */
  args?: string[]
  /** Receives the log records; nothing is printed by itself. */
  log?: Sink
}

/**
 * Starts an agent in this process; resolves when its doors are open (a leader may be a moment away: `agent.ready`).
 * @throws ConfigError for a configuration that cannot work; an error naming the address for a port in use
 */
export async function startAgent(options: AgentOptions = {}): Promise<Agent> {
  const { config: settings = {}, args = [], log: sink = () => {} } = options
  const dev = options.dev ?? settings.data_dir === undefined
  let level: Level = 'info'
  const log = makeLog('agent', sink, () => level)
  const host = nodeHost(log)
  const sources: ConfigSources = {
    args: dev ? ['-dev', ...args] : args,
    settings,
    hostname: host.hostname(),
    interfaces: host.interfaces(),
  }
  const { config, warnings } = loadConfig(sources)
  level = config.logLevel
  for (const warning of warnings) log.warn(warning)
  return startAgentOn(config, host, {
    reread: () => loadConfig(sources).config,
    reloaded(fresh) {
      level = fresh.logLevel
    },
  })
}
