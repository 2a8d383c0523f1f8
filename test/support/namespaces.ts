/**
 * Network namespaces on a bridge, one for each server, so that ways between them can be cut: both ways by taking an
 * interface down, one way by a route into nothing. Needs root and the `ip` command; everything made here is removed.
 */
import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'

export interface Namespaces {
  /** The first three numbers of the addresses; servers get .1, .2, ... */
  network: string
  /** Runs a command inside the namespace of that address. */
  within(host: string, command: string, args: string[]): { command: string; args: string[] }
  /** Cuts a server off from everybody. */
  unplug(host: string): void
  plug(host: string): void
  /** Nothing that `from` sends to `to` arrives. */
  deafen(from: string, to: string): void
  hear(from: string, to: string): void
  remove(): void
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** @returns why there can be none here, or undefined */
export function whyNoNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const name = `pcprobe${randomInt(1e6)}`
  try {
    ip('netns', 'add', name)
    ip('link', 'add', name, 'type', 'bridge')
    ip('link', 'del', name)
    return undefined
  } catch (error) {
    return `network namespaces cannot be made here: ${error instanceof Error ? error.message.split('\n')[0] : error}`
  } finally {
    quietly('netns', 'del', name)
  }
}

function quietly(...args: string[]): void {
  try {
    ip(...args)
  } catch {
    // It was not there.
  }
}

export function makeNamespaces(count: number): Namespaces {
  const mark = `pc${randomInt(1e6)}`
  const network = `10.${randomInt(100, 250)}.${randomInt(1, 250)}`
  const bridge = `${mark}b`
  const numberOf = (host: string) => host.slice(network.length + 1)
  const spaceOf = (host: string) => `${mark}n${numberOf(host)}`
  const endOf = (host: string) => `${mark}v${numberOf(host)}`
  const hosts = Array.from({ length: count }, (_, n) => `${network}.${n + 1}`)
  const inside = (host: string, ...args: string[]) => ip('-n', spaceOf(host), ...args)

  const remove = () => {
    for (const host of hosts) quietly('netns', 'del', spaceOf(host))
    for (const host of hosts) quietly('link', 'del', endOf(host))
    quietly('link', 'del', bridge)
  }
  try {
    ip('link', 'add', bridge, 'type', 'bridge')
    ip('addr', 'add', `${network}.254/24`, 'dev', bridge)
    ip('link', 'set', bridge, 'up')
    for (const host of hosts) {
      ip('netns', 'add', spaceOf(host))
      ip('link', 'add', endOf(host), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', spaceOf(host))
      ip('link', 'set', endOf(host), 'master', bridge, 'up')
      inside(host, 'addr', 'add', `${host}/24`, 'dev', 'eth0')
      inside(host, 'link', 'set', 'eth0', 'up')
      inside(host, 'link', 'set', 'lo', 'up')
    }
  } catch (error) {
    remove()
    throw error
  }
  return {
    network,
    within: (host, command, args) => ({ command: 'ip', args: ['netns', 'exec', spaceOf(host), command, ...args] }),
    unplug: (host) => ip('link', 'set', endOf(host), 'down'),
    plug: (host) => ip('link', 'set', endOf(host), 'up'),
    deafen: (from, to) => inside(from, 'route', 'replace', 'blackhole', `${to}/32`),
    hear: (from, to) => inside(from, 'route', 'del', 'blackhole', `${to}/32`),
    remove,
  }
}
