/**
 * Tells systemd that this process is ready: one datagram to the socket that a unit of `Type=notify` names, as sd_notify(3)
 * has it. It must come from the process itself, since by default systemd believes nobody else; and Node has no such
 * sockets, so the system's library is asked directly. Where Node cannot do that, the program systemd-notify is run, which
 * units with `NotifyAccess=all` believe. Source of what is told: Consul's agent/systemd/notify.go.
 */
import { execFile } from 'node:child_process'
import { messageOf } from '../base/message-of.ts'
import { systemWords } from '../base/system-words.ts'

const READY = 'READY=1'
const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
/** systemd may be too busy to empty its queue; nobody waits here for that. */
const MSG_DONTWAIT = 0x40
/** Of struct sockaddr_un. */
const PATH_BYTES_MAX = 108

/** What is used of `node:ffi`, which Node has since version 26. */
export interface SystemLibrary {
  socket(family: number, type: number, protocol: number): number
  sendto(fd: number, bytes: Uint8Array, length: bigint, flags: number, to: Uint8Array, toLength: number): bigint
  bind(fd: number, at: Uint8Array, atLength: number): number
  recv(fd: number, into: Uint8Array, length: bigint, flags: number): bigint
  close(fd: number): number
}

interface Ffi {
  dlopen(path: null, functions: Record<string, { arguments: string[]; return: string }>): { functions: SystemLibrary }
}

/**
 * Never throws: an agent runs as well untold.
 * @param path the socket, `@` standing for the zero byte of an abstract one; none when nobody wants to know
 * @param failed is told why it could not be said
 */
export function tellReady(path: string | undefined, failed: (why: string) => void): void {
  if (path === undefined || path === '') return
  try {
    const library = systemLibrary()
    if (library === undefined) execFile('systemd-notify', ['--ready'], (error) => error && failed(systemWords(error)))
    else send(library, path, READY)
  } catch (error) {
    failed(messageOf(error))
  }
}

function send(library: SystemLibrary, path: string, text: string): void {
  const fd = library.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) throw new Error('no socket can be had')
  try {
    const bytes = Buffer.from(text)
    const to = unixAddress(path)
    const sent = library.sendto(fd, bytes, BigInt(bytes.length), MSG_DONTWAIT, to, to.length)
    if (Number(sent) !== bytes.length) throw new Error(`nobody listens at ${path}`)
  } finally {
    library.close(fd)
  }
}

/** A `struct sockaddr_un`, as long as it says something. @throws Error when the path is too long */
export function unixAddress(path: string): Uint8Array {
  const abstract = path.startsWith('@')
  const name = Buffer.from(abstract ? `\0${path.slice(1)}` : `${path}\0`)
  if (name.length > PATH_BYTES_MAX) throw new Error(`the path is too long for a socket: ${path}`)
  const family = new Uint8Array(new Uint16Array([AF_UNIX]).buffer)
  return Buffer.concat([family, name])
}

/** Undefined where Node does not give it out, or the system is not Linux. */
export function systemLibrary(): SystemLibrary | undefined {
  if (process.platform !== 'linux') return undefined
  const ffi = unwarned(() => process.getBuiltinModule('node:ffi') as unknown as Ffi | undefined)
  return ffi?.dlopen(null, {
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    sendto: { arguments: ['i32', 'buffer', 'u64', 'i32', 'buffer', 'u32'], return: 'i64' },
    bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
    recv: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
    close: { arguments: ['i32'], return: 'i32' },
  }).functions
}

/** Node warns that this part of it may still change, which is no news to an operator. */
function unwarned<T>(run: () => T): T {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return run()
  } finally {
    process.emitWarning = emitWarning
  }
}
