/** The payload of user events as real agents write it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeUserEvent, encodeUserEvent } from './user-event.ts'

const FULL =
  '87a24944d92461656137306335372d396238642d623736392d316138652d613838353034623166326132a16ea66465706c6f79a26e66a22e2aa170c4097061796c6f61640001a27366a3776562a27466a27631a17601'
const PLAIN =
  '83a24944d92433323433626432312d323336332d393239352d383236342d343038666465656431663331a16ea673696d706c65a17601'

test('events read and write as captured from real agents', () => {
  const full = decodeUserEvent(Buffer.from(FULL, 'hex'), 2)
  assert.deepEqual(full, {
    ID: 'aea70c57-9b8d-b769-1a8e-a88504b1f2a2',
    Name: 'deploy',
    Payload: new Uint8Array(Buffer.from('payload\0\x01')),
    NodeFilter: '.*',
    ServiceFilter: 'web',
    TagFilter: 'v1',
    Version: 1,
    LTime: 2,
  })
  for (const hex of [FULL, PLAIN]) {
    assert.equal(Buffer.from(encodeUserEvent(decodeUserEvent(Buffer.from(hex, 'hex'), 1))).toString('hex'), hex)
  }
})
