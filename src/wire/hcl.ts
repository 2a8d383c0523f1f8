/**
 * HCL 1 as Consul's files are written in it, from text to plain values: what hashicorp/hcl v1.0.0 (decoder.go) makes of
 * a file when it may choose the types. Blocks become lists of objects, labels become objects around them, and text that
 * begins with a brace is JSON. Which keys there are and of what types is not decided here. There is no parser of HCL 1 on
 * npm that is kept up and is not the original compiled to a megabyte of JavaScript, so this one is ours.
 */
import { quoteGo } from '../base/go-flags.ts'
import { bytesFromText } from '../base/text.ts'
import { literalText, literalValue, readFloat, readInteger } from './hcl-literals.ts'
import { HCL_DEPTH_MAX, type Item, type Literal, type Node, parseTree } from './hcl-parse.ts'
import { HclError, type Position, type Token } from './hcl-tokens.ts'
import { type Json, JsonNumber, parseJson } from './json-parse.ts'

export { HclError } from './hcl-tokens.ts'

/** Whole numbers are bigints, so that they can be told from fractions. */
export type HclValue = string | number | bigint | boolean | HclValue[] | HclObject
/** Without a prototype: any key may stand in it. */
export interface HclObject {
  [key: string]: HclValue
}

/** A list that blocks make, in which only objects stand. */
export class HclBlocks extends Array<HclObject> {}

/** No configuration is as large; what is, is a mistake or an attack. */
const HCL_CHARS_MAX = 32 * 1024 * 1024

