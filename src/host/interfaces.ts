/**
 * This machine's network interfaces: their addresses, how large their networks are, and which of them the default route
 * goes out by. Linux tells of routes in /proc; elsewhere none is known to lead out.
 */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { NetworkInterface } from './host.ts'

const ROUTES_FILE = '/proc/net/route'
const ANYWHERE = '00000000'

export function interfaces(): NetworkInterface[] {
  const outward = defaultInterface(routesOf(ROUTES_FILE))
  return Object.entries(networkInterfaces()).flatMap(([name, addresses]) =>
    (addresses ?? []).map(({ address, family, internal, cidr }) => ({
      name,
      address,
      family: family === 'IPv6' ? (6 as const) : (4 as const),
      internal,
      bits: Number(cidr?.split('/')[1] ?? 0),
      outward: name === outward,
    })),
  )
}

/** @param routes in the form of /proc/net/route: a line of names, then one for each route */
export function defaultInterface(routes: string): string | undefined {
  const found = routes
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, destination, , , , , , mask]) => destination === ANYWHERE && mask === ANYWHERE)
    .map(([name, , , , , , metric]) => ({ name, metric: Number(metric) }))
  return found.sort((a, b) => a.metric - b.metric)[0]?.name
}

function routesOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
