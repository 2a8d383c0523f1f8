/**
 * Debian's python3-consul, unchanged, as a client of our agent, and of the real one: the package must have been told the
 * same by both. The scenario is python_consul.py; Patroni and others stand on this package.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { debianPackages } from '../../support/debian.ts'
import { type AgentProcess, runCommand } from '../../support/process.ts'
import { assertToldAlike, hider, type Step, startPair } from './pair.ts'

/** With what it stands on, so that nothing of Debian need be installed. */
const PACKAGES = [
  ...['python3-consul', 'python3-requests', 'python3-six', 'python3-urllib3'],
  ...['python3-certifi', 'python3-idna', 'python3-chardet', 'python3-charset-normalizer'],
]
const SCENARIO = join(import.meta.dirname, 'python_consul.py')
const PYTHON = existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3'
const TIMEOUT_MS = 180_000
/** As many as the scenario has, or nearly: an interpreter that ends early has not said all. */
const STEPS_MIN = 100

const roots = debianPackages(PACKAGES)
const skip = roots === undefined && "Debian's python3-consul cannot be had: there is no apt here, or no network"

async function steps(agent: AgentProcess): Promise<Step[]> {
  const path = roots!.map((root) => join(root, 'usr/lib/python3/dist-packages')).join(':')
  const { code, stdout, stderr } = await runCommand(['-W', 'ignore', SCENARIO, String(agent.ports.http)], {
    ...{ command: PYTHON, env: { PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' }, timeoutMs: TIMEOUT_MS },
  })
  assert.equal(code, 0, `${stdout}\n${stderr}`)
  const hide = hider(agent)
  return stdout
    .trim()
    .split('\n')
    .map((line) => hide(JSON.parse(line)) as Step)
}

test("Debian's python3-consul is told the same by ours as by the real one", { skip, timeout: 400_000 }, async () => {
  const pair = await startPair()
  try {
    const [ours, theirs] = await Promise.all(pair.all().map(steps))
    assert.equal(ours!.length > STEPS_MIN, true, `${ours!.length} steps`)
    if (theirs !== undefined) assertToldAlike(ours!, theirs)
  } finally {
    await pair.stop()
  }
})
