/** Addresses by template, on a machine with a loopback, two networks inside and one outside. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { expandTemplate, type Interface } from './sockaddr.ts'

const INTERFACES: Interface[] = [
  { name: 'docker0', address: '172.17.0.1', family: 4, internal: false, bits: 16 },
  { name: 'lo', address: '127.0.0.1', family: 4, internal: true },
  { name: 'lo', address: '::1', family: 6, internal: true },
  { name: 'eth0', address: 'fe80::1', family: 6, internal: false },
  { name: 'eth0', address: '2a00::5', family: 6, internal: false },
  { name: 'eth0', address: '203.0.114.7', family: 4, internal: false },
  { name: 'eth1', address: '10.0.0.10', family: 4, internal: false, bits: 32, outward: true },
  { name: 'eth1', address: '10.0.0.9', family: 4, internal: false, bits: 24, outward: true },
  { name: 'eth1.100', address: '192.168.4.4', family: 4, internal: false },
  { name: 'eth1', address: 'fd00::9', family: 6, internal: false, bits: 64, outward: true },
]

const expand = (text: string) => {
  const found = expandTemplate(text, INTERFACES)
  return 'text' in found
    ? found.text + (found.missing === undefined ? '' : ` (${found.missing})`)
    : `! ${found.problem}`
}

const GOOD: Record<string, string> = {
  '10.1.1.1': '10.1.1.1',
  '{{ GetPrivateIP }}': '10.0.0.9',
  '{{GetPrivateIPs}}': '10.0.0.9 10.0.0.10 192.168.4.4 172.17.0.1',
  '{{ GetPublicIP }} ::1': '203.0.114.7 ::1',
  '{{ GetInterfaceIP "eth0" }}': '203.0.114.7',
  '{{ GetInterfaceIP `eth1.100` }}': '192.168.4.4',
  '{{ GetInterfaceIP "eth1" }}': '10.0.0.9',
  '{{ GetInterfaceIPs "lo" }}': '127.0.0.1 ::1',
  '127.0.0.1 {{ GetInterfaceIP "none" }}': '127.0.0.1  (no address on an interface "none")',
  '{{ GetDefaultInterfaces | exclude "type" "IPv6" | sort "-size" | attr "address" }}': '10.0.0.10',
  '{{ GetPrivateInterfaces | sort "size" | attr "name" }}': 'eth1.100',
  '{{ GetAllInterfaces | include "RFC" "1918" | sort "-default,size" | attr "address" }}': '192.168.4.4',
  '{{ GetInterfaceIPs "^eth0$" }}': '203.0.114.7 2a00::5',
  '{{ GetAllInterfaces | include "network" "10.0.0.0/8" | attr "address" }}': '10.0.0.10',
  '{{ GetAllInterfaces | include "network" "fd00::/8" | attr "address" }}': 'fd00::9',
  '{{ GetAllInterfaces | include "name" "^eth" | include "flags" "forwardable|up" | sort "type,address" | join "address" " " }}':
    '10.0.0.9 10.0.0.10 192.168.4.4 203.0.114.7 2a00::5 fd00::9',
  '{{ GetAllInterfaces | exclude "flag" "loopback" | include "type" "ipv6" | sort "-name" | limit 1 | attr "address" }}':
    'fd00::9',
  '{{ GetAllInterfaces | exclude "name" "lo" | include "type" "IPv4" | offset 2 | attr "name" }}': 'eth1',
  '{{ GetAllInterfaces | include "rfc" "1918" | join "name" "," }}': 'docker0,eth1,eth1,eth1.100',
  '{{ GetPrivateInterfaces | include "type" "ip" | attr "address" }}': '10.0.0.9',
  '{{ GetPublicInterfaces | attr "address" }}': '203.0.114.7',
  '{{ GetAllInterfaces | include "name" "none" | attr "address" }}': '',
}

const BAD: Record<string, RegExp> = {
  '{{ GetSomeInterfaces | attr "address" }}': /GetPrivateIP.* are understood, nothing else/,
  '{{ range . }}': /understood/,
  '{{ }}': /understood/,
  '{{ GetPrivateIP "x" }}': /understood/,
  '{{ GetAllInterfaces }}': /a list of interfaces is no address/,
  '{{ GetPrivateIP | attr "address" }}': /nothing can follow an address/,
  '{{ GetAllInterfaces | include "network" "10.0.0.0" | attr "address" }}': /"10.0.0.0" is no network/,
  '{{ GetAllInterfaces | include "size" "8" | attr "address" }}': /cannot be chosen by "size"/,
  '{{ GetAllInterfaces | include "rfc" "1" | attr "address" }}': /RFC 1 is not known/,
  '{{ GetAllInterfaces | include "name" "(" | attr "address" }}': /error parsing regexp/,
  '{{ GetAllInterfaces | limit x | attr "address" }}': /limit needs a whole number/,
  '{{ GetAllInterfaces | attr "mtu" }}': /no attribute "mtu"/,
  '{{ GetAllInterfaces | sort "port" | attr "address" }}': /cannot be sorted by "port"/,
}

suite('addresses by template', () => {
  for (const [text, address] of Object.entries(GOOD)) {
    test(text, () => assert.equal(expand(text), address))
  }
  for (const [text, problem] of Object.entries(BAD)) {
    test(`refused: ${text}`, () => assert.match(expand(text), problem))
  }
})
