/** Raft, autopilot and the keys of gossip; snapshots; profiles of the process. */
import { type Descriptions, get, META, post, READ } from './operation.ts'

export const OPERATOR_DESCRIPTIONS: Descriptions = {
  '/v1/operator/raft/configuration': get({
    summary: 'The servers that keep the log',
    parameters: READ,
    answer: 'RaftConfiguration',
  }),
  '/v1/operator/raft/peer': { DELETE: { summary: 'Take a server out of Raft', parameters: ['dc', 'id', 'address'] } },
  '/v1/operator/keyring': {
    GET: {
      summary: 'Keys of gossip, and how many members have them',
      parameters: ['relay-factor', 'local-only'],
      answer: 'Keyring[]?',
    },
    POST: { summary: 'Give all members a new key', parameters: ['relay-factor'], body: 'KeyringRequest' },
    PUT: { summary: 'Make a key the one that is used', parameters: ['relay-factor'], body: 'KeyringRequest' },
    DELETE: { summary: 'Take a key from all members', parameters: ['relay-factor'], body: 'KeyringRequest' },
  },
  '/v1/operator/autopilot/configuration': {
    GET: { summary: 'How autopilot is set up', parameters: READ, answer: 'AutopilotConfiguration' },
    PUT: {
      summary: 'Set up autopilot',
      parameters: ['dc', 'cas'],
      body: 'GivenAutopilotConfiguration',
      answer: 'Boolean',
    },
  },
  '/v1/operator/autopilot/health': get({
    summary: 'How the servers are; 429 when not all is well',
    parameters: ['dc'],
    answer: 'AutopilotHealth',
    statuses: { 429: { means: 'Not all is well; the body is the same JSON', answer: 'text' } },
  }),
  '/v1/snapshot': {
    GET: { summary: 'The whole state, as an archive', parameters: ['dc', 'stale'], answer: 'gzip', headers: META },
    PUT: { summary: 'Put an archived state in place of this one', parameters: ['dc'], body: 'binary' },
  },
  '/v1/status/leader': get({ summary: 'Address of the leader', parameters: ['dc'], answer: 'Text' }),
  '/v1/status/peers': get({
    summary: 'Addresses of the servers that keep the log',
    parameters: ['dc'],
    answer: 'Text[]',
  }),
  '/v1/openapi.json': get({ summary: 'This description', answer: 'Anything' }),
  '/debug/pprof/': get({
    summary: 'A profile of this process by its name (heap, allocs, goroutine), or the list of them',
    rest: 'name',
    parameters: ['debug', 'seconds'],
    answer: ['binary', 'text', 'html'],
  }),
  '/debug/pprof/cmdline': get({ summary: 'The command line of the process', answer: 'text' }),
  '/debug/pprof/profile': get({ summary: 'A profile of the processor', parameters: ['seconds'], answer: 'binary' }),
  '/debug/pprof/symbol': post({ summary: 'Names of addresses in the program', body: 'text', answer: 'text' }),
  '/debug/pprof/trace': get({ summary: 'A trace of execution', parameters: ['seconds'], answer: 'binary' }),
}
