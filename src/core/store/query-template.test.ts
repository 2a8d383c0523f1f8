/** What templates mean, as the real Consul 1.8.7 has it: the expectations were taken from its answers. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PreparedQuery } from '../../model/prepared-query.ts'
import { compileTemplate, renderTemplate } from './query-template.ts'
import { sampleQuery } from './samples.ts'

/** In these tables `@{` stands for a dollar sign and a brace. */
const spelled = (text: string) => text.replaceAll('@{', '\x24{')

function template(service: string, Regexp = '', more: Partial<PreparedQuery['Service']> = {}): PreparedQuery {
  const base = sampleQuery('', 'tpl')
  return {
    ...base,
    Template: { Type: 'name_prefix_match', Regexp, RemoveEmptyTags: false },
    Service: { ...base.Service, Service: spelled(service), ...more },
  }
}

function rendered(query: PreparedQuery, name = 'tplabc'): PreparedQuery['Service'] | string {
  const found = renderTemplate(query, name, { Segment: 'seg' })
  return typeof found === 'string' ? found : found.Service
}

suite('templates', () => {
  for (const [text, expected] of [
    ['plain', 'plain'],
    ['', ''],
    ['@{name.full}', 'tplabc'],
    ['@{ name.full }', 'tplabc'],
    ['@{name.prefix}-@{name.suffix}', 'tpl-abc'],
    ['@{agent.segment}x', 'segx'],
    ['é@{name.suffix}é', 'éabcé'],
    ['$@{a}', spelled('@{a}')],
    ['$', ''],
    ['$$', '$'],
    ['$x $', '$x $'],
    ['a$$b', 'a$b'],
    ['$$@{name.full}', '$tplabc'],
    ['$@{name.full} @{name.full}', spelled('@{name.full} tplabc')],
    ['$$$@{name.full}', spelled('$@{name.full}')],
    ['@{name.full}}', 'tplabc}'],
    ['a"b\\n', 'a"b\\n'],
    ['@{"$"}', '$'],
    ['@{"a\\"b\\nc"}', 'a"b\nc'],
    ['@{"a\\q"}', 'a\\q'],
    ['@{"x@{name.full}y"}', 'xtplabcy'],
    ['@{"a@{"b"}c"}', 'abc'],
    ['@{"@{1+1}"}', '2'],
    ['@{1}@{"2"}', '12'],
    ['@{1+2*3}', '9'],
    ['@{2+3*4}', '20'],
    ['@{(1+2)*3}', '9'],
    ['@{10 - 2 - 3}', '5'],
    ['@{8/2/2}', '2'],
    ['@{1/2}', '0'],
    ['@{7%4}', '3'],
    ['@{-1}', '-1'],
    ['@{3*-2}', '-6'],
    ['@{3--2}', '5'],
    ['@{--2}', '2'],
    ['@{1.50}', '1.5'],
    ['@{1.0}', '1'],
    ['@{1.5+1}', '2.5'],
    ['@{1 + 1.5}', '2'],
    ['@{5-1.5}', '4'],
    ['@{7.0/2}', '3.5'],
    ['@{100000000.0*10000000000000000}', '1e+24'],
  ] as const) {
    test(`${text} reads ${JSON.stringify(expected)}`, () => {
      const found = rendered(template(text))
      assert.equal(typeof found === 'string' ? found : found.Service, expected)
    })
  }

  for (const [text, fault] of [
    ['@{', "Bad format '@{' in Service.Service: parse error: syntax error"],
    ['@{}', "Bad format '@{}' in Service.Service: parse error: syntax error"],
    ['@{name.full', "Bad format '@{name.full' in Service.Service: parse error: syntax error"],
    ['@{"abc}', `Bad format '@{"abc}' in Service.Service: parse error: syntax error`],
    ['@{name .full}', "Bad format '@{name .full}' in Service.Service: parse error: syntax error"],
    ['@{1e5}', "Bad format '@{1e5}' in Service.Service: parse error: syntax error"],
    ['@{1.5.2}', "Bad format '@{1.5.2}' in Service.Service: parse error: syntax error"],
    ['@{99999999999999999999}', "Bad format '@{99999999999999999999}' in Service.Service: parse error: syntax error"],
    ['@{!true}', "Bad format '@{!true}' in Service.Service: parse error: syntax error"],
    ['@{name.full,1}', "Bad format '@{name.full,1}' in Service.Service: parse error: syntax error"],
    ['@{1 == 1}', "Bad format '@{1 == 1}' in Service.Service: parse error: syntax error"],
    ['@{true}', "Bad evaluation for '@{true}' in Service.Service: 1:3: unknown variable accessed: true"],
    ['@{name.*}', "Bad evaluation for '@{name.*}' in Service.Service: 1:3: unknown variable accessed: name.*"],
    ['@{a-b}', "Bad evaluation for '@{a-b}' in Service.Service: 1:3: unknown variable accessed: a-b"],
    ['@{foo(1)}', "Bad evaluation for '@{foo(1)}' in Service.Service: 1:3: unknown function called: foo"],
    ['@{match()}', "Bad evaluation for '@{match()}' in Service.Service: 1:3: match: expected 1 arguments, got 0"],
    ['@{match(1,2)}', "Bad evaluation for '@{match(1,2)}' in Service.Service: 1:3: match: expected 1 arguments, got 2"],
    [
      '@{name.full[0]}',
      "Bad evaluation for '@{name.full[0]}' in Service.Service: At column 3, line 1: invalid index operation into non-indexable type: TypeString",
    ],
    [
      '@{"a"+1}',
      `Bad evaluation for '@{"a"+1}' in Service.Service: __builtin_StringToInt: strconv.ParseInt: parsing "a": invalid syntax`,
    ],
    [
      '@{1.5 % 2}',
      "Bad evaluation for '@{1.5 % 2}' in Service.Service: At column 3, line 1: modulo cannot be used with floats",
    ],
  ] as const) {
    test(`${text} is refused`, () => assert.equal(compileTemplate(template(text)), spelled(fault)))
  }

  test('what would end the real process is refused', () => {
    for (const text of ['@{1/0}', '@{1%0}', '@{1/(2-2)}']) assert.match(String(compileTemplate(template(text))), /zero/)
  })

  test('match gives the groups of the expression, and nothing beyond', () => {
    const groups = template('@{match(0)}|@{match(1)}|@{match(2)}|@{match(9)}|@{match(-1)}|@{match(1.5)}', '^t(.)(x)?')
    assert.equal((rendered(groups) as { Service: string }).Service, 'tp|p||||p')
    assert.equal((rendered(groups, 'nothing') as { Service: string }).Service, '|||||')
    // A group in a loop keeps what it held last, unlike in JavaScript.
    assert.equal((rendered(template('@{match(1)}', '(?:(a)|b)*c')) as { Service: string }).Service, 'a')
  })

  test('all texts of the service are filled in, keys of maps are not', () => {
    const more = {
      Near: spelled('@{name.suffix}'),
      Tags: [spelled('@{match(1)}'), '', 'kept'],
      NodeMeta: { [spelled('@{a}')]: spelled('@{name.full}') },
      ServiceMeta: { m: 'plain' },
      IgnoreCheckIDs: [spelled('c-@{name.full}')],
      Failover: { NearestN: 2, Datacenters: [spelled('dc-@{name.suffix}')] },
    }
    const query = template('s', '(z)?', more)
    assert.deepEqual(rendered(query), {
      ...query.Service,
      Near: 'abc',
      Tags: ['', '', 'kept'],
      NodeMeta: { [spelled('@{a}')]: 'tplabc' },
      IgnoreCheckIDs: ['c-tplabc'],
      Failover: { NearestN: 2, Datacenters: ['dc-abc'] },
    })
    const trimmed = { ...query, Template: { ...query.Template, RemoveEmptyTags: true } }
    assert.deepEqual((rendered(trimmed) as { Tags: string[] }).Tags, ['kept'])
    assert.match(
      String(compileTemplate(template('x', '', { Failover: { NearestN: 0, Datacenters: [spelled('@{a}')] } }))),
      /in Service\.Failover\.Datacenters\[0\]: 1:3: unknown variable/,
    )
    assert.match(
      String(compileTemplate(template('x', '', { NodeMeta: { k: spelled('@{') } }))),
      /in Service\.NodeMeta\[k\]/,
    )
  })

  test('unknown types and broken expressions are refused', () => {
    const other = { ...template('x'), Template: { Type: 'other', Regexp: '', RemoveEmptyTags: false } }
    assert.equal(compileTemplate(other), "Bad Template.Type 'other'")
    assert.equal(compileTemplate(template('x', '(')), 'Bad Regexp: error parsing regexp: missing closing ): `(`')
  })

  test('nesting without end is refused, not followed', () => {
    for (const deep of ['('.repeat(5000), '-'.repeat(5000), '"@{'.repeat(5000)]) {
      assert.match(String(compileTemplate(template(`@{${deep}`))), /nested too deeply/)
    }
  })
})
