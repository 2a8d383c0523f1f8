/**
 * From a question to its answer, as Consul gives it: the names of its domain, reverse names, and the domain's own
 * records. A generator: it yields what it must know (method calls, or a name to be looked up outside), is sent the
 * replies, and returns the answer. It encodes nothing and waits for nothing. Source: agent/dns.go of Consul 1.8.7.
 */
import { assert } from '../../base/assert.ts'
import { parseGoDuration } from '../../base/go-duration.ts'
import { type Random, shuffle } from '../../base/random.ts'
import { NANOS_PER_MS, NANOS_PER_SECOND } from '../../base/units.ts'
import type { Node } from '../../model/catalog.ts'
import { ConsulError } from '../../model/errors.ts'
import type { CheckServiceNode } from '../../model/health.ts'
import type { Args, Methods, Reply } from '../../model/rpc.ts'
import {
  addressRecord,
  endpointOf,
  fullName,
  healthy,
  metaRecords,
  nodeAddress,
  nodeName,
  serviceAddress,
  servicePort,
  srvRecord,
} from './answer.ts'
import { formatIp, formatIpv4, parseIp, sameIp } from './ip.ts'
import { CLASS_IN, FLAG, type Message, type Question, RCODE, type Resource, type SOARecord, TYPE } from './message.ts'
import { addressOfReverse, parseForm, placeOf } from './name.ts'
import { type Measure, trimTcp, trimUdp } from './trim.ts'
import { serviceTtl, type Zone } from './zone.ts'

export type { Measure } from './trim.ts'
export { DEFAULT_ZONE, makeServiceTtls, type Zone } from './zone.ts'

/** How deep names that stand for names are followed. */
const ALIAS_DEPTH_MAX = 3
/** How many records an alias may bring, for askers without EDNS. */
const ALIAS_RECORDS_MAX = 5
/** Name servers told of. */
const NAME_SERVERS_MAX = 3
const SERVERS_SERVICE = 'consul'
const NOT_A_HOST_NAME = /[^A-Za-z0-9\\-]/

type DnsMethod =
  | 'Health.ServiceNodes'
  | 'Catalog.NodeServices'
  | 'Catalog.ListNodes'
  | 'Catalog.ServiceNodes'
  | 'PreparedQuery.Execute'
type MethodAsk = { [M in DnsMethod]: { method: M; args: Args<M> } }[DnsMethod]

/** `Recurse` asks the recursors for the addresses of a name outside; its reply is the records they know, or none. */
export type Ask = MethodAsk | { method: 'Recurse'; question: Question }
/** The reply to the `Ask` that was yielded. A failed call is thrown into the generator as `ConsulError`. */
export type Answered = Methods[DnsMethod]['reply'] | Resource[]

export interface Query {
  question: Question
  network: 'udp' | 'tcp'
  /** What the asker can take; 512 without EDNS. */
  udpSize: number
  edns: boolean
  /** IP address of whoever asks, as text. */
  asker?: string
  /** The address that a resolver asks on behalf of, 4 or 16 bytes (RFC 7871). */
  subnet?: Uint8Array
}

export interface Surroundings {
  random: Random
  measure: Measure
  /** Seconds since 1970: the zone's serial number. */
  unixTime: number
}

/** What to reply. `forward` means: ask the recursors, and if none answers, reply this. */
export interface Answer {
  /** Flags and response code of the header (not the response bit, not what is copied from the question). */
  flags: number
  answers: Resource[]
  authority: Resource[]
  additional: Resource[]
  /** False where even EDNS is not spoken: a name that is none of ours. */
  edns: boolean
  forward: boolean
}

type Asking<T> = Generator<Ask, T, Answered>

/** One question on its way: what was asked, and the answer so far. */
interface Task {
  zone: Zone
  around: Surroundings
  query: Query
  answer: Answer
  aliasDepth: number
}

