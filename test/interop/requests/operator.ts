/** Operators' questions: Raft's members, autopilot's settings and health; and snapshots that are none. */
import { ask, del, get, put, puts, type Request } from '../requests.ts'

const AUTOPILOT = '/v1/operator/autopilot/configuration'

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
]
