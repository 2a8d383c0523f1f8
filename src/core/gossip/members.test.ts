/** Member entries against those of a lone Consul 1.8.7 server, as `/v1/agent/members` showed them. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { lanMember, type MemberIdentity, wanMember } from './members.ts'

const SELF: MemberIdentity = {
  server: true,
  nodeName: 'x',
  nodeId: 'f4ad7f44-05c4-1c73-75e9-1915aed7b146',
  datacenter: 'dc1',
  advertiseAddr: '127.0.0.1',
  advertiseAddrWan: '127.0.0.2',
  bootstrap: true,
  bootstrapExpect: 0,
  ports: { server: 25002, serfLan: 25003, serfWan: 25004 },
}

const TAGS = {
  acls: '0',
  bootstrap: '1',
  build: '1.8.7:',
  dc: 'dc1',
  ft_fs: '1',
  id: 'f4ad7f44-05c4-1c73-75e9-1915aed7b146',
  port: '25002',
  raft_vsn: '3',
  role: 'consul',
  segment: '',
  vsn: '2',
  vsn_max: '3',
  vsn_min: '2',
}

const VERSIONS = {
  Status: 1,
  ProtocolMin: 1,
  ProtocolMax: 5,
  ProtocolCur: 2,
  DelegateMin: 2,
  DelegateMax: 5,
  DelegateCur: 4,
}

suite('members', () => {
  test('a server in the LAN pool tells where its WAN port is', () => {
    assert.deepEqual(lanMember(SELF, '1.8.7'), {
      Name: 'x',
      Addr: '127.0.0.1',
      Port: 25003,
      Tags: { ...TAGS, wan_join_port: '25004' },
      ...VERSIONS,
    })
  })

  test('a client agent tells of no ports but its own', () => {
    const { Tags, ...rest } = lanMember({ ...SELF, server: false }, '1.8.7')
    assert.deepEqual(rest, { Name: 'x', Addr: '127.0.0.1', Port: 25003, ...VERSIONS })
    const { acls, build, dc, id, segment, vsn, vsn_max, vsn_min } = TAGS
    assert.deepEqual(Tags, { acls, build, dc, id, role: 'node', segment, vsn, vsn_max, vsn_min })
  })

  test('a server in the WAN pool carries its datacenter in its name', () => {
    assert.deepEqual(wanMember(SELF, '1.8.7'), {
      Name: 'x.dc1',
      Addr: '127.0.0.2',
      Port: 25004,
      Tags: TAGS,
      ...VERSIONS,
    })
  })

  test('what is not so is not said', () => {
    const plain = { ...SELF, bootstrap: false, ports: { ...SELF.ports, serfWan: -1 } }
    const { bootstrap: _, ...tags } = TAGS
    assert.deepEqual(lanMember(plain, '1.8.7').Tags, tags)
    assert.equal(lanMember({ ...plain, bootstrapExpect: 3 }, '1.8.7').Tags.expect, '3')
  })
})