export function* resolve(query: Query, zone: Zone, around: Surroundings): Asking<Answer> {
  const { question } = query
  const answer: Answer = { flags: 0, answers: [], authority: [], additional: [], edns: true, forward: false }
  const task: Task = { zone, around, query, answer, aliasDepth: ALIAS_DEPTH_MAX }
  const name = question.name.toLowerCase()
  const place = placeOf(name, zone.domain, zone.altDomain)
  // DS records belong to the zone above (RFC 4035 section 3.1.4.1).
  if (place.kind === 'elsewhere' || (question.type === TYPE.DS && zone.hasRecursors)) {
    answer.forward = zone.hasRecursors
    answer.edns = zone.hasRecursors
    answer.flags = zone.hasRecursors ? FLAG.recursionAvailable | RCODE.serverFailure : RCODE.refused
    return answer
  }
  answer.flags = FLAG.authoritative | (zone.hasRecursors ? FLAG.recursionAvailable : 0)
  if (place.kind === 'reverse') yield* reverse(task, name)
  else if (question.type === TYPE.SOA || question.type === TYPE.NS) yield* apex(task)
  else if (question.type === TYPE.AXFR) answer.flags |= RCODE.notImplemented
  else yield* named(task, place.below)
  return answer
}

/** The one place where a reply gets the type of its method. */
function* ask<M extends DnsMethod>(method: M, args: Args<M>): Asking<Reply<M>> {
  return (yield { method, args } as MethodAsk) as Reply<M>
}

const tooStale = (zone: Zone, reply: { LastContact: number }): boolean =>
  zone.allowStale && reply.LastContact > zone.maxStaleMs * NANOS_PER_MS

function* named(task: Task, below: string): Asking<void> {
  const { zone, answer, query } = task
  const form = parseForm(below, query.question.type)
  switch (form.kind) {
    case 'service':
      yield* serviceLookup(task, form.service, { tag: form.tag }, form.datacenter || zone.datacenter)
      break
    case 'node':
      yield* nodeLookup(task, form.node, form.datacenter || zone.datacenter)
      break
    case 'address':
      if (form.address === undefined) break
      answer.answers.push(addressRecord(TYPE.ANY, below + zone.domain, form.address, zone.nodeTtlSeconds) as Resource)
      break
    case 'query':
      yield* queryLookup(task, form.target, form.datacenter || zone.datacenter)
      break
    case 'connect':
      yield* serviceLookup(task, form.target, { connect: true }, form.datacenter || zone.datacenter)
      break
    case 'ingress':
      yield* serviceLookup(task, form.target, { ingress: true }, form.datacenter || zone.datacenter)
      break
    case 'invalid':
      nameError(task)
      break
  }
}

/** Which instances are meant: those with a tag, those that stand for the service in the mesh, or its ingress gateways. */
interface Way {
  tag?: string
  connect?: boolean
  ingress?: boolean
}

function* serviceLookup(task: Task, service: string, way: Way, datacenter: string): Asking<void> {
  const { zone } = task
  let instances: CheckServiceNode[]
  try {
    instances = yield* healthyInstances(task, service, way, datacenter)
  } catch (error) {
    failed(task, error)
    return
  }
  yield* answerInstances(task, instances, serviceTtl(zone, service), datacenter)
}

function* answerInstances(task: Task, instances: CheckServiceNode[], ttl: number, datacenter: string): Asking<void> {
  const { answer, query } = task
  if (instances.length === 0) {
    nameError(task)
    return
  }
  if (query.question.type === TYPE.SRV) yield* srvRecords(task, instances, ttl, datacenter)
  else yield* serviceRecords(task, instances, ttl, datacenter)
  trim(task)
  if (answer.answers.length === 0 && (answer.flags & FLAG.truncated) === 0) addSoa(task)
}

