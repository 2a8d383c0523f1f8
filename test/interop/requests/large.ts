/** Bodies of more than a MiB: those that the real one takes, in whatever size, and those that have bounds of their own. */
import { ask, put, type Request } from '../requests.ts'

/** Well over a MiB, in few values, which keeps the real one from taking seconds over them. */
const OUTPUT = 'a line of "output", with é and <tags> in it\n'.repeat(32_000)
const TAGS = Array.from({ length: 700 }, (_, i) => `${i} ${'x'.repeat(2000)}`)
const CONFIG = Object.fromEntries(TAGS.map((tag, i) => [`key-${i}`, i % 2 === 0 ? tag : { at: i, of: [tag, i, true] }]))
const NODE = { Node: 'large', Address: '10.9.0.1' }
const CHECK = { ...NODE, Check: { CheckID: 'c', Name: 'c', Status: 'passing', Output: OUTPUT } }
const ENTRY = { Kind: 'proxy-defaults', Name: 'global', Config: CONFIG }
const spoilt = JSON.stringify(CHECK)

export const LARGE_REQUESTS: Request[] = [
  put('/v1/catalog/register', CHECK),
  ask('GET', '/v1/health/node/large'),
  // What is wrong stands behind the first MiB.
  put('/v1/catalog/register', spoilt.slice(0, -1)),
  put('/v1/catalog/register', `${spoilt.slice(0, -2)}x`),
  put('/v1/catalog/register', `${spoilt.slice(0, -1)},"Nonsense":1}`),
  put('/v1/catalog/register', `${spoilt.slice(0, -1)},"SkipNodeUpdate":"yes"}`),
  put('/v1/catalog/register', `${spoilt} and more`),
  put('/v1/catalog/deregister', { ...NODE, ServiceID: OUTPUT }),
  put('/v1/catalog/deregister', NODE),
  put('/v1/agent/service/register', { Name: 'large', Nonsense: TAGS }),
  put('/v1/agent/check/register', { Name: 'large', TTL: '10s', Notes: OUTPUT, Interval: 'soon' }),
  ask('POST', '/v1/query', {
    body: JSON.stringify({ Name: 'l', Service: { Service: 'web', Tags: TAGS } }),
    saveId: 'l',
  }),
  ask('GET', '/v1/query/{l}'),
  ask('DELETE', '/v1/query/{l}'),
  put('/v1/config', ENTRY),
  ask('GET', '/v1/config/proxy-defaults/global'),
  put('/v1/config', { ...ENTRY, Nonsense: TAGS, MeshGateway: { Mode: [1, 2] } }),
  put('/v1/config', {
    ...ENTRY,
    Kind: 'service-resolver',
    Config: undefined,
    Failover: { '*': { Datacenters: TAGS } },
    X: 1,
  }),
  ask('DELETE', '/v1/config/proxy-defaults/global'),
  // Bounds that both have.
  put('/v1/kv/large', Buffer.alloc(1_200_000, 'v')),
  put('/v1/txn', [{ KV: { Verb: 'set', Key: 'large', Value: 'eA=='.repeat(300_000) } }]),
  put('/v1/event/fire/large', OUTPUT),
]
