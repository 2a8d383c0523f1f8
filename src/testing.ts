/**
 * @module proconsul/testing
 * A throw-away agent for tests: dev mode, free ports, gone without a trace when stopped.
 *
 * ```ts
 * const agent = await startTestAgent()
 * after(() => agent.stop())
 * process.env.CONSUL_HTTP_ADDR = agent.http
 * ```
 */
import { type Agent, type AgentOptions, startAgent } from './index.ts'

const FREE_PORTS = { http: 0, dns: 0, server: 0, serf_lan: 0, serf_wan: 0, grpc: -1 }

export type { Agent, AgentOptions } from './index.ts'

/** Resolves once the agent leads and answers, so that a test's first request succeeds. */
export async function startTestAgent(options: AgentOptions = {}): Promise<Agent> {
  const { ports, ...settings } = { ports: {}, ...options.config }
  const agent = await startAgent({
    ...options,
    config: { ...settings, ports: { ...FREE_PORTS, ...(ports as object) } },
  })
  await agent.ready
  return agent
}
