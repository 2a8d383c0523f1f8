/** Flags by kind, in one line each: a shorter way to write the tables of flags, keeping the types that parsing needs. */

/** @param initial the default as help shows it, text in quotes */
export function text<const Name extends string>(name: Name, help: string, initial?: string) {
  return { name, kind: 'string', help, initial } as const
}

export function yes<const Name extends string>(name: Name, help: string, initial?: string) {
  return { name, kind: 'bool', help, initial } as const
}

export function whole<const Name extends string>(name: Name, help: string, initial?: string) {
  return { name, kind: 'int', help, initial } as const
}

export function index<const Name extends string>(name: Name, help: string) {
  return { name, kind: 'uint64', help } as const
}

export function duration<const Name extends string>(name: Name, help: string, initial?: string) {
  return { name, kind: 'duration', help, initial } as const
}

/** May be repeated. */
export function texts<const Name extends string>(name: Name, help: string) {
  return { name, kind: 'strings', help } as const
}

/** `key=value`, may be repeated. */
export function pairs<const Name extends string>(name: Name, help: string) {
  return { name, kind: 'pairs', help, valueName: 'value' } as const
}

/** Text whose help names what it holds. */
export function named<const Name extends string>(name: Name, valueName: string, help: string) {
  return { name, kind: 'string', help, valueName } as const
}

export const FORMAT = text('format', 'Output format {pretty|json}', '"pretty"')
