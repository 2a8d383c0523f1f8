/**
 * A client that costs little: HTTP/1.1 over raw sockets, several requests under way on each, answers counted but not
 * read. It is what keeps the load of a benchmark from being the benchmark.
 */
import { connect, type Socket } from 'node:net'

const HEAD = Buffer.from('HTTP/1.1 ')

export interface Load {
  /** Answered so far. */
  done(): number
  /** No new requests; resolves when those under way are answered. */
  stop(): Promise<void>
  /** Resolves when `next` had no more and all is answered; rejects at the first answer that is not 2xx. */
  finished: Promise<void>
}

/** @param next the next request's bytes; undefined: no more */
export function pipeline(port: number, connections: number, depth: number, next: () => Buffer | undefined): Load {
  let done = 0
  let stopped = false
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket: Socket = connect({ host: '127.0.0.1', port, noDelay: true })
      let open = 0
      let rest: Buffer = Buffer.alloc(0)
      const fill = () => {
        const requests: Buffer[] = []
        while (open < depth && !stopped) {
          const request = next()
          if (request === undefined) break
          requests.push(request)
          open += 1
        }
        if (requests.length > 0) socket.write(Buffer.concat(requests))
        else if (open === 0) socket.end()
      }
      socket.on('connect', fill)
      socket.on('error', reject)
      socket.on('close', () => (open === 0 ? resolve() : reject(new Error('the connection was closed'))))
      socket.on('data', (chunk: Buffer) => {
        const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        let from = 0
        for (let at = data.indexOf(HEAD); at >= 0 && at + HEAD.length < data.length; at = data.indexOf(HEAD, from)) {
          if (data[at + HEAD.length] !== 0x32) {
            reject(new Error(data.toString('latin1', at)))
            socket.destroy()
            return
          }
          from = at + HEAD.length
          open -= 1
          done += 1
        }
        rest = Buffer.from(data.subarray(Math.max(from, data.length - HEAD.length)))
        fill()
      })
    })
  const finished = Promise.all(Array.from({ length: connections }, one)).then(() => undefined)
  finished.catch(() => {})
  return {
    done: () => done,
    stop() {
      stopped = true
      return finished
    },
    finished,
  }
}

export function put(path: string, body: Uint8Array | string): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  return Buffer.concat([
    Buffer.from(`PUT ${path} HTTP/1.1\r\nHost: bench\r\nContent-Length: ${bytes.length}\r\n\r\n`),
    bytes,
  ])
}
