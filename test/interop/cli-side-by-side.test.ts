/**
 * The real command and ours, run alike: each against its own agent, then crosswise against the other's. All four must
 * print the same on the same streams and exit alike. Agents are in dev mode with the same node name.
 */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { type AgentProcess, CONSUL, realConsul, runCommand, settled, startAgentProcess } from '../support/process.ts'
import { ASKING_COMMANDS, CLI_COMMANDS, type CliCommand } from './cli-commands.ts'

const real = realConsul()
const skip =
  real === undefined && 'the real Consul is not here: ../shared/tools/consul-peer finds it, or REAL_CONSUL names it'

/** No command of the table takes longer; an agent that starts, where it should refuse to, is ended by this. */
const TIMEOUT_MS = 60_000

interface Outcome {
  code: number
  stdout: string
  stderr: string
}

suite('the commands side by side', { skip }, () => {
  let ourAgent: AgentProcess
  let theirAgent: AgentProcess

  before(async () => {
    const args = ['-dev', '-node=x', '-log-level=err']
    ourAgent = await startAgentProcess(args)
    theirAgent = await startAgentProcess(args, { command: real })
    await Promise.all([ourAgent, theirAgent].map((agent) => settled(agent)))
  })
  after(() => Promise.all([ourAgent?.kill(), theirAgent?.kill()]))

  for (const crossed of [false, true]) {
    const commands = crossed ? ASKING_COMMANDS : CLI_COMMANDS
    test(`${commands.length} command lines, ${crossed ? "each against the other's agent" : 'each against its own agent'}`, async () => {
      const different: string[] = []
      for (const batch of batches(commands)) {
        const told = batch.map(async (command) => {
          const [one, other] = await Promise.all([
            run(CONSUL, command, crossed ? theirAgent : ourAgent),
            run(real!, command, crossed ? ourAgent : theirAgent),
          ])
          const [ours, theirs] = [seen(command, one), seen(command, other)]
          return ours === theirs ? [] : [`${command.args.join(' ')}\n  ours:   ${ours}\n  theirs: ${theirs}`]
        })
        different.push(...(await Promise.all(told)).flat())
      }
      assert.equal(different.length, 0, `${different.length} differ:\n${different.join('\n')}`)
    })
  }
})

const WRITES =
  /^(kv (put|delete|import)|operator autopilot set|services|config (write|delete)|intention (create|delete)|lock|maint|reload)\b/
const AT_ONCE = 3

/** Commands that only look may run at the same time; those that write run alone. */
function* batches(commands: readonly CliCommand[]): Iterable<CliCommand[]> {
  let batch: CliCommand[] = []
  for (const command of commands) {
    const writes = WRITES.test(command.args.join(' '))
    if (batch.length === AT_ONCE || (writes && batch.length > 0)) {
      yield batch
      batch = []
    }
    batch.push(command)
    if (writes) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}

/** The outcome, with what is each agent's own replaced by its name. */
async function run(command: string, { args, input, env }: CliCommand, { ports }: AgentProcess): Promise<Outcome> {
  const settings = { CONSUL_HTTP_ADDR: `127.0.0.1:${ports.http}`, ...env }
  const { code, stdout, stderr } = await runCommand(args, { command, input, env: settings, timeoutMs: TIMEOUT_MS })
  const hide = (text: string) => {
    let hidden = text
    for (const [name, port] of Object.entries(ports))
      hidden = hidden.replaceAll(new RegExp(`\\b${port}\\b`, 'g'), `<${name}>`)
    return (
      hidden
        .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<id>')
        .replace(/(?<=(?:CreateIndex|ModifyIndex)(?: +|": ))\d+/g, '<index>')
        .replace(/(?<=^Created At: +)\w+, .*/gm, '<time>')
        .replace(/(?<=^\S+ +)[0-9a-f]{8}(?= +127)/gm, '<id>')
        .replace(/(?<=dial tcp: lookup \S+).*/g, ': <why a name has no address>')
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
        // The real one reads its environment twice, and complains twice.
        .replace(/^(.*could not parse.*\n)\1/gm, '$1')
    )
  }
  return { code, stdout: hide(stdout), stderr: hide(stderr) }
}

/** What of an outcome is compared. */
function seen({ compare }: CliCommand, { code, stdout, stderr }: Outcome): string {
  const part = (text: string) => {
    switch (compare) {
      case 'all':
        return text
      case 'first-line':
        return text.split('\n')[0]!
      case 'names':
        return text.replace(/ =.*/g, '').replace(/\t(proconsul|goroutines)\n/g, '')
      case 'outcome':
        return text === '' ? '' : '(something)'
    }
  }
  return JSON.stringify({ code, stdout: part(stdout), stderr: part(stderr) })
}
