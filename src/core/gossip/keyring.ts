/**
 * The gossip keys of one pool: the first seals, any of them opens. Installing, using and removing keys follow Serf's
 * rules and say what is wrong in its words. Saving them is the driver's affair. Source: protocol/memberlist.md section 5.
 */
import { sameBytes } from './nodes.ts'

export class GossipKeyring {
  readonly #keys: Uint8Array[]

  constructor(keys: readonly Uint8Array[]) {
    this.#keys = [...keys]
  }

  get keys(): readonly Uint8Array[] {
    return this.#keys
  }

  /** @returns what is wrong, or "" */
  install(key: Uint8Array): string {
    if (![16, 24, 32].includes(key.length)) return 'key size must be 16, 24 or 32 bytes'
    if (this.#place(key) === -1) this.#keys.push(key)
    return ''
  }

  use(key: Uint8Array): string {
    const place = this.#place(key)
    if (place === -1) return 'Requested key is not in the keyring'
    this.#keys.unshift(...this.#keys.splice(place, 1))
    return ''
  }

  remove(key: Uint8Array): string {
    const place = this.#place(key)
    if (place === 0) return 'Removing the primary key is not allowed'
    if (place > 0) this.#keys.splice(place, 1)
    return ''
  }

  #place(key: Uint8Array): number {
    return this.#keys.findIndex((known) => sameBytes(known, key))
  }
}

export function base64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}