/** A prepared query: what is healthy, in which order and from which datacenter is the servers' to say. */
function* queryLookup(task: Task, name: string, datacenter: string): Asking<void> {
  const { zone } = task
  const args: Args<'PreparedQuery.Execute'> = {
    Datacenter: datacenter,
    QueryIDOrName: name,
    Token: zone.token,
    AllowStale: zone.allowStale,
    Source: { Ip: askerOf(task.query) },
    Agent: { Datacenter: zone.datacenter, Node: zone.nodeName, Segment: '' },
  }
  let reply: Reply<'PreparedQuery.Execute'>
  try {
    reply = yield* ask('PreparedQuery.Execute', args)
    if (tooStale(zone, reply)) reply = yield* ask('PreparedQuery.Execute', { ...args, AllowStale: false })
  } catch (error) {
    failed(task, error)
    return
  }
  const own = reply.DNS.TTL
  const ttl =
    own === ''
      ? serviceTtl(zone, reply.Service)
      : Math.max(0, Math.floor((parseGoDuration(own) ?? 0) / NANOS_PER_SECOND))
  yield* answerInstances(task, reply.Nodes ?? [], ttl, reply.Datacenter)
}

function askerOf({ asker, subnet }: Query): string {
  if (subnet === undefined || subnet.length === 0) return asker ?? ''
  if (subnet.length !== 4) return formatIp(subnet)
  return formatIpv4(subnet.reduce((address, byte) => address * 256 + byte, 0))
}

/** Shuffled. */
function* healthyInstances(
  task: Task,
  service: string,
  { tag = '', connect = false, ingress = false }: Way,
  datacenter: string,
): Asking<CheckServiceNode[]> {
  const { zone, around } = task
  const args: Args<'Health.ServiceNodes'> = {
    Datacenter: datacenter,
    ServiceName: service,
    ServiceTags: [tag],
    TagFilter: tag !== '',
    Token: zone.token,
    AllowStale: zone.allowStale,
  }
  if (connect) args.Connect = true
  if (ingress) args.Ingress = true
  let reply = yield* ask('Health.ServiceNodes', args)
  if (tooStale(zone, reply)) reply = yield* ask('Health.ServiceNodes', { ...args, AllowStale: false })
  return shuffle(healthy(reply.Nodes ?? [], zone.onlyPassing), around.random)
}

/** For all types but SRV: one address for each instance; an alias only when there are no addresses. */
function* serviceRecords(task: Task, instances: CheckServiceNode[], ttl: number, datacenter: string): Asking<void> {
  const { zone, query, answer } = task
  const { name, type } = query.question
  const seen = new Set<string | number>()
  let aliased: Resource[] | undefined
  for (const instance of instances) {
    const endpoint = endpointOf(zone, query.question, instance, datacenter)
    if (endpoint === undefined) continue
    if (endpoint.kind === 'name') {
      if (aliased !== undefined) continue
      const records = yield* aliasRecords(task, endpoint.target, ttl)
      aliased = [{ type: 'CNAME', name, ttl, target: endpoint.target }, ...records]
      continue
    }
    const { address } = endpoint
    const key = typeof address === 'number' ? address : formatIp(address)
    if (seen.has(key)) continue
    const record = addressRecord(type, name, address, ttl)
    if (record === undefined) continue
    if (instances.length > 1) seen.add(key)
    answer.answers.push(record)
    if (answer.answers.length === zone.aRecordLimit) return
  }
  if (answer.answers.length === 0 && aliased !== undefined) answer.answers = aliased
}

function* srvRecords(task: Task, instances: CheckServiceNode[], ttl: number, datacenter: string): Asking<void> {
  const { zone, query, answer } = task
  const { name } = query.question
  const seen = new Set<string>()
  for (const instance of instances) {
    const { Node: node, Service: service } = instance
    if (instances.length > 1) {
      const address = serviceAddress(zone, TYPE.ANY, service.Address, service.TaggedAddresses, datacenter)
      const port = servicePort(zone, service.Port, service.TaggedAddresses, datacenter)
      const key = `${node.Node}:${address}:${port}`
      if (seen.has(key)) continue
      seen.add(key)
    }
    const endpoint = endpointOf(zone, query.question, instance, datacenter)
    if (endpoint !== undefined) {
      answer.answers.push(srvRecord(zone, name, ttl, instance, datacenter, endpoint.target))
      if (endpoint.kind === 'address') {
        answer.additional.push(addressRecord(TYPE.SRV, endpoint.target, endpoint.address, ttl) as Resource)
      } else for (const record of yield* aliasRecords(task, endpoint.target, ttl)) answer.additional.push(record)
    }
    if (zone.nodeMetaTxt && node.Meta !== null) {
      for (const record of metaRecords(nodeName(zone, node, datacenter), node, ttl)) answer.additional.push(record)
    }
  }
}

