/**
 * How an agent presents itself to its pools: the member entry and the tags that Consul 1.8.7's servers and client agents
 * carry (protocol/serf.md section 7). Gossip itself, which tells members of one another, is not here.
 */

import type { SerfMember } from './roster.ts'

export interface MemberIdentity {
  /** A client agent otherwise. */
  server: boolean
  nodeName: string
  nodeId: string
  datacenter: string
  advertiseAddr: string
  advertiseAddrWan: string
  bootstrap: boolean
  bootstrapExpect: number
  /** 3 unless said otherwise. */
  raftProtocol?: number
  ports: { server: number; serfLan: number; serfWan: number }
}

export interface PoolMember {
  Name: string
  Addr: string
  Port: number
  Tags: Record<string, string>
  Status: number
  ProtocolMin: number
  ProtocolMax: number
  ProtocolCur: number
  DelegateMin: number
  DelegateMax: number
  DelegateCur: number
}

const STATUS_NUMBERS = { alive: 1, leaving: 2, left: 3, failed: 4 } as const

/** A member in the shape that the API and Serf's conflict answers share; statuses are Serf's numbers. */
export function poolMember({ name, addr, port, tags, status, vsn }: SerfMember): PoolMember {
  return {
    Name: name,
    Addr: addr,
    Port: port,
    Tags: tags,
    Status: STATUS_NUMBERS[status],
    ProtocolMin: vsn[0] ?? 0,
    ProtocolMax: vsn[1] ?? 0,
    ProtocolCur: vsn[2] ?? 0,
    DelegateMin: vsn[3] ?? 0,
    DelegateMax: vsn[4] ?? 0,
    DelegateCur: vsn[5] ?? 0,
  }
}

const ALIVE = STATUS_NUMBERS.alive
const VERSIONS = { ProtocolMin: 1, ProtocolMax: 5, ProtocolCur: 2, DelegateMin: 2, DelegateMax: 5, DelegateCur: 4 }

/** @param build the API level that peers shall count on, e.g. "1.8.7" */
export function lanMember(self: MemberIdentity, build: string): PoolMember {
  const tags = self.server ? serverTags(self, build) : clientTags(self, build)
  if (self.server && self.ports.serfWan > 0) tags.wan_join_port = String(self.ports.serfWan)
  return {
    Name: self.nodeName,
    Addr: self.advertiseAddr,
    Port: self.ports.serfLan,
    Tags: tags,
    Status: ALIVE,
    ...VERSIONS,
  }
}

/** For servers whose WAN port is not turned off (negative): the others are in no such pool. */
export function wanMember(self: MemberIdentity, build: string): PoolMember {
  return {
    Name: `${self.nodeName}.${self.datacenter}`,
    Addr: self.advertiseAddrWan,
    Port: self.ports.serfWan,
    Tags: serverTags(self, build),
    Status: ALIVE,
    ...VERSIONS,
  }
}

function clientTags(self: MemberIdentity, build: string): Record<string, string> {
  return {
    acls: '0',
    build: `${build}:`,
    dc: self.datacenter,
    id: self.nodeId,
    role: 'node',
    // The default segment; `consul members` shows it as "<all>" for servers, "<default>" for clients.
    segment: '',
    vsn: '2',
    vsn_max: '3',
    vsn_min: '2',
  }
}

function serverTags(self: MemberIdentity, build: string): Record<string, string> {
  const tags: Record<string, string> = {
    ...clientTags(self, build),
    ft_fs: '1',
    port: String(self.ports.server),
    raft_vsn: String(self.raftProtocol ?? 3),
    role: 'consul',
  }
  if (self.bootstrap) tags.bootstrap = '1'
  if (self.bootstrapExpect > 0) tags.expect = String(self.bootstrapExpect)
  return tags
}
