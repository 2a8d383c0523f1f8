/**
 * Two agents side by side: asks both the same requests, in order, and lists where the answers differ; or records the
 * answers of one, as the golden file in src/serve/http/testdata holds them. Both must be fresh agents in dev mode, with
 * the node name `x`.
 *
 *     node test/interop/http.ts compare 127.0.0.1:8500 127.0.0.1:9500
 *     node test/interop/http.ts record 127.0.0.1:8500 src/serve/http/testdata/consul-1.8.7.json
 */
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { comparable, filledIn, HTTP_QUESTIONS, type HttpAnswer, type HttpQuestion } from '../support/http-questions.ts'

/** Over a bare socket, so that nothing is escaped, followed or added on the way. */
function askOver(address: string, question: HttpQuestion): Promise<HttpAnswer> {
  const colon = address.lastIndexOf(':')
  const { method, url, body, headers = {} } = question
  return new Promise((resolve, reject) => {
    const socket = connect(Number(address.slice(colon + 1)), address.slice(0, colon))
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(readAnswer(Buffer.concat(chunks))))
    const bytes = Buffer.from(body ?? '')
    const lines = [`${method} ${url} HTTP/1.1`, 'Host: consul', 'Connection: close']
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`)
    if (body !== undefined) lines.push(`Content-Length: ${bytes.byteLength}`)
    socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]))
  })
}

function readAnswer(bytes: Buffer): HttpAnswer {
  const split = bytes.indexOf('\r\n\r\n')
  if (split < 0) return { status: 0, headers: [], body: '' }
  const [first, ...headers] = bytes.subarray(0, split).toString('latin1').split('\r\n')
  let body = bytes.subarray(split + 4)
  if (headers.some((header) => /^transfer-encoding: chunked$/i.test(header))) body = withoutChunks(body)
  return { status: Number(first!.split(' ')[1]), headers, body: body.toString() }
}

function withoutChunks(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  let at = 0
  while (true) {
    const end = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.subarray(at, end).toString(), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
  }
}

async function askAll(address: string): Promise<HttpAnswer[]> {
  const ids: Record<string, string> = {}
  const answers: HttpAnswer[] = []
  for (const question of HTTP_QUESTIONS) {
    const url = filledIn(question.url, ids)!
    const answer = await askOver(address, { ...question, url })
    if (question.save !== undefined) ids[question.save] = (JSON.parse(answer.body) as { ID: string }).ID
    answers.push(comparable(answer))
  }
  return answers
}

async function compare(a: string, b: string): Promise<number> {
  const [ours, theirs] = await Promise.all([askAll(a), askAll(b)])
  let different = 0
  for (const [i, { method, url, body }] of HTTP_QUESTIONS.entries()) {
    const [one, other] = [JSON.stringify(ours[i], null, 1), JSON.stringify(theirs[i], null, 1)]
    if (one === other) continue
    different += 1
    console.log(`${method} ${url} ${body ?? ''}\n  - ${one}\n  + ${other}`)
  }
  console.log(`${HTTP_QUESTIONS.length} requests, ${different} answered differently`)
  return different === 0 ? 0 : 1
}

async function record(address: string, file: string): Promise<number> {
  const answers = await askAll(address)
  const lines = answers.map((answer, i) => {
    const { method, url, body } = HTTP_QUESTIONS[i]!
    return JSON.stringify({ asked: [method, url, body ?? null], ...answer })
  })
  writeFileSync(file, `[\n${lines.join(',\n')}\n]\n`)
  return 0
}

const [verb, ...args] = process.argv.slice(2)
if (verb === 'compare' && args.length === 2) process.exitCode = await compare(args[0]!, args[1]!)
else if (verb === 'record' && args.length === 2) process.exitCode = await record(args[0]!, args[1]!)
else {
  console.error('usage: http.ts compare ADDRESS ADDRESS | record ADDRESS FILE')
  process.exitCode = 1
}
