/**
 * IP addresses as text and as bits, as Go's package net reads and prints them: the catalog holds addresses as text, and
 * whether a text is an address decides between an A record and a CNAME. Pure arithmetic, no names are looked up.
 */

/** @returns the address as an unsigned 32-bit number, or -1. Leading zeros are allowed, as in Go before 1.17. */
export function parseIpv4(text: string): number {
  if (text.length < 7) return -1
  let address = 0
  let part = 0
  let digits = 0
  let parts = 0
  for (let i = 0; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x2e
    if (code >= 0x30 && code <= 0x39) {
      part = part * 10 + code - 0x30
      digits += 1
      if (part > 255) return -1
    } else if (code === 0x2e && digits > 0 && parts < 4) {
      address = address * 256 + part
      part = 0
      digits = 0
      parts += 1
    } else return -1
  }
  return parts === 4 ? address : -1
}

const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/

/** @returns 16 bytes, or undefined. No zones ("%eth0"). */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (!text.includes(':')) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = groupsOf(halves[0]!)
  const tail = halves.length === 2 ? groupsOf(halves[1]!) : []
  if (head === undefined || tail === undefined) return undefined
  // Only the last piece may be dotted.
  if (halves.length === 2 && halves[0]!.includes('.')) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const bytes = new Uint8Array(16)
  head.forEach((group, i) => {
    bytes[2 * i] = group >>> 8
    bytes[2 * i + 1] = group
  })
  tail.forEach((group, i) => {
    const at = 2 * (8 - tail.length + i)
    bytes[at] = group >>> 8
    bytes[at + 1] = group
  })
  return bytes
}

function groupsOf(text: string): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const pieces = text.split(':')
  for (let i = 0; i < pieces.length; i++) {
    const piece = pieces[i]!
    if (HEX_GROUP.test(piece)) groups.push(Number.parseInt(piece, 16))
    else {
      const v4 = i === pieces.length - 1 ? parseIpv4(piece) : -1
      if (v4 === -1) return undefined
      groups.push(v4 >>> 16, v4 & 0xffff)
    }
  }
  return groups
}

/** @returns the IPv4 address within an IPv4-mapped one (::ffff:a.b.c.d), or -1 */
export function mappedIpv4(bytes: Uint8Array): number {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return -1
  if (bytes[10] !== 0xff || bytes[11] !== 0xff) return -1
  return ((bytes[12]! << 24) | (bytes[13]! << 16) | (bytes[14]! << 8) | bytes[15]!) >>> 0
}

/** An address of either family; IPv4-mapped addresses count as IPv4. undefined for any other text. */
export function parseIp(text: string): number | Uint8Array | undefined {
  const v4 = parseIpv4(text)
  if (v4 !== -1) return v4
  const v6 = parseIpv6(text)
  if (v6 === undefined) return undefined
  const mapped = mappedIpv4(v6)
  return mapped === -1 ? v6 : mapped
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`
}

/** The canonical text (RFC 5952): lower case, the longest run of two or more zero groups as "::". */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
  let [start, length] = [-1, 1]
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end += 1
    if (end - i > length) [start, length] = [i, end - i]
    if (end > i) i = end
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  return start === -1 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

export function formatIp(address: number | Uint8Array): string {
  return typeof address === 'number' ? formatIpv4(address) : formatIpv6(address)
}

/** Hexadecimal digits of the address: 8 or 32. */
export function hexOfIp(address: number | Uint8Array): string {
  if (typeof address === 'number') return address.toString(16).padStart(8, '0')
  let hex = ''
  for (const byte of address) hex += byte.toString(16).padStart(2, '0')
  return hex
}

/** @returns an address from 8 or 32 hexadecimal digits, else undefined */
export function ipFromHex(hex: string): number | Uint8Array | undefined {
  if (!/^[0-9a-f]*$/.test(hex)) return undefined
  if (hex.length === 8) return Number.parseInt(hex, 16)
  if (hex.length !== 32) return undefined
  return Uint8Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

export function sameIp(a: number | Uint8Array, b: number | Uint8Array): boolean {
  if (typeof a === 'number' || typeof b === 'number') return a === b
  return a.every((byte, i) => byte === b[i])
}
