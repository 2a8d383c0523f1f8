import assert from 'node:assert/strict'
import { isIPv6 } from 'node:net'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { formatIp, formatIpv6, hexOfIp, ipFromHex, parseIp, parseIpv4, parseIpv6, sameIp } from './ip.ts'

suite('addresses', () => {
  test('IPv4: any address is read as it is printed', () => {
    fc.assert(fc.property(fc.nat(0xffffffff), (address) => assert.equal(parseIpv4(formatIp(address)), address)))
    assert.equal(parseIpv4('010.001.000.255'), 0x0a0100ff)
  })

  for (const text of [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '256.1.1.1',
    '1.2.3.4 ',
    '1.2.3.a',
  ]) {
    test(`not an IPv4 address: ${JSON.stringify(text)}`, () => assert.equal(parseIpv4(text), -1))
  }

  test('IPv6: any address is read as it is printed, in its one canonical text', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 0xab), { minLength: 16, maxLength: 16 }), (bytes) => {
        const text = formatIpv6(Uint8Array.from(bytes))
        assert.deepEqual(parseIpv6(text), Uint8Array.from(bytes))
        // Dotted tails apart, the platform's parser has the same canonical text.
        const host = new URL(`http://[${text}]/`).hostname
        assert.equal(`[${text}]`, host)
      }),
    )
  })

  test('what is an IPv6 address is what the platform says it is', () => {
    const piece = fc.constantFrom('', '0', 'ff', 'FFFF', '12345', 'g', ':', '::', '1.2.3.4', '1.2.3')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
        const text = pieces.join(':')
        assert.equal(parseIpv6(text) !== undefined, isIPv6(text), text)
      }),
      { numRuns: 2000 },
    )
    assert.equal(parseIpv6('fe80::1%eth0'), undefined)
  })

  test('a mapped address is an IPv4 address', () => {
    assert.equal(parseIp('::ffff:10.0.0.1'), 0x0a000001)
    assert.equal(parseIp('db.example.com'), undefined)
    assert.equal(parseIp(''), undefined)
  })

  test('hexadecimal digits stand for an address of their number', () => {
    assert.equal(hexOfIp(0x0a000001), '0a000001')
    assert.equal(ipFromHex('0a000001'), 0x0a000001)
    const v6 = parseIpv6('2001:db8::1')!
    assert.deepEqual(ipFromHex(hexOfIp(v6)), v6)
    for (const bad of ['', '0a00000', 'zz000001', '0a000001ff']) assert.equal(ipFromHex(bad), undefined)
  })

  test('addresses are the same when their bits are', () => {
    assert.ok(sameIp(parseIpv6('2001:DB8:0:0::1')!, parseIpv6('2001:db8::1')!))
    assert.ok(!sameIp(parseIpv6('::1')!, 1))
    assert.ok(!sameIp(1, 2))
  })
})
