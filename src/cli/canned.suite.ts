/** What the tests of the command line share: running a command in this process, and an agent that answers as it was told. */
import type { IncomingMessage, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import type { Io } from './command.ts'
import { main } from './main.ts'

export interface Ran {
  code: number
  out: string
  err: string
}

/** Runs `consul ARGV` with an environment of its own. */
export async function run(argv: string[], given: { env?: Io['env']; stdin?: string } = {}): Promise<Ran> {
  const out: Uint8Array[] = []
  let err = ''
  const io: Io = {
    out: (line) => out.push(Buffer.from(`${line}\n`)),
    outBytes: (bytes) => out.push(bytes),
    err: (line) => {
      err += `${line}\n`
    },
    stdin: () => Buffer.from(given.stdin ?? ''),
    env: given.env ?? {},
  }
  const code = await main(argv, io)
  return { code, out: Buffer.concat(out).toString('latin1'), err }
}

export interface Asked {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
}

export interface CannedAgent {
  /** For CONSUL_HTTP_ADDR. */
  address: string
  env: Io['env']
  /** Every request so far. */
  asked: Asked[]
}

type Answer = { status?: number; headers?: Record<string, string>; body?: unknown }

/**
 * An agent that gives the answers by method and URL; 404 to all else. A body that is not text is sent as JSON. It is closed
 * when the tests of the file have run.
 */
export async function cannedAgent(answers: Record<string, Answer>, socket?: string): Promise<CannedAgent> {
  const asked: Asked[] = []
  const server: Server = createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1')
    request.on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      asked.push({ method, url, headers, body })
      const answer = answers[`${method} ${url}`] ?? { status: 404 }
      response.writeHead(answer.status ?? 200, answer.headers)
      response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body))
    })
  })
  await new Promise<void>((listening) => {
    if (socket === undefined) server.listen(0, '127.0.0.1', listening)
    else server.listen(socket, listening)
  })
  after(() => server.close())
  const address = socket === undefined ? `127.0.0.1:${(server.address() as AddressInfo).port}` : `unix://${socket}`
  return { address, env: { CONSUL_HTTP_ADDR: address }, asked }
}
