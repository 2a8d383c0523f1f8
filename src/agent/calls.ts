/**
 * Serves the calls of one stream, one after the other, in order (protocol/rpc.md section 3): bytes to arguments, to the
 * dispatcher, and its answer to bytes. A peer that closes the stream frees what its call holds.
 */

import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import { ConsulError } from '../model/errors.ts'
import type { Args, Caller, Method } from '../model/rpc.ts'
import { isService, type MethodCodec, methodCodec } from '../wire/methods.ts'
import { MsgpackError } from '../wire/msgpack.ts'
import {
  type CallHeader,
  CallReader,
  encodeAnswer,
  encodeErrorAnswer,
  type Received,
  unknownMethod,
} from '../wire/rpc.ts'
import type { Duplex, DuplexHandler } from './duplex.ts'
import type { PortMeters } from './meters.ts'

/** Calls that wait for the one before; past this the peer is held back. Real peers wait for each answer. */
const WAITING_CALLS_MAX = 64

/** Answers that the peer does not take: past this it gets no more until it does. */
const UNSENT_BYTES_MAX = 1 << 20

export function serveCalls(caller: Caller, log: Log, duplex: Duplex, meters: PortMeters): DuplexHandler {
  const reader = new CallReader()
  const waiting: Received<CallHeader>[] = []
  let busy = false
  let held = false
  let over = false
  /** Received, and not yet given back to the peer. */
  let owed = 0
  let gone: AbortController | undefined

  function give(): void {
    if (owed === 0 || waiting.length > WAITING_CALLS_MAX) return
    duplex.consumed(owed)
    owed = 0
  }

  function finish(): void {
    if (over) return
    over = true
    waiting.length = 0
    duplex.end()
  }

  function run(): void {
    while (!busy && !over && !held) {
      if (duplex.unsent > UNSENT_BYTES_MAX) {
        held = true
        duplex.whenSent(() => {
          held = false
          run()
        })
        return
      }
      const next = waiting.shift()
      if (next === undefined) return
      give()
      serve(next)
    }
  }

  function serve({ header, body }: Received<CallHeader>): void {
    const { Seq: seq, ServiceMethod: name } = header
    meters.requests.add(1)
    const codec = methodCodec(name)
    if (codec === undefined) {
      refuse(seq, name, unknownMethod(name, isService))
      return
    }
    try {
      const args = codec.args.read(body)
      perform(seq, name as Method, codec, args)
    } catch (error) {
      if (error instanceof MsgpackError) refuse(seq, name, error.message)
      else fail(seq, name, textOf(error))
    }
  }

  /** Answers at once when it can, so that a quick read costs no promise. */
  function perform(seq: number, method: Method, codec: MethodCodec<Method>, args: Args<Method>): void {
    const found = caller.peek(method, args)
    if (found !== undefined) {
      answer(seq, method, codec, found)
      return
    }
    busy = true
    gone = new AbortController()
    caller
      .call(method, args, { signal: gone.signal })
      .then((reply) => answer(seq, method, codec, reply))
      .catch((error: unknown) => fail(seq, method, textOf(error)))
      .finally(() => {
        busy = false
        gone = undefined
        run()
      })
  }

  /** What net/rpc itself refuses ends the stream. */
  function refuse(seq: number, method: string, text: string): void {
    fail(seq, method, text)
    finish()
  }

  function answer(seq: number, method: Method, codec: MethodCodec<Method>, reply: unknown): void {
    if (!over) duplex.write(encodeAnswer(seq, method, (w) => codec.reply.write(w, reply as never)))
  }

  function fail(seq: number, method: string, text: string): void {
    meters.failures.add(1)
    if (!over) duplex.write(encodeErrorAnswer(seq, method, text))
  }

  function textOf(error: unknown): string {
    if (error instanceof ConsulError) return error.message
    log.error('RPC failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    return messageOf(error)
  }

  return {
    data(bytes) {
      if (over) return
      owed += bytes.length
      try {
        waiting.push(...reader.push(bytes))
      } catch (error) {
        if (!(error instanceof MsgpackError)) throw error
        log.error('RPC error', { conn: `from=${duplex.from}`, error: error.message })
        finish()
        return
      }
      give()
      run()
    },
    end() {
      gone?.abort()
      finish()
    },
    close() {
      over = true
      waiting.length = 0
      gone?.abort()
    },
  }
}
