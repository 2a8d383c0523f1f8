/** One row or two of each table of the mesh and of access control, for the tests that keep and restore every table. */
import type { AclLink } from '../../model/acl.ts'
import type { ConfigEntry } from '../../model/config-entry.ts'
import { ZERO_TIME } from '../../model/time.ts'
import type { TableName, Tables } from './rows.ts'

const ID = 'ca615337-6213-a8f3-98d3-505a19d3ad41'
const AT = { CreateIndex: 7, ModifyIndex: 9 }
const TIME = { seconds: 1_795_000_000, nanos: 434_303_758, offsetMin: 0, offsetSec: 0 }
const HASH = Uint8Array.of(1, 2, 3, 255)
const LINKS: AclLink[] = [{ ID, Name: 'ops' }]
const IDENTITIES = {
  ServiceIdentities: [{ ServiceName: 'web', Datacenters: ['dc1'] }],
  NodeIdentities: [{ NodeName: 'n1', Datacenter: 'dc1' }],
}

/** One of each kind, in the order in which the table gives them. */
export function sampleConfigEntries(): ConfigEntry[] {
  return [
    {
      Kind: 'ingress-gateway',
      Name: 'in',
      TLS: { Enabled: true },
      Listeners: [
        {
          Port: 8080,
          Protocol: 'http',
          Services: [
            { Name: 'web', Hosts: ['a.b'], Meta: { k: 'v' } },
            { Name: '*', Hosts: null, Meta: null },
          ],
        },
      ],
      Meta: { owner: 'me' },
      ...AT,
    },
    {
      Kind: 'proxy-defaults',
      Name: 'global',
      Config: { protocol: 'http', n: 3, deep: { list: [1.5, true, null] } },
      MeshGateway: { Mode: 'local' },
      Expose: {
        Checks: true,
        Paths: [{ ListenerPort: 1, Path: '/x', LocalPathPort: 2, Protocol: 'http', ParsedFromCheck: true }],
      },
      Meta: null,
      ...AT,
    },
    {
      Kind: 'service-defaults',
      Name: 'web',
      Protocol: 'http',
      MeshGateway: { Mode: 'remote' },
      Expose: { Checks: false, Paths: null },
      ExternalSNI: 'x.example',
      Meta: {},
      ...AT,
    },
    {
      Kind: 'service-resolver',
      Name: 'web',
      DefaultSubset: 'v1',
      Subsets: { v1: { Filter: 'Service.Meta.version == v1', OnlyPassing: true } },
      Redirect: null,
      Failover: { '*': { Service: '', ServiceSubset: '', Namespace: '', Datacenters: ['dc2'] } },
      ConnectTimeout: 15e9,
      Meta: null,
      ...AT,
    },
    {
      Kind: 'service-router',
      Name: 'web',
      Routes: [
        {
          Match: {
            HTTP: {
              PathExact: '',
              PathPrefix: '/admin',
              PathRegex: '',
              Header: [{ Name: 'x', Present: true, Exact: '', Prefix: '', Suffix: '', Regex: '', Invert: true }],
              QueryParam: [{ Name: 'q', Present: false, Exact: '1', Regex: '' }],
              Methods: ['GET'],
            },
          },
          Destination: {
            Service: 'api',
            ServiceSubset: 's',
            Namespace: 'default',
            PrefixRewrite: '/',
            RequestTimeout: 5e9,
            NumRetries: 3,
            RetryOnConnectFailure: true,
            RetryOnStatusCodes: [503],
          },
        },
        { Match: null, Destination: null },
      ],
      Meta: null,
      ...AT,
    },
    {
      Kind: 'service-splitter',
      Name: 'web',
      Splits: [
        { Weight: 90.5, Service: '', ServiceSubset: 'v1', Namespace: '' },
        { Weight: 9.5, Service: 'api', ServiceSubset: '', Namespace: '' },
      ],
      Meta: null,
      ...AT,
    },
    {
      Kind: 'terminating-gateway',
      Name: 'out',
      Services: [{ Name: 'db', CAFile: '/ca.pem', CertFile: '', KeyFile: '', SNI: 'db.example' }],
      Meta: null,
      ...AT,
    },
  ]
}

