/** The service mesh over HTTP: its certificate authority, certificates of its services, and who may connect to whom. */
import type { Index } from '../base/units.ts'
import {
  type Caller,
  decodeJson,
  escapePath,
  expectOk,
  type ReadOptions,
  type Reply,
  type RequestOptions,
} from './client.ts'

/** Times are RFC 3339, certificates PEM. */
export interface CaRoot {
  ID: string
  Name: string
  SerialNumber: number
  SigningKeyID: string
  ExternalTrustDomain: string
  NotBefore: string
  NotAfter: string
  RootCert: string
  IntermediateCerts: string[] | null
  /** New certificates are signed with this one. */
  Active: boolean
  PrivateKeyType: string
  PrivateKeyBits: number
  CreateIndex: Index
  ModifyIndex: Index
}

export interface CaRoots {
  ActiveRootID: string
  TrustDomain: string
  Roots: CaRoot[]
}

export interface CaConfiguration {
  /** `consul`, `vault`, `aws-pca`. */
  Provider: string
  /** As the provider wants it. */
  Config: Record<string, unknown>
  /** What the provider keeps; read alone. */
  State: Record<string, string> | null
  ForceWithoutCrossSigning: boolean
  CreateIndex: Index
  ModifyIndex: Index
}

export type CaConfigurationWish = Pick<CaConfiguration, 'Provider' | 'Config'> &
  Partial<Pick<CaConfiguration, 'ForceWithoutCrossSigning'>>

/** A certificate of a service, with its key. */
export interface LeafCertificate {
  /** Hexadecimal, with colons. */
  SerialNumber: string
  CertPEM: string
  PrivateKeyPEM: string
  Service: string
  ServiceURI: string
  ValidAfter: string
  ValidBefore: string
  CreateIndex: Index
  ModifyIndex: Index
}

export interface ConnectionAsked {
  /** Name of the service that is connected to. */
  Target: string
  /** SPIFFE id of the certificate that the other end shows. */
  ClientCertURI: string
  ClientCertSerial: string
}

export interface Mesh {
  /** As the servers know them; `agentRoots` is what the agent keeps. */
  roots(options?: ReadOptions): Promise<Reply<CaRoots>>
  configuration(options?: RequestOptions & { stale?: boolean }): Promise<CaConfiguration>
  setConfiguration(wish: CaConfigurationWish, options?: RequestOptions): Promise<void>
  agentRoots(options?: ReadOptions): Promise<Reply<CaRoots>>
  /** Made when there is none yet, and renewed in time: wait with `index` for the next. */
  leaf(service: string, options?: ReadOptions): Promise<Reply<LeafCertificate>>
  authorize(asked: ConnectionAsked, options?: RequestOptions): Promise<{ Authorized: boolean; Reason: string }>
}

export function makeMesh(caller: Caller): Mesh {
  const configuration = '/v1/connect/ca/configuration'
  return {
    roots: (options) => caller.read('/v1/connect/ca/roots', options),
    async configuration(options) {
      return decodeJson<CaConfiguration>(expectOk(await caller.send('GET', configuration, options)))
    },
    async setConfiguration(wish, options) {
      expectOk(await caller.send('PUT', configuration, options, {}, JSON.stringify(wish)))
    },
    agentRoots: (options) => caller.read('/v1/agent/connect/ca/roots', options),
    leaf: (service, options) => caller.read(`/v1/agent/connect/ca/leaf/${escapePath(service)}`, options),
    async authorize(asked, options) {
      const response = await caller.send('POST', '/v1/agent/connect/authorize', options, {}, JSON.stringify(asked))
      return decodeJson(expectOk(response))
    },
  }
}
