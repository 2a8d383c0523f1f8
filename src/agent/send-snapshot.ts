/**
 * A snapshot on its way to a follower, on a connection for itself: the request, then the state's bytes, then one answer.
 * How fast it goes is decided here; where the bytes come from, and what becomes of them there, in install.ts.
 */
import type { Millis } from '../base/units.ts'
import type { InstallRequest, RaftReply } from '../core/raft/messages.ts'
import type { Conn, Host } from '../host/host.ts'
import { encodeRequest, ReplyReader } from '../wire/raft.ts'
import { ANSWER_MS, RAFT } from './raft-channel.ts'

/** Of a snapshot, for each so many bytes: as hashicorp/raft reckons. */
const INSTALL_BYTES_PER_TIMEOUT = 256 * 1024
/**
 * A snapshot goes in bursts of so many bytes. While the leader has writes to spread, each is followed by a rest of its own
 * length, but no longer than this: the follower's work then takes half of its time, as with entries (core/raft/pace.ts).
 */
const INSTALL_BURST_BYTES = 512 * 1024
const INSTALL_REST_MS_MAX: Millis = 100

/** @param work grows while there is other work */
export async function* paced(
  host: Pick<Host, 'now' | 'wake'>,
  chunks: AsyncIterable<Uint8Array>,
  work: () => number,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  let began = host.now()
  let before = work()
  for await (const chunk of chunks) {
    yield chunk
    bytes += chunk.length
    if (bytes < INSTALL_BURST_BYTES) continue
    const restMs = Math.min(host.now() - began, INSTALL_REST_MS_MAX)
    if (work() !== before && restMs > 0) await new Promise<void>((done) => void host.wake(host.now() + restMs, done))
    bytes = 0
    began = host.now()
    before = work()
  }
}

/** Streams a snapshot and waits for the answer. Rejects when the connection breaks, or time is up. */
export function sendSnapshot(
  host: Pick<Host, 'now'>,
  conn: Conn,
  body: InstallRequest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<RaftReply> {
  return new Promise((resolve, reject) => {
    const reader = new ReplyReader()
    let room = () => {}
    let over = false
    conn.deadline(host.now() + ANSWER_MS * Math.max(1, body.size / INSTALL_BYTES_PER_TIMEOUT))
    conn.open({
      data(chunk) {
        try {
          reader.push(
            chunk,
            () => 'install',
            (answer) => (answer.ok ? resolve(answer.body) : reject(new Error(answer.error))),
          )
        } catch (error) {
          conn.destroy()
          reject(error)
        }
      },
      end: () => conn.destroy(),
      drain: () => room(),
      close(error) {
        over = true
        reject(error ?? new Error('the connection was closed'))
        room()
      },
    })
    const pump = async () => {
      conn.write(RAFT)
      let enough = !conn.write(encodeRequest(body))
      for await (const chunk of chunks) {
        if (enough && conn.unsent > 0) {
          await new Promise<void>((done) => {
            room = done
          })
        }
        if (over) return
        enough = !conn.write(chunk)
      }
    }
    pump().catch((error: unknown) => {
      conn.destroy()
      reject(error)
    })
  })
}
