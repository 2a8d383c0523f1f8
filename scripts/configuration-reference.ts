/** Writes the reference of all configuration keys into docs/configuration.md, between its marks. */
import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { referenceText } from '../src/agent/config/reference.ts'

const PAPER = resolve(import.meta.dirname, '../docs/configuration.md')
const BEGIN = '<!-- reference -->\n'

const text = readFileSync(PAPER, 'utf8')
const start = text.indexOf(BEGIN)
if (start < 0) throw new Error(`${PAPER} has no mark ${BEGIN}`)
writeFileSync(PAPER, text.slice(0, start + BEGIN.length) + referenceText())
