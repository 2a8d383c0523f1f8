/**
 * A log record as a line, in Consul's text form or as JSON. Where lines go is their writer's affair.
 * Source of the forms: hashicorp/go-hclog (intlogger.go).
 */
import type { Field, Fields, Level, LogRecord } from './log.ts'

const LEVEL_TEXT: Record<Level, string> = {
  trace: '[TRACE]',
  debug: '[DEBUG]',
  info: '[INFO] ',
  warn: '[WARN] ',
  error: '[ERROR]',
}

/** `2026-11-22T14:46:55.529Z [INFO]  agent.server: Adding LAN server: server="x (Addr: tcp/...)"` */
export function textLine({ level, name, message, fields }: LogRecord, at: number): string {
  const values = Object.entries(fields).map(([key, value]) => ` ${key}=${textValue(value)}`)
  const start = `${localTime(at)} ${LEVEL_TEXT[level]} ${name === '' ? '' : `${name}: `}${message}`
  return values.length === 0 ? start : `${start}:${values.join('')}`
}

/** Quotes stand around a value with white space; those inside it are left alone. */
function textValue(value: Field): string {
  const text = value === null || value === undefined ? '<nil>' : String(value)
  return /[ \t\n\r]/.test(text) ? `"${text}"` : text
}

/** Names in order; what HTML would misread is escaped, as Go does. */
export function jsonLine({ level, name, message, fields }: LogRecord, at: number): string {
  const all: Fields = { ...fields, '@level': level, '@message': message, '@timestamp': microTime(at) }
  if (name !== '') all['@module'] = name
  const parts = Object.keys(all)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${jsonValue(all[key])}`)
  return `{${parts.join(',')}}`.replace(
    /[<>&\u2028\u2029]/g,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function jsonValue(value: Field): string {
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value ?? null)
}

/** Local time with its offset, milliseconds: `...529Z`, `...529+0100`. */
function localTime(at: number): string {
  const { clock, offset } = localClock(at)
  return `${clock}${offset.replace(':', '')}`
}

/** Local time with its offset, microseconds: `...529123Z`, `...529123+01:00`. */
function microTime(at: number): string {
  const { clock, offset } = localClock(at)
  const micros = Math.floor((at - Math.floor(at)) * 1000)
  return `${clock}${String(micros).padStart(3, '0')}${offset}`
}

function localClock(at: number): { clock: string; offset: string } {
  const minutes = -new Date(at).getTimezoneOffset()
  const clock = new Date(at + minutes * 60_000).toISOString().slice(0, -1)
  if (minutes === 0) return { clock, offset: 'Z' }
  const two = (value: number) => String(value).padStart(2, '0')
  const size = Math.abs(minutes)
  return { clock, offset: `${minutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}` }
}
