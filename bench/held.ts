/**
 * Blocking queries held open, as clients hold them: how much memory each costs, and how long it takes until all are
 * answered after the write that they wait for. `node bench/held.ts [--consul PATH] [--count 10000]`
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findConsul, type StartedAgent, stagePackage, startAgent, type TargetName } from './targets.ts'

const { values } = parseArgs({
  options: {
    consul: { type: 'string' },
    count: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '3' },
  },
})
const COUNTS = [1000, Number(values.count)]
const ROUNDS = Number(values.rounds)
/** Connections that are opened at a time. */
const OPENING_MAX = 200

interface Held {
  /** Resolves with the time of the last answer. */
  answered: Promise<number>
  close(): void
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  await new Promise<void>((done, fail) => socket.once('connect', done).once('error', fail))
  socket.on('error', () => {})
  return socket
}

async function ask(socket: Socket, request: string): Promise<string> {
  let text = ''
  const whole = new Promise<string>((done) => {
    socket.on('data', function take(chunk: Buffer) {
      text += chunk.toString('latin1')
      const head = text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
      if (head >= 0 && text.length >= head + 4 + length) {
        socket.off('data', take)
        done(text)
      }
    })
  })
  socket.write(request)
  return whole
}

async function hold(port: number, count: number, index: string): Promise<Held> {
  const request = `GET /v1/kv/held?index=${index}&wait=600s HTTP/1.1\r\nHost: x\r\n\r\n`
  const sockets: Socket[] = []
  let left = count
  let last = 0
  const answered = new Promise<number>((done) => {
    const heard = () => {
      last = performance.now()
      if (--left === 0) done(last)
    }
    void (async () => {
      for (let at = 0; at < count; at += OPENING_MAX) {
        const some = await Promise.all(Array.from({ length: Math.min(OPENING_MAX, count - at) }, () => open(port)))
        for (const socket of some) {
          socket.once('data', heard)
          socket.write(request)
        }
        sockets.push(...some)
      }
    })()
  })
  while (sockets.length < count) await delay(20)
  return {
    answered,
    close() {
      for (const socket of sockets) socket.destroy()
    },
  }
}

function memoryKb(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
}

interface Round {
  count: number
  memoryKb: number
  answeredMs: number
}

async function round(agent: StartedAgent, count: number): Promise<Round> {
  const writer = await open(agent.httpPort)
  // The same value again would be no change, and wake nobody.
  const put = (value: string) => ask(writer, `PUT /v1/kv/held HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n${value}`)
  await put('a')
  const index = /x-consul-index: (\d+)/i.exec(await ask(writer, 'GET /v1/kv/held HTTP/1.1\r\nHost: x\r\n\r\n'))![1]!
  const before = memoryKb(agent.pid)
  const held = await hold(agent.httpPort, count, index)
  await delay(2000)
  const memory = memoryKb(agent.pid) - before
  const start = performance.now()
  await put('b')
  const answeredMs = (await held.answered) - start
  held.close()
  writer.destroy()
  await delay(1000)
  return { count, memoryKb: memory / count, answeredMs }
}

const commands: Record<TargetName, string> = { consul: findConsul(values.consul), proconsul: stagePackage() }
const LIMITS = ['-hcl=limits { http_max_conns_per_client = 15000 }']
const NAMES = ['consul', 'proconsul'] as const
for (const count of COUNTS) {
  // In turns, so that other work on the machine meets both.
  const rounds: Record<TargetName, Round[]> = { consul: [], proconsul: [] }
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of NAMES) {
      const agent = await startAgent(name, commands[name], ['-dev', '-node=bench', ...LIMITS])
      try {
        rounds[name].push(await round(agent, count))
      } finally {
        await agent.stop()
      }
    }
  }
  for (const name of NAMES) {
    const median = (of: (round: Round) => number) => rounds[name].map(of).sort((a, b) => a - b)[Math.floor(ROUNDS / 2)]!
    const all = rounds[name].map(({ answeredMs }) => answeredMs.toFixed(0)).join(', ')
    console.log(
      `${name.padEnd(10)} ${String(count).padStart(6)} held: ${median((r) => r.memoryKb).toFixed(1)} KB each, all answered ${median((r) => r.answeredMs).toFixed(0)} ms after the write (${all})`,
    )
  }
}
