/**
 * The only way to the world: clock, chance, network, disk, processes. Give an agent the real host (node.ts) and it
 * serves; give it a simulated one and a cluster lives in virtual time. Types alone: no code here.
 */
import type { Log } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Random } from '../base/random.ts'
import type { Index, Instant, WallMs } from '../base/units.ts'
import type { Entry, HardState } from '../core/raft/messages.ts'
import type { Rows } from '../core/store/rows.ts'
import type { Probe, ProbeResult } from '../model/check-run.ts'

export type Cancel = () => void

export interface Address {
  /** An IP address as text; for HTTP also `unix://` and the path of a socket, whose port is 0. */
  host: string
  /** 0 asks for any free port. */
  port: number
}

export interface Listener {
  readonly address: Address
  /** Stops accepting, ends what is open, resolves when all is closed. */
  close(): Promise<void>
}

/** One address of one of this machine's interfaces. */
export interface NetworkInterface {
  name: string
  address: string
  family: 4 | 6
  /** Reached from this machine alone. */
  internal: boolean
  /** Of the address, those that name the network. */
  bits: number
  /** The default route goes out by this interface. */
  outward: boolean
}

export interface HttpRequest {
  method: string
  /** As on the request line, undecoded: path and query. */
  url: string
  /** First value of the header, by lower-case name. */
  header(name: string): string | undefined
  /** The whole body, at most as long as the listener was told; empty when there is none. */
  body: Uint8Array
  /** True when the body was longer than allowed: `body` is then empty. */
  tooLarge: boolean
  /** The body as it comes, where the listener was told that it has no bound: `body` is then empty. Throws when it breaks off. */
  chunks?: AsyncIterable<Uint8Array> | undefined
  remote: Address
  /** Calls back once if the asker goes away before the answer. */
  onGone(run: () => void): void
}

export interface HttpResponse {
  status: number
  /** Names and values in turn. `Date`, and `Content-Length` or `Transfer-Encoding`, are added by the host. */
  headers: string[]
  body?: string | Uint8Array | BodyChunks
  /** Nothing may follow on this connection. */
  close?: boolean
  /** Its pieces come as things happen: headers go out at once, and nothing holds a piece back to press it. */
  live?: boolean
}

/**
 * A body too large to be made in one go. The next chunk is asked for when the client has room for it, each in a turn of
 * the event loop of its own; when the client goes away the iterator is told so (`return`).
 */
export type BodyChunks = (Iterable<string> & object) | AsyncIterable<Uint8Array>

export interface HttpLimits {
  /** Whose unix sockets are, and their octal mode: "" leaves them as they are made. */
  socket?: { user: string; group: string; mode: string }
  /** Connections from one address at a time; more are answered 429. No limit when absent or 0. */
  connsPerClientMax?: number
  /** Of all large bodies together, from their coming to their answers; more wait unread. 64 MiB when absent. */
  heldBytesMax?: number
  closeGraceMs?: number
  requestTimeoutMs?: number
}

export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>

export interface UdpPort extends Listener {
  send(bytes: Uint8Array, to: Address): void
}

/** A listener of whole messages over TCP, each behind a 16-bit length (DNS, RFC 1035 section 4.2.2). */
export type MessageHandler = (
  message: Uint8Array,
  from: Address,
) => Uint8Array | undefined | Promise<Uint8Array | undefined>

/** What the owner of a connection is told, each in a turn of its own. */
export interface ConnHandler {
  /** The chunk is the owner's from now on. */
  data(chunk: Uint8Array): void
  /** The peer will send no more; we still may. Whoever has nothing to say calls `end` or `destroy`. */
  end(): void
  /** Last, and once, whatever the reason: both halves ended, `destroy`, an error (given), the deadline (ETIMEDOUT). */
  close(error: Error | undefined): void
  /** All that `write` refused to call enough is with the system now. */
  drain?(): void
}

/** One TCP connection. Nothing is read before `open`. */
export interface Conn {
  readonly remote: Address
  readonly local: Address
  /** Starts reading. Once. */
  open(handler: ConnHandler): void
  /** Holds the peer back: no chunks (beyond those under way) until `resume`. */
  pause(): void
  resume(): void
  /**
   * Sends, in order, or forgets if the connection is gone. The bytes must not be changed afterwards.
   * @returns false when the writer should wait for `drain`; nothing is lost if it does not
   */
  write(bytes: Uint8Array): boolean
  /** Between these, writes are gathered into one. */
  cork(): void
  uncork(): void
  /** Bytes that the system has not taken yet. */
  readonly unsent: number
  /** No more from us, after what is written. */
  end(): void
  /** At once, whatever is under way; `error` is what `close` is given. */
  destroy(error?: Error): void
  /** Breaks the connection at that time; null: never. */
  deadline(at: Instant | null): void
}

export interface StreamLimits {
  /** Open connections of the listener; more are closed at once. */
  connectionsMax?: number
}

/** One durable Raft log with its stable values. */
export interface LogDisk {
  /**
   * @param from entries before it are left out, unread
   * @returns `last` is the index of the last entry, read or not; 0 when there never was one
   */
  load(from?: Index): { hardState: HardState; entries: Entry[]; last: Index }
  /** Resolves when durable, in order; rejects (nothing written) when the disk refuses. */
  write(change: {
    truncateFrom: number | null
    entries: Entry[]
    hardState: HardState | null
    compactTo: number | null
  }): Promise<void>
  close(): Promise<void>
}

