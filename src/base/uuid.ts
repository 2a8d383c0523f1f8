/** UUIDs as text, in the one form that Consul takes for node ids: 8-4-4-4-12 hexadecimal digits, in either case. */

const UUID_CHARS = 36
const HYPHENS = /^.{8}-.{4}-.{4}-.{4}-.{12}$/s
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** @returns what is wrong with it, in the words of HashiCorp's go-uuid, or undefined */
export function uuidFault(text: string): string | undefined {
  if (UUID.test(text)) return undefined
  if (text.length !== UUID_CHARS) return 'uuid string is wrong length'
  if (!HYPHENS.test(text)) return 'uuid is improperly formatted'
  return 'uuid is not hexadecimal'
}