type MeshTable = Extract<
  TableName,
  'config-entries' | 'gateway-services' | 'intentions' | `ca-${string}` | `acl-${string}`
>

export function sampleMeshRows(): { [T in MeshTable]: Tables[T][] } {
  return {
    'config-entries': sampleConfigEntries(),
    'gateway-services': [
      {
        Gateway: { Name: 'in' },
        Service: { Name: 'web' },
        GatewayKind: 'ingress-gateway',
        Port: 8080,
        Protocol: 'http',
        Hosts: ['a.b'],
        CAFile: '',
        CertFile: '',
        KeyFile: '',
        SNI: '',
        FromWildcard: false,
        ...AT,
      },
    ],
    intentions: [
      {
        ID,
        Description: 'd',
        SourceNS: 'default',
        SourceName: '*',
        DestinationNS: 'default',
        DestinationName: 'db',
        SourceType: 'consul',
        Action: 'deny',
        DefaultAddr: '',
        DefaultPort: 0,
        Meta: { m: '1' },
        Precedence: 8,
        CreatedAt: { ...TIME, offsetMin: null },
        UpdatedAt: { ...TIME, offsetMin: -90 },
        Hash: HASH,
        ...AT,
      },
    ],
    'ca-roots': [
      {
        ID: '01:fc:5a',
        Name: 'Consul CA Root Cert',
        SerialNumber: 2n ** 64n - 1n,
        SigningKeyID: '07:80',
        ExternalTrustDomain: ID,
        NotBefore: TIME,
        NotAfter: TIME,
        RootCert: '-----BEGIN CERTIFICATE-----\n',
        IntermediateCerts: null,
        SigningCert: '',
        SigningKey: '',
        Active: true,
        RotatedOutAt: ZERO_TIME,
        PrivateKeyType: 'ec',
        PrivateKeyBits: 256,
        ...AT,
      },
    ],
    'ca-provider-state': [{ ID: '07:80', PrivateKey: 'key', RootCert: 'cert', IntermediateCert: '', ...AT }],
    'ca-config': [
      {
        ClusterID: ID,
        Provider: 'consul',
        Config: { LeafCertTTL: '72h' },
        State: { x: 'y' },
        ForceWithoutCrossSigning: false,
        ...AT,
      },
    ],
    'acl-tokens': [
      {
        AccessorID: ID,
        SecretID: '11111111-2222-3333-4444-555555555555',
        Description: 't',
        Policies: LINKS,
        Roles: LINKS,
        ...IDENTITIES,
        Type: '',
        Rules: '',
        Local: true,
        AuthMethod: 'k8s',
        ExpirationTime: TIME,
        ExpirationTTL: 3600e9,
        CreateTime: TIME,
        Hash: HASH,
        ...AT,
      },
      {
        AccessorID: '',
        SecretID: 'anonymous',
        Description: 'old',
        Policies: null,
        Roles: null,
        ServiceIdentities: null,
        NodeIdentities: null,
        Type: 'client',
        Rules: 'key "" { policy = "read" }',
        Local: false,
        AuthMethod: '',
        ExpirationTime: null,
        ExpirationTTL: 0,
        CreateTime: ZERO_TIME,
        Hash: HASH,
        ...AT,
      },
    ],
    'acl-policies': [
      { ID, Name: 'Ops', Description: '', Rules: 'acl = "read"', Syntax: 0, Datacenters: ['dc1'], Hash: HASH, ...AT },
    ],
    'acl-roles': [{ ID, Name: 'r', Description: '', Policies: LINKS, ...IDENTITIES, Hash: HASH, ...AT }],
    'acl-binding-rules': [
      { ID, Description: 'b', AuthMethod: 'k8s', Selector: '', BindType: 'service', BindName: 'web', ...AT },
    ],
    'acl-auth-methods': [
      {
        Name: 'k8s',
        Type: 'jwt',
        DisplayName: 'K',
        Description: '',
        MaxTokenTTL: 3600e9,
        TokenLocality: 'global',
        Config: { BoundIssuer: 'me', ClaimMappings: { sub: 'sub' } },
        ...AT,
      },
    ],
  }
}
