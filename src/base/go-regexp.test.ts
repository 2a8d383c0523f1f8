import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { compileGoRegexp, GoRegexpError } from './go-regexp.ts'

const matches = (pattern: string, text: string): boolean => compileGoRegexp(pattern).test(text)

suite("Go's regular expressions", () => {
  test('match anywhere, unless anchored', () => {
    assert.equal(matches('b', 'abc'), true)
    assert.equal(matches('^b', 'abc'), false)
    assert.equal(matches('^a.c$', 'abc'), true)
    assert.equal(matches('a.c', 'a\nc'), false)
    assert.equal(matches('(?s)a.c', 'a\nc'), true)
    assert.equal(matches('^b$', 'a\nb\nc'), false)
    assert.equal(matches('(?m)^b$', 'a\nb\nc'), true)
    assert.equal(matches('\\Ab\\z', 'a\nb'), false)
    assert.equal(matches('', ''), true)
  })

  test('know classes, escapes and flags', () => {
    assert.equal(matches('^[a-c]+$', 'abcab'), true)
    assert.equal(matches('^[^a-c]+$', 'xyz'), true)
    assert.equal(matches('^[]a]+$', ']a'), true)
    assert.equal(matches('^[a-]+$', '-a'), true)
    assert.equal(matches('^[[:digit:]x]+$', '1x2'), true)
    assert.equal(matches('^[[:^digit:]]+$', '1x2'), false)
    assert.equal(matches('^\\d\\D\\w\\W\\s\\S$', '1ab- x'), true)
    assert.equal(matches('^\\x41\\x{42}\\103$', 'ABC'), true)
    assert.equal(matches('^\\Qa.b\\E$', 'a.b'), true)
    assert.equal(matches('^\\Qa.b\\E$', 'axb'), false)
    assert.equal(matches('^(?i)straße$', 'STRAßE'), true)
    assert.equal(matches('^(?i:a)b$', 'Ab'), true)
    assert.equal(matches('^(?i:a)b$', 'AB'), false)
    assert.equal(matches('^\\p{Greek}\\pL\\PL$', 'αä1'), true)
    assert.equal(matches('\\bfoo\\b', 'a foo b'), true)
    assert.equal(matches('\\bfoo\\B', 'a foo b'), false)
    assert.equal(matches('^.$', '😀'), true)
  })

  test('repeat', () => {
    assert.equal(matches('^a{2,3}$', 'aa'), true)
    assert.equal(matches('^a{2,3}$', 'aaaa'), false)
    assert.equal(matches('^a{2}$', 'aa'), true)
    assert.equal(matches('^a{2,}$', 'aaaaa'), true)
    assert.equal(matches('^a{,2}$', 'a{,2}'), true)
    assert.equal(matches('^(ab|c)*d?$', 'ababcd'), true)
  })

  test('find groups, the leftmost match and the preferred one', () => {
    assert.deepEqual(compileGoRegexp('^geo-db-(.*?)-([^\\-]+?)$').groups('geo-db-x-y-z'), ['geo-db-x-y-z', 'x-y', 'z'])
    assert.deepEqual(compileGoRegexp('(a+)(b+)?').groups('xxaab'), ['aab', 'aa', 'b'])
    assert.deepEqual(compileGoRegexp('(?P<first>a+?)(b)?').groups('aa'), ['a', 'a', ''])
    assert.deepEqual(compileGoRegexp('a|ab').groups('ab'), ['a'])
    assert.deepEqual(compileGoRegexp('(?U)(a+)').groups('aaa'), ['a', 'a'])
    assert.deepEqual(compileGoRegexp('ö(😀)').groups('xö😀'), ['ö😀', '😀'])
    assert.equal(compileGoRegexp('x').groups('abc'), undefined)
  })

  const REFUSED: [string, string][] = [
    ['(', 'error parsing regexp: missing closing ): `(`'],
    [')', 'error parsing regexp: unexpected ): `)`'],
    ['a)b', 'error parsing regexp: unexpected ): `a)b`'],
    ['[a', 'error parsing regexp: missing closing ]: `[a`'],
    ['[z-a]', 'error parsing regexp: invalid character class range: `z-a`'],
    ['*', 'error parsing regexp: missing argument to repetition operator: `*`'],
    ['a**', 'error parsing regexp: invalid nested repetition operator: `**`'],
    ['a{1001}', 'error parsing regexp: invalid repeat count: `{1001}`'],
    ['(a{500}){3}', 'error parsing regexp: invalid repeat count: `{3}`'],
    ['\\', 'error parsing regexp: trailing backslash at end of expression: ``'],
    ['\\8', 'error parsing regexp: invalid escape sequence: `\\8`'],
    ['\\1', 'error parsing regexp: invalid escape sequence: `\\1`'],
    ['(?=a)', 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
    ['(?<a>b)', 'error parsing regexp: invalid or unsupported Perl syntax: `(?<`'],
    ['(?P<a', 'error parsing regexp: invalid named capture: `(?P<a`'],
    ['\\p{Nope}', 'error parsing regexp: invalid character class range: `\\p{Nope}`'],
    ['[[:nope:]]', 'error parsing regexp: invalid character class range: `[:nope:]`'],
  ]

  test('say what is wrong in the words of Go', () => {
    for (const [pattern, message] of REFUSED) {
      assert.throws(() => compileGoRegexp(pattern), { name: 'GoRegexpError', message }, pattern)
    }
  })

  test('agree with the engine where both have the same syntax', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '.',
      '[ab]',
      '[^a]',
      'a*',
      'b+?',
      '(a|b)',
      'a?',
      '(ab)*',
      '|',
      '^',
      '$',
      'a{2}',
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join('')),
        fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 }),
        (pattern, text) => {
          let ours: string[] | undefined
          try {
            ours = compileGoRegexp(pattern).groups(text)
          } catch (error) {
            // Repetitions of anchors are the one thing here that only one of the two knows.
            assert.ok(error instanceof GoRegexpError)
            return
          }
          let theirs: RegExpExecArray | null
          try {
            theirs = new RegExp(pattern, 'u').exec(text)
          } catch {
            return
          }
          assert.equal(ours?.[0], theirs?.[0])
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('any text is a pattern or is refused', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 }), (pattern, text) => {
        try {
          compileGoRegexp(pattern).test(text)
        } catch (error) {
          assert.ok(error instanceof GoRegexpError)
        }
      }),
    )
  })

  test('hold nobody up with patterns that make others go back and forth', () => {
    assert.equal(matches('^(a+)+$', `${'a'.repeat(2000)}b`), false)
    assert.equal(matches('(a*)*(a*)*b', 'a'.repeat(500)), false)
  })
})
