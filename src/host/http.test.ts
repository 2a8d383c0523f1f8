/** Real sockets on free ports: framing, bounds, keep-alive, clients that leave, closing. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import type { HttpHandler, HttpLimits, HttpRequest, HttpResponse, Listener } from './host.ts'
import { listenHttp } from './http.ts'

const open: Listener[] = []
after(() => Promise.all(open.map((listener) => listener.close())))

async function listen(
  handle: HttpHandler,
  bytesMax = 1000,
  limits: HttpLimits = { closeGraceMs: 20 },
): Promise<Listener> {
  const listener = await listenHttp({ host: '127.0.0.1', port: 0 }, () => bytesMax, handle, limits)
  open.push(listener)
  return listener
}

interface Client {
  socket: Socket
  /** All that has come. */
  seen(): string
  /** Resolves when what has come matches. */
  until(pattern: RegExp): Promise<string>
  closed: Promise<unknown>
}

async function client(listener: Listener): Promise<Client> {
  const socket = connect(listener.address.port, listener.address.host)
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    socket.emit('more')
  })
  socket.on('error', () => {})
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  return {
    socket,
    seen: () => text,
    closed,
    async until(pattern) {
      while (!pattern.test(text))
        await Promise.race([once(socket, 'more'), closed.then(() => assert.match(text, pattern))])
      return text
    },
  }
}

const echo: HttpHandler = (request) => ({
  status: 200,
  headers: ['X-Url', request.url, 'X-Too-Large', String(request.tooLarge)],
  body: `${request.method}:${Buffer.from(request.body).toString()}`,
})

