/** Rows whose forms the recorded answers of the HTTP door do not show. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { aCheck, aService } from '../../test/support/cluster.ts'
import type { ConnectProxyConfig } from '../model/catalog.ts'
import {
  agentServiceJson,
  checkServiceNodesJson,
  healthCheckJson,
  kvJson,
  nodeServiceJson,
  serviceNodeJson,
  sessionJson,
} from './json-rows.ts'

const COMPACT = -1

const PROXY: ConnectProxyConfig = {
  DestinationServiceName: 'web',
  DestinationServiceID: 'web1',
  LocalServiceAddress: '127.0.0.1',
  LocalServicePort: 80,
  Config: { z: 1.5, a: { y: [1, 'x', null, true] } },
  Upstreams: [
    {
      DestinationType: '',
      DestinationNamespace: '',
      DestinationName: 'db',
      Datacenter: '',
      LocalBindAddress: '',
      LocalBindPort: 9000,
      Config: null,
      MeshGateway: { Mode: '' },
      IngressHosts: ['hidden'],
    },
  ],
  MeshGateway: { Mode: 'local' },
  Expose: {
    Checks: true,
    Paths: [{ ListenerPort: 21, Path: '/m', LocalPathPort: 0, Protocol: 'http', ParsedFromCheck: false }],
  },
}

suite('services', () => {
  const service = aService({
    Kind: 'connect-proxy',
    ID: 'p',
    Service: 'web-proxy',
    Tags: null,
    Meta: null,
    Port: 1,
    Weights: null,
    Proxy: PROXY,
    TaggedAddresses: {},
    LocallyRegisteredAsSidecar: true,
    CreateIndex: 1,
    ModifyIndex: 2,
  })
  const shared =
    '"DestinationServiceName":"web","DestinationServiceID":"web1","LocalServiceAddress":"127.0.0.1","LocalServicePort":80,' +
    '"Config":{"a":{"y":[1,"x",null,true]},"z":1.5},'
  const rest =
    '"MeshGateway":{"Mode":"local"},"Expose":{"Checks":true,"Paths":[{"ListenerPort":21,"Path":"/m","Protocol":"http","ParsedFromCheck":false}]}'

  test('in the catalog’s form: a proxy with all it may have', () => {
    assert.equal(
      nodeServiceJson(service, COMPACT),
      `{"Kind":"connect-proxy","ID":"p","Service":"web-proxy","Tags":[],"Address":"","Meta":null,"Port":1,"Weights":null,"EnableTagOverride":false,"Proxy":{${shared}"Upstreams":[{"DestinationType":"","DestinationName":"db","Datacenter":"","LocalBindPort":9000,"Config":null,"MeshGateway":{}}],${rest}},"Connect":{},"CreateIndex":1,"ModifyIndex":2}`,
    )
  })

  test('in the agent’s own form: what says nothing is left out', () => {
    assert.equal(
      agentServiceJson(service, 'abc'),
      `{"Kind":"connect-proxy","ID":"p","Service":"web-proxy","Tags":[],"Meta":{},"Port":1,"Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,"CreateIndex":1,"ModifyIndex":2,"ContentHash":"abc","Proxy":{${shared}"Upstreams":[{"DestinationName":"db","LocalBindPort":9000,"MeshGateway":{}}],${rest}}}`,
    )
  })

  test('with its node', () => {
    const row = {
      ID: '',
      Node: 'n',
      Address: 'a',
      Datacenter: 'dc1',
      TaggedAddresses: null,
      NodeMeta: null,
      ServiceKind: '' as const,
      ServiceID: 's',
      ServiceName: 's',
      ServiceTags: null,
      ServiceAddress: '',
      ServiceTaggedAddresses: { lan: { Address: 'x', Port: 1 } },
      ServiceWeights: { Passing: 1, Warning: 0 },
      ServiceMeta: null,
      ServicePort: 5,
      ServiceEnableTagOverride: true,
      ServiceProxy: aService({}).Proxy,
      ServiceConnect: { Native: true, SidecarService: null },
      CreateIndex: 3,
      ModifyIndex: 4,
    }
    assert.equal(
      serviceNodeJson(row, COMPACT),
      '{"ID":"","Node":"n","Address":"a","Datacenter":"dc1","TaggedAddresses":null,"NodeMeta":null,"ServiceKind":"","ServiceID":"s","ServiceName":"s","ServiceTags":[],"ServiceAddress":"","ServiceTaggedAddresses":{"lan":{"Address":"x","Port":1}},"ServiceWeights":{"Passing":1,"Warning":0},"ServiceMeta":{},"ServicePort":5,"ServiceEnableTagOverride":true,"ServiceProxy":{"MeshGateway":{},"Expose":{}},"ServiceConnect":{"Native":true},"CreateIndex":3,"ModifyIndex":4}',
    )
  })
})

test('a check with everything that its definition may say', () => {
  const check = aCheck({
    Node: 'n',
    CheckID: 'c',
    Definition: {
      HTTP: 'h',
      TLSSkipVerify: true,
      Header: { B: ['1', '2'], A: [] },
      Method: 'GET',
      Body: 'b',
      TCP: 't',
      Interval: 90e9,
      OutputMaxSize: 5,
      Timeout: 1e6,
      DeregisterCriticalServiceAfter: 60e9,
      ScriptArgs: ['a'],
      DockerContainerID: 'd',
      Shell: 's',
      GRPC: 'g',
      GRPCUseTLS: true,
      AliasNode: 'an',
      AliasService: 'as',
      TTL: 7,
    },
  })
  assert.match(
    healthCheckJson(check, COMPACT),
    /"Definition":\{"Interval":"1m30s","OutputMaxSize":5,"Timeout":"1ms","DeregisterCriticalServiceAfter":"1m0s","HTTP":"h","TLSSkipVerify":true,"Header":\{"A":\[\],"B":\["1","2"\]\},"Method":"GET","Body":"b","TCP":"t","ScriptArgs":\["a"\],"DockerContainerID":"d","Shell":"s","GRPC":"g","GRPCUseTLS":true,"AliasNode":"an","AliasService":"as","TTL":7\},"CreateIndex":0,/,
  )
})

test('a session with checks of every kind', () => {
  const session = {
    ID: 'i',
    Name: '<n>',
    Node: 'x',
    LockDelay: 15e9,
    Behavior: 'release',
    TTL: '10s',
    NodeChecks: null,
    ServiceChecks: [{ ID: 'a', Namespace: '' }],
    Checks: ['serfHealth'],
    CreateIndex: 1,
    ModifyIndex: 1,
  }
  assert.equal(
    sessionJson(session, COMPACT),
    '{"ID":"i","Name":"\\u003cn\\u003e","Node":"x","LockDelay":15000000000,"Behavior":"release","TTL":"10s","NodeChecks":null,"ServiceChecks":[{"ID":"a","Namespace":""}],"Checks":["serfHealth"],"CreateIndex":1,"ModifyIndex":1}',
  )
})

test('a key: both layouts say the same, at any depth', () => {
  const entry = { LockIndex: 1, Key: 'k"', Flags: 2n ** 63n, Value: null, Session: 's', CreateIndex: 2, ModifyIndex: 3 }
  const compact =
    '{"LockIndex":1,"Key":"k\\"","Flags":9223372036854775808,"Value":null,"Session":"s","CreateIndex":2,"ModifyIndex":3}'
  assert.equal(kvJson(entry, COMPACT), compact)
  const inList = kvJson(entry, 1)
  assert.equal(inList, kvJson(entry, 0).replaceAll('\n', '\n    '))
  assert.equal(inList.replace(/\n */g, '').replaceAll('": ', '":'), compact)
})

test('instances: both layouts say the same', () => {
  const node = {
    ID: '',
    Node: 'n',
    Address: 'a',
    Datacenter: 'd',
    TaggedAddresses: null,
    Meta: {},
    CreateIndex: 1,
    ModifyIndex: 1,
  }
  const rows = [0, 1, 2].map((checks) => ({
    Node: node,
    Service: aService({ ID: `s${checks}` }),
    Checks: Array.from({ length: checks }, (_, i) => aCheck({ CheckID: `c${i}` })),
  }))
  for (let count = 0; count <= rows.length; count++) {
    const compact = checkServiceNodesJson(rows.slice(0, count), COMPACT)
    assert.equal(checkServiceNodesJson(rows.slice(0, count), 0), JSON.stringify(JSON.parse(compact), null, 4))
  }
})
