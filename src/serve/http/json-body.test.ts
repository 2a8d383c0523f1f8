/** Bodies too large to be decoded at once: whose turn it is, in which order, and what becomes of those that nobody waits for. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { makeDoor, type TestDoor } from '../../../test/support/http-door.ts'

const VALUES = 10_000

function body(name: string): string {
  const NodeMeta = Object.fromEntries(Array.from({ length: VALUES }, (_, i) => [`key ${i}`, `value ${i} of ${name}`]))
  return JSON.stringify({ Node: name, Address: '10.0.0.1', NodeMeta })
}

/** Which nodes were registered, in order. */
function registered({ calls }: TestDoor): unknown[] {
  return calls.filter(({ method }) => method === 'Catalog.Register').map(({ args }) => args.Node)
}

const put = (door: TestDoor, text: string, onGone?: (run: () => void) => void) =>
  door.ask('PUT', '/v1/catalog/register', { body: text, ...(onGone === undefined ? {} : { onGone }) })

suite('large bodies', () => {
  test('others are answered between the slices of one', async () => {
    const door = makeDoor()
    const large = put(door, body('large'))
    for (let i = 0; i < 5; i++) {
      const small = await put(door, JSON.stringify({ Node: `small ${i}`, Address: '10.0.0.2' }))
      assert.equal(small.status, 200)
      await new Promise((turned) => setImmediate(turned))
    }
    assert.equal((await large).status, 200)
    assert.deepEqual(registered(door), ['small 0', 'small 1', 'small 2', 'small 3', 'small 4', 'large'])
    const { NodeMeta } = door.calls.at(-1)!.args as { NodeMeta: Record<string, string> }
    assert.equal(Object.keys(NodeMeta).length, VALUES)
    assert.equal(NodeMeta['key 9999'], 'value 9999 of large')
  })

  test('they come one after another, also behind one that is spoilt or that nobody waits for', async () => {
    const door = makeDoor()
    let leave = () => {}
    const answers = await Promise.all([
      put(door, body('first')),
      put(door, body('spoilt').slice(0, -1)),
      put(door, body('gone'), (run) => {
        leave = run
        leave()
      }),
      put(door, body('last')),
    ])
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 400, 400, 200],
    )
    assert.equal(answers[1]!.text, 'Request decode failed: unexpected EOF')
    assert.deepEqual(registered(door), ['first', 'last'])
  })

  test('what is spoilt behind its first slices is told as of a small one', async () => {
    const door = makeDoor()
    const large = body('x').slice(0, -1)
    for (const end of [',"Zzz":1}', ',"SkipNodeUpdate":"x"}', ',"NodeMeta":{"a":1}}', 'x', ',}']) {
      const small = `{"Node":"x"${end}`
      const [one, other] = [await put(door, `${large}${end}`), await put(door, small)]
      assert.deepEqual([one.status, one.text], [other.status, other.text], end)
      assert.equal(one.status, 400, end)
    }
  })
})
