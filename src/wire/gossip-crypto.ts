/**
 * Gossip's encryption: AES-GCM with a ring of keys, the first of which seals and any of which opens; both framing
 * versions (0 pads to 16 bytes, 1 does not). Source: protocol/memberlist.md section 5.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { GossipError } from './gossip-structs.ts'

export const NONCE_BYTES = 12
const TAG_BYTES = 16
const BLOCK_BYTES = 16
/** Version 1, which every agent of Consul 1.8 speaks: version byte, nonce and tag. */
export const SEAL_BYTES = 1 + NONCE_BYTES + TAG_BYTES

const CIPHERS: Record<number, 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm'> = {
  16: 'aes-128-gcm',
  24: 'aes-192-gcm',
  32: 'aes-256-gcm',
}

/** Keys in order; the first is the primary one. */
export interface Keyring {
  readonly keys: readonly Uint8Array[]
}

export function isKeySize(bytes: number): boolean {
  return CIPHERS[bytes] !== undefined
}

const NO_DATA = new Uint8Array(0)

/**
 * @param nonce 12 bytes that are never used twice with a key
 * @param data authenticated, not sent: a stream's header
 * @param version 0 or 1
 */
export function seal(
  key: Uint8Array,
  nonce: Uint8Array,
  plain: Uint8Array,
  data: Uint8Array = NO_DATA,
  version = 1,
): Uint8Array {
  const padding = version === 0 ? BLOCK_BYTES - (plain.length % BLOCK_BYTES) : 0
  const cipher = createCipheriv(cipherOf(key), key, nonce)
  if (data.length > 0) cipher.setAAD(data)
  const out = Buffer.allocUnsafe(SEAL_BYTES + plain.length + padding)
  out[0] = version
  out.set(nonce, 1)
  let at = 1 + NONCE_BYTES
  for (const part of [
    cipher.update(plain),
    cipher.update(new Uint8Array(padding).fill(padding)),
    cipher.final(),
    cipher.getAuthTag(),
  ]) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** How long `seal` makes it. */
export function sealedLength(plainLength: number): number {
  return plainLength + SEAL_BYTES
}

/** @throws GossipError when no key opens it */
export function unseal(ring: Keyring, sealed: Uint8Array, data: Uint8Array = NO_DATA): Uint8Array {
  const version = sealed[0]
  if (version === undefined) throw new GossipError('Cannot decrypt empty payload')
  if (version > 1) throw new GossipError(`Unsupported encryption version ${version}`)
  const least = SEAL_BYTES + (version === 0 ? BLOCK_BYTES : 0)
  if (sealed.length < least) throw new GossipError(`Payload is too small to decrypt: ${sealed.length}`)
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES)
  const body = sealed.subarray(1 + NONCE_BYTES, sealed.length - TAG_BYTES)
  const tag = sealed.subarray(sealed.length - TAG_BYTES)
  for (const key of ring.keys) {
    const plain = openWith(key, nonce, body, tag, data)
    if (plain !== undefined) return version === 0 ? withoutPadding(plain) : plain
  }
  throw new GossipError('No installed keys could decrypt the message')
}

function openWith(
  key: Uint8Array,
  nonce: Uint8Array,
  body: Uint8Array,
  tag: Uint8Array,
  data: Uint8Array,
): Uint8Array | undefined {
  const decipher = createDecipheriv(cipherOf(key), key, nonce, { authTagLength: TAG_BYTES })
  if (data.length > 0) decipher.setAAD(data)
  decipher.setAuthTag(tag)
  const plain = decipher.update(body)
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return plain
}

function withoutPadding(plain: Uint8Array): Uint8Array {
  const padding = plain[plain.length - 1] ?? 0
  if (padding < 1 || padding > BLOCK_BYTES) throw new GossipError('Invalid padding of a decrypted message')
  return plain.subarray(0, plain.length - padding)
}

function cipherOf(key: Uint8Array) {
  const cipher = CIPHERS[key.length]
  if (cipher === undefined) throw new GossipError(`A gossip key of ${key.length} bytes: it must have 16, 24 or 32`)
  return cipher
}
