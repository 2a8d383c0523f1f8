/**
 * `npm run bench:reload`: an agent with many files of services, ours and the real one in turn, told to read them again:
 * none changed, all changed, half of them gone. The time is that of the answer to `PUT /v1/agent/reload`.
 *
 *   npm run bench:reload -- [--files 1000] [--consul PATH]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { findConsul, stagePackage, startAgent, type Target } from './targets.ts'

const { values } = parseArgs({
  options: { files: { type: 'string', default: '1000' }, consul: { type: 'string' } },
})
const FILES = Number(values.files)

const folder = mkdtempSync(join(tmpdir(), 'proconsul-bench-reload-'))
const rows: Record<string, Record<string, string>> = {}
try {
  for (const [name, command] of [
    ['consul', findConsul(values.consul)],
    ['proconsul', stagePackage()],
  ] as const) {
    write('a')
    const agent = await startAgent(name, command, ['-dev', '-node=bench', `-config-dir=${folder}`])
    try {
      rows[name] = await measure(agent)
    } finally {
      await agent.stop()
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.table(rows)

async function measure(agent: Target): Promise<Record<string, string>> {
  const same = await reload(agent)
  write('b')
  const changed = await reload(agent)
  for (let i = 0; i < FILES / 2; i++) rmSync(join(folder, `${i}.json`))
  const removed = await reload(agent)
  return {
    files: String(FILES),
    'none changed, ms': same.toFixed(0),
    'all changed, ms': changed.toFixed(0),
    'half gone, ms': removed.toFixed(0),
  }
}

async function reload(agent: Target): Promise<number> {
  const start = performance.now()
  const response = await fetch(`${agent.http}/v1/agent/reload`, { method: 'PUT' })
  if (!response.ok) throw new Error(`reload: ${response.status} ${await response.text()}`)
  return performance.now() - start
}

function write(tag: string): void {
  for (let i = 0; i < FILES; i++) {
    const service = { id: `s${i}`, name: `svc-${i % 50}`, port: 1000 + (i % 60_000), tags: [tag], check: { ttl: '1h' } }
    writeFileSync(join(folder, `${i}.json`), JSON.stringify({ service }))
  }
}