function get(path: string, extra = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n${extra}\r\n`
}

suite('answers', () => {
  test('status, headers in order, length and body; no word about the connection', async () => {
    const c = await client(await listen(echo))
    c.socket.write(get('/a?b=c'))
    const text = await c.until(/GET:$/)
    assert.match(
      text,
      /^HTTP\/1\.1 200 OK\r\nX-Url: \/a\?b=c\r\nX-Too-Large: false\r\nContent-Length: 4\r\nDate: .*\r\n\r\nGET:$/,
    )
  })

  test('the length counts bytes, of text and of bytes, and an empty body has length 0', async () => {
    const bodies: (string | Uint8Array | undefined)[] = ['é', new Uint8Array([1, 2, 3]), undefined]
    const listener = await listen(() => ({ status: 200, headers: [], body: bodies.shift() }))
    const lengths: string[] = []
    for (let i = 0; i < 3; i++) {
      const c = await client(listener)
      c.socket.write(get('/', 'Connection: close\r\n'))
      await c.closed
      lengths.push(/Content-Length: (\d+)/.exec(c.seen())![1]!)
    }
    assert.deepEqual(lengths, ['2', '3', '0'])
  })

  test('pipelined requests are answered in order, also when the first answer is late', async () => {
    const late = Promise.withResolvers<HttpResponse>()
    const listener = await listen((request) => (request.url === '/late' ? late.promise : echo(request)))
    const c = await client(listener)
    c.socket.write(get('/late') + get('/soon'))
    setImmediate(() => late.resolve({ status: 201, headers: [], body: 'late' }))
    const text = await c.until(/GET:$/)
    assert.ok(text.indexOf('201 Created') < text.indexOf('/soon'))
  })

  test('one connection serves many requests, and closes when asked to', async () => {
    const c = await client(await listen(echo))
    for (let i = 0; i < 5; i++) {
      c.socket.write(get(`/${i}`))
      await c.until(new RegExp(`X-Url: /${i}\r`))
    }
    c.socket.write(get('/last', 'Connection: close\r\n'))
    await c.closed
    assert.match(c.seen(), /Connection: close/)
  })

  test('an old client that asks to keep the connection is told that it is kept', async () => {
    const c = await client(await listen(echo))
    c.socket.write('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    await c.until(/Connection: keep-alive[\s\S]*GET:$/i)
  })

  test('a handler that throws or rejects costs one answer, not the server', async () => {
    const listener = await listen((request) => {
      if (request.url === '/throw') throw new Error('no')
      if (request.url === '/reject') return Promise.reject(new Error('no'))
      return echo(request)
    })
    const c = await client(listener)
    c.socket.write(get('/throw') + get('/reject') + get('/fine'))
    const text = await c.until(/GET:$/)
    assert.equal(text.match(/500 Internal Server Error/g)?.length, 2)
  })

  test('an old client is answered in its own version, and gets chunks as they are up to the end of the connection', async () => {
    const listener = await listen((request) =>
      request.url === '/chunks' ? { status: 200, headers: [], body: ['a', '', 'b'] } : echo(request),
    )
    const plain = await client(listener)
    plain.socket.write('GET / HTTP/1.0\r\n\r\n')
    await plain.closed
    assert.match(plain.seen(), /^HTTP\/1\.0 200 OK\r\n(?![\s\S]*Connection:)[\s\S]*GET:$/)
    const old = await client(listener)
    old.socket.write('GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n')
    await old.closed
    assert.match(old.seen(), /^HTTP\/1\.0 200 OK\r\nDate: [^\r]*\r\n\r\nab$/)
    const now = await client(listener)
    now.socket.write(get('/chunks'))
    assert.match(
      await now.until(/0\r\n\r\n$/),
      /Transfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n$/,
    )
  })

  test('HEAD of an answer in chunks makes none of them', async () => {
    let asked = 0
    function* pieces() {
      asked += 1
      yield 'a'
    }
    const c = await client(await listen(() => ({ status: 200, headers: [], body: pieces() })))
    c.socket.write('HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await c.closed
    assert.match(c.seen(), /Transfer-Encoding: chunked\r\n[\s\S]*\r\n\r\n$/)
    assert.equal(asked, 0)
  })

  test('HEAD has headers and length, and no body', async () => {
    const c = await client(await listen(echo))
    c.socket.write('HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await c.closed
    assert.match(c.seen(), /Content-Length: 5\r\n[\s\S]*\r\n\r\n$/)
  })
})

suite('requests', () => {
  test('headers are found by lower-case name, the first one wins', async () => {
    const found: (string | undefined)[] = []
    const listener = await listen((request) => {
      found.push(request.header('x-a'), request.header('x-b'), request.header('x-c'))
      return { status: 200, headers: [] }
    })
    const c = await client(listener)
    c.socket.write(get('/', 'X-A: 1\r\nx-a: 2\r\nX-b: 3\r\nConnection: close\r\n'))
    await c.closed
    assert.deepEqual(found, ['1', '3', undefined])
  })

  test('the asker has an address', async () => {
    const remotes: HttpRequest['remote'][] = []
    const listener = await listen((request) => {
      remotes.push(request.remote)
      return { status: 200, headers: [] }
    })
    const c = await client(listener)
    const { localPort } = c.socket
    c.socket.write(get('/', 'Connection: close\r\n'))
    await c.closed
    assert.deepEqual(remotes, [{ host: '127.0.0.1', port: localPort }])
  })

  test('a body comes whole, with a length or in chunks, however it was cut on the way', async () => {
    const c = await client(await listen(echo))
    for (const byte of 'PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello') c.socket.write(byte)
    await c.until(/PUT:hello$/)
    c.socket.write('PUT /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    c.socket.write('3\r\ndef\r\n0\r\n\r\n')
    await c.until(/PUT:abcdef$/)
  })

  test('the bound is asked for with method and URL; a body of just that size passes', async () => {
    const asked: string[] = []
    const limit = (method: string, url: string) => {
      asked.push(`${method} ${url}`)
      return 5
    }
    const listener = await listenHttp({ host: '127.0.0.1', port: 0 }, limit, echo, { closeGraceMs: 20 })
    open.push(listener)
    const c = await client(listener)
    c.socket.write('PUT /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello')
    await c.closed
    assert.match(c.seen(), /X-Too-Large: false[\s\S]*PUT:hello$/)
    assert.deepEqual(asked, ['PUT /a?b'])
  })

  test('a body that is announced too long is answered at once, and the connection goes on after it', async () => {
    const c = await client(await listen(echo, 5))
    c.socket.write('PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n')
    await c.until(/X-Too-Large: true[\s\S]*PUT:$/)
    c.socket.write(`abcdef${get('/next')}`)
    await c.until(/X-Url: \/next/)
  })

  test('a chunked body that grows too long is given up, and not kept', async () => {
    const c = await client(await listen(echo, 5))
    c.socket.write('PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n')
    await c.until(/X-Too-Large: true[\s\S]*PUT:$/)
    c.socket.write(`3\r\nghi\r\n0\r\n\r\n${get('/next')}`)
    await c.until(/X-Url: \/next/)
  })

  test('a client that waits for leave gets it for a body that fits, and the refusal for one that does not', async () => {
    const listener = await listen(echo, 5)
    const fits = await client(listener)
    fits.socket.write('PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
    await fits.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/)
    fits.socket.write('hello')
    await fits.until(/PUT:hello$/)
    const tooLong = await client(listener)
    tooLong.socket.write('PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nExpect: 100-continue\r\n\r\n')
    await tooLong.closed
    assert.match(tooLong.seen(), /^HTTP\/1\.1 200 OK\r\n[\s\S]*X-Too-Large: true[\s\S]*Connection: close/)
  })

  test('a GET with a body is answered like one without', async () => {
    const c = await client(await listen(echo, 0))
    c.socket.write(`GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc${get('/b')}`)
    await c.until(/X-Url: \/a[\s\S]*X-Url: \/b/)
  })

  test('whoever leaves before the answer is reported, once; whoever waits for it is not', async () => {
    const gone: string[] = []
    const here = Promise.withResolvers<void>()
    const left = Promise.withResolvers<void>()
    const listener = await listen((request) => {
      request.onGone(() => {
        gone.push(request.url)
        left.resolve()
      })
      if (request.url === '/stays') return { status: 200, headers: [], body: 'done' }
      here.resolve()
      return left.promise.then(() => ({ status: 200, headers: [] }))
    })
    const stays = await client(listener)
    stays.socket.write(get('/stays', 'Connection: close\r\n'))
    await stays.closed
    const leaves = await client(listener)
    leaves.socket.write(get('/leaves'))
    await here.promise
    leaves.socket.destroy()
    await left.promise
    assert.deepEqual(gone, ['/leaves'])
  })

  test('whoever has said his last word is answered, and taken for gone when that takes long', async () => {
    const gone = Promise.withResolvers<void>()
    const listener = await listen(async (request) => {
      if (request.url !== '/never') {
        await new Promise((turned) => setImmediate(turned))
        return echo(request)
      }
      request.onGone(gone.resolve)
      return new Promise(() => {})
    })
    const c = await client(listener)
    c.socket.end(get('/one') + get('/two'))
    await c.closed
    assert.match(c.seen(), /X-Url: \/one[\s\S]*X-Url: \/two[\s\S]*GET:$/)
    const waits = await client(listener)
    waits.socket.end(get('/never'))
    await Promise.all([gone.promise, waits.closed])
    assert.equal(waits.seen(), '')
  })

  test('a body without bound is read as fast as the handler wants it, and its breaking off is told', async () => {
    const taken: string[] = []
    const broken = Promise.withResolvers<unknown>()
    const listener = await listen(async (request) => {
      let bytes = 0
      try {
        for await (const chunk of request.chunks!) bytes += chunk.length
      } catch (error) {
        broken.resolve(error)
      }
      taken.push(`${request.url} ${bytes}`)
      return echo(request)
    }, Number.POSITIVE_INFINITY)
    const c = await client(listener)
    c.socket.write(`PUT /long HTTP/1.1\r\nHost: x\r\nContent-Length: ${4 << 20}\r\n\r\n`)
    c.socket.write(Buffer.alloc(4 << 20))
    await c.until(/X-Url: \/long/)
    c.socket.write('PUT /half HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n5\r\nabc')
    c.socket.end()
    assert.match(String(await broken.promise), /closed within the body/)
    assert.deepEqual(taken, [`/long ${4 << 20}`, '/half 5'])
  })

  test('a large body waits unread while others fill the room for them, and small ones pass it by', async () => {
    const [begun, room] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const handled: string[] = []
    const listener = await listen(
      async ({ url, body }) => {
        handled.push(`${url} ${body.byteLength}`)
        if (url === '/first') {
          begun.resolve()
          await room.promise
        }
        return { status: 200, headers: [], body: `${url} is done` }
      },
      4 << 20,
      { closeGraceMs: 20, heldBytesMax: 2 << 20 },
    )
    const put = (url: string, bytes: number) =>
      `PUT ${url} HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n${'x'.repeat(bytes)}`
    const large = 3 << 20
    const first = await client(listener)
    first.socket.write(put('/first', large))
    await begun.promise
    const [second, third, small] = [await client(listener), await client(listener), await client(listener)]
    second.socket.write(put('/second', large))
    third.socket.write(put('/third', large))
    for (let i = 0; i < 20; i++) {
      small.socket.write(put(`/small${i}`, 1000))
      await small.until(new RegExp(`small${i} is done$`))
    }
    assert.deepEqual(
      handled.filter((each) => !each.startsWith('/small')),
      [`/first ${large}`],
    )
    room.resolve()
    await Promise.all([first.until(/first is done$/), second.until(/second is done$/), third.until(/third is done$/)])
    // Who leaves in the middle takes nothing with him.
    const [gone, last] = [await client(listener), await client(listener)]
    gone.socket.write(put('/gone', large).slice(0, -1000), () => gone.socket.destroy())
    last.socket.write(put('/last', large))
    await last.until(/last is done$/)
  })

  test('a body without bound that is not wanted is thrown away, and the next request found behind it', async () => {
    const c = await client(await listen(() => ({ status: 403, headers: [] }), Number.POSITIVE_INFINITY))
    c.socket.write(`PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: ${1 << 20}\r\n\r\n`)
    await c.until(/403/)
    c.socket.write(Buffer.alloc(1 << 20))
    c.socket.write(get('/b'))
    await c.until(/403[\s\S]*403/)
  })

  test('many at once from one who reads late are answered in order, and held back meanwhile', async () => {
    const handled: number[] = []
    const [count, size] = [400, 100_000]
    const body = 'x'.repeat(size)
    const listener = await listen((request) => {
      if (request.url === '/other') return echo(request)
      handled.push(Number(request.url.slice(1)))
      return { status: 200, headers: [], body }
    })
    const late = connect(listener.address.port, listener.address.host)
    late.write(Array.from({ length: count }, (_, i) => get(`/${i}`)).join(''))
    // Somebody else is served meanwhile.
    const other = await client(listener)
    other.socket.write(get('/other', 'Connection: close\r\n'))
    await other.closed
    assert.ok(handled.length < count)
    let bytes = 0
    late.on('data', (chunk) => {
      bytes += chunk.length
      if (bytes > count * size) late.destroy()
    })
    await once(late, 'close')
    assert.deepEqual(handled, [...Array(count).keys()])
  })

  test('of very many at once only some are answered before others have their turn', async () => {
    const count = 1000
    let handled = 0
    let inOneTurn = 0
    const listener = await listen((request) => {
      handled += 1
      if (handled === 1) {
        setImmediate(() => {
          inOneTurn = handled
        })
      }
      return echo(request)
    })
    const c = await client(listener)
    c.socket.write(Array.from({ length: count }, (_, i) => get(`/${i}`)).join(''))
    await c.until(new RegExp(`X-Url: /${count - 1}\r`))
    assert.equal(handled, count)
    assert.ok(inOneTurn < 100, String(inOneTurn))
  })

  test('a body that is cut off behind a request which waits for its answer is not waited for', async () => {
    const late = Promise.withResolvers<HttpResponse>()
    const c = await client(await listen((request) => (request.method === 'GET' ? late.promise : echo(request))))
    c.socket.end(`${get('/a')}PUT /b HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc`)
    await once(c.socket, 'finish')
    setImmediate(() => setImmediate(() => late.resolve({ status: 200, headers: [], body: 'late' })))
    await c.closed
    assert.doesNotMatch(c.seen(), /PUT/)
  })

  test('who cuts off an unwanted body after the answer is not waited for', async () => {
    const late = Promise.withResolvers<HttpResponse>()
    const c = await client(await listen(() => late.promise, 5))
    c.socket.end('PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc')
    await once(c.socket, 'finish')
    setImmediate(() => late.resolve({ status: 413, headers: [] }))
    await c.closed
    assert.match(c.seen(), /^HTTP\/1\.1 413 Request Entity Too Large\r\n/)
  })

  test('a client that leaves in the middle of its body is forgotten without a word to the handler', async () => {
    let handled = 0
    const listener = await listen((request) => {
      handled += 1
      return echo(request)
    })
    const c = await client(listener)
    c.socket.write('PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe')
    c.socket.destroy()
    const next = await client(listener)
    next.socket.write(get('/next', 'Connection: close\r\n'))
    await next.closed
    assert.equal(handled, 1)
  })
})

suite('bad clients', () => {
  test('what is not HTTP is answered 400 in words that Go uses, and cut off', async () => {
    const c = await client(await listen(echo))
    c.socket.write('GARBAGE\r\n\r\n')
    await c.closed
    assert.equal(
      c.seen(),
      'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request',
    )
  })

  test('headers without end are answered 431', async () => {
    const c = await client(await listen(echo))
    c.socket.write(get('/', `X: ${'a'.repeat((1 << 20) + 4096)}\r\n`))
    await c.closed
    assert.match(c.seen(), /^HTTP\/1\.1 431 /)
  })

  test('a request line as long as a very long key passes', async () => {
    const c = await client(await listen(echo))
    c.socket.write(get(`/${'k'.repeat(200_000)}`, 'Connection: close\r\n'))
    await c.closed
    assert.match(c.seen(), /^HTTP\/1\.1 200 /)
  })

  test('a request that does not come to its end in time is answered 408', async () => {
    const c = await client(await listen(echo, 1000, { requestTimeoutMs: 40, closeGraceMs: 20 }))
    c.socket.write('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe')
    await c.closed
    assert.match(c.seen(), /^HTTP\/1\.1 408 /)
  })

  test('connections beyond the limit of one client are answered 429; when one goes, another may come', async () => {
    let handled = 0
    const listener = await listen(
      (request) => {
        handled += 1
        return echo(request)
      },
      1000,
      { connsPerClientMax: 1, closeGraceMs: 20 },
    )
    const first = await client(listener)
    first.socket.write(get('/'))
    await first.until(/GET:$/)
    const second = await client(listener)
    second.socket.write(get('/'))
    await second.closed
    assert.match(second.seen(), /^HTTP\/1\.1 429 Too Many Requests\r\n[\s\S]*too many concurrent connections/)
    assert.equal(handled, 1)
    first.socket.write(get('/bye', 'Connection: close\r\n'))
    await first.closed
    // The server may learn of the close a little later than the client.
    for (let allowed = false; !allowed; ) {
      const third = await client(listener)
      third.socket.write(get('/', 'Connection: close\r\n'))
      await third.closed
      allowed = /^HTTP\/1\.1 200 /.test(third.seen())
    }
  })
})

suite('unix sockets', () => {
  const folder = mkdtempSync(join(tmpdir(), 'proconsul-http-'))
  after(() => rmSync(folder, { recursive: true }))

  async function ask(path: string): Promise<string> {
    const socket = connect(path)
    socket.end(get('/sock', 'Connection: close\r\n'))
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    return Buffer.concat(chunks).toString()
  }

  test('take the place of what an agent before has left, with the mode that is asked for', async () => {
    const path = join(folder, 'agent.sock')
    writeFileSync(path, 'left behind')
    const socket = { user: '', group: '', mode: '0600' }
    const listener = await listenHttp({ host: `unix://${path}`, port: 0 }, () => 0, echo, { socket, closeGraceMs: 20 })
    assert.deepEqual(listener.address, { host: `unix://${path}`, port: 0 })
    assert.match(await ask(path), /^HTTP\/1.1 200 OK[\s\S]*GET:$/)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    await listener.close()
  })

  test('in a folder that is not there are not to be had', async () => {
    const bind = { host: `unix://${join(folder, 'none', 'x.sock')}`, port: 0 }
    await assert.rejects(
      listenHttp(bind, () => 0, echo),
      { code: 'ENOENT' },
    )
  })

  test('say what is wrong with the wish', async () => {
    const bind = { host: `unix://${join(folder, 'x.sock')}`, port: 0 }
    const wish = { user: '', group: '', mode: '' }
    for (const [socket, message] of [
      [{ ...wish, mode: '9' }, 'Failed setting up socket: invalid mode specified: 9'],
      [{ ...wish, group: 'x' }, 'Failed setting up socket: invalid group specified: x'],
      [{ ...wish, user: 'no-one-here' }, /failed to look up user no-one-here/],
    ] as const) {
      await assert.rejects(
        listenHttp(bind, () => 0, echo, { socket }),
        { message },
      )
    }
  })
})

