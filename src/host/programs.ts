/**
 * Programs that an operator sends to this machine (`consul exec`): what they print comes as it is printed, and their exit
 * code at the end. Whether any may run is decided by who calls this.
 */
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Program } from './host.ts'

/** What a shell says of a program that it cannot start. */
const NOT_STARTED = 255

/** @returns its exit code; 1 when a signal ended it */
export async function runProgram(
  program: Program,
  print: (bytes: Uint8Array) => void,
  gone: AbortSignal,
): Promise<number> {
  const folder = program.kind === 'script' ? await mkdtemp(join(tmpdir(), 'rexec-')) : undefined
  try {
    return await run(await argsOf(program, folder), print, gone)
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

async function argsOf(program: Program, folder: string | undefined): Promise<readonly string[]> {
  const shell = process.env.SHELL || '/bin/sh'
  if (program.kind === 'args') return program.args
  if (program.kind === 'command') return [shell, '-c', program.command]
  const file = join(folder!, 'job')
  await writeFile(file, program.bytes, { mode: 0o750 })
  return [shell, '-c', file]
}

function run(args: readonly string[], print: (bytes: Uint8Array) => void, gone: AbortSignal): Promise<number> {
  return new Promise((done) => {
    try {
      const child = spawn(args[0]!, args.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], signal: gone })
      child.stdout.on('data', print)
      child.stderr.on('data', print)
      child.on('error', () => done(NOT_STARTED))
      child.on('close', (code) => done(code ?? 1))
    } catch {
      // Such as a byte 0 in an argument.
      done(NOT_STARTED)
    }
  })
}
