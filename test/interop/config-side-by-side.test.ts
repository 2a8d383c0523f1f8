/**
 * `consul validate`, the real command and ours, over the same directories of configuration. Both must exit alike and
 * print the same: ours runs in this process, so that a hundred of them take seconds.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { commands } from '../../src/cli/validate.ts'
import { realConsul, runCommand } from '../support/process.ts'
import { CONFIG_CASES, type ConfigCase } from './config-cases.ts'
import { generateCases } from './config-generated.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

/** Another seed makes others. */
const GENERATED = 100
const SEED = Number(process.env.SEED ?? 1)
const TIMEOUT_MS = 60_000
const AT_ONCE = 2

interface Outcome {
  code: number
  out: string
  err: string
}

suite('configuration side by side', { skip }, () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'proconsul-config-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  test(`${CONFIG_CASES.length} directories`, () => compare(CONFIG_CASES))
  test(`${GENERATED} directories made by chance`, () => compare(generateCases(GENERATED, SEED)))

  async function compare(cases: readonly ConfigCase[]): Promise<void> {
    const different: string[] = []
    const left = [...cases.entries()]
    const work = async () => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [i, one] = next
        const args = writeCase(mkdtempSync(join(folder, `${i}-`)), one)
        const [ours, theirs] = await Promise.all([runOurs(args), runTheirs(args)])
        const [mine, its] = [JSON.stringify(ours), JSON.stringify(theirs)]
        if ((mine === its) === (one.explained === undefined)) continue
        const what = one.explained === undefined ? '' : `\n  explained, and the same: ${one.explained}`
        different.push(`${JSON.stringify(one.files)}${what}\n  ours:   ${mine}\n  theirs: ${its}`)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    assert.equal(different.length, 0, `${different.length} differ:\n${different.join('\n')}`)
  }
})

function writeCase(folder: string, { files, flags = [] }: ConfigCase): string[] {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return [...flags, folder]
}

async function runOurs(args: string[]): Promise<Outcome> {
  const out: string[] = []
  const err: string[] = []
  const io = {
    out: (line: string) => out.push(line),
    outBytes: () => {},
    err: (line: string) => err.push(line),
    stdin: () => new Uint8Array(),
    env: {},
  }
  const code = await commands.validate.run(io as never, args, async () => 1)
  return outcome(code, out.join('\n'), err.join('\n'))
}

async function runTheirs(args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await runCommand(['validate', ...args], { command: real, timeoutMs: TIMEOUT_MS })
  return outcome(code, stdout, stderr)
}

/** Lines in any order: the real one's come from maps. What ours does not do yet, it says by itself. */
function outcome(code: number, out: string, err: string): Outcome {
  const lines = err.split('\n').filter((line) => line.trim() !== '' && !line.includes('is not supported yet'))
  return { code, out: out.trim(), err: lines.sort().join('\n') }
}
