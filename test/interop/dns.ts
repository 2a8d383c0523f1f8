/**
 * Two agents side by side: registers the same catalog with both, asks both the same DNS questions, and lists where the
 * answers differ; or records the answers of one, as the golden files of src/serve/testdata/dns hold them.
 *
 *     node test/interop/dns.ts compare http://127.0.0.1:8500 127.0.0.1:8600 http://127.0.0.1:9500 127.0.0.1:9600
 *     node test/interop/dns.ts record http://127.0.0.1:8500 127.0.0.1:8600 answers.json
 */
import { writeFileSync } from 'node:fs'
import { describeAnswer, parseQuestion, readCatalog, readQuestions } from '../../src/serve/dns-questions.testing.ts'
import { askOver } from '../support/dns-bytes.ts'

async function register(http: string): Promise<void> {
  for (const entry of readCatalog()) {
    const response = await fetch(`${http}/v1/catalog/register`, { method: 'PUT', body: JSON.stringify(entry) })
    if (!response.ok) throw new Error(`${http}: ${response.status} ${await response.text()}`)
  }
}

/** Prepared queries over what `readCatalog` registers, and questions for them; asked side by side alone. */
const QUERIES = [
  { Name: 'q-plain', Service: { Service: 'web' } },
  { Name: 'q-ttl', Service: { Service: 'web' }, DNS: { TTL: '90s' } },
  { Name: 'q-short', Service: { Service: 'web' }, DNS: { TTL: '1500ms' } },
  { Name: 'q-none', Service: { Service: 'none' } },
  { Name: 'q-passing', Service: { Service: 'web', OnlyPassing: true } },
  { Name: 'q.dotted', Service: { Service: 'web' } },
  { Name: 'q-near', Service: { Service: 'web', Near: '_ip' } },
  { Name: 'q-agent', Service: { Service: 'web', Near: '_agent' } },
  { Name: 'tpl-', Template: { Type: 'name_prefix_match' }, Service: { Service: '\x24{name.suffix}' } },
]
const QUERY_NAMES = [
  ...QUERIES.map(({ Name }) => Name).filter((name) => name !== 'tpl-'),
  ...['tpl-web', 'TPL-Web', 'tpl-none', 'tpl-consul', 'unknown'],
]
const QUERY_QUESTIONS = QUERY_NAMES.flatMap((name) =>
  ['A', 'AAAA', 'SRV', 'ANY', 'TXT'].flatMap((type) => [
    parseQuestion(`${name}.query.consul. ${type} random`),
    parseQuestion(`${name}.query.dc1.consul. ${type} tcp edns=4096 random`),
  ]),
)

async function registerQueries(http: string): Promise<void> {
  for (const query of QUERIES) {
    const response = await fetch(`${http}/v1/query`, { method: 'POST', body: JSON.stringify(query) })
    if (!response.ok) throw new Error(`${http}: ${response.status} ${await response.text()}`)
  }
}

/** An answer may be lost, or come too late: what differs is asked again. Where a port is told, it differs each time. */
const TRIES = 3

async function compare(httpA: string, dnsA: string, httpB: string, dnsB: string): Promise<number> {
  for (const http of [httpA, httpB]) {
    await register(http)
    await registerQueries(http)
  }
  const questions = [...readQuestions(), ...QUERY_QUESTIONS]
  let different = 0
  for (const question of questions) {
    let [ours, theirs]: string[][] = []
    for (let tries = 0; tries < TRIES && (tries === 0 || ours!.join('\n') !== theirs!.join('\n')); tries++) {
      const [a, b] = await Promise.all([askOver(dnsA, question), askOver(dnsB, question)])
      ;[ours, theirs] = [describeAnswer(a, question.random), describeAnswer(b, question.random)]
    }
    if (ours!.join('\n') === theirs!.join('\n')) continue
    different += 1
    console.log(question.line)
    for (const line of ours!.filter((line) => !theirs!.includes(line))) console.log(`  - ${line}`)
    for (const line of theirs!.filter((line) => !ours!.includes(line))) console.log(`  + ${line}`)
  }
  console.log(`${questions.length} questions, ${different} answered differently`)
  return different === 0 ? 0 : 1
}

async function record(http: string, dns: string, file: string): Promise<number> {
  await register(http)
  const answers: Record<string, string | null> = {}
  for (const question of readQuestions()) {
    const answer = await askOver(dns, question)
    answers[question.line] = answer === undefined ? null : Buffer.from(answer).toString('base64')
  }
  writeFileSync(file, `${JSON.stringify(answers, null, 1)}\n`)
  return 0
}

const [mode, ...args] = process.argv.slice(2)
if (mode === 'compare' && args.length === 4) process.exitCode = await compare(args[0]!, args[1]!, args[2]!, args[3]!)
else if (mode === 'record' && args.length === 3) process.exitCode = await record(args[0]!, args[1]!, args[2]!)
else {
  console.error('usage: dns.ts compare HTTP DNS HTTP DNS | dns.ts record HTTP DNS FILE')
  process.exitCode = 1
}
