/**
 * A DNS server on loopback for tests of recursors, over UDP and TCP on one port. The first label of the name that is
 * asked says how it answers; what it was asked is kept.
 */

import { FLAG, type Message, RCODE, type Resource, TYPE } from '../../src/core/dns/message.ts'
import type { Listener } from '../../src/host/host.ts'
import { listenMessages, listenUdp } from '../../src/host/net.ts'
import { decodeMessage, encodeMessage } from '../../src/wire/dns.ts'

export interface FakeRecursor {
  port: number
  /** `network name type` of each question, in order. */
  asked: string[]
  close(): Promise<void>
}

export async function fakeRecursor(): Promise<FakeRecursor> {
  const asked: string[] = []
  const answer = (network: string, bytes: Uint8Array): Uint8Array | undefined => {
    const question = decodeMessage(bytes)
    const [{ name, type } = { name: '', type: 0 }] = question.questions
    asked.push(`${network} ${name} ${type}`)
    return answerTo(question, network === 'udp')
  }
  const { udp, tcp } = await openBoth(answer)
  return {
    port: udp.address.port,
    asked,
    async close() {
      await udp.close()
      await tcp.close()
    },
  }
}

type Answer = (network: string, bytes: Uint8Array) => Uint8Array | undefined

/** A port that is free for TCP may be taken for UDP: another is then looked for, so many times at most. */
const FREE_PORT_TRIES = 20

async function openBoth(answer: Answer): Promise<{ udp: Listener; tcp: Listener }> {
  for (let tries = 1; ; tries++) {
    const tcp = await listenMessages({ host: '127.0.0.1', port: 0 }, (bytes) => answer('tcp', bytes))
    try {
      const udp = await listenUdp(tcp.address, (bytes, from, port) => {
        const reply = answer('udp', bytes)
        if (reply !== undefined) port.send(reply, from)
      })
      return { udp, tcp }
    } catch (error) {
      await tcp.close()
      if (tries === FREE_PORT_TRIES) throw error
    }
  }
}

const address = (name: string, last: number): Resource => ({ type: 'A', name, ttl: 77, address: 0x0a090800 + last })

function answerTo(question: Message, overUdp: boolean): Uint8Array | undefined {
  const { name } = question.questions[0]!
  const flags = FLAG.response | FLAG.recursionAvailable | (question.flags & FLAG.recursionDesired)
  const empty: Message = { ...question, flags, answers: [], authority: [], additional: [] }
  const told = (...answers: Resource[]) => encodeMessage({ ...empty, answers })
  const refused = (rcode: number) => encodeMessage({ ...empty, flags: flags | rcode })
  switch (name.split('.')[0]!.toLowerCase()) {
    case 'one':
      return told(address(name, 1))
    case 'many':
      return told(...Array.from({ length: 8 }, (_, i) => address(name, i)))
    case 'chain':
      return told({ type: 'CNAME', name, ttl: 70, target: 'end.example.' }, address('end.example.', 9))
    case 'text':
      return told({ type: 'TXT', name, ttl: 7, texts: ['said', 'so'] })
    case 'nobody':
      return refused(RCODE.nameError)
    case 'failing':
      return refused(RCODE.serverFailure)
    case 'refused':
      return refused(RCODE.refused)
    case 'cut':
      return overUdp ? encodeMessage({ ...empty, flags: flags | FLAG.truncated }) : told(address(name, 2))
    case 'other-id':
      return encodeMessage({ ...empty, id: question.id ^ 1, answers: [address(name, 3)] })
    case 'garbage':
      return Uint8Array.of(question.id >> 8, question.id & 0xff, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0, 0xff)
    case 'short':
      return Uint8Array.of(question.id >> 8, question.id & 0xff, 0x81)
    case 'silent':
      return undefined
    default:
      return question.questions[0]!.type === TYPE.PTR
        ? told({ type: 'PTR', name, ttl: 5, target: 'outside.example.' })
        : told()
  }
}
