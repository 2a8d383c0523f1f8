import assert from 'node:assert/strict'
import { test } from 'node:test'
import { columnize, tabbed } from './columns.ts'

test('columns are as wide as their widest cell, and two spaces apart', () => {
  const rows = [
    ['Node', 'Address', 'DC'],
    ['a-long-name', '1.2.3.4', 'dc1'],
    ['b', '10.20.30.40', 'other'],
  ]
  assert.equal(
    columnize(rows),
    'Node         Address      DC\na-long-name  1.2.3.4      dc1\nb            10.20.30.40  other',
  )
})

test('cells are trimmed, and empty ones keep their place', () => {
  assert.equal(
    columnize([
      [' a ', '', ' c '],
      ['bb', 'b', ''],
    ]),
    'a      c\nbb  b  ',
  )
})

test('width counts characters, not bytes or UTF-16 units', () => {
  assert.equal(
    columnize([
      ['né', 'x'],
      ['😀😀😀', 'y'],
    ]),
    'né   x\n😀😀😀  y',
  )
})

test('names are filled up to the longest and six spaces', () => {
  assert.equal(
    tabbed([
      ['Key', 'a'],
      ['ModifyIndex', '7'],
    ]),
    'Key              a\nModifyIndex      7',
  )
})