/** @throws HclError, with line and column; JsonError for text in JSON */
export function parseHcl(text: string): HclObject {
  if (text.length > HCL_CHARS_MAX) throw new HclError({ line: 1, column: 1 }, `longer than ${HCL_CHARS_MAX} characters`)
  const items = /^\s*\{/.test(text) ? treeOfJson(text) : parseTree(text)
  return objectOf('root', items, emptyObject(), NOWHERE)
}

const NOWHERE: Position = { line: 0, column: 0 }

function emptyObject(): HclObject {
  return Object.create(null) as HclObject
}

/** Later values of a key go into what is there already: lists grow, scalars are replaced. */
function objectOf(name: string, items: readonly Item[], into: HclObject, at: Position): HclObject {
  const done = new Set<string>()
  let byLabel: Map<string, Item[]> | undefined
  for (const { keys, value } of items) {
    const first = keys[0]
    if (first === undefined) throw new HclError(at, `${name}: map must have string keys`)
    const key = keyText(first)
    if (done.has(key)) continue
    const field = `${name}.${key}`
    if (keys.length > 1) {
      done.add(key)
      byLabel ??= Map.groupBy(items, labelOf)
      const labelled = byLabel.get(key.toLowerCase()) ?? []
      into[key] = grown(field, into[key], labelled, first)
    } else into[key] = into[key] === undefined ? fresh(field, value, false) : overlaid(field, into[key], value)
  }
  return into
}

/** Blocks of one kind are gathered whatever the case of its name. */
function labelOf({ keys }: Item): string {
  return keys[0] === undefined ? '' : keyText(keys[0]).toLowerCase()
}

function keyText(key: Token): string {
  return key.type === 'STRING' ? literalText({ ...key, kind: 'literal' }) : key.text
}

/** @param element of a list: an object there is one, elsewhere it is a block */
function fresh(name: string, node: Node, element: boolean): HclValue {
  if (node.kind === 'literal') return literalValue(node)
  if (node.kind === 'list') return listOf(name, node.items, [])
  const object = objectOf(element ? name : `${name}[0]`, node.items, emptyObject(), node)
  return element ? object : blocks([object])
}

function listOf(name: string, nodes: readonly Node[], into: HclValue[]): HclValue[] {
  for (const [i, node] of nodes.entries()) into.push(fresh(`${name}[${i}]`, node, true))
  return into
}

/** @param items each with the key that `name` ends in before its labels */
function grown(name: string, old: HclValue | undefined, items: readonly Item[], at: Position): HclValue {
  const made = items.map(({ keys, value }, i) => {
    return objectOf(`${name}[${i}]`, [{ keys: keys.slice(1), value }], emptyObject(), at)
  })
  if (old === undefined) return blocks(made)
  if (Array.isArray(old)) return append(old, made)
  throw new HclError(at, `${name}: unknown type ${goNode('object list')}`)
}

function overlaid(name: string, old: HclValue, node: Node): HclValue {
  if (old instanceof HclBlocks) {
    if (node.kind === 'object') return append(old, [objectOf(`${name}[0]`, node.items, emptyObject(), node)])
    if (node.kind === 'literal') throw new HclError(node, `unknown slice type: ${goNode(node.kind)}`)
    const made = node.items.map((item, i) => {
      if (item.kind === 'object') return objectOf(`${name}[${i}]`, item.items, emptyObject(), item)
      throw new HclError(item, `${name}[${i}]: not an object type for map (${goNode(item.kind)})`)
    })
    return append(old, made)
  }
  if (Array.isArray(old)) {
    if (node.kind === 'list') return listOf(name, node.items, old)
    if (node.kind === 'object') return append(old, [objectOf(`${name}[0]`, node.items, emptyObject(), node)])
    throw new HclError(node, `unknown slice type: ${goNode(node.kind)}`)
  }
  const value = node.kind === 'literal' ? scalarLike(old, node) : undefined
  if (value !== undefined) return value
  throw new HclError(node, `${name}: unknown type ${typeof old === 'string' ? 'for string ' : ''}${goNode(node.kind)}`)
}

/** The second value of a key takes the first one's type, where it can. */
function scalarLike(old: HclValue, literal: Literal): HclValue | undefined {
  const { type } = literal
  const text = type === 'STRING' || type === 'HEREDOC'
  if (typeof old === 'boolean') return type === 'BOOL' ? literalValue(literal) : undefined
  if (typeof old === 'string') return text || type === 'NUMBER' ? literalText(literal) : undefined
  if (typeof old === 'number') return type === 'FLOAT' || type === 'NUMBER' ? readFloat(literal) : undefined
  if (type === 'NUMBER') return literalValue(literal)
  return type === 'STRING' ? readInteger(literal, literalText(literal)) : undefined
}

function blocks(objects: readonly HclObject[]): HclBlocks {
  return append(new HclBlocks(), objects)
}

function append<T extends HclValue[]>(list: T, more: readonly HclObject[]): T {
  for (const object of more) list.push(object)
  return list
}

function goNode(kind: Node['kind'] | 'object list'): string {
  return {
    literal: '*ast.LiteralType',
    object: '*ast.ObjectType',
    list: '*ast.ListType',
    'object list': '*ast.ObjectList',
  }[kind]
}

/** Text in JSON, as the tree that HCL of the same meaning would give (json/parser). Places are not kept. */
function treeOfJson(text: string): Item[] {
  const root = parseJson(bytesFromText(text))
  return root instanceof Map ? flattened(itemsOfJson(root, 0)) : []
}

function itemsOfJson(object: Map<string, Json>, depth: number): Item[] {
  return [...object].map(([key, value]) => ({ keys: [jsonKey(key)], value: nodeOfJson(value, depth + 1) }))
}

function jsonKey(text: string): Token {
  return { type: 'IDENT', text, ...NOWHERE }
}

function nodeOfJson(value: Json, depth: number): Node {
  if (depth > HCL_DEPTH_MAX) throw new HclError(NOWHERE, `nested more than ${HCL_DEPTH_MAX} deep`)
  const literal = (type: Literal['type'], text: string): Node => ({
    kind: 'literal',
    type,
    text,
    json: true,
    ...NOWHERE,
  })
  if (value === null) return literal('STRING', '')
  if (typeof value === 'boolean') return literal('BOOL', String(value))
  if (typeof value === 'string') return literal('STRING', value)
  if (value instanceof JsonNumber) return literal(/[.eE]/.test(value.text) ? 'FLOAT' : 'NUMBER', value.text)
  if (value instanceof Map) return { kind: 'object', items: flattened(itemsOfJson(value, depth)), ...NOWHERE }
  // Truth values in lists get lost on this way, in the original too.
  const kept = value.filter((item) => typeof item !== 'boolean')
  const nested = kept.find((item) => Array.isArray(item))
  if (nested !== undefined) throw new HclError(NOWHERE, `a list within a list (${quoteGo('[[')}) cannot be read as HCL`)
  return { kind: 'list', items: kept.map((item) => nodeOfJson(item, depth + 1)), ...NOWHERE }
}

/** An object of objects becomes labelled blocks, and a list of objects repeated ones (json/parser/flatten.go). */
function flattened(items: readonly Item[]): Item[] {
  return items.flatMap(({ keys, value }): Item[] => {
    if (value.kind === 'literal' || value.items.length === 0) return [{ keys, value }]
    if (value.kind === 'object') {
      if (!value.items.every((item) => item.value.kind === 'object')) return [{ keys, value }]
      return flattened(value.items.map((item) => ({ keys: [...keys, ...item.keys], value: item.value })))
    }
    if (!value.items.every((item) => item.kind === 'object')) return [{ keys, value }]
    return flattened(value.items.map((item) => ({ keys, value: item })))
  })
}
