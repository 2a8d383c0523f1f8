/**
 * Writing an answer to its client: whole in one piece where that can be, or chunk by chunk as fast as the client takes it.
 * Decides nothing about what comes after it on the connection.
 */
import type { Socket } from 'node:net'
import { answerHead, dateHeader } from '../wire/http.ts'
import type { BodyChunks, HttpResponse } from './host.ts'

/** Longer bodies go out beside their head, shorter ones in one piece with it. */
const JOINED_BYTES_MAX = 16 << 10

/** What the form of an answer depends on. */
export interface Manner {
  method: string
  /** Of HTTP/1.x. */
  minor: 0 | 1
  /** Whether another request may follow. */
  persistent: boolean
}

export function sendWhole(
  socket: Socket,
  manner: Manner,
  { status, headers }: HttpResponse,
  body: string | Uint8Array = '',
): void {
  const bodiless = status === 204 || status === 304
  const length = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
  let head = answerHead(status, manner.minor, headers)
  if (!bodiless) head += `Content-Length: ${length}\r\n`
  head += lastHeaders(manner)
  if (bodiless || manner.method === 'HEAD' || length === 0) socket.write(head, 'latin1')
  // ASCII, as nearly all is: one string, and the cheapest way into the system.
  else if (typeof body === 'string' && length === body.length) socket.write(head + body, 'latin1')
  else if (length <= JOINED_BYTES_MAX) {
    const joined = Buffer.allocUnsafe(head.length + length)
    joined.write(head, 'latin1')
    if (typeof body === 'string') joined.write(body, head.length)
    else joined.set(body, head.length)
    socket.write(joined)
  } else {
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body)
    socket.uncork()
  }
}

/** HTTP/1.1 connections persist unless someone says otherwise, and those before it the other way round. */
function lastHeaders({ minor, persistent }: Manner): string {
  const date = dateHeader(Date.now())
  if (persistent) return minor === 1 ? `${date}\r\n` : `${date}Connection: keep-alive\r\n\r\n`
  return minor === 1 ? `${date}Connection: close\r\n\r\n` : `${date}\r\n`
}

/** Whether its chunks can be told to the client, who otherwise takes the end of the connection for the end of the body. */
export function knowsChunks({ minor }: Pick<Manner, 'minor'>): boolean {
  return minor === 1
}

/** The head alone, of an answer that has chunks which nobody wants. */
export function sendHeadOfChunks(socket: Socket, manner: Manner, response: HttpResponse): void {
  socket.write(headOfChunks(manner, response), 'latin1')
}

function headOfChunks(manner: Manner, { status, headers }: HttpResponse): string {
  const coding = knowsChunks(manner) ? 'Transfer-Encoding: chunked\r\n' : ''
  return answerHead(status, manner.minor, headers) + coding + lastHeaders(manner)
}

/** Resolves when all is written, or when nobody is left to write to. Rejects when making the chunks fails. */
export async function sendChunks(
  socket: Socket,
  manner: Manner,
  response: HttpResponse,
  chunks: BodyChunks,
): Promise<void> {
  const framed = knowsChunks(manner)
  let before = headOfChunks(manner, response)
  if (response.live) {
    socket.write(before, 'latin1')
    before = ''
  }
  for await (const chunk of chunks) {
    if (socket.destroyed) return
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    // An empty one would end the body.
    if (bytes.length === 0) continue
    socket.cork()
    if (framed) before += `${bytes.length.toString(16)}\r\n`
    if (before !== '') socket.write(before, 'latin1')
    socket.write(bytes)
    if (framed) socket.write('\r\n', 'latin1')
    socket.uncork()
    before = ''
    await roomIn(socket)
    // Room is there at once when the system takes all, so a turn does not come by itself.
    await new Promise<void>((turned) => setImmediate(turned))
    if (socket.destroyed) return
  }
  if (framed) before += '0\r\n\r\n'
  if (before !== '') socket.write(before, 'latin1')
}

/** Resolves when more can be written, or when nobody is left to write to. */
function roomIn(socket: Socket): Promise<void> | undefined {
  if (socket.destroyed || !socket.writableNeedDrain) return undefined
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
