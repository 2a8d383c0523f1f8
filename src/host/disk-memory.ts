/** The disk of dev mode: it accepts everything and keeps nothing but the small files, for as long as the agent runs. */
import type { Disk } from './host.ts'

export function memoryDisk(): Disk {
  const files = new Map<string, Uint8Array>()
  return {
    readFile: async (name) => files.get(name),
    writeFile: async (name, bytes) => void files.set(name, bytes),
    removeFile: async (name) => void files.delete(name),
    listFiles: async (folder) =>
      [...files.keys()]
        .filter((name) => name.startsWith(`${folder}/`))
        .map((name) => name.slice(folder.length + 1))
        .filter((name) => !name.includes('/'))
        .sort(),
    openLog: async () => ({
      load: () => ({ hardState: { term: 0, votedTerm: 0, votedFor: '' }, entries: [], last: 0 }),
      write: async () => {},
      close: async () => {},
    }),
    openSnapshots: async () => ({
      open: async () => null,
      save: async () => {},
    }),
    close: async () => {},
  }
}
