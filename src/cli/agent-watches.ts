/**
 * Watches of the agent's configuration: each asks the agent's own HTTP door, and at a change runs a program or sends a
 * request. They are compiled before the agent starts or reloads, so that a wrong one is told before anything changes.
 * What a handler says is logged, and how it fails. Source: agent/agent.go (reloadWatches), agent/watch_handler.go.
 */
import { spawn } from 'node:child_process'
import { connect, type Plain, parseWatch, type WatchPlan, writePlain } from '../api/index.ts'
import { parseGoDuration } from '../base/go-duration.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { childFault } from './child.ts'
import { nodeTransport } from './transport.ts'

type Handler =
  | { kind: 'program'; args: string[]; shown: string }
  | { kind: 'request'; url: string; method: string; headers: [string, string][]; timeoutMs: number; verify: boolean }

export interface ConfiguredWatch {
  plan: WatchPlan
  handler: Handler
}

/** So much of what a handler says is kept, the end of it. */
const OUTPUT_BYTES_MAX = 4096
const TIMEOUT_MS = 10_000
const OWN = ['handler', 'args', 'handler_type', 'http_handler_config']

/** @throws Error for the first that cannot be */
export function compileWatches(
  watches: readonly Record<string, unknown>[],
  log: Log,
  hasDoor: boolean,
): ConfiguredWatch[] {
  if (watches.length > 0 && !hasDoor) throw new Error('watch plans require an HTTP or HTTPS endpoint')
  return watches.map((given) => compileWatch(given as Record<string, Plain>, log))
}

function compileWatch(params: Record<string, Plain>, log: Log): ConfiguredWatch {
  const type = params.handler_type ?? 'script'
  if (type !== 'http' && type !== 'script') throw new Error(`Handler type '${String(type)}' not recognized`)
  if (typeof params.type === 'string' && params.type.startsWith('connect_')) {
    throw new Error(`Watch type ${params.type} is not allowed in agent config`)
  }
  let plan: WatchPlan
  let request: Handler | undefined
  try {
    if (type === 'http') request = readRequest(params.http_handler_config)
    plan = parseWatch(params, OWN)
  } catch (error) {
    throw new Error(`Failed to parse watch (${JSON.stringify(params)}): ${messageOf(error)}`)
  }
  const { handler, args } = plan.rest
  if (handler !== undefined) {
    log.warn("The 'handler' field in watches has been deprecated and replaced with the 'args' field.")
    if (typeof handler !== 'string') throw new Error('Watch handler must be a string')
  }
  const program = args === undefined ? undefined : readArgs(args)
  const count = [handler, program, request].filter((one) => one !== undefined).length
  if (count > 1) throw new Error('Only one watch handler allowed')
  if (request !== undefined) return { plan, handler: request }
  if (program !== undefined) return { plan, handler: { kind: 'program', args: program, shown: program.join(' ') } }
  if (handler === undefined) throw new Error('Must define a watch handler')
  const script = [process.env.SHELL || '/bin/sh', '-c', handler]
  return { plan, handler: { kind: 'program', args: script, shown: handler } }
}

function readArgs(args: Plain): string[] {
  const list = typeof args === 'string' ? [args] : args
  if (!Array.isArray(list) || list.some((item) => typeof item !== 'string')) {
    throw new Error('Watch args must be a list of strings')
  }
  return list as string[]
}

function readRequest(given: Plain | undefined): Handler {
  if (given === undefined) throw new Error("Handler type 'http' requires 'http_handler_config' to be set")
  const fail = (why: string) => new Error(`Failed to parse 'http_handler_config': ${why}`)
  const one = Array.isArray(given) && given.length === 1 ? given[0] : given
  if (typeof one !== 'object' || one === null || Array.isArray(one)) throw fail('expected a map')
  const text = (name: string) => {
    const value = one[name] ?? ''
    if (typeof value !== 'string') throw fail(`'${name}' expected type 'string'`)
    return value
  }
  const url = text('path')
  if (url === '') throw fail("Requires 'path' to be set")
  const nanos = parseGoDuration(text('timeout') || `${TIMEOUT_MS}ms`)
  if (nanos === undefined) throw fail(`Failed to parse timeout: time: invalid duration "${text('timeout')}"`)
  const headers = Object.entries((one.header ?? {}) as Record<string, Plain>).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map((value): [string, string] => [name, String(value)]),
  )
  return {
    kind: 'request',
    url,
    method: text('method') || 'POST',
    headers,
    timeoutMs: nanos / 1e6,
    verify: one.tls_skip_verify !== true,
  }
}

