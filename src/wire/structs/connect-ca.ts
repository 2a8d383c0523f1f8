/** Wire structs of the mesh's certificate authority (protocol/rpc.md section 10). */
import type { CaConfiguration, CaLeafRequest, CaProviderState, CaRequest, CaRoot } from '../../model/connect-ca.ts'
import { time } from '../go-time.ts'
import {
  bool,
  int,
  list,
  map,
  pointer,
  RAFT_INDEX,
  struct,
  text,
  textOf,
  u64,
  untyped,
  WRITE_REQUEST,
} from '../schema.ts'

export const caRoot = struct<CaRoot>({
  ...RAFT_INDEX,
  ID: text,
  Name: text,
  SerialNumber: u64,
  SigningKeyID: text,
  ExternalTrustDomain: text,
  NotBefore: time,
  NotAfter: time,
  RootCert: text,
  IntermediateCerts: list(text),
  SigningCert: text,
  SigningKey: text,
  Active: bool,
  RotatedOutAt: time,
  PrivateKeyType: text,
  PrivateKeyBits: int,
})

export const caConfiguration = struct<CaConfiguration>({
  ...RAFT_INDEX,
  ClusterID: text,
  Provider: text,
  Config: map(untyped),
  State: map(text),
  ForceWithoutCrossSigning: bool,
})

export const caProviderState = struct<CaProviderState>({
  ...RAFT_INDEX,
  ID: text,
  PrivateKey: text,
  RootCert: text,
  IntermediateCert: text,
})

export const caRequest = struct<CaRequest>({
  ...WRITE_REQUEST,
  Op: textOf<CaRequest['Op']>(),
  Index: int,
  Roots: list<CaRoot | null>(pointer(caRoot)),
  Config: pointer(caConfiguration),
  ProviderState: pointer(caProviderState),
})

export const caLeafRequest = struct<CaLeafRequest>({ ...WRITE_REQUEST, Op: textOf<CaLeafRequest['Op']>() })
