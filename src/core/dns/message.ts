/**
 * DNS messages as the resolver and the codec share them: questions, records, answers, and the numbers that name them.
 * Types and constants alone. Read RFC 1035 section 4 and RFC 6891 (EDNS).
 *
 * A domain name is a string in presentation form (RFC 1035 section 5.1, RFC 4343): labels, each followed by a dot, the
 * root being "."; a byte that would be misread stands as `\X` or `\DDD`. So every name on the wire has exactly one
 * text, and the text has back exactly those bytes.
 */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  DS: 43,
  OPT: 41,
  AXFR: 252,
  ANY: 255,
} as const

export const CLASS_IN = 1

export const RCODE = {
  success: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const

/** Bits of the header's second word (RFC 1035 section 4.1.1, RFC 2535 section 6.1). */
export const FLAG = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  zero: 0x0040,
  authenticData: 0x0020,
  checkingDisabled: 0x0010,
} as const

/** A UDP answer's limit where the asker names none (RFC 1035 section 4.2.1). */
export const UDP_SIZE_DEFAULT = 512
/** What a 16-bit length can say: TCP's limit, and EDNS's. */
export const MESSAGE_BYTES_MAX = 65535

export interface Question {
  /** As asked: its letter case is kept. */
  name: string
  type: number
  class: number
}

interface RecordHead {
  name: string
  /** Seconds, 32 bits. */
  ttl: number
}

export type ARecord = RecordHead & { type: 'A' /** Unsigned, 32 bits. */; address: number }
export type AAAARecord = RecordHead & { type: 'AAAA' /** 16 bytes. */; address: Uint8Array }
export type TargetRecord = RecordHead & { type: 'CNAME' | 'NS' | 'PTR'; target: string }
export type SRVRecord = RecordHead & { type: 'SRV'; priority: number; weight: number; port: number; target: string }
/** Character strings, one JavaScript character a byte; the codec splits at 255 bytes. */
export type TXTRecord = RecordHead & { type: 'TXT'; texts: string[] }
export type SOARecord = RecordHead & {
  type: 'SOA'
  nameserver: string
  mailbox: string
  serial: number
  refresh: number
  retry: number
  expire: number
  minimum: number
}
/** Of a type or class that we do not look into: its data as it came. */
export type OtherRecord = RecordHead & { type: 'other'; typeNumber: number; class: number; data: Uint8Array }

export type Resource = ARecord | AAAARecord | TargetRecord | SRVRecord | TXTRecord | SOARecord | OtherRecord

/** EDNS client subnet (RFC 7871). */
export interface ClientSubnet {
  /** 1 for IPv4, 2 for IPv6; 0 with a netmask of 0. */
  family: number
  sourceNetmask: number
  scopeNetmask: number
  /** 4 or 16 bytes; empty for family 0. */
  address: Uint8Array
}

/** The OPT pseudo-record, as far as we use it. */
export interface Edns {
  udpSize: number
  subnet?: ClientSubnet
}

/** One whole message. The OPT record is in `edns`, and last among the additional records when it is encoded. */
export interface Message {
  id: number
  /** The header's second word: flags, opcode (bits 11 to 14) and response code (bits 0 to 3). */
  flags: number
  questions: Question[]
  answers: Resource[]
  authority: Resource[]
  additional: Resource[]
  edns?: Edns
}

export const opcodeOf = (flags: number): number => (flags >>> 11) & 0xf
export const rcodeOf = (flags: number): number => flags & 0xf
