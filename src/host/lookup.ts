/**
 * Names to addresses, by the system's resolver. It decides what an old way of writing numbers means: the system takes "1"
 * for 0.0.0.1 and 0x7f.1 for 127.0.0.1; Go, and so Consul, takes neither for an address, and four numbers for what they
 * say, whatever zeros stand before them.
 */

/** One to four numbers, each of digits or in hexadecimal: what inet_aton reads. */
const NUMBERS = /^(?:0[xX][\da-fA-F]*|\d+)(?:\.(?:0[xX][\da-fA-F]*|\d+)){0,3}$/
const DOTTED = /^\d+\.\d+\.\d+\.\d+$/
const BYTE_MAX = 255

/**
 * @param ask the system's resolver
 * @returns addresses, in the order of the resolver
 * @throws ENOTFOUND for what is no name, and what the resolver throws
 */
export async function lookUp(name: string, ask: (name: string) => Promise<string[]>): Promise<string[]> {
  if (DOTTED.test(name)) {
    const parts = name.split('.').map(Number)
    if (parts.every((part) => part <= BYTE_MAX)) return [parts.join('.')]
  }
  if (NUMBERS.test(name)) throw Object.assign(new Error(`${name} is no name of a host`), { code: 'ENOTFOUND' })
  return ask(name)
}
