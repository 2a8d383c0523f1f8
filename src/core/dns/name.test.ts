import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { formatIp } from './ip.ts'
import { TYPE } from './message.ts'
import { addressOfReverse, isWithin, labelsOf, parseForm, placeOf } from './name.ts'

/** A form in a few words. */
function say(below: string, type: number = TYPE.A): string {
  const form = parseForm(below, type)
  switch (form.kind) {
    case 'service':
      return `service ${form.service} tag ${form.tag} in ${form.datacenter}`
    case 'node':
      return `node ${form.node} in ${form.datacenter}`
    case 'address':
      return `address ${form.address === undefined ? 'unknown' : formatIp(form.address)}`
    case 'invalid':
      return 'invalid'
    default:
      return `${form.kind} ${form.target} in ${form.datacenter}`
  }
}

const FORMS: [below: string, meaning: string, type?: number][] = [
  ['web.service.', 'service web tag  in '],
  ['web.service.dc2.', 'service web tag  in dc2'],
  ['web.service.dc2.x.', 'invalid'],
  ['service.', 'invalid'],
  ['primary.web.service.', 'service web tag primary in '],
  ['v1.2.web.service.dc2.', 'service web tag v1.2 in dc2'],
  ['_web._tcp.service.', 'service web tag  in '],
  ['_web._primary.service.dc2.', 'service web tag primary in dc2'],
  ['_web._tcp.', 'service web tag  in ', TYPE.SRV],
  ['_web._tcp.dc2.', 'service web tag  in dc2', TYPE.SRV],
  ['_web._tcp.', 'invalid', TYPE.A],
  ['_web.', 'service _web tag  in ', TYPE.SRV],
  ['_web.service.', 'service _web tag  in '],
  ['a._web.service.', 'service _web tag a in '],
  ['n1.node.', 'node n1 in '],
  ['n1.node.dc2.', 'node n1 in dc2'],
  ['n1.example.node.dc2.', 'node n1.example in dc2'],
  ['n1.node.dc2.x.', 'invalid'],
  ['node.', 'invalid'],
  // The last word that says what it is counts.
  ['a.service.node.', 'node a.service in '],
  ['a.node.service.', 'service node tag a in '],
  ['near.me.query.', 'query near.me in '],
  ['tag.web.connect.dc2.', 'connect web in dc2'],
  ['web.ingress.', 'ingress web in '],
  ['query.', 'invalid'],
  ['0a000001.addr.', 'address 10.0.0.1'],
  ['0a000001.addr.dc2.', 'address 10.0.0.1'],
  ['20010db8000000000000000000000001.addr.', 'address 2001:db8::1'],
  ['0a00.addr.', 'address unknown'],
  ['0a0000012.addr.', 'invalid'],
  ['zz000001.addr.', 'invalid'],
  ['x.0a000001.addr.', 'invalid'],
  ['addr.', 'invalid'],
  ['web.', 'invalid'],
  ['', 'invalid'],
]

suite('names that are asked', () => {
  for (const [below, meaning, type] of FORMS) {
    test(`${below || '(the domain)'} is ${meaning}`, () => assert.equal(say(below, type), meaning))
  }

  test('an escaped dot parts no labels, and ends no domain', () => {
    assert.deepEqual(labelsOf('a\\.b.c.'), ['a\\.b', 'c'])
    assert.deepEqual(labelsOf('a\\\\.c'), ['a\\\\', 'c'])
    assert.ok(!isWithin('x\\.consul.', 'consul.'))
    assert.ok(isWithin('x\\\\.consul.', 'consul.'))
  })

  test('a name is in the domain, or in the alternative one, whichever is closer', () => {
    const below = (name: string, domain: string, alt: string) => {
      const place = placeOf(name, domain, alt)
      return place.kind === 'domain' ? place.below : place.kind
    }
    assert.equal(below('a.node.consul.', 'consul.', ''), 'a.node.')
    assert.equal(below('consul.', 'consul.', ''), '')
    assert.equal(below('xconsul.', 'consul.', ''), 'elsewhere')
    assert.equal(below('consul.example.', 'consul.', ''), 'elsewhere')
    assert.equal(below('.', 'consul.', ''), 'elsewhere')
    assert.equal(below('a.alt.', 'consul.', 'alt.'), 'a.')
    assert.equal(below('a.sub.consul.', 'consul.', 'sub.consul.'), 'a.')
    assert.equal(below('a.sub.consul.', 'sub.consul.', 'consul.'), 'a.')
    assert.equal(below('a.consul.', 'sub.consul.', 'consul.'), 'a.')
    assert.equal(below('1.0.0.127.in-addr.arpa.', 'consul.', ''), 'reverse')
  })

  test('reverse names stand for addresses', () => {
    const address = (name: string) => {
      const found = addressOfReverse(name)
      return found === undefined ? undefined : formatIp(found)
    }
    assert.equal(address('4.3.2.1.in-addr.arpa.'), '1.2.3.4')
    assert.equal(address('3.2.1.in-addr.arpa.'), undefined)
    assert.equal(address('5.4.3.2.1.in-addr.arpa.'), undefined)
    assert.equal(address('in-addr.arpa.'), undefined)
    const nibbles = `1${'.0'.repeat(23)}.8.b.d.0.1.0.0.2`
    assert.equal(address(`${nibbles}.ip6.arpa.`), '2001:db8::1')
    assert.equal(address(`${nibbles.slice(2)}.ip6.arpa.`), undefined)
    assert.equal(address(`${nibbles.replace('8', 'g')}.ip6.arpa.`), undefined)
    assert.equal(address('1.ip6.arpa.'), undefined)
  })
})
