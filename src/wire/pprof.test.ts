import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { readPprof } from '../../test/support/pprof.ts'
import { encodePprof, type Frame, type Profile } from './pprof.ts'

function encode(profile: Profile): { bytes: Uint8Array; turns: number } {
  const encoding = encodePprof(profile)
  for (let turns = 1; ; turns++) {
    const { done, value } = encoding.next()
    if (done) return { bytes: value, turns }
  }
}

const main: Frame = { name: 'main', file: '/a.js', line: 1 }
const work: Frame = { name: 'work — é', file: '/a.js', line: 300 }
const PROFILE: Profile = {
  types: [
    ['samples', 'count'],
    ['cpu', 'nanoseconds'],
  ],
  samples: [
    { stack: [work, main], values: [2, 20_000_000] },
    { stack: [main], values: [1, 2 ** 40] },
    { stack: [], values: [0, 127] },
  ],
  period: ['cpu', 'nanoseconds', 10_000_000],
  unixMs: 1_795_000_000_000,
  durationMs: 1500.5,
}

suite("pprof's format", () => {
  test('what is written is read by a reader that knows only the format', () => {
    const { bytes } = encode(PROFILE)
    assert.deepEqual(readPprof(bytes), {
      types: PROFILE.types,
      samples: [
        { stack: ['work — é /a.js:300', 'main /a.js:1'], values: [2, 20_000_000] },
        { stack: ['main /a.js:1'], values: [1, 2 ** 40] },
        { stack: [], values: [0, 127] },
      ],
      period: ['cpu', 'nanoseconds', 10_000_000],
      nanos: 1_795_000_000_000n * 1_000_000n,
      durationNanos: 1_500_500_000n,
    })
  })

  test('its bytes are those of the protocol', () => {
    const one: Profile = { types: [['a', 'b']], samples: [], period: ['a', 'b', 1], unixMs: 0, durationMs: 0 }
    assert.equal(
      Buffer.from(encode(one).bytes).toString('hex'),
      ['0a0408011002', '5a0408011002', '3200', '320161', '320162', '4800', '5000', '6001'].join(''),
    )
  })

  test('much of it is written in turns', () => {
    const samples = Array.from({ length: 1000 }, () => ({ stack: [work, main], values: [1, 1] }))
    const { bytes, turns } = encode({ ...PROFILE, samples })
    assert.ok(turns > 3)
    assert.equal(readPprof(bytes).samples.length, 1000)
  })
})
