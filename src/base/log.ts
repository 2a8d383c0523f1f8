/**
 * Structured log records. Whoever logs states a level, a name (Consul's dotted logger names: `agent.server.raft`), a
 * message and fields; how a line looks (Consul's text form, or JSON) is decided once, at the sink.
 */
export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]
export type Field = string | number | boolean | bigint | null | undefined
export type Fields = Record<string, Field>

export interface LogRecord {
  level: Level
  name: string
  message: string
  fields: Fields
}

export type Sink = (record: LogRecord) => void

export interface Log {
  trace(message: string, fields?: Fields): void
  debug(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  error(message: string, fields?: Fields): void
  /** True when a record of this level would be kept: ask before building costly fields. */
  on(level: Level): boolean
  /** A logger whose name is this one's plus `.part`. */
  named(part: string): Log
  /** Hands the records of this level and above, of this logger and all its kin, to another sink too, until called off. */
  tap(level: Level, sink: Sink): () => void
}

interface Tap {
  level: number
  sink: Sink
}

/** @param threshold asked at each record, so that a reload can change it */
export function makeLog(name: string, sink: Sink, threshold: () => Level): Log {
  return tapped(name, sink, threshold, new Set())
}

function tapped(name: string, sink: Sink, threshold: () => Level, taps: Set<Tap>): Log {
  const wanted = (level: Level) => LEVELS.indexOf(level) >= LEVELS.indexOf(threshold())
  const at =
    (level: Level) =>
    (message: string, fields: Fields = {}) => {
      if (wanted(level)) sink({ level, name, message, fields })
      if (taps.size === 0) return
      for (const tap of taps) if (LEVELS.indexOf(level) >= tap.level) tap.sink({ level, name, message, fields })
    }
  return {
    trace: at('trace'),
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    on: (level) => wanted(level) || (taps.size > 0 && [...taps].some((tap) => LEVELS.indexOf(level) >= tap.level)),
    named: (part) => tapped(name === '' ? part : `${name}.${part}`, sink, threshold, taps),
    tap(level, other) {
      const tap = { level: LEVELS.indexOf(level), sink: other }
      taps.add(tap)
      return () => void taps.delete(tap)
    },
  }
}

export const silentLog: Log = makeLog(
  '',
  () => {},
  () => 'error',
)
