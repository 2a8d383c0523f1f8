/** Our answers against those that the real Consul 1.8.7 gave to the same questions about the same catalog. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { DEFAULT_ZONE, makeServiceTtls, type Zone } from '../core/dns/resolve.ts'
import { decodeHeader, decodeMessage } from '../wire/dns.ts'
import { makeDns } from './dns.ts'
import { fakeBackend, fakeCatalog } from './dns-catalog.testing.ts'
import { DNS_TESTDATA, describeAnswer, readCatalog, readQuestions } from './dns-questions.testing.ts'

/** The agent that was asked registered itself. */
const AGENT = {
  Node: 'x',
  Address: '127.0.0.1',
  TaggedAddresses: { lan: '127.0.0.1', lan_ipv4: '127.0.0.1', wan: '127.0.0.1', wan_ipv4: '127.0.0.1' },
  NodeMeta: { 'consul-network-segment': '' },
  Service: { Service: 'consul', Port: 23002 },
}

function goldens(name: string): Map<string, Uint8Array | undefined> {
  const text = gunzipSync(readFileSync(new URL(`${name}.json.gz`, DNS_TESTDATA))).toString()
  const answers: Record<string, string | null> = JSON.parse(text)
  return new Map(
    Object.entries(answers).map(([line, answer]) => [
      line,
      answer === null ? undefined : Buffer.from(answer, 'base64'),
    ]),
  )
}

const CONFIGURATIONS: Record<string, Partial<Zone>> = {
  default: {},
  tuned: {
    altDomain: 'alt.example.',
    nodeTtlSeconds: 30,
    serviceTtls: makeServiceTtls({ web: 10, 'so*': 20, '*': 5, 'sol*': 21 }),
    onlyPassing: true,
    enableTruncate: true,
    aRecordLimit: 2,
    udpAnswerLimit: 5,
    nodeMetaTxt: false,
    soa: { refresh: 1, retry: 2, expire: 3, minimum: 4 },
  },
  // The alternative domain lies within the domain.
  uncompressed: { altDomain: 'sub.consul.', compress: false, enableTruncate: true, udpAnswerLimit: 20 },
  // None of them answers.
  recursors: { hasRecursors: true, enableTruncate: true, udpAnswerLimit: 0 },
}

/** The records that decide what else there is: where a limit cut them off, chance decided which are left. */
function countAnswers(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : (decodeHeader(bytes)?.counts.answers ?? 0)
}

/** Byte for byte where neither order nor serial can differ, else of the same length: names are compressed alike. */
function assertSameBytes(ours: Uint8Array | undefined, theirs: Uint8Array | undefined, line: string): void {
  assert.equal(ours?.length, theirs?.length, `length of ${line}`)
  if (ours === undefined || theirs === undefined) return
  const { answers, authority, additional } = decodeMessage(theirs)
  const records = [...answers, ...authority, ...additional]
  if (records.length > 1 || records.some(({ type }) => type === 'SOA')) return
  assert.deepEqual(Buffer.from(ours), Buffer.from(theirs), line)
}

suite("dns answers are the real Consul's", () => {
  for (const [name, settings] of Object.entries(CONFIGURATIONS)) {
    test(name, async () => {
      const theirs = goldens(name)
      const zone = { ...DEFAULT_ZONE, ...settings }
      const catalog = fakeCatalog([AGENT, ...readCatalog()])
      const atOnce = makeDns(fakeBackend(catalog, 'peek'), { zone })
      const later = makeDns(fakeBackend(catalog, 'call'), { zone })
      const questions = readQuestions()
      assert.deepEqual(new Set(theirs.keys()), new Set(questions.map(({ line }) => line)))
      for (const { line, bytes, network, random: chance } of questions) {
        const golden = theirs.get(line)
        const random = chance || (zone.aRecordLimit > 0 && countAnswers(golden) === zone.aRecordLimit)
        const expected = describeAnswer(golden, random)
        assert.deepEqual(describeAnswer(await atOnce[network](bytes), random), expected, `${line} at once`)
        if (!random) assertSameBytes(await atOnce[network](bytes), golden, line)
        assert.deepEqual(describeAnswer(await later[network](bytes), random), expected, `${line} later`)
      }
    })
  }
})
