/** The disk of dev mode: it accepts everything and keeps nothing but the small files, for as long as the agent runs. */
import { NO_HARD_STATE } from '../core/raft/messages.ts'
import type { Disk } from './host.ts'

export function memoryDisk(): Disk {
  const files = new Map<string, Uint8Array>()
  return {
    readFile: async (name) => files.get(name),
    writeFile: async (name, bytes) => void files.set(name, bytes),
    appendFile: async (name, bytes) => {
      const before = files.get(name) ?? new Uint8Array(0)
      const all = new Uint8Array(before.length + bytes.length)
      all.set(before)
      all.set(bytes, before.length)
      files.set(name, all)
    },
    removeFile: async (name) => void files.delete(name),
    listFiles: async (folder) =>
      [...files.keys()]
        .filter((name) => name.startsWith(`${folder}/`))
        .map((name) => name.slice(folder.length + 1))
        .filter((name) => !name.includes('/'))
        .sort(),
    openLog: async () => ({
      load: () => ({ hardState: NO_HARD_STATE, entries: [], last: 0 }),
      write: async () => {},
      close: async () => {},
    }),
    openSnapshots: async () => ({
      open: async () => null,
      save: async () => {},
      async receive(state) {
        for await (const _chunk of state);
        return { keep: async () => {}, discard: async () => {} }
      },
    }),
    close: async () => {},
  }
}