function* nodeLookup(task: Task, name: string, datacenter: string): Asking<void> {
  const { zone, answer, query } = task
  const { question } = query
  const { type } = question
  if (type !== TYPE.ANY && type !== TYPE.A && type !== TYPE.AAAA && type !== TYPE.TXT) return
  let node: Node | undefined
  try {
    const args = { Datacenter: datacenter, Node: name, Token: zone.token, AllowStale: zone.allowStale }
    let reply = yield* ask('Catalog.NodeServices', args)
    if (tooStale(zone, reply)) reply = yield* ask('Catalog.NodeServices', { ...args, AllowStale: false })
    node = reply.NodeServices?.Node
  } catch (error) {
    failed(task, error)
    return
  }
  if (node === undefined) {
    nameError(task)
    return
  }
  const ttl = zone.nodeTtlSeconds
  if (type !== TYPE.TXT) answer.answers = yield* nodeRecords(task, node, type, question.name)
  const asked = type === TYPE.TXT || type === TYPE.ANY
  if (!asked && !zone.nodeMetaTxt) return
  const section = asked ? answer.answers : answer.additional
  for (const record of metaRecords(question.name, node, ttl)) section.push(record)
}

/** A node's address under `name`, or the alias that it stands for. */
function* nodeRecords(task: Task, node: Node, type: number, name: string): Asking<Resource[]> {
  const ttl = task.zone.nodeTtlSeconds
  const address = parseIp(nodeAddress(task.zone, type, node))
  if (address === undefined) {
    const target = fullName(node.Address)
    return [{ type: 'CNAME', name, ttl, target }, ...(yield* follow(task, target))]
  }
  const record = addressRecord(type, name, address, ttl)
  return record === undefined ? [] : [record]
}

/** What an external service's name leads to, with the service's lifetime. */
function* aliasRecords(task: Task, target: string, ttl: number): Asking<Resource[]> {
  const records: Resource[] = []
  for (const record of yield* follow(task, target)) {
    if (record.type !== 'CNAME' && record.type !== 'A' && record.type !== 'AAAA') continue
    records.push({ ...record, ttl })
    if (records.length === ALIAS_RECORDS_MAX && !task.query.edns) break
  }
  return records
}

/** The records behind a name: our own for names of the domain, else the recursors' for A. */
function* follow(task: Task, target: string): Asking<Resource[]> {
  const { zone, around } = task
  const lower = target.toLowerCase()
  const place = placeOf(lower, zone.domain, zone.altDomain)
  if (place.kind === 'domain' && place.below !== '') {
    if (task.aliasDepth < 1) return []
    const question = { name: target, type: TYPE.ANY, class: CLASS_IN }
    const answer: Answer = { flags: 0, answers: [], authority: [], additional: [], edns: false, forward: false }
    const { asker = '' } = task.query
    const query: Query = { question, network: 'udp', udpSize: 0, edns: false, asker }
    yield* named({ zone, around, query, answer, aliasDepth: task.aliasDepth - 1 }, place.below)
    return answer.answers
  }
  if (!zone.hasRecursors) return []
  const records = yield { method: 'Recurse', question: { name: target, type: TYPE.A, class: CLASS_IN } }
  assert(Array.isArray(records), 'Recurse is answered by records')
  return records
}