suite('closing', () => {
  test('idle connections go at once, and nobody new gets in', async () => {
    const listener = await listenHttp({ host: '127.0.0.1', port: 0 }, () => 0, echo)
    const idle = await client(listener)
    idle.socket.write(get('/'))
    await idle.until(/GET:$/)
    await listener.close()
    await idle.closed
    await assert.rejects(client(listener))
  })

  test('what is in flight may finish, and is told that it is the last', async () => {
    const late = Promise.withResolvers<HttpResponse>()
    const here = Promise.withResolvers<void>()
    const listener = await listenHttp(
      { host: '127.0.0.1', port: 0 },
      () => 0,
      () => {
        here.resolve()
        return late.promise
      },
    )
    const c = await client(listener)
    c.socket.write(get('/'))
    await here.promise
    const closed = listener.close()
    late.resolve({ status: 200, headers: [], body: 'late' })
    await closed
    await c.closed
    assert.match(c.seen(), /Connection: close[\s\S]*late$/)
  })

  test('what does not finish is cut, and its handler told', async () => {
    const here = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    const listener = await listenHttp(
      { host: '127.0.0.1', port: 0 },
      () => 0,
      (request) => {
        request.onGone(gone.resolve)
        here.resolve()
        return new Promise(() => {})
      },
      { closeGraceMs: 5 },
    )
    const c = await client(listener)
    c.socket.write(get('/'))
    await here.promise
    await Promise.all([listener.close(), c.closed, gone.promise])
  })

  test('a port in use is an error of the listener', async () => {
    const listener = await listen(echo)
    await assert.rejects(
      listenHttp(listener.address, () => 0, echo),
      { code: 'EADDRINUSE' },
    )
  })
})
