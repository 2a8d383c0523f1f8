/**
 * Configurations made by chance from the table of keys: each says a few of them, with a value of the right type, of
 * another type, or a strange one, as JSON or HCL, in one file or two. The same seed makes the same ones.
 */

import { CONFIG_SHAPE, FIXED_KEYS, type Shape, type StructShape } from '../../src/agent/config/keys.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { ConfigCase } from './config-cases.ts'

type Value = string | number | boolean | Value[] | { [key: string]: Value }

/**
 * Left out: what is ours or newer than 1.8.7, what only the real one's own tests set, protections and addresses (where the
 * machine has a say), and a few whose faults the real one finds when the agent starts.
 */
const LEFT_OUT = new Set(
  `proconsul acl_datacenter acl verify_incoming verify_incoming_rpc verify_incoming_https encrypt log_level node_id segments
  config_entries auto_config advertise_addr advertise_addr_wan advertise_addr_ipv4 advertise_addr_ipv6 advertise_addr_wan_ipv4
  advertise_addr_wan_ipv6 bind_addr serf_lan serf_wan client_addr addresses tls_cipher_suites connect snapshot_agent
  data_dir datacenter recursors`
    .trim()
    .split(/\s+/),
)
const NEWER = new Set('udp h2ping h2ping_use_tls tls_server_name failures_before_warning disable_redirects'.split(' '))
const TEXTS = ['a', '', '10s', '5', '0x1', 'true', 'é "q"', '/x/']
const NUMBERS = [0, 1, 2, 7, -1, 70_000, 2.5]

export function generateCases(count: number, seed: number): ConfigCase[] {
  const random = seededRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[random.int(list.length)] as T
  const chance = (of: number) => random.int(of) === 0

  function value(shape: Shape, path: string, depth: number): Value {
    if (chance(12)) return pick<Value>([...TEXTS, ...NUMBERS, true, [], {}, ['a'], [1], { a: 'b' }])
    switch (shape) {
      case 'string':
        return pick(TEXTS)
      case 'bool':
        return chance(2)
      case 'int':
      case 'uint':
      case 'uint32':
      case 'uint64':
      case 'float':
        return pick(NUMBERS)
      case 'object':
        return { a: pick<Value>([1, 'x', true, ['y', 'z']]) }
      default:
        break
    }
    if (shape.kind === 'list') return Array.from({ length: random.int(3) }, () => value(shape.of, path, depth + 1))
    if (shape.kind === 'map') return { [pick(['a', 'b'])]: value(shape.of, path, depth + 1) }
    return section(shape, path, depth + 1)
  }

  function section(shape: StructShape, path: string, depth: number): { [key: string]: Value } {
    const at = (name: string) => (path === '' ? name : `${path}.${name}`)
    const names = [...shape.fields.keys()].filter((name) => {
      return !FIXED_KEYS.has(at(name)) && !NEWER.has(name) && !(path === '' && LEFT_OUT.has(name)) && depth < 4
    })
    const out: { [key: string]: Value } = {}
    const many = 1 + random.int(3)
    for (let i = 0; i < many && names.length > 0; i++) {
      const name = pick(names)
      const of = shape.fields.get(name)
      if (of !== undefined) out[name] = value(of, at(name), depth)
    }
    if (chance(20)) out.bogus = 1
    return out
  }

  return Array.from({ length: count }, () => {
    const files: Record<string, string> = { '0.json': '{"data_dir": "/nowhere/at/all", "bind_addr": "127.0.0.1"}' }
    const many = 1 + random.int(2)
    for (let i = 1; i <= many; i++) {
      const said = section(CONFIG_SHAPE, '', 0)
      if (chance(2)) files[`${i}.json`] = JSON.stringify(said)
      else
        files[`${i}.hcl`] = Object.entries(said)
          .map(([key, item]) => `${key} = ${hclOf(item)}\n`)
          .join('')
    }
    return { files }
  })
}

function hclOf(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(hclOf).join(', ')}]`
  if (typeof value !== 'object') return JSON.stringify(value)
  return `{\n${Object.entries(value)
    .map(([key, item]) => `${key} = ${hclOf(item)}\n`)
    .join('')}}`
}
