/** What peers.json may say, in both of its forms, and what it may not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readPeers } from './recovery.ts'

const read = (value: unknown, protocol = 3) =>
  readPeers(new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value)), protocol)

test('ids, addresses, and who has no vote', () => {
  const listed = [
    { id: 'a', address: '10.0.0.1:8300' },
    { id: 'b', address: '10.0.0.2:8300', non_voter: true },
  ]
  assert.deepEqual(read(listed).servers, [
    { id: 'a', address: '10.0.0.1:8300', suffrage: 'voter' },
    { id: 'b', address: '10.0.0.2:8300', suffrage: 'nonvoter' },
  ])
  assert.deepEqual(read(['10.0.0.1:8300'], 2).servers, [
    { id: '10.0.0.1:8300', address: '10.0.0.1:8300', suffrage: 'voter' },
  ])
})

test('what makes no sense is refused with a reason', () => {
  const refused: [unknown, RegExp, number?][] = [
    ['{', /JSON/],
    [{}, /a list of servers/],
    [[], /Need at least one voter/],
    [['10.0.0.1:8300'], /an object with "id" and "address"/],
    [[{ id: 5, address: 'x' }], /which are texts/],
    [[{ id: 'a', address: 'x', non_voter: 'no' }], /true or false/],
    [[{ id: '', address: 'x' }], /without an ID/],
    [[{ id: 'a', address: 'x', non_voter: true }], /Need at least one voter/],
    [
      [
        { id: 'a', address: 'x' },
        { id: 'a', address: 'y' },
      ],
      /two servers have the ID a/,
    ],
    [[{ id: 'a', address: 'x' }], /with raft_protocol 2, each server is an address/, 2],
    [' '.repeat((1 << 20) + 1), /bytes/],
  ]
  for (const [value, why, protocol] of refused) assert.throws(() => read(value, protocol), why)
})
