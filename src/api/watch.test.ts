/** Watches against an agent that is played: what they ask for, what is handed on, and when. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeCaller } from './client.ts'
import { parseWatch, runWatch, type WatchPlan, writePlain } from './watch.ts'

interface Played {
  status?: number
  index: string
  body: string
}

/** Answers one after another; the watch ends with the last one. */
async function play(plan: WatchPlan, answers: Played[]) {
  const asked: string[] = []
  const seen: [string, string][] = []
  const retries: number[] = []
  const stop = new AbortController()
  const caller = makeCaller({
    address: 'http://a',
    async transport({ url }) {
      asked.push(url.slice('http://a/v1/'.length))
      const answer = answers.shift()
      if (answer === undefined) {
        stop.abort()
        throw new Error('over')
      }
      const { status = 200, index, body } = answer
      return { status, header: (name) => (name === 'X-Consul-Index' ? index : null), body: Buffer.from(body) }
    },
  })
  await runWatch(caller, plan, {
    signal: stop.signal,
    changed: async (index, value) => void seen.push([index, writePlain(value)]),
    failed: (_error, retryMs) => void retries.push(retryMs),
    pause: async () => {},
  })
  return { asked, seen, retries }
}

suite('a watch', () => {
  test('tells the first state, and each other one; asks from the last index', async () => {
    const pair = (value: string) =>
      `[{"LockIndex":0,"Key":"k","Flags":18446744073709551615,"Value":"${value}","CreateIndex":3,"ModifyIndex":3}]`
    const { asked, seen } = await play(parseWatch({ type: 'key', key: 'k', stale: true }), [
      { status: 404, index: '2', body: '' },
      { index: '3', body: pair('YQ==') },
      { index: '3', body: pair('YQ==') },
      { index: '4', body: pair('YQ==') },
      { index: '5', body: pair('Yg==') },
    ])
    assert.deepEqual(asked, ['kv/k?stale=', ...['2', '3', '3', '4', '5'].map((index) => `kv/k?index=${index}&stale=`)])
    const row = (value: string) =>
      `{"Key":"k","CreateIndex":3,"ModifyIndex":3,"LockIndex":0,"Flags":18446744073709551615,"Value":"${value}","Session":""}`
    assert.deepEqual(seen, [
      ['2', 'null'],
      ['3', row('YQ==')],
      ['5', row('Yg==')],
    ])
  })

  test('begins anew after an error, later and later', async () => {
    const { asked, seen, retries } = await play(parseWatch({ type: 'services' }), [
      { index: '7', body: '{"b":[],"a":["<x>"]}' },
      { status: 500, index: '0', body: 'No cluster leader' },
      { status: 500, index: '0', body: 'No cluster leader' },
      { index: '7', body: '{"a":["<x>"],"b":[]}' },
    ])
    assert.deepEqual(asked.slice(1, 4), ['catalog/services?index=7', 'catalog/services', 'catalog/services'])
    assert.deepEqual(retries, [5_000, 20_000])
    assert.deepEqual(seen[0], ['7', '{"a":["\\u003cx\\u003e"],"b":[]}'])
  })

  test('events: all 64 bits of the index, and only those that are new', async () => {
    const event = (ID: string) => `{"ID":"${ID}","Name":"e","Payload":null,"Version":1,"LTime":2}`
    const [one, two] = ['b54fe110-7af5-cafc-d1fb-afc8ba432b1c', 'b54fe110-7af5-cafc-d1fb-afc8ba432b1d']
    const index = String(0xb54fe1107af5cafcn ^ 0xd1fbafc8ba432b1cn)
    const { asked, seen } = await play(parseWatch({ type: 'event', name: 'e' }), [
      { index, body: `[${event(one!)}]` },
      { index: '9', body: `[${event(one!)},${event(two!)}]` },
    ])
    assert.equal(asked[1], `event/list?index=${index}&name=e`)
    assert.deepEqual(
      seen.map(([, text]) => [...text.matchAll(/"ID":"([^"]*)"/g)].map((match) => match[1])),
      [[one], [two]],
    )
  })

  test('what cannot be watched is said', () => {
    const REFUSED: [Record<string, never> | object, string][] = [
      [{}, 'Watch type must be specified'],
      [{ type: 'foo' }, 'Unsupported watch type: foo'],
      [{ type: '__proto__' }, 'Unsupported watch type: __proto__'],
      [{ type: 'key' }, 'Must specify a single key to watch'],
      [{ type: 'key', key: 1 }, 'Expecting key to be a string'],
      [{ type: 'nodes', stale: 'yes' }, 'Expecting stale to be a boolean'],
      [{ type: 'service', service: 'a', tag: [1] }, 'Index 0 of tag expected to be string'],
      [{ type: 'checks', service: 'a', state: 'b' }, 'Cannot specify service and state'],
      [{ type: 'nodes', key: 'x', args: ['y'] }, 'Invalid parameters: [key]'],
    ]
    for (const [params, message] of REFUSED) {
      assert.throws(() => parseWatch({ ...params }, ['args']), { name: 'WatchError', message })
    }
    assert.deepEqual(parseWatch({ type: 'nodes', args: ['y'], token: 't' }, ['args']).rest, { args: ['y'] })
  })
})
