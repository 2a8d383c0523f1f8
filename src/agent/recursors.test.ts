/** Which recursor is asked, and whose answer counts. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { silentLog } from '../base/log.ts'
import { FLAG, type Message, RCODE } from '../core/dns/message.ts'
import type { Address } from '../host/host.ts'
import { encodeMessage } from '../wire/dns.ts'
import { makeRecursors, recursorAddress } from './recursors.ts'

const QUESTION: Message = {
  id: 7,
  flags: FLAG.recursionDesired,
  questions: [{ name: 'example.com.', type: 1, class: 1 }],
  answers: [],
  authority: [],
  additional: [],
}

/** @param answers by the recursor's address: a response code, bytes, or an error */
async function ask(servers: string[], answers: Record<string, number | Uint8Array | Error>) {
  const asked: string[] = []
  const recursors = makeRecursors({
    log: silentLog,
    exchange: async (network, { host, port }: Address, _message, timeoutMs) => {
      asked.push(`${network} ${host} ${port} ${timeoutMs}`)
      const answer = answers[host]!
      if (answer instanceof Error) throw answer
      if (typeof answer !== 'number') return answer
      return encodeMessage({ ...QUESTION, flags: FLAG.response | answer })
    },
  })
  await recursors.take(servers, 250)
  return { asked, answer: await recursors.forward(encodeMessage(QUESTION), 'udp') }
}

suite('recursors', () => {
  test('the first that knows the name, or knows that there is none, has the last word', async () => {
    for (const rcode of [0, RCODE.nameError]) {
      const { asked, answer } = await ask(['10.0.0.1', '10.0.0.2:5353'], { '10.0.0.1': rcode })
      assert.deepEqual(asked, ['udp 10.0.0.1 53 250'])
      assert.equal(answer?.[3], rcode)
    }
  })

  test('the next is asked when one fails, refuses, is not there or talks nonsense', async () => {
    for (const bad of [RCODE.serverFailure, RCODE.refused, new Error('gone'), Uint8Array.of(0, 7, 1)]) {
      const { asked, answer } = await ask(['10.0.0.1', '[::1]:5353'], { '10.0.0.1': bad, '::1': 0 })
      assert.deepEqual(asked, ['udp 10.0.0.1 53 250', 'udp ::1 5353 250'])
      assert.notEqual(answer, undefined)
      assert.equal((await ask(['10.0.0.1'], { '10.0.0.1': bad })).answer, undefined)
    }
  })

  test('addresses are read as Consul reads them', async () => {
    const lookup = async (name: string) => {
      if (name === 'none') throw new Error('ENOTFOUND')
      return name === 'six' ? ['::5'] : ['::5', '10.0.0.5']
    }
    for (const [text, host, port] of [
      ['1.2.3.4', '1.2.3.4', 53],
      ['1.2.3.4:54', '1.2.3.4', 54],
      ['::1', '::1', 53],
      ['[::1]:54', '::1', 54],
      ['[::1]', '::1', 53],
      ['ns.example:54', '10.0.0.5', 54],
      ['six', '::5', 53],
    ] as const) {
      assert.deepEqual(await recursorAddress(text, lookup), { host, port })
    }
    for (const [text, why] of [
      ['1.2.3.4:x', 'address tcp/x: unknown port'],
      ['1.2.3.4:99999', 'address 99999: invalid port'],
      ['a:b:c::x', 'address a:b:c::x: too many colons in address'],
      ['[::1', "address [::1: missing ']' in address"],
      ['[::1]x', 'address [::1]x: missing port in address'],
      ['none', 'lookup none: no such host'],
    ] as const) {
      await assert.rejects(recursorAddress(text, lookup), { message: `Invalid recursor address: ${why}` })
    }
  })
})
