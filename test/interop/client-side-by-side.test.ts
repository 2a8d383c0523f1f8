/**
 * A real client agent and ours, side by side: each with a real server of its own, asked the same requests in the same
 * order. What a client agent answers must be what a real one does, whatever it has to ask its server for.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { HTTP_QUESTIONS } from '../support/http-questions.ts'
import { type AgentProcess, realConsul, settled, startAgentProcess } from '../support/process.ts'
import { EXPLAINED } from './explained.ts'
import { randomRequests } from './random-requests.ts'
import { AGENT_REQUESTS } from './requests/agent.ts'
import { CACHE_REQUESTS } from './requests/cache.ts'
import { CATALOG_REQUESTS } from './requests/catalog.ts'
import { HEALTH_REQUESTS } from './requests/health.ts'
import { KV_REQUESTS } from './requests/kv.ts'
import { LARGE_REQUESTS } from './requests/large.ts'
import { PROTOCOL_REQUESTS } from './requests/protocol.ts'
import { SESSION_REQUESTS } from './requests/session.ts'
import type { Request } from './requests.ts'
import { SideBySide } from './side-by-side.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

/** INTEROP_SEED asks other random requests. */
const SEED = Number(process.env.INTEROP_SEED ?? 2)
const RANDOM_REQUESTS = 300

const TABLES: Record<string, readonly Request[]> = {
  'the table that the golden answers were recorded from': HTTP_QUESTIONS.map(({ save, ...rest }) => ({
    ...rest,
    saveId: save,
  })),
  'the key/value store': KV_REQUESTS,
  'the catalog': CATALOG_REQUESTS,
  health: HEALTH_REQUESTS,
  'the cache': CACHE_REQUESTS,
  sessions: SESSION_REQUESTS,
  "the agent's own": AGENT_REQUESTS,
  'bodies of more than a MiB': LARGE_REQUESTS,
  'methods, paths, headers and what is not there': PROTOCOL_REQUESTS,
  [`chance, seed ${SEED}`]: randomRequests(SEED, RANDOM_REQUESTS),
}

/**
 * What is asked of servers alone: of a null the real server dies when a client agent brings it, sidecars come with the
 * mesh, and a time to live of a nanosecond is over before or after the check is known, as chance will have it.
 */
const FOR_SERVERS = /"Checks?":\[null\]|"SidecarService"|"TTL":1\}/
/** Where two nodes stand that measure their distance, and which is nearer, is chance, and changes. */
const MEASURED = /near=(_agent|\{node\}|x|s)\b|^\/v1\/coordinate\/node/

/** A name that is that of no node is looked for among the beginnings of ids: by chance `b2` would be found. */
const IDS = { server: '77777777-7777-4777-8777-777777777777', client: '99999999-9999-4999-8999-999999999999' }

/** In dev mode a third of a second of silence is a death, which ends sessions: too little on a busy machine. */
const PATIENT_GOSSIP = '-hcl=gossip_lan { probe_interval = "1s" probe_timeout = "500ms" suspicion_mult = 8 }'

/** Which servers stand behind the two client agents. */
for (const kind of ['ours', 'theirs'] as const) {
  suite(`client agents side by side with the real Consul’s, servers being ${kind}`, { skip }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'proconsul-clients-'))
    const agents: AgentProcess[] = []
    let both: SideBySide

    before(async () => {
      const sides = await Promise.all(
        [{}, { command: real! }].map(async (client, at) => {
          const serverArgs = ['-dev', '-node=s', `-node-id=${IDS.server}`, '-log-level=err', PATIENT_GOSSIP]
          const server = await startAgentProcess(serverArgs, kind === 'ours' ? {} : { command: real! })
          agents.push(server)
          // What a server tells of itself after the comparison has begun would have an index of its own time.
          await settled(server, 's')
          const args = [
            '-node=x',
            `-node-id=${IDS.client}`,
            '-bind=127.0.0.1',
            `-data-dir=${join(folder, String(at))}`,
            `-retry-join=127.0.0.1:${server.ports.serfLan}`,
            '-log-level=err',
          ]
          const agent = await startAgentProcess(args, client)
          agents.push(agent)
          // The ports of its server are in its answers too.
          const { server: rpc, serfLan: serverLan, serfWan: serverWan } = server.ports
          return { ...agent, ports: { ...agent.ports, server: rpc, serverLan, serverWan } }
        }),
      )
      both = new SideBySide(sides[0]!, sides[1]!, EXPLAINED, 'client')
      await both.begin()
    })
    after(async () => {
      both?.close()
      await Promise.all(agents.map((agent) => agent.kill()))
      rmSync(folder, { recursive: true, force: true })
    })

    for (const [name, requests] of Object.entries(TABLES)) {
      test(`${name}: ${requests.length} requests are answered alike`, async () => {
        const asked = requests.filter(({ body, url }) => !FOR_SERVERS.test(String(body)) && !MEASURED.test(url))
        const found = await both.differences(asked)
        assert.equal(found.length, 0, `${found.length} differ:\n${found.join('\n')}`)
      })
    }
  })
}
