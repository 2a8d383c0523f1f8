/** What the log commands of access control do to rows and counters, and what they refuse. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { AclToken, AclTokenBatchSetRequest } from '../../model/acl.ts'
import type { Command } from '../../model/command.ts'
import { tokenByAccessor } from './acl.ts'
import { memoryRows } from './memory.ts'
import { sampleMeshRows } from './mesh-samples.ts'
import { makeStore } from './store.ts'

const rows = sampleMeshRows()
const [policy] = rows['acl-policies']
const [role] = rows['acl-roles']
const [method] = rows['acl-auth-methods']
const [rule] = rows['acl-binding-rules']
const plain: AclToken = { ...rows['acl-tokens'][0]!, Policies: null, Roles: null, AuthMethod: '', Hash: null }

function world() {
  const store = makeStore(memoryRows())
  let index = 0
  const apply = (command: Command) => store.apply(++index, command).result
  const tokens = (token: Partial<AclToken>, more: Partial<AclTokenBatchSetRequest> = {}) =>
    apply({
      type: 'ACLTokenSet',
      body: {
        Tokens: [{ ...plain, ...token }],
        CAS: false,
        AllowMissingLinks: false,
        ProhibitUnprivileged: false,
        FromReplication: false,
        ...more,
      },
    })
  return { store, apply, tokens }
}

const failed = (result: { kind: string; message?: string }) => result.message ?? result.kind

suite('tokens', () => {
  test('are found by their secret, keep their accessor, and compare indexes when asked', () => {
    const { store, tokens } = world()
    const stored = () => store.read((txn) => tokenByAccessor(txn, plain.AccessorID.toUpperCase()))
    assert.equal(failed(tokens({})), 'done')
    assert.deepEqual([stored()?.CreateIndex, stored()?.ModifyIndex, stored()?.Hash?.length], [1, 1, 32])
    assert.equal(
      failed(tokens({ AccessorID: 'ca615337-6213-a8f3-98d3-505a19d3ad42' })),
      'The ACL Token AccessorID field is immutable',
    )
    assert.equal(failed(tokens({ Description: 'skipped', ModifyIndex: 7 }, { CAS: true })), 'done')
    assert.equal(stored()?.Description, 't')
    tokens({ Description: 'changed', ModifyIndex: 1 }, { CAS: true })
    assert.deepEqual([stored()?.Description, stored()?.CreateIndex, stored()?.ModifyIndex], ['changed', 1, 4])
    assert.equal(
      store.read((txn) => txn.counter('acl-tokens')),
      4,
    )
  })

  test('lead to what there is, by the names of now', () => {
    const { store, apply, tokens } = world()
    const Policies = [{ ID: policy!.ID, Name: 'before' }]
    assert.equal(failed(tokens({ Policies })), `No such policy with ID: ${policy!.ID}`)
    assert.equal(failed(tokens({ Policies }, { AllowMissingLinks: true })), 'done')
    apply({ type: 'ACLPolicySet', body: { Policies: [policy!] } })
    tokens({ Policies })
    assert.deepEqual(store.read((txn) => txn.get('acl-tokens', plain.SecretID))?.Policies, [
      { ID: policy!.ID, Name: 'Ops' },
    ])
    assert.match(failed(tokens({ Policies: [{ ID: '', Name: 'Ops' }] })), /policies linked by Name/)
    const bare = { ServiceIdentities: null, NodeIdentities: null }
    assert.equal(failed(tokens(bare, { ProhibitUnprivileged: true })), 'Token has no privileges')
    assert.equal(failed(tokens({ AuthMethod: 'none' })), 'No such auth method with Name: none')
  })

  test('are bootstrapped once, and again only from where that was', () => {
    const { store, apply } = world()
    const bootstrap = (ResetIndex: number) =>
      failed(apply({ type: 'ACLBootstrap', body: { Token: plain, ResetIndex } }))
    assert.equal(bootstrap(0), 'done')
    assert.equal(bootstrap(0), 'ACL bootstrap no longer allowed')
    assert.equal(bootstrap(9), 'Invalid ACL bootstrap reset index')
    assert.equal(bootstrap(1), 'done')
    assert.equal(
      store.read((txn) => txn.counter('acl-token-bootstrap')),
      4,
    )
  })

  test('of the old system cannot change those of the new', () => {
    const { store, apply, tokens } = world()
    const ACL = { ID: 'old', Name: 'n', Type: 'client', Rules: 'r', CreateIndex: 0, ModifyIndex: 0 }
    assert.deepEqual(apply({ type: 'ACL', body: { Op: 'set', ACL } }), { kind: 'text', value: 'old' })
    assert.equal(store.read((txn) => txn.get('acl-tokens', 'old'))?.Description, 'n')
    tokens({})
    assert.match(
      failed(apply({ type: 'ACL', body: { Op: 'set', ACL: { ...ACL, ID: plain.SecretID } } })),
      /cannot use legacy endpoint/,
    )
    apply({ type: 'ACL', body: { Op: 'delete', ACL } })
    assert.equal(
      store.read((txn) => txn.get('acl-tokens', 'old')),
      undefined,
    )
  })
})

test('names are given once, and what is built in stays', () => {
  const { apply, tokens } = world()
  const other = { ...policy!, ID: 'ca615337-6213-a8f3-98d3-505a19d3ad49', Name: 'OPS' }
  apply({ type: 'ACLPolicySet', body: { Policies: [policy!] } })
  assert.equal(
    failed(apply({ type: 'ACLPolicySet', body: { Policies: [other] } })),
    'A policy with name "OPS" already exists',
  )
  const management = { ...policy!, ID: '00000000-0000-0000-0000-000000000001', Name: 'global-management' }
  apply({ type: 'ACLPolicySet', body: { Policies: [management] } })
  assert.match(failed(apply({ type: 'ACLPolicySet', body: { Policies: [management] } })), /^Changing the Rules/)
  assert.match(
    failed(apply({ type: 'ACLPolicyDelete', body: { PolicyIDs: [management.ID] } })),
    /^Deletion of the builtin/,
  )
  tokens({ AccessorID: '00000000-0000-0000-0000-000000000002', SecretID: 'anonymous' })
  const anonymous = ['00000000-0000-0000-0000-000000000002']
  assert.match(
    failed(apply({ type: 'ACLTokenDelete', body: { TokenIDs: anonymous } })),
    /^Deletion of the builtin anonymous/,
  )
  apply({ type: 'ACLRoleSet', body: { Roles: [role!], AllowMissingLinks: false } })
  const roles = { Roles: [{ ...role!, ID: other.ID }], AllowMissingLinks: false }
  assert.equal(failed(apply({ type: 'ACLRoleSet', body: roles })), 'A role with name "r" already exists')
})

test('an auth method takes its rules and the tokens of its reach with it', () => {
  const { store, apply, tokens } = world()
  assert.match(failed(apply({ type: 'ACLBindingRuleSet', body: { BindingRules: [rule!] } })), /auth method not found/)
  apply({ type: 'ACLAuthMethodSet', body: { AuthMethods: [method!] } })
  apply({ type: 'ACLBindingRuleSet', body: { BindingRules: [rule!] } })
  tokens({ AuthMethod: 'k8s', Local: true })
  tokens({ AuthMethod: 'k8s', Local: false, SecretID: 'global', AccessorID: 'ca615337-6213-a8f3-98d3-505a19d3ad42' })
  apply({ type: 'ACLAuthMethodDelete', body: { AuthMethodNames: ['K8S', 'none'] } })
  store.read((txn) => {
    assert.deepEqual([...txn.prefix('acl-binding-rules', '')], [])
    assert.deepEqual(
      [...txn.prefix('acl-tokens', '')].map(({ Local }) => Local),
      [true],
    )
    assert.deepEqual(
      ['acl-auth-methods', 'acl-binding-rules', 'acl-tokens'].map((name) => txn.counter(name)),
      [6, 6, 6],
    )
  })
})
