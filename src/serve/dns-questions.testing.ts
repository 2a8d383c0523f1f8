/**
 * The table of DNS questions that our answers and the real Consul's are compared by, and how two answers are compared.
 * Used by the golden test beside this file, and by the side-by-side run (test/interop/dns.ts). Not part of the agent.
 *
 * A question is a line: `name TYPE`, then any of `tcp`, `edns=SIZE`, `ecs=ADDRESS/BITS`, `class=N`, and `random` where
 * chance decides which records are told; or `raw` and the packet's bytes in hexadecimal.
 */
import { readFileSync } from 'node:fs'
import { formatIp, parseIp } from '../core/dns/ip.ts'
import { type Edns, FLAG, type Message, opcodeOf, type Resource, rcodeOf, TYPE } from '../core/dns/message.ts'
import { DnsError, decodeMessage, encodeMessage } from '../wire/dns.ts'

export const DNS_TESTDATA = new URL('./testdata/dns/', import.meta.url)

export interface TableQuestion {
  line: string
  bytes: Uint8Array
  network: 'udp' | 'tcp'
  random: boolean
}

/** `PUT /v1/catalog/register` bodies that make the catalog which the questions are about. */
export function readCatalog(): Record<string, unknown>[] {
  return JSON.parse(readFileSync(new URL('catalog.json', DNS_TESTDATA), 'utf8'))
}

export function readQuestions(): TableQuestion[] {
  const lines = readFileSync(new URL('questions.txt', DNS_TESTDATA), 'utf8').split('\n')
  return lines.filter((line) => line !== '').map(parseQuestion)
}

const TYPE_NUMBERS: Record<string, number> = { ...TYPE, MX: 15 }

export function parseQuestion(line: string): TableQuestion {
  if (line.startsWith('raw ')) {
    return { line, bytes: Buffer.from(line.slice(4), 'hex'), network: 'udp', random: false }
  }
  // A name may hold an escaped space.
  const words = line.match(/(?:\\.|[^ \\])+/g) ?? []
  const [name, type, ...rest] = words
  const option = (key: string) => rest.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1)
  const question = { name: name!, type: TYPE_NUMBERS[type!]!, class: Number(option('class') ?? 1) }
  const message: Message = {
    id: 0x1234,
    flags: FLAG.recursionDesired,
    questions: [question],
    answers: [],
    authority: [],
    additional: [],
  }
  const size = option('edns')
  if (size !== undefined) message.edns = ednsOf(Number(size), option('ecs'))
  return {
    line,
    bytes: encodeMessage(message),
    network: rest.includes('tcp') ? 'tcp' : 'udp',
    random: rest.includes('random'),
  }
}

function ednsOf(udpSize: number, subnet: string | undefined): Edns {
  if (subnet === undefined) return { udpSize }
  const [text, bits] = subnet.split('/')
  const ip = parseIp(text!)!
  const isV4 = typeof ip === 'number'
  const address = isV4 ? Uint8Array.of(ip >>> 24, ip >>> 16, ip >>> 8, ip) : ip
  return { udpSize, subnet: { family: isV4 ? 1 : 2, sourceNetmask: Number(bits), scopeNetmask: 0, address } }
}

/**
 * An answer as text that is equal for equal answers: order within a section and the serial number count for nothing,
 * and of random answers only how many records there are of which sort.
 */
export function describeAnswer(bytes: Uint8Array | undefined, random: boolean): string[] {
  if (bytes === undefined) return ['no answer']
  let message: Message
  try {
    message = decodeMessage(bytes)
  } catch (error) {
    if (error instanceof DnsError) return [`unreadable: ${error.message}`]
    throw error
  }
  const { flags, edns } = message
  const set = (Object.keys(FLAG) as (keyof typeof FLAG)[]).filter((flag) => (flags & FLAG[flag]) !== 0)
  const lines = [`id ${message.id} opcode ${opcodeOf(flags)} rcode ${rcodeOf(flags)} ${set.join(' ')}`]
  for (const { name, type, class: qclass } of message.questions) lines.push(`question ${name} ${type} ${qclass}`)
  for (const section of ['answers', 'authority', 'additional'] as const) {
    const records = message[section].map(describeRecord).sort()
    if (random) lines.push(...countSorts(section, message[section]))
    else lines.push(...records.map((record) => `${section} ${record}`))
  }
  if (edns !== undefined) {
    const { subnet } = edns
    const said = subnet === undefined ? '' : ` subnet ${Object.values({ ...subnet, address: [...subnet.address] })}`
    lines.push(`edns ${edns.udpSize}${said}`)
  }
  return lines
}

function countSorts(section: string, records: Resource[]): string[] {
  const counts = new Map<string, number>()
  for (const { type, ttl } of records) counts.set(`${type} ${ttl}`, (counts.get(`${type} ${ttl}`) ?? 0) + 1)
  return [...counts].map(([sort, count]) => `${section} ${count} of ${sort}`).sort()
}

function describeRecord(record: Resource): string {
  const head = `${record.name} ${record.ttl} ${record.type}`
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return `${head} ${formatIp(record.address)}`
    case 'SRV':
      return `${head} ${record.priority} ${record.weight} ${record.port} ${record.target}`
    case 'TXT':
      return `${head} ${JSON.stringify(record.texts)}`
    case 'SOA': {
      const { nameserver, mailbox, refresh, retry, expire, minimum } = record
      return `${head} ${nameserver} ${mailbox} ${refresh} ${retry} ${expire} ${minimum}`
    }
    case 'other':
      return `${head} ${record.typeNumber} ${record.class} ${Buffer.from(record.data).toString('hex')}`
    default:
      return `${head} ${record.target}`
  }
}
