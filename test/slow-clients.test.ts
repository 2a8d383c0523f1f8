/**
 * Clients that take what others need: many connections, answers that nobody reads, bodies that do not come, headers
 * without end. They get what Consul gives them, no more, and everybody else is served meanwhile.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { type AgentProcess, startAgentProcess } from './support/process.ts'

/** `limits.http_max_conns_per_client` as it is without being set. */
const CONNECTIONS_MAX = 200
/** Another address of this machine: limits are by address, so that the crowd comes from here. */
const CROWD = '127.0.0.2'
const LOOK_MS = 10
const WAIT_MS = 60_000
const MIB = 1 << 20

suite('greedy and slow clients', {
  skip: process.platform !== 'linux' && 'needs /proc, and 127.0.0.2 as a second address',
}, () => {
  let agent: AgentProcess
  const opened: Socket[] = []

  before(async () => {
    agent = await startAgentProcess(['-dev', '-node=x', '-log-level=err'])
    await agent.http('PUT', '/v1/kv/kept', 'as it was')
  })
  after(() => agent?.kill())

  /** A connection from the crowd, and what came over it. */
  function open(): Promise<{ socket: Socket; got(): string; ended: Promise<void> }> {
    return new Promise((done, fail) => {
      const socket = connect({ host: '127.0.0.1', port: agent.ports.http, localAddress: CROWD })
      opened.push(socket)
      let text = ''
      socket.on('data', (data: Buffer) => {
        text += data.toString('latin1')
      })
      const ended = new Promise<void>((closed) => socket.once('close', () => closed()))
      socket.once('connect', () => done({ socket, got: () => text, ended }))
      socket.once('error', fail)
      socket.on('error', () => {})
    })
  }

  function dropAll(): void {
    for (const socket of opened.splice(0)) socket.destroy()
  }

  async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = Date.now() + WAIT_MS; !(await holds()); ) {
      if (Date.now() > end) throw new Error(`waited in vain: ${what}`)
      await new Promise((done) => setTimeout(done, LOOK_MS))
    }
  }

  const isServed = async () => (await agent.http('GET', '/v1/kv/kept?raw')).body === 'as it was'
  const files = () => readdirSync(`/proc/${agent.child.pid}/fd`).length
  const resident = () =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${agent.child.pid}/status`, 'utf8'))![1]) * 1024
  const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

  test('a crowd beyond the limit is turned away by 429, wave after wave, and everybody else is served', async () => {
    const before = files()
    for (let wave = 0; wave < 3; wave++) {
      const crowd = await Promise.all(Array.from({ length: CONNECTIONS_MAX + 100 }, open))
      for (const { socket } of crowd) socket.write(ask('/v1/status/leader'))
      await until('all are answered', () => crowd.every(({ got }) => got() !== ''))
      const refused = crowd.filter(({ got }) => got().startsWith('HTTP/1.1 429 Too Many Requests\r\n'))
      assert.equal(refused.length, 100)
      assert.equal(crowd.filter(({ got }) => got().startsWith('HTTP/1.1 200 OK\r\n')).length, CONNECTIONS_MAX)
      await Promise.all(refused.map(({ ended }) => ended))
      assert.equal(await isServed(), true)
      dropAll()
      await until('they are gone', () => files() <= before + 1)
    }
  })

  test('bodies that stop halfway keep nobody waiting, and their connections can be taken away', async () => {
    const before = files()
    const memory = resident()
    const half = Buffer.alloc(200_000, 'x')
    const crowd = await Promise.all(Array.from({ length: CONNECTIONS_MAX }, open))
    for (const { socket } of crowd) {
      socket.write('PUT /v1/kv/never HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n')
      socket.write(half)
    }
    for (let i = 0; i < 20; i++) assert.equal(await isServed(), true)
    assert.equal(resident() - memory < 200 * MIB, true, `${(resident() - memory) >> 20} MiB`)
    dropAll()
    await until('they are gone', () => files() <= before + 1)
    assert.equal((await agent.http('GET', '/v1/kv/never')).status, 404)
  })

  test('large answers that nobody reads hold nobody up, and leave no memory behind', async () => {
    const value = 'v'.repeat(400_000)
    for (let i = 0; i < 60; i++) await agent.http('PUT', `/v1/kv/large/${i}`, value)
    const grown: number[] = []
    for (let wave = 0; wave < 2; wave++) {
      const memory = resident()
      // Each answer is 32 MB of JSON, of which the system takes a few, and the agent makes no more.
      const crowd = await Promise.all(Array.from({ length: 30 }, open))
      for (const { socket } of crowd) {
        socket.pause()
        socket.write(ask('/v1/kv/large/?recurse'))
      }
      for (let i = 0; i < 20; i++) assert.equal(await isServed(), true)
      // One of them changes its mind.
      const { socket, got } = crowd[0]!
      socket.resume()
      await until('it has all of it', () => got().endsWith('\r\n0\r\n\r\n'))
      assert.equal(got().length > 60 * value.length, true)
      grown.push(resident() - memory)
      dropAll()
    }
    assert.equal(grown[1]! < 400 * MIB, true, `grew by ${grown.map((bytes) => bytes >> 20).join(', then ')} MiB`)
    assert.equal(await isServed(), true)
    await agent.http('DELETE', '/v1/kv/large/?recurse')
  })

  test('a client that has closed its side is answered all the same', async () => {
    const { socket, got, ended } = await open()
    socket.end(ask('/v1/kv/kept?raw'))
    await ended
    assert.match(got(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*as it was$/)
  })

  test('headers without end are cut off, many small ones are borne', async () => {
    const endless = await open()
    endless.socket.write('GET /v1/kv/kept HTTP/1.1\r\nHost: x\r\n')
    for (let i = 0; i < 40; i++) endless.socket.write(`X-${i}: ${'x'.repeat(64 * 1024)}\r\n`)
    await endless.ended
    assert.match(endless.got(), /^(HTTP\/1\.1 431 |$)/)
    const many = await open()
    const lines = Array.from({ length: 5000 }, (_, i) => `X-${i}: y\r\n`).join('')
    many.socket.write(`GET /v1/kv/kept?raw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\n`)
    await many.ended
    assert.match(many.got(), /^HTTP\/1\.1 200 OK\r\n/)
    assert.equal(await isServed(), true)
  })

  test('thousands of requests in one breath are answered in order', async () => {
    const { socket, got } = await open()
    const count = 2000
    socket.write(Array.from({ length: count }, (_, i) => ask(i % 2 === 0 ? '/v1/kv/kept?raw' : '/v1/nothing')).join(''))
    const statuses = () => got().match(/HTTP\/1\.1 \d\d\d/g) ?? []
    await until('all are answered', () => statuses().length === count)
    assert.equal(
      statuses().every((status, i) => status.endsWith(i % 2 === 0 ? '200' : '404')),
      true,
    )
    dropAll()
  })
})