/** SOA and NS, for any name of the domain: the servers of this datacenter are its name servers. */
function* apex(task: Task): Asking<void> {
  const { zone, answer, query } = task
  const wantsSoa = query.question.type === TYPE.SOA
  if (wantsSoa) answer.answers.push(soa(task))
  const servers = wantsSoa ? answer.authority : answer.answers
  let instances: CheckServiceNode[]
  try {
    instances = yield* healthyInstances(task, SERVERS_SERVICE, {}, zone.datacenter)
  } catch (error) {
    rcodeOfError(error)
    return
  }
  for (const { Node: node } of instances) {
    if (NOT_A_HOST_NAME.test(node.Node)) continue
    const target = nodeName(zone, node, node.Datacenter).toLowerCase()
    servers.push({ type: 'NS', name: zone.domain, ttl: zone.nodeTtlSeconds, target })
    for (const record of yield* nodeRecords(task, node, TYPE.ANY, target)) answer.additional.push(record)
    if (servers.length >= NAME_SERVERS_MAX) return
  }
}

/** Whose address it is: a node's, else a service's. An unknown one goes to the recursors. */
function* reverse(task: Task, name: string): Asking<void> {
  const { zone, answer, query } = task
  if (query.question.type === TYPE.SOA) addSoa(task)
  const address = addressOfReverse(name)
  const target = address === undefined ? undefined : yield* ownerOf(task, address)
  if (target !== undefined) {
    answer.answers.push({ type: 'PTR', name: query.question.name, ttl: 0, target })
    return
  }
  answer.forward = zone.hasRecursors
  answer.authority = []
  answer.flags = FLAG.recursionAvailable | RCODE.serverFailure
}

function* ownerOf(task: Task, address: number | Uint8Array): Asking<string | undefined> {
  const { zone } = task
  const options = { Datacenter: zone.datacenter, Token: zone.token, AllowStale: zone.allowStale }
  try {
    const nodes = yield* ask('Catalog.ListNodes', options)
    for (const node of nodes.Nodes ?? []) {
      const own = parseIp(node.Address)
      if (own !== undefined && sameIp(own, address)) return nodeName(zone, node, zone.datacenter)
    }
  } catch (error) {
    rcodeOfError(error)
  }
  const text = formatIp(address)
  try {
    const args = { ...options, ServiceName: '', ServiceAddress: text }
    const services = yield* ask('Catalog.ServiceNodes', args)
    for (const service of services.ServiceNodes ?? []) {
      if (service.ServiceAddress !== text) continue
      return `${service.ServiceName}.service.${service.Datacenter}.${zone.domain}`
    }
  } catch (error) {
    rcodeOfError(error)
  }
  return undefined
}

function trim(task: Task): void {
  const { zone, query, answer, around } = task
  if (answer.answers.length < 2 && zone.udpAnswerLimit > 0) return
  const { answers, additional } = answer
  const message: Message = { id: 0, flags: 0, questions: [query.question], answers, authority: [], additional }
  const trimmed =
    query.network === 'tcp'
      ? trimTcp(message, zone.compress, around.measure)
      : trimUdp(message, query.udpSize, zone.udpAnswerLimit, zone.compress, around.measure)
  if (!trimmed) return
  answer.answers = message.answers
  answer.additional = message.additional
  if (zone.enableTruncate) answer.flags |= FLAG.truncated
}

function soa({ zone, around }: Task): SOARecord {
  const { refresh, retry, expire, minimum } = zone.soa
  return {
    type: 'SOA',
    name: zone.domain,
    // The same as `minimum`, so that a denial is kept no longer in one place than in another.
    ttl: minimum,
    nameserver: `ns.${zone.domain}`,
    mailbox: `hostmaster.${zone.domain}`,
    serial: around.unixTime,
    refresh,
    retry,
    expire,
    minimum,
  }
}

function addSoa(task: Task): void {
  task.answer.authority.push(soa(task))
}

function nameError(task: Task): void {
  addSoa(task)
  task.answer.flags |= RCODE.nameError
}

function failed(task: Task, error: unknown): void {
  if (rcodeOfError(error) === RCODE.nameError) nameError(task)
  else task.answer.flags |= RCODE.serverFailure
}

/** Failures of calls are answers too; whatever else is thrown is a defect, and goes on. */
function rcodeOfError(error: unknown): number {
  if (!(error instanceof ConsulError)) throw error
  const unknown = error.code === 'no-path-to-datacenter' || error.code === 'query-not-found'
  return unknown ? RCODE.nameError : RCODE.serverFailure
}
