/**
 * Servers of one cluster in this process, over real sockets on 127.0.0.1 and, if asked for, real data directories. Their
 * configuration is fixed from the start, as a test's own word: nobody has to find anybody.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../../src/agent/config/build.ts'
import type { RunningNode } from '../../src/agent/node.ts'
import { makeReloads } from '../../src/agent/reload.ts'
import { startServer } from '../../src/agent/server.ts'
import { type LogRecord, makeLog } from '../../src/base/log.ts'
import { type MetricsNaming, Registry } from '../../src/base/metrics.ts'
import type { Server } from '../../src/core/raft/messages.ts'
import { nodeHost } from '../../src/host/node.ts'
import type { Args, Caller, Method, Reply } from '../../src/model/rpc.ts'
import { freePorts, type Ports } from './process.ts'

const NAMING: MetricsNaming = { prefix: 'consul', host: '', allow: [], block: [], otherwise: true }

export interface Member {
  readonly name: string
  readonly id: string
  readonly address: string
  /** Undefined while it is stopped. */
  running: RunningNode | undefined
  readonly log: LogRecord[]
  call<M extends Method>(method: M, args: Args<M>): Promise<Reply<M>>
  caller(): Caller
  start(): Promise<void>
  stop(): Promise<void>
  /** Throws its disk away; it must be stopped. */
  wipe(): void
  leads(): boolean
}

export interface Cluster {
  members: Member[]
  /** Resolves with the one that leads and answers. */
  leader(): Promise<Member>
  /** Resolves once `holds`, which is asked again and again. */
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>
  stop(): Promise<void>
}

const WAIT_MS = 60_000
const LOOK_MS = 10

/** @param settings as in a configuration file; `disk: false` keeps everything in memory */
export async function startCluster(
  size: number,
  { disk = true, settings = {} }: { disk?: boolean; settings?: Record<string, unknown> } = {},
): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-cluster-'))
  const ports = await Promise.all(Array.from({ length: size }, () => freePorts()))
  const cluster: Server[] = ports.map(({ server }, at) => ({
    id: `00000000-0000-4000-8000-00000000000${at + 1}`,
    address: `127.0.0.1:${server}`,
    suffrage: 'voter',
  }))
  const members = cluster.map((server, at) => makeMember(server, at, ports[at]!, folder, { disk, settings, cluster }))
  await Promise.all(members.map((member) => member.start()))

  async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + WAIT_MS
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`waited in vain: ${what}\n${tail(members)}`)
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
  }

  return {
    members,
    until,
    async leader() {
      await until('a leader', () => members.some((member) => member.leads()))
      return members.find((member) => member.leads())!
    },
    async stop() {
      await Promise.all(members.map((member) => member.stop()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function tail(members: Member[]): string {
  return members
    .map(({ name, log }) =>
      log
        .slice(-12)
        .map(({ level, message, fields }) => `${name} ${level} ${message} ${JSON.stringify(fields)}`)
        .join('\n'),
    )
    .join('\n')
}

function makeMember(
  { id, address }: Server,
  at: number,
  ports: Ports,
  folder: string,
  { disk, settings, cluster }: { disk: boolean; settings: Record<string, unknown>; cluster: Server[] },
): Member {
  const name = `server-${at + 1}`
  const dataDir = join(folder, name)
  const log: LogRecord[] = []
  const host = nodeHost(
    makeLog(
      'agent',
      (record) => log.push(record),
      () => 'debug',
    ),
  )
  const { config } = loadConfig({
    args: [
      '-server',
      `-bootstrap-expect=${cluster.length}`,
      `-data-dir=${dataDir}`,
      `-node=${name}`,
      '-bind=127.0.0.1',
    ],
    settings: {
      // All of them, and the test, share one event loop: what holds it up for a while shall not cost a leader its office.
      performance: { raft_multiplier: 2 },
      ports: { http: -1, dns: -1, server: ports.server, serf_lan: ports.serfLan, serf_wan: ports.serfWan },
      ...settings,
    },
    hostname: 'test',
    interfaces: [],
  })
  const member: Member = {
    name,
    id,
    address,
    running: undefined,
    log,
    caller() {
      if (member.running === undefined) throw new Error(`${name} is stopped`)
      return member.running.backend
    },
    call: (method, args) => member.caller().call(method, args),
    async start() {
      const opened = await host.disk(disk ? dataDir : '')
      const running = await startServer({
        ...{ config, nodeId: id, host, disk: opened, cluster, stopAgent: () => {} },
        ...{ reloads: makeReloads(host.log, undefined), measured: new Registry(NAMING, 0) },
      })
      running.opened()
      const { stop } = running
      running.stop = async () => {
        await stop()
        await opened.close()
      }
      member.running = running
    },
    async stop() {
      const { running } = member
      member.running = undefined
      await running?.stop()
    },
    wipe: () => rmSync(dataDir, { recursive: true, force: true }),
    leads() {
      const stats = member.running?.backend.self.stats()
      return stats?.consul?.leader === 'true'
    },
  }
  return member
}
