/**
 * The part of the configuration that gossip needs: where each pool listens, its timing, its key, and whom to join. The
 * defaults are those of core/gossip/config.ts; -dev quickens them.
 */
import { isIP } from 'node:net'
import { NANOS_PER_MS } from '../../base/units.ts'
import { DEV, LAN, type MemberlistConfig, SERF, WAN } from '../../core/gossip/config.ts'
import { isKeySize } from '../../wire/gossip-crypto.ts'
import { ConfigError } from './error.ts'
import type { GossipConfig, JoinConfig, PoolConfig } from './runtime.ts'

/** Typed looks at the merged settings. */
export interface GossipReader {
  text(key: string): string | undefined
  whole(key: string): number
  flag(key: string): boolean | undefined
  list(key: string): string[]
  /** Nanoseconds; 0 when it is not set. */
  duration(key: string): number
  /** The one IP address of a setting; undefined when it is not set. */
  ip(key: string): string | undefined
}

export function buildGossip(read: GossipReader, bindAddr: string, dev: boolean): GossipConfig {
  const pool = (name: 'lan' | 'wan', base: MemberlistConfig): PoolConfig => ({
    bindAddr: read.ip(`serf_${name}`) ?? bindAddr,
    memberlist: tuned(read, `gossip_${name}`, dev ? { ...base, ...DEV } : base),
    join: joins(read, name === 'lan' ? '' : '_wan'),
    reconnectTimeoutMs:
      read.duration(name === 'lan' ? 'reconnect_timeout' : 'reconnect_timeout_wan') / NANOS_PER_MS ||
      SERF.reconnectTimeoutMs,
    allowedCidrs: readCidrs(`serf_${name}_allowed_cidrs`, read),
  })
  return {
    lan: pool('lan', LAN),
    wan: pool('wan', WAN),
    key: readKey(read.text('encrypt') ?? ''),
    verifyIncoming: read.flag('encrypt_verify_incoming') ?? true,
    verifyOutgoing: read.flag('encrypt_verify_outgoing') ?? true,
    keyringFile: !(read.flag('disable_keyring_file') ?? dev),
    coordinates: !(read.flag('disable_coordinates') ?? false),
    rejoinAfterLeave: read.flag('rejoin_after_leave') ?? false,
  }
}

function joins(read: GossipReader, suffix: '' | '_wan'): JoinConfig {
  return {
    atStart: read.list(`start_join${suffix}`),
    retry: read.list(`retry_join${suffix}`),
    retryIntervalMs: read.duration(`retry_interval${suffix}`) / NANOS_PER_MS,
    attemptsMax: read.whole(`retry_max${suffix}`),
  }
}

function tuned(read: GossipReader, key: string, base: MemberlistConfig): MemberlistConfig {
  const ms = (name: string, value: number) => read.duration(`${key}.${name}`) / NANOS_PER_MS || value
  const whole = (name: string, value: number) => read.whole(`${key}.${name}`) || value
  return {
    ...base,
    gossipNodes: whole('gossip_nodes', base.gossipNodes),
    suspicionMult: whole('suspicion_mult', base.suspicionMult),
    retransmitMult: whole('retransmit_mult', base.retransmitMult),
    gossipIntervalMs: ms('gossip_interval', base.gossipIntervalMs),
    probeIntervalMs: ms('probe_interval', base.probeIntervalMs),
    probeTimeoutMs: ms('probe_timeout', base.probeTimeoutMs),
  }
}

function readKey(text: string): Uint8Array | undefined {
  if (text === '') return undefined
  const key = new Uint8Array(Buffer.from(text, 'base64'))
  if (!isKeySize(key.length)) throw new ConfigError('encrypt has invalid key: key size must be 16, 24 or 32 bytes')
  return key
}

/** @throws ConfigError that names those that are none */
/** @throws ConfigError */
function readCidrs(key: string, read: Pick<GossipReader, 'list'>): string[] {
  const cidrs = read.list(key).map((text) => text.trim())
  const wrong = cidrs.filter((text) => !isCidr(text))
  if (wrong.length > 0) {
    const lines = wrong.map((text) => `\t* invalid cidr: ${text}`).join('\n')
    throw new ConfigError(`${key}: ${wrong.length} error${wrong.length === 1 ? '' : 's'} occurred:\n${lines}\n\n`)
  }
  return cidrs
}

export function isCidr(text: string): boolean {
  const [address = '', bits = '', ...more] = text.split('/')
  const family = isIP(address)
  return family !== 0 && more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128)
}
