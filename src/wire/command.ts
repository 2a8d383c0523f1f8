/**
 * Log commands as bytes: one byte for the type, then the body in msgpack (protocol/fsm-and-snapshot.md section 1).
 * Types that we do not interpret are kept whole: a log may hold them when real servers share it.
 */
import { COMMAND_NUMBERS, type Command, type CommandType, IGNORABLE } from '../model/command.ts'
import type { NodeCoordinate } from '../model/coordinate.ts'
import { MsgpackError, Reader, Writer } from './msgpack.ts'
import { type Codec, filled, list } from './schema.ts'
import {
  authMethodBatchDelete,
  authMethodBatchSet,
  bindingRuleBatchDelete,
  bindingRuleBatchSet,
  legacyAclRequest,
  policyBatchDelete,
  policyBatchSet,
  roleBatchDelete,
  roleBatchSet,
  tokenBatchDelete,
  tokenBatchSet,
  tokenBootstrap,
} from './structs/acl.ts'
import { autopilotSetConfigRequest } from './structs/autopilot.ts'
import { deregisterRequest, registerRequest } from './structs/catalog.ts'
import { configEntryRequest } from './structs/config-entry.ts'
import { caLeafRequest, caRequest } from './structs/connect-ca.ts'
import { nodeCoordinate } from './structs/coordinate.ts'
import { federationStateRequest } from './structs/federation-state.ts'
import { intentionRequest } from './structs/intention.ts'
import { kvsRequest, tombstoneRequest } from './structs/kv.ts'
import { preparedQueryRequest } from './structs/prepared-query.ts'
import { sessionRequest } from './structs/session.ts'
import { txnRequest } from './structs/txn.ts'

/** A command of a type that we only hand on. `data` is its body, without the type byte. */
export interface OpaqueCommand {
  type: 'Opaque'
  /** Consul's number, without the ignorable bit. */
  number: number
  ignorable: boolean
  data: Uint8Array
}

type Bodies = { [T in CommandType]: Codec<Extract<Command, { type: T }>['body']> }

const BODIES: Bodies = {
  Register: registerRequest,
  Deregister: deregisterRequest,
  KVS: kvsRequest,
  Session: sessionRequest,
  ACL: legacyAclRequest,
  Tombstone: tombstoneRequest,
  CoordinateBatchUpdate: filled(list<NodeCoordinate>(nodeCoordinate), () => []),
  PreparedQuery: preparedQueryRequest,
  Txn: txnRequest,
  Autopilot: autopilotSetConfigRequest,
  ACLBootstrap: tokenBootstrap,
  Intention: intentionRequest,
  ConnectCA: caRequest,
  ACLTokenSet: tokenBatchSet,
  ACLTokenDelete: tokenBatchDelete,
  ACLPolicySet: policyBatchSet,
  ACLPolicyDelete: policyBatchDelete,
  ConnectCALeaf: caLeafRequest,
  ConfigEntry: configEntryRequest,
  ACLRoleSet: roleBatchSet,
  ACLRoleDelete: roleBatchDelete,
  ACLBindingRuleSet: bindingRuleBatchSet,
  ACLBindingRuleDelete: bindingRuleBatchDelete,
  ACLAuthMethodSet: authMethodBatchSet,
  ACLAuthMethodDelete: authMethodBatchDelete,
  FederationState: federationStateRequest,
}

/** The byte in front, ignorable bit included: Consul sets it on what an older server may do without. */
const TYPE_BYTES: Record<CommandType, number> = {
  ...COMMAND_NUMBERS,
  CoordinateBatchUpdate: COMMAND_NUMBERS.CoordinateBatchUpdate | IGNORABLE,
  ConnectCALeaf: COMMAND_NUMBERS.ConnectCALeaf | IGNORABLE,
}

const TYPES = new Map<number, CommandType>(
  Object.entries(COMMAND_NUMBERS).map(([type, number]) => [number, type as CommandType]),
)

/** One entry of the log, and of the message that brings it to a follower, which may have twice that. */
const COMMAND_BYTES_MAX = 128 << 20

const writer = new Writer(4096, 'plain', COMMAND_BYTES_MAX)

/**
 * @returns the command's bytes (see `Writer.take`)
 * @throws MsgpackError (too-large)
 */
export function encodeCommand(command: Command | OpaqueCommand): Uint8Array {
  writer.clear()
  if (command.type === 'Opaque') {
    writer.byte(command.number | (command.ignorable ? IGNORABLE : 0))
    writer.append(command.data)
  } else {
    writer.byte(TYPE_BYTES[command.type])
    const codec = BODIES[command.type] as Codec<unknown>
    codec.write(writer, command.body)
  }
  return writer.takeKept()
}

/**
 * Larger byte values in the result, which are those of keys, are views of `data`: nobody may write to it afterwards, and who
 * keeps one keeps the log around it. The store copies them. Bytes after the body are ignored, as Consul does.
 * @throws MsgpackError when it is empty, cut off, or no body of its type
 */
export function decodeCommand(data: Uint8Array): Command | OpaqueCommand {
  if (data.length === 0) throw new MsgpackError('truncated', 'a command without its type', 0)
  const number = data[0]! & ~IGNORABLE
  const type = TYPES.get(number)
  if (type === undefined)
    return { type: 'Opaque', number, ignorable: (data[0]! & IGNORABLE) !== 0, data: data.subarray(1) }
  const body = BODIES[type].read(new Reader(data, 1, data.length, true))
  return { type, body } as Command
}
