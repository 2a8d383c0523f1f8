/**
 * The gossip keys as files: `serf/local.keyring` and, for a server, `serf/remote.keyring`, each a JSON list of keys in
 * base 64, the primary one first. The key of the configuration only begins a file; from then on the file says what
 * counts, as changes of keys are written into it. Source: Consul's agent/keyring.go.
 */
import { decodeBase64 } from '../base/base64.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Disk } from '../host/host.ts'
import { isKeySize } from '../wire/gossip-crypto.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { PoolName } from './gossip.ts'

const FILES: Record<PoolName, string> = { lan: 'serf/local.keyring', wan: 'serf/remote.keyring' }

export interface PoolKeys {
  /** The primary one first; none for plain gossip. */
  keys: readonly Uint8Array[]
  /** Writes them down, where they are kept in a file. */
  save(keys: readonly Uint8Array[]): Promise<void>
}

const NOT_SAVED = async (): Promise<void> => {}

/** @throws an error that names what is wrong with a file */
export async function loadKeyring(
  pool: PoolName,
  { gossip, dataDir }: Pick<RuntimeConfig, 'gossip' | 'dataDir'>,
  disk: Disk,
  log: Log,
): Promise<PoolKeys> {
  const given = gossip.key
  if (!gossip.keyringFile) return { keys: given === undefined ? [] : [given], save: NOT_SAVED }
  const name = FILES[pool]
  const save = (keys: readonly Uint8Array[]) =>
    disk.writeFile(name, Buffer.from(JSON.stringify(keys.map(text), null, 2)))
  const kept = await disk.readFile(name)
  if (kept === undefined) {
    if (given === undefined) return { keys: [], save: NOT_SAVED }
    await disk.writeFile(name, Buffer.from(JSON.stringify([text(given)])))
    return { keys: [given], save }
  }
  try {
    const keys = parseKeys(kept, `${dataDir}/${name}`)
    if (given !== undefined && !keys.some((key) => Buffer.compare(key, given) === 0)) {
      const keyring = pool.toUpperCase()
      log.warn(" keyring doesn't include key provided with -encrypt, using keyring", { keyring })
    }
    return { keys, save }
  } catch (error) {
    throw new Error(`Failed to configure keyring: ${messageOf(error)}`, { cause: error })
  }
}

function parseKeys(bytes: Uint8Array, path: string): Uint8Array[] {
  const found: unknown = JSON.parse(Buffer.from(bytes).toString())
  if (!Array.isArray(found) || !found.every((key) => typeof key === 'string')) {
    throw new Error(`${path} is not a list of keys`)
  }
  if (found.length === 0) throw new Error(`no keys present in keyring: ${path}`)
  return found.map((key: string) => {
    const decoded = decodeBase64(key)
    if (!decoded.ok) throw new Error(decoded.problem)
    if (!isKeySize(decoded.bytes.length)) throw new Error('key size must be 16, 24 or 32 bytes')
    return decoded.bytes
  })
}

function text(key: Uint8Array): string {
  return Buffer.from(key).toString('base64')
}
