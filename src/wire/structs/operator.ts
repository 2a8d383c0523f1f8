/** Wire structs of the operators' methods (protocol/rpc.md section 10). */
import type {
  OperatorHealthReply,
  RaftConfigurationResponse,
  RaftRemovePeerRequest,
  RaftServer,
  ServerHealth,
} from '../../model/operator.ts'
import { time, ZERO_TIME } from '../go-time.ts'
import { bool, type Codec, int, list, pointer, struct, text, WRITE_REQUEST } from '../schema.ts'
import { TO_DATACENTER } from './query.ts'

export const raftServer = struct<RaftServer>({
  ID: text,
  Node: text,
  Address: text,
  Leader: bool,
  ProtocolVersion: text,
  Voter: bool,
})

const raftServers: Codec<RaftServer[] | null> = {
  ...list(pointer(raftServer)),
  read: (r) =>
    list(pointer(raftServer))
      .read(r)
      ?.filter((each) => each !== null) ?? null,
} as Codec<RaftServer[] | null>

export const raftConfigurationResponse = struct<RaftConfigurationResponse>({ Servers: raftServers, Index: int })

export const raftRemovePeerRequest = struct<RaftRemovePeerRequest>({
  ...WRITE_REQUEST,
  ...TO_DATACENTER,
  Address: text,
  ID: text,
})

/** Go's zero time stands for "never". */
const stableSince: Codec<ServerHealth['StableSince']> = {
  write: (w, value) => time.write(w, value ?? ZERO_TIME),
  read(r) {
    const found = time.read(r)
    return found.seconds === ZERO_TIME.seconds ? null : found
  },
  zero: () => null,
  fields: 0,
  shape: { kind: 'time' },
}

export const serverHealth = struct<ServerHealth>({
  ID: text,
  Name: text,
  Address: text,
  SerfStatus: int,
  Version: text,
  Leader: bool,
  LastContact: int,
  LastTerm: int,
  LastIndex: int,
  Healthy: bool,
  Voter: bool,
  StableSince: stableSince,
})

export const operatorHealthReply = struct<OperatorHealthReply>({
  Healthy: bool,
  FailureTolerance: int,
  Servers: list(serverHealth),
})
