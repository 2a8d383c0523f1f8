/** The door answers as real Consul 1.8.7 did: status, headers and body of every request of the table. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { makeDoor } from '../../../test/support/http-door.ts'
import { comparable, filledIn, HTTP_QUESTIONS, type HttpAnswer } from '../../../test/support/http-questions.ts'

type Golden = HttpAnswer & { asked: [method: string, url: string, body: string | null] }

const golden = JSON.parse(readFileSync(new URL('./testdata/consul-1.8.7.json', import.meta.url), 'utf8')) as Golden[]

test('the table of requests is the one that was recorded', () => {
  const asked = HTTP_QUESTIONS.map(({ method, url, body }) => [method, url, body ?? null])
  assert.deepEqual(
    asked,
    golden.map((entry) => entry.asked),
  )
})

test('every request is answered as Consul answers it', async () => {
  const door = makeDoor()
  const ids: Record<string, string> = {}
  for (const [i, { method, url, body, headers, save }] of HTTP_QUESTIONS.entries()) {
    const response = await door.ask(method, filledIn(url, ids)!, { body, headers })
    if (save !== undefined) ids[save] = (JSON.parse(response.text) as { ID: string }).ID
    const lines: string[] = []
    for (let at = 0; at < response.headers.length; at += 2) {
      lines.push(`${response.headers[at]}: ${response.headers[at + 1]}`)
    }
    const { asked, ...expected } = golden[i]!
    // The host leaves the body of an answer to HEAD unsent.
    const text = method === 'HEAD' ? '' : response.text
    const actual = comparable({ status: response.status, headers: lines, body: text })
    assert.deepEqual(actual, expected, asked.join(' '))
  }
})
