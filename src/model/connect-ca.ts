/** The certificate authority of the service mesh as the state holds it, and the commands that change it. */
import type { Index } from '../base/units.ts'
import type { Untyped } from './catalog.ts'
import type { RaftIndex, ToDatacenter, WriteRequest } from './query.ts'
import type { GoTime } from './time.ts'

export interface CaRoot extends RaftIndex {
  /** Fingerprint of the certificate. */
  ID: string
  Name: string
  /** Up to 64 bits. */
  SerialNumber: bigint
  SigningKeyID: string
  ExternalTrustDomain: string
  NotBefore: GoTime
  NotAfter: GoTime
  RootCert: string
  IntermediateCerts: string[] | null
  SigningCert: string
  SigningKey: string
  Active: boolean
  RotatedOutAt: GoTime
  PrivateKeyType: string
  PrivateKeyBits: number
}

/** The one row. */
export interface CaConfiguration extends RaftIndex {
  ClusterID: string
  Provider: string
  Config: Record<string, Untyped> | null
  State: Record<string, string> | null
  ForceWithoutCrossSigning: boolean
}

/** What the built-in provider keeps. */
export interface CaProviderState extends RaftIndex {
  ID: string
  PrivateKey: string
  RootCert: string
  IntermediateCert: string
}

export interface CaRequest extends WriteRequest, ToDatacenter {
  Op:
    | 'set-roots'
    | 'set-config'
    | 'set-provider-state'
    | 'delete-provider-state'
    | 'set-roots-config'
    | 'increment-provider-serial'
  /** For `set-roots`: where the table must stand. */
  Index: Index
  Roots: (CaRoot | null)[] | null
  Config: CaConfiguration | null
  ProviderState: CaProviderState | null
}

export interface CaLeafRequest extends WriteRequest, ToDatacenter {
  Op: 'increment-index'
}
