/** What an acknowledged write is worth: kill -9 at random moments under load, restart, and look for every one. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { seededRandom } from '../src/base/random.ts'
import { type AgentProcess, freePorts, startAgentProcess } from './support/process.ts'

const ROUNDS = 5
const WRITERS = 8

test('kill -9 under load loses no acknowledged write', { timeout: 400_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-crash-'))
  const seed = Date.now() & 0xffff
  const random = seededRandom(seed)
  const ports = await freePorts()
  const args = ['-server', '-bootstrap', '-bind=127.0.0.1', '-node=crash', `-data-dir=${folder}`, '-log-level=err']
  const acknowledged = new Map<string, string>()
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const agent = await startAgentProcess(args, { ports })
      await check(agent, acknowledged, `seed ${seed}, round ${round}`)
      let left = 20 + random.int(1500)
      await writeUntilDead(agent, acknowledged, round, () => {
        if (--left === 0) agent.child.kill('SIGKILL')
      })
      assert.equal(await agent.exited, 'SIGKILL')
    }
    const agent = await startAgentProcess(args, { ports })
    await check(agent, acknowledged, `seed ${seed}, at the end`)
    await agent.kill()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

async function writeUntilDead(
  agent: AgentProcess,
  acknowledged: Map<string, string>,
  round: number,
  acknowledgedOne: () => void,
): Promise<void> {
  const writer = async (id: number) => {
    for (let n = 0; ; n++) {
      const key = `crash/${id}/${n % 50}`
      const value = `${round}:${id}:${n}`
      try {
        const { status, body } = await agent.http('PUT', `/v1/kv/${key}`, value)
        if (status !== 200 || body.trim() !== 'true') return
      } catch {
        return
      }
      acknowledged.set(key, value)
      acknowledgedOne()
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, (_, id) => writer(id)))
}

/** A write cut off by the kill may or may not have happened; it can only be newer than the acknowledged one. */
async function check(agent: AgentProcess, acknowledged: Map<string, string>, where: string): Promise<void> {
  if (acknowledged.size === 0) return
  const { body } = await agent.http('GET', '/v1/kv/crash/?recurse')
  const rows = new Map<string, string>(
    JSON.parse(body).map(({ Key, Value }: { Key: string; Value: string }) => [
      Key,
      Buffer.from(Value, 'base64').toString(),
    ]),
  )
  for (const [key, value] of acknowledged) {
    const found = rows.get(key)
    assert.ok(found !== undefined, `${where}: ${key} is gone, it was ${value}`)
    assert.ok(order(found) >= order(value), `${where}: ${key} is ${found}, older than the acknowledged ${value}`)
  }
}

function order(value: string): number {
  const [round, , n] = value.split(':').map(Number)
  return round! * 1e6 + n!
}
