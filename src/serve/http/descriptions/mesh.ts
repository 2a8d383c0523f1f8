/** Configuration entries and the mesh. */
import { BLOCK, CACHED_CATALOG, type Descriptions, get, LIST, META, put, READ } from './operation.ts'

export const MESH_DESCRIPTIONS: Descriptions = {
  '/v1/config': put({
    summary: 'Write a configuration entry',
    parameters: ['dc', 'cas'],
    body: 'GivenConfigEntry',
    answer: 'Boolean',
  }),
  '/v1/config/': get({
    summary: 'All configuration entries of a kind',
    rest: 'kind',
    parameters: BLOCK,
    answer: 'ConfigEntry[]',
    headers: META,
    blocks: true,
  }),
  '/v1/connect/ca/configuration': {
    GET: { summary: 'How the certificate authority is set up', parameters: READ, answer: 'CaConfiguration' },
    PUT: { summary: 'Set up the certificate authority', parameters: ['dc'], body: 'GivenCaConfiguration' },
  },
  '/v1/connect/ca/roots': get({
    summary: 'Root certificates of the mesh',
    parameters: BLOCK,
    answer: 'CaRoots',
    headers: META,
  }),
  '/v1/connect/intentions': {
    GET: { summary: 'List intentions', parameters: LIST, answer: 'Intention[]', headers: META, blocks: true },
    POST: { summary: 'Make an intention', parameters: ['dc'], body: 'GivenIntention', answer: 'Id' },
  },
  '/v1/connect/intentions/match': get({
    summary: 'Intentions that match a service',
    parameters: [...BLOCK, 'by', 'name'],
    answer: 'IntentionMatches',
  }),
  '/v1/connect/intentions/check': get({
    summary: 'Whether intentions allow a connection',
    parameters: [...READ, 'source', 'destination', 'source-type'],
    answer: 'IntentionCheck',
  }),
  '/v1/connect/intentions/': {
    GET: { summary: 'Read an intention', rest: 'id', parameters: BLOCK, answer: 'Intention' },
    PUT: { summary: 'Change an intention', rest: 'id', parameters: ['dc'], body: 'GivenIntention', answer: 'Id' },
    DELETE: { summary: 'Delete an intention', rest: 'id', parameters: ['dc'], answer: 'Boolean' },
  },
  '/v1/discovery-chain/': {
    GET: {
      summary: 'How a service is resolved',
      rest: 'service',
      parameters: [...BLOCK, 'cached', 'compile-dc'],
      answer: 'DiscoveryChainAnswer',
      headers: CACHED_CATALOG,
      blocks: true,
    },
    POST: {
      summary: 'How a service would be resolved',
      rest: 'service',
      parameters: [...BLOCK, 'compile-dc'],
      body: 'DiscoveryChainOverrides',
      answer: 'DiscoveryChainAnswer',
      headers: CACHED_CATALOG,
    },
  },
  '/v1/internal/federation-states': get({
    summary: 'Federation states',
    parameters: BLOCK,
    answer: 'FederationState[]',
    headers: META,
  }),
  '/v1/internal/federation-states/mesh-gateways': get({
    summary: 'Mesh gateways, by datacenter',
    parameters: BLOCK,
    answer: 'MeshGatewaysByDatacenter',
    headers: META,
  }),
  '/v1/internal/federation-state/': get({
    summary: 'The federation state of a datacenter',
    rest: 'datacenter',
    parameters: BLOCK,
    answer: 'FederationStateAnswer',
    headers: META,
  }),
}
