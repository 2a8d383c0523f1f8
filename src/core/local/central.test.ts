/** What configuration entries add to proxies and gateways, from the registration to the file that outlives the process. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import { NO_CONNECT, NO_PROXY, type NodeService, type Upstream } from '../../model/catalog.ts'
import { type CentralDefaults, centralQuestion, mergedService } from './central.ts'
import { PLAIN, service } from './local.testing.ts'
import { type LocalEffect, makeLocal, type PersistedFiles } from './local.ts'

const NOTHING: CentralDefaults = {
  ProxyConfig: null,
  UpstreamIDConfigs: null,
  MeshGateway: { Mode: '' },
  Expose: { Checks: false, Paths: null },
}

function upstream(DestinationName: string, more: Partial<Upstream> = {}): Upstream {
  return {
    DestinationType: 'service',
    DestinationNamespace: '',
    DestinationName,
    Datacenter: '',
    LocalBindAddress: '',
    LocalBindPort: 9000,
    Config: null,
    MeshGateway: { Mode: '' },
    IngressHosts: null,
    ...more,
  }
}

function sidecar(more: Partial<NodeService['Proxy']> = {}): NodeService {
  return service('web-proxy', {
    Kind: 'connect-proxy',
    ID: 'web-proxy',
    Port: 21000,
    Proxy: { ...NO_PROXY, DestinationServiceName: 'web', DestinationServiceID: 'web', ...more },
    Connect: NO_CONNECT,
  })
}

function play(files?: PersistedFiles) {
  const local = makeLocal({ ...PLAIN, random: seededRandom(1) })
  const say = (input: object): LocalEffect[] => {
    local.step(0, input as never)
    return local.take().filter(({ kind }) => kind !== 'log')
  }
  if (files !== undefined) say({ kind: 'restore', files, date: 0 })
  const register = (service: NodeService, defaults?: CentralDefaults) =>
    say({
      kind: 'register-service',
      ticket: 1,
      registration: { service, checks: [], token: 't', replaceExistingChecks: false, defaults },
    })
  return { say, register, config: () => local.services()[0]?.service.Proxy.Config }
}

suite('central configuration', () => {
  test('a sidecar is asked for by its service, with its upstreams; a gateway by its own name', () => {
    const Upstreams = [upstream('a'), upstream('q', { DestinationType: 'prepared_query' })]
    assert.deepEqual(centralQuestion(sidecar({ Upstreams }), 't', 'dc1'), {
      Name: 'web',
      Datacenter: 'dc1',
      Token: 't',
      UpstreamIDs: [{ ID: 'a' }],
    })
    const gateway = { ...sidecar(), Kind: 'mesh-gateway' as const, Service: 'gw', Proxy: NO_PROXY }
    assert.deepEqual(centralQuestion(gateway, '', 'dc1'), { Name: 'gw', Datacenter: 'dc1', Token: '' })
  })

  test('only what was left empty is filled, in maps at every depth', () => {
    const own = sidecar({
      Config: { protocol: 'http', zero: 0, deep: { a: 1 }, list: [1] },
      MeshGateway: { Mode: '' },
      Upstreams: [
        upstream('a', { Config: { protocol: 'tcp' } }),
        upstream('b', { MeshGateway: { Mode: 'local' } }),
        upstream('q', { DestinationType: 'prepared_query' }),
      ],
    })
    const given = structuredClone(own)
    const { Proxy: proxy } = mergedService(own, {
      ProxyConfig: { protocol: 'grpc', zero: 5, deep: { a: 2, b: 3 }, list: [2], more: 'x' },
      UpstreamIDConfigs: ['a', 'b', 'q'].map((ID) => ({ Upstream: { ID }, Config: { protocol: 'http2', x: 1 } })),
      MeshGateway: { Mode: 'remote' },
      Expose: { Checks: true, Paths: null },
    })
    assert.deepEqual(proxy.Config, { protocol: 'http', zero: 5, deep: { a: 1, b: 3 }, list: [1], more: 'x' })
    assert.deepEqual(
      proxy.Upstreams?.map(({ Config, MeshGateway }) => [MeshGateway.Mode, Config]),
      [
        ['remote', { protocol: 'tcp', x: 1 }],
        ['local', { protocol: 'http2', x: 1 }],
        ['', null],
      ],
    )
    assert.deepEqual([proxy.MeshGateway.Mode, proxy.Expose.Checks], ['remote', true])
    assert.deepEqual(own, given)
  })

  test('it is followed, taken over when it changes, and forgotten with its service', () => {
    const local = play()
    const kinds = (effects: LocalEffect[]) =>
      effects.map((effect) => ('folder' in effect ? `${effect.kind} ${effect.folder}` : effect.kind))
    const told = { ...NOTHING, ProxyConfig: { protocol: 'http' } }
    assert.deepEqual(kinds(local.register(sidecar(), told)), [
      'persist services/configs',
      'follow-defaults',
      'persist services',
      'done',
    ])
    assert.deepEqual(local.config(), { protocol: 'http' })
    assert.deepEqual(kinds(local.say({ kind: 'central-defaults', id: 'web-proxy', defaults: told })), [])
    const changed = { ...NOTHING, ProxyConfig: { other: 1 } }
    assert.deepEqual(kinds(local.say({ kind: 'central-defaults', id: 'web-proxy', defaults: changed })), [
      'persist services/configs',
    ])
    assert.deepEqual(local.config(), { other: 1 })
    assert.deepEqual(kinds(local.say({ kind: 'deregister-service', ticket: 2, id: 'web-proxy' })), [
      'forget services',
      'unfollow-defaults',
      'forget services/configs',
      'done',
    ])
    assert.deepEqual(kinds(local.say({ kind: 'central-defaults', id: 'web-proxy', defaults: told })), [])
  })

  test('after a restart what was known last holds until the servers say otherwise', () => {
    const files: PersistedFiles = { services: [], checks: [], states: [], configs: [] }
    const effects = play().register(sidecar(), { ...NOTHING, ProxyConfig: { protocol: 'http' } })
    for (const effect of effects) {
      if (effect.kind !== 'persist') continue
      const list = effect.folder === 'services' ? files.services : files.configs
      list.push(JSON.parse(JSON.stringify(effect.value)))
    }
    const later = play(files)
    assert.deepEqual(later.config(), { protocol: 'http' })
    later.say({ kind: 'central-defaults', id: 'web-proxy', defaults: NOTHING })
    assert.equal(later.config(), null)
  })
})
