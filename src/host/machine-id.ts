/** The identity that the operating system gives this machine: what Consul derives node ids from when it is told to. */
import { readFileSync } from 'node:fs'

/** The board's, the installation's, and at last the boot's, in the order in which gopsutil asks for them. */
const FILES = ['/sys/class/dmi/id/product_uuid', '/etc/machine-id', '/proc/sys/kernel/random/boot_id']
const BARE = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/

/** A UUID in lower case; undefined where the system gives none, or not to us. */
export function machineId(files: readonly string[] = FILES): string | undefined {
  for (const file of files) {
    try {
      const id = readFileSync(file, 'utf8').trim().toLowerCase()
      if (id !== '') return id.replace(BARE, '$1-$2-$3-$4-$5')
    } catch {
      // The next one may be readable.
    }
  }
  return undefined
}
