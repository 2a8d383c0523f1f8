/** Where the real Consul is, for those who compare with it. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '../..')
const PEER_TOOL = resolve(ROOT, '../shared/tools/consul-peer')
const UNPACKED = join(ROOT, '.cache/peer')
const BINARY = 'consul/usr/bin/consul'

/**
 * Test files run side by side and all ask: each unpacks into a folder of its own, and the first to be done gives it the
 * name that counts. A program cannot be started while it is still being written.
 * @returns the binary's path, or undefined where the reference tools are not beside the checkout
 */
export function realConsul(): string | undefined {
  if (process.env.REAL_CONSUL !== undefined) return process.env.REAL_CONSUL
  const binary = join(UNPACKED, BINARY)
  if (existsSync(binary)) return binary
  if (!existsSync(PEER_TOOL)) return undefined
  const own = `${UNPACKED}-${process.pid}`
  mkdirSync(own, { recursive: true })
  execFileSync(PEER_TOOL, [own], { stdio: ['ignore', 'ignore', 'pipe'] })
  try {
    renameSync(own, UNPACKED)
  } catch (error) {
    if (!existsSync(binary)) throw error
    rmSync(own, { recursive: true, force: true })
  }
  return binary
}
