/**
 * The doors of an agent: where it answers HTTP and DNS, on every client address. What is answered there is in serve/; to
 * whom it is put, a server or a client agent, the doors cannot tell.
 */
import { joinHostPort } from '../base/host-port.ts'
import { messageOf } from '../base/message-of.ts'
import { makeServiceTtls, type Zone } from '../core/dns/zone.ts'
import type { Address, Host, Listener } from '../host/host.ts'
import type { Backend } from '../serve/backend.ts'
import { type DnsOptions, makeDns } from '../serve/dns.ts'
import { bodyBytesMax, makeHttpHandler } from '../serve/http/index.ts'
import { bound } from './bound.ts'
import { withinCidrs } from './cidrs.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { makeRecursors } from './recursors.ts'
import type { OnReload } from './reload.ts'

type Dns = ReturnType<typeof makeDns>
/** What closes what was opened, to be run from the last to the first. */
export type Closers = (() => Promise<void>)[]

export async function openHttp(
  config: RuntimeConfig,
  host: Host,
  backend: Backend,
  closers: Closers,
  onReload: OnReload,
): Promise<Listener[]> {
  if (config.ports.http < 0) return []
  const options = {
    kvMaxValueSize: config.kvMaxValueSize,
    txnMaxReqLen: config.txnMaxReqLen,
    responseHeaders: config.httpResponseHeaders,
    enableScriptChecks: config.enableScriptChecks,
    prometheus: config.telemetry.prometheusRetention > 0,
    blockEndpoints: config.http.blockEndpoints,
    ...(config.http.allowWriteFrom.length === 0 ? {} : { mayWrite: withinCidrs(config.http.allowWriteFrom) }),
    printableOnly: config.http.printableOnly,
    translateWanAddrs: config.translateWanAddrs,
    useCache: config.http.useCache,
    discoveryMaxStale: config.http.discoveryMaxStale,
    coordinates: config.gossip.coordinates,
    enableDebug: config.http.debug,
  }
  const handle = makeHttpHandler(backend, options)
  const limits = { connsPerClientMax: config.httpMaxConnsPerClient, socket: config.http.socket }
  onReload((fresh) => {
    limits.connsPerClientMax = fresh.httpMaxConnsPerClient
  })
  const doors: Listener[] = []
  for (const address of config.addresses.http) {
    const isSocket = address.startsWith('unix://')
    const network = isSocket ? 'unix' : 'tcp'
    const at = { host: address, port: isSocket ? 0 : config.ports.http }
    const door = await bound(network, at, host.http(at, bodyBytesMax(options), handle, limits))
    const { host: named, port } = door.address
    const shown = { address: isSocket ? named.slice('unix://'.length) : joinHostPort(named, port), network }
    closers.push(() => {
      host.log.info('Stopping server', { protocol: 'HTTP', ...shown })
      return door.close()
    })
    doors.push(door)
    host.log.info('Started HTTP server', shown)
  }
  return doors
}

export async function openDns(
  config: RuntimeConfig,
  host: Host,
  backend: Backend,
  closers: Closers,
  onReload: OnReload,
): Promise<Listener[]> {
  if (config.ports.dns < 0) return []
  const recursors = makeRecursors(host)
  await recursors.take(config.dns.recursors, config.dns.recursorTimeout)
  const options: DnsOptions = { ...dnsOptionsOf(config), forward: recursors.forward }
  onReload(async (fresh) => {
    Object.assign(options, dnsOptionsOf({ ...fresh, datacenter: config.datacenter }))
    await recursors.take(fresh.dns.recursors, fresh.dns.recursorTimeout).catch((error: unknown) => {
      host.log.error('the recursors stay as they were', { error: messageOf(error) })
    })
  })
  const dns = makeDns(backend, options)
  const doors: Listener[] = []
  for (const address of config.addresses.dns) {
    const { udp, tcp } = await openBoth(host, { host: address, port: config.ports.dns }, dns)
    const shown = joinHostPort(udp.address.host, udp.address.port)
    const opened = (network: 'udp' | 'tcp', door: Listener) => {
      closers.push(() => {
        host.log.info('Stopping server', { protocol: 'DNS', address: shown, network })
        return door.close()
      })
      host.log.info('Started DNS server', { address: shown, network })
    }
    opened('udp', udp)
    opened('tcp', tcp)
    doors.push(udp)
  }
  return doors
}

/** A port that is free for UDP may be taken for TCP: any free one is then looked for again, so many times at most. */
const FREE_PORT_TRIES = 20

/** DNS is answered on one port number over both. */
async function openBoth(host: Host, at: Address, dns: Dns): Promise<{ udp: Listener; tcp: Listener }> {
  for (let tries = 1; ; tries++) {
    const opening = host.udp(at, (bytes, from, port) => {
      const answer = dns.udp(bytes, from.host)
      if (answer instanceof Promise) answer.then((late) => late && port.send(late, from))
      else if (answer !== undefined) port.send(answer, from)
    })
    const udp = await bound('udp', at, opening)
    try {
      const messages = host.messages(udp.address, (message, from) => dns.tcp(message, from.host))
      return { udp, tcp: await bound('tcp', udp.address, messages) }
    } catch (error) {
      await udp.close()
      if (at.port !== 0 || tries === FREE_PORT_TRIES) throw error
    }
  }
}

function dnsOptionsOf(config: RuntimeConfig): Pick<DnsOptions, 'zone' | 'cache'> {
  const { useCache, cacheMaxAge } = config.dns
  return { zone: zoneOf(config), cache: useCache ? { MaxAge: cacheMaxAge } : undefined }
}

function zoneOf({ dns, datacenter, translateWanAddrs, nodeName }: RuntimeConfig): Zone {
  const { soa } = dns
  return {
    domain: dns.domain,
    altDomain: dns.altDomain,
    datacenter,
    nodeName,
    token: '',
    nodeTtlSeconds: dns.nodeTtlSeconds,
    serviceTtls: makeServiceTtls(dns.serviceTtlSeconds),
    onlyPassing: dns.onlyPassing,
    aRecordLimit: dns.aRecordLimit,
    udpAnswerLimit: dns.udpAnswerLimit,
    enableTruncate: dns.enableTruncate,
    compress: !dns.disableCompression,
    nodeMetaTxt: dns.nodeMetaTxt,
    translateWanAddrs,
    soa: { refresh: soa.refresh, retry: soa.retry, expire: soa.expire, minimum: soa.minttl },
    hasRecursors: dns.recursors.length > 0,
    allowStale: dns.allowStale,
    maxStaleMs: dns.maxStale,
  }
}