/**
 * @param address of the agent's HTTP door
 * @returns what ends them all
 */
export function runWatches(watches: readonly ConfiguredWatch[], address: string, log: Log): () => void {
  const stop = new AbortController()
  const { signal } = stop
  const consul = connect({ address, transport: nodeTransport({}) })
  for (const { plan, handler } of watches) {
    const run = consul.watch(plan, {
      signal,
      changed: (index, value) =>
        handler.kind === 'program'
          ? runProgram(handler, index, value, log, signal)
          : sendRequest(handler, index, value, log, signal),
      failed: (error, retryMs) =>
        log.error('Watch errored', { type: plan.type, error: messageOf(error), retry: `${retryMs / 1000}s` }),
      pause: (ms) =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, ms)
          signal.addEventListener('abort', () => {
            clearTimeout(timer)
            resolve()
          })
        }),
    })
    run.catch((error: unknown) => log.error('Failed to run watch', { error: messageOf(error) }))
  }
  return () => stop.abort()
}

/** The next change waits for it, as with the real agent. It ends by itself when the watch is called off. */
function runProgram(
  { args, shown }: Handler & { kind: 'program' },
  index: string,
  value: Plain,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const output = makeTail()
    const [program = '', ...rest] = args
    const child = spawn(program, rest, { env: { ...process.env, CONSUL_INDEX: index }, stdio: 'pipe' })
    child.stdin.on('error', () => {})
    child.stdin.end(`${writePlain(value)}\n`)
    child.stdout.on('data', output.add)
    child.stderr.on('data', output.add)
    const failed = (error: string) => log.error('Failed to run watch handler', { watch_handler: shown, error })
    child.once('error', (error) => {
      failed(error.message)
      resolve()
    })
    child.once('close', (code, killedBy) => {
      const fault = childFault({ code, signal: killedBy })
      if (fault !== undefined && child.pid !== undefined) failed(fault)
      log.debug('watch handler output', { watch_handler: shown, output: output.text() })
      resolve()
    })
    signal.addEventListener('abort', () => resolve())
  })
}

async function sendRequest(
  { url, method, headers, timeoutMs, verify }: Handler & { kind: 'request' },
  index: string,
  value: Plain,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const send = nodeTransport(url.startsWith('https:') ? { tls: { verify } } : {})
  const all: Record<string, string> = { 'Content-Type': 'application/json', 'X-Consul-Index': index }
  for (const [name, text] of headers) all[name] = all[name] === undefined ? text : `${all[name]}, ${text}`
  try {
    const response = await send({
      method: method as 'POST',
      url,
      headers: all,
      body: `${writePlain(value)}\n`,
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    })
    const output = makeTail()
    output.add(response.body)
    if (response.status >= 200 && response.status <= 299) {
      log.trace('http watch handler output', { watch: url, output: output.text() })
    } else {
      log.error('http watch handler failed with output', { watch: url, status: response.status, output: output.text() })
    }
  } catch (error) {
    if (!signal.aborted) log.error('Failed to invoke http watch handler', { watch: url, error: messageOf(error) })
  }
}

function makeTail() {
  let kept = Buffer.alloc(0)
  let total = 0
  return {
    add(bytes: Uint8Array) {
      total += bytes.length
      kept = Buffer.concat([kept, bytes]).subarray(-OUTPUT_BYTES_MAX)
    },
    text: () =>
      total > OUTPUT_BYTES_MAX ? `Captured ${OUTPUT_BYTES_MAX} of ${total} bytes\n...\n${kept}` : kept.toString(),
  }
}
