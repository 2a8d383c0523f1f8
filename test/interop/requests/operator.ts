/** Operators' questions: Raft's members, autopilot's settings and health, gossip's keys; and snapshots that are none. */
import { ask, del, get, put, puts, type Request } from '../requests.ts'

const AUTOPILOT = '/v1/operator/autopilot/configuration'

const KEYRING = '/v1/operator/keyring'

export const OPERATOR_REQUESTS: readonly Request[] = [
  ...get('/v1/operator/raft/configuration', ['', '?stale', '?pretty', '?dc=nowhere', '?stale&consistent', '?index=x']),
  ...get('/v1/operator/raft/peer', ['']),
  ...del('/v1/operator/raft/peer', [
    '',
    '?id=',
    '?address=',
    '?id=x',
    '?address=10.0.0.1:8300',
    '?id=x&address=y',
    '?id=x&dc=nowhere',
  ]),
  ...get(AUTOPILOT, ['', '?stale', '?dc=nowhere', '?wait=x']),
  ...puts(AUTOPILOT, [
    '',
    '[]',
    'null',
    '{',
    { x: 1 },
    { MinQuorum: -1 },
    { MaxTrailingLogs: 'a' },
    { CleanupDeadServers: 'yes' },
    { LastContactThreshold: 'x' },
    { LastContactThreshold: true },
    { LastContactThreshold: 5 },
    { LastContactThreshold: '1.5s', ServerStabilizationTime: '2m', RedundancyZoneTag: 'zone', UpgradeVersionTag: 'v' },
    {
      CleanupDeadServers: true,
      LastContactThreshold: '200ms',
      MaxTrailingLogs: 250,
      ServerStabilizationTime: '10s',
      CreateIndex: 5,
      ModifyIndex: 99999,
    },
  ]),
  ...get(AUTOPILOT, ['']),
  ...['x', '', '-1', '1', '18446744073709551616', '99999999'].map((cas) => put(`${AUTOPILOT}?cas=${cas}`, {})),
  ...get(AUTOPILOT, ['', '?pretty']),
  ...del(AUTOPILOT, ['']),
  ask('POST', '/v1/operator/autopilot/health'),
  ...get('/v1/operator/autopilot/health', ['?dc=nowhere', '?index=x']),
  ...get('/v1/snapshot', ['?dc=nowhere']),
  ...del('/v1/snapshot', ['']),
  put('/v1/snapshot', ''),
  put('/v1/snapshot?stale', 'no archive, whoever reads it'),
  put('/v1/snapshot?dc=nowhere', 'no archive, whoever reads it'),
  put('/v1/snapshot', 'no archive, whoever reads it'),
  // Without encryption there are no keys; what a request may look like is judged before that.
  ...get(KEYRING, [
    '',
    '?pretty',
    '?local-only=1',
    '?local-only=x',
    '?local-only=false',
    '?relay-factor=3',
    '?relay-factor=6',
    '?relay-factor=-1',
    '?relay-factor=x',
    '?relay-factor=99999999999999999999',
  ]),
  ...puts(KEYRING, ['', '{', '[]', 'null', { Key: 5 }, { Key: 'x' }, { Key: 'MDEyMzQ1Njc4OWFiY2RlZg==' }, { key: '' }]),
  put(`${KEYRING}?local-only=true`, { Key: 'MDEyMzQ1Njc4OWFiY2RlZg==' }),
  put(`${KEYRING}?relay-factor=2`, { Key: 'MDEyMzQ1Njc4OWFiY2RlZg==' }),
  ask('POST', KEYRING, { body: '{"Key":"MDEyMzQ1Njc4OWFiY2RlZg=="}' }),
  ask('DELETE', KEYRING, { body: '{"Key":"MDEyMzQ1Njc4OWFiY2RlZg=="}' }),
  ask('PATCH', KEYRING),
]
