/**
 * The mark by which chains that were compiled with overrides are told apart: eight hexadecimal digits that clients put
 * into names, so they must be Consul's own. Source: mitchellh's hashstructure over FNV-1, for a struct of three fields.
 */
import { bytesFromText } from '../../base/text.ts'
import type { Nanos } from '../../base/units.ts'

const OFFSET = 0xcbf2_9ce4_8422_2325n
const PRIME = 0x100_0000_01b3n
const DIGITS = 8

export function customizationHash(overrides: { meshGateway: string; protocol: string; connectTimeout: Nanos }): string {
  const hash = structHash('', [
    ['OverrideMeshGateway', structHash('MeshGatewayConfig', [['Mode', textHash(overrides.meshGateway)]])],
    ['OverrideProtocol', textHash(overrides.protocol)],
    ['OverrideConnectTimeout', fnv1(wordBytes(BigInt(overrides.connectTimeout)))],
  ])
  return hash.toString(16).slice(0, DIGITS)
}

function structHash(name: string, fields: [name: string, hash: bigint][]): bigint {
  return fields.reduce(
    (sum, [field, hash]) => sum ^ fnv1(Uint8Array.of(...wordBytes(textHash(field)), ...wordBytes(hash))),
    textHash(name),
  )
}

function textHash(text: string): bigint {
  return fnv1(bytesFromText(text))
}

function fnv1(bytes: Uint8Array): bigint {
  let hash = OFFSET
  for (const byte of bytes) hash = BigInt.asUintN(64, hash * PRIME) ^ BigInt(byte)
  return hash
}

/** Least significant byte first. */
function wordBytes(word: bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, BigInt.asUintN(64, word), true)
  return new Uint8Array(view.buffer)
}