/** A snapshot of the state on disk: its meta data and its bytes (the content of `state.bin`). */
export interface StoredSnapshot {
  meta: Uint8Array
  state: AsyncIterable<Uint8Array>
  /** Of the state, in bytes. */
  size: number
}

export interface SnapshotDisk {
  /** Newest usable snapshot, its checksum verified; older or broken ones are named in `skipped`. */
  open(): Promise<StoredSnapshot | null>
  /**
   * Atomic: a crash leaves the old ones. Keeps the newest two.
   * @param alone keeps this one and no other, also where others are newer by their names; what began to be saved before
   * is refused. A crash leaves the newest by name of the old ones and this one, or this one.
   */
  save(name: string, meta: Uint8Array, state: AsyncIterable<Uint8Array>, alone?: boolean): Promise<void>
  /**
   * The same in two steps, for a state that comes in before it is known whether it will do, and under which name.
   * Resolves when all of it is durable. Absent where nobody restores from outside.
   */
  receive?(state: AsyncIterable<Uint8Array>): Promise<ReceivedState>
}

export interface ReceivedState {
  /** As `save` does. */
  keep(name: string, meta: Uint8Array): Promise<void>
  /** Throws it away, even if it was kept; resolves when that is durable. */
  discard(): Promise<void>
}

/** The data directory. */
export interface Disk {
  /** Small files (node-id, services, checks): whole-file reads and atomic writes. undefined when absent. */
  readFile(name: string): Promise<Uint8Array | undefined>
  writeFile(name: string, bytes: Uint8Array): Promise<void>
  /** Behind what is there, making the file if need be. Handed to the system, not made durable. */
  appendFile(name: string, bytes: Uint8Array): Promise<void>
  removeFile(name: string): Promise<void>
  listFiles(folder: string): Promise<string[]>
  openLog(): Promise<LogDisk>
  openSnapshots(): Promise<SnapshotDisk>
  /** Rows on disk; undefined when the engine keeps them in memory. */
  openRows?(): Promise<Rows>
  /** Releases the directory's lock. */
  close(): Promise<void>
}

/** What to run: a program with arguments, a line for the shell, or a whole script. */
export type Program =
  | { kind: 'args'; args: readonly string[] }
  | { kind: 'command'; command: string }
  | { kind: 'script'; bytes: Uint8Array }

export interface ProfileWish {
  kind: 'profile' | 'heap' | 'allocs' | 'goroutine'
  /** How long to measure; 0: as the kind has it. */
  ms: number
  /** Let go of garbage before looking at the heap. */
  collect?: boolean
  asText?: boolean
  /** Nobody waits any more: measure no longer. */
  gone: AbortSignal
}

/** Looks at how the process spends its time and memory. */
export interface Profiler {
  /** Gzipped, in pprof's format, or as text. Rejects when another of its sort is under way. */
  take(wish: ProfileWish): Promise<Uint8Array>
  /** What the process waits for: the nearest to Go's goroutines. By kind, the most first. */
  resources(): [kind: string, count: number][]
  /** The program and its arguments. */
  commandLine(): string[]
}

export interface Host {
  now(): Instant
  date(): WallMs
  random: Random
  /** Runs once, at or after `at`. */
  wake(at: Instant, run: () => void): Cancel
  /** After the inputs that are already waiting were handled: the end of this turn of the event loop. */
  soon(run: () => void): void
  http(
    bind: Address,
    bodyBytesMax: (method: string, url: string) => number,
    handle: HttpHandler,
    limits?: HttpLimits,
  ): Promise<Listener>
  udp(bind: Address, receive: (bytes: Uint8Array, from: Address, port: UdpPort) => void): Promise<UdpPort>
  messages(bind: Address, handle: MessageHandler): Promise<Listener>
  /** Byte streams over TCP. `on` is called for each that a peer opens, and must `open` or `destroy` it. */
  listen(bind: Address, on: (conn: Conn) => void, limits?: StreamLimits): Promise<Listener>
  /** Opens one. Rejects with the system's error, or ETIMEDOUT after `timeoutMs` (10 s unless given). */
  dial(to: Address, timeoutMs?: number): Promise<Conn>
  /**
   * One DNS message to a server and its answer, with the same id. Rejects with the system's error, or ETIMEDOUT. Without
   * this, nobody is asked about names outside.
   */
  exchange?(network: 'udp' | 'tcp', to: Address, message: Uint8Array, timeoutMs: number): Promise<Uint8Array>
  /** All addresses of a name, as the system resolves it. Without this, names go to `dial` as they are. */
  lookup?(name: string): Promise<string[]>
  /** Takes the directory for this process alone; refuses one in use, unreadable or not ours. "": keep nothing. */
  disk(path: string): Promise<Disk>
  /** Tries it once. Never rejects: what goes wrong is the result. `gone`: nobody waits for it any more. */
  probe(probe: Probe, gone: AbortSignal): Promise<ProbeResult>
  /** Runs it to its end. @returns its exit code; 255 when it cannot be started */
  run(program: Program, print: (bytes: Uint8Array) => void, gone: AbortSignal): Promise<number>
  hostname(): string
  /** A UUID that the system keeps for this machine; undefined when there is none to be read. */
  machineId(): string | undefined
  /** Addresses of this machine's interfaces, for `bind` and `advertise`. */
  interfaces(): NetworkInterface[]
  /** Tells whoever started this process that it does its work now; absent where nobody wants to know. */
  ready?(): void
  /** Absent where nothing can be measured. */
  profiler?: Profiler
  log: Log
  /** What is counted of this host's programs. */
  metrics: Metrics
}
