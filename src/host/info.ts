/**
 * What the machine says of itself, in the shape that Consul's `/v1/agent/host` has (shirou/gopsutil's structures): from
 * /proc on Linux; elsewhere what Node knows, the rest zero.
 */
import { readFile, statfs } from 'node:fs/promises'
import { arch, cpus, freemem, hostname, platform, release, totalmem, uptime } from 'node:os'

const DISK = '/'

/** @param date wall time in milliseconds */
export async function hostInfo(date: number): Promise<Record<string, unknown>> {
  const [memory, cpu, disk, host] = await Promise.all([memoryInfo(), cpuInfo(), diskInfo(), systemInfo(date)])
  return { Memory: memory, CPU: cpu, Host: host, Disk: disk, CollectionTime: date * 1e6, Errors: null }
}

async function text(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

/** gopsutil's names to those of /proc/meminfo, kilobytes there. */
const MEMORY: [string, string][] = [
  ['active', 'Active'],
  ['inactive', 'Inactive'],
  ['wired', ''],
  ['laundry', ''],
  ['buffers', 'Buffers'],
  ['cached', 'Cached'],
  ['writeback', 'Writeback'],
  ['dirty', 'Dirty'],
  ['writebacktmp', 'WritebackTmp'],
  ['shared', 'Shmem'],
  ['slab', 'Slab'],
  ['sreclaimable', 'SReclaimable'],
  ['sunreclaim', 'SUnreclaim'],
  ['pagetables', 'PageTables'],
  ['swapcached', 'SwapCached'],
  ['commitlimit', 'CommitLimit'],
  ['committedas', 'Committed_AS'],
  ['hightotal', 'HighTotal'],
  ['highfree', 'HighFree'],
  ['lowtotal', 'LowTotal'],
  ['lowfree', 'LowFree'],
  ['swaptotal', 'SwapTotal'],
  ['swapfree', 'SwapFree'],
  ['mapped', 'Mapped'],
  ['vmalloctotal', 'VmallocTotal'],
  ['vmallocused', 'VmallocUsed'],
  ['vmallocchunk', 'VmallocChunk'],
  ['hugepagestotal', 'HugePages_Total'],
  ['hugepagesfree', 'HugePages_Free'],
  ['hugepagesize', 'Hugepagesize'],
]

async function memoryInfo(): Promise<Record<string, number>> {
  const known = new Map<string, number>()
  for (const [, name, value, unit] of (await text('/proc/meminfo')).matchAll(/^(\w+(?:\(\w+\))?):\s+(\d+)( kB)?$/gm)) {
    known.set(name!, Number(value) * (unit === undefined ? 1 : 1024))
  }
  const of = (name: string) => known.get(name) ?? 0
  const total = of('MemTotal') || totalmem()
  const free = of('MemFree') || freemem()
  // Cached is what the page cache holds and what of the kernel's own can be given back.
  known.set('Cached', of('Cached') + of('SReclaimable'))
  const used = Math.max(0, total - free - of('Buffers') - of('Cached'))
  return {
    total,
    available: of('MemAvailable') || free,
    used,
    usedPercent: (used / total) * 100,
    free,
    ...Object.fromEntries(MEMORY.map(([name, source]) => [name, of(source)])),
  }
}

async function cpuInfo(): Promise<Record<string, unknown>[]> {
  const blocks = (await text('/proc/cpuinfo')).split(/\n\n+/).filter((block) => /^processor/m.test(block))
  if (blocks.length === 0) {
    return cpus().map(({ model, speed }, cpu) => ({ cpu, modelName: model, mhz: speed, cores: 1, flags: [] }))
  }
  return blocks.map((block, i) => {
    const fields = new Map(
      [...block.matchAll(/^([^:\n]+?)\s*:[ \t]*(.*)$/gm)].map(([, name, value]) => [name!, value!]),
    )
    const of = (name: string) => fields.get(name) ?? ''
    const cache = /^(\d+) KB$/.exec(of('cache size'))
    return {
      cpu: Number(of('processor') || i),
      vendorId: of('vendor_id') || of('CPU implementer'),
      family: of('cpu family') || of('CPU architecture'),
      model: of('model') || of('CPU part'),
      stepping: Number(of('stepping') || 0),
      physicalId: of('physical id'),
      coreId: of('core id'),
      cores: 1,
      modelName: of('model name'),
      mhz: Number(of('cpu MHz') || 0),
      cacheSize: cache === null ? 0 : Number(cache[1]),
      flags: (of('flags') || of('Features')).split(' ').filter(Boolean),
      microcode: of('microcode'),
    }
  })
}

async function diskInfo(): Promise<Record<string, unknown> | null> {
  try {
    const { bsize, blocks, bfree, bavail, files, ffree, type } = await statfs(DISK)
    const used = (blocks - bfree) * bsize
    const usable = used + bavail * bsize
    return {
      path: DISK,
      fstype: FILE_SYSTEMS.get(type) ?? 'unknown',
      total: blocks * bsize,
      free: bavail * bsize,
      used,
      usedPercent: usable === 0 ? 0 : (used / usable) * 100,
      inodesTotal: files,
      inodesUsed: files - ffree,
      inodesFree: ffree,
      inodesUsedPercent: files === 0 ? 0 : ((files - ffree) / files) * 100,
    }
  } catch {
    return null
  }
}

/** By the number that statfs(2) tells. */
const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, 'ext2/ext3'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x01021994, 'tmpfs'],
  [0x794c7630, 'overlayfs'],
  [0x2fc12fc1, 'zfs'],
])

async function systemInfo(date: number): Promise<Record<string, unknown>> {
  const [osRelease, version, boot] = await Promise.all([
    text('/etc/os-release'),
    text('/etc/debian_version'),
    text('/proc/sys/kernel/random/boot_id'),
  ])
  const id = /^ID="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? platform()
  const machine = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686' }[arch() as string] ?? arch()
  const up = Math.floor(uptime())
  return {
    hostname: hostname(),
    uptime: up,
    bootTime: Math.floor(date / 1000) - up,
    procs: 0,
    os: platform(),
    platform: id,
    platformFamily: /^ID_LIKE="?([^"\n ]*)/m.exec(osRelease)?.[1] ?? id,
    platformVersion: version.trim() || (/^VERSION_ID="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? ''),
    kernelVersion: release(),
    kernelArch: machine,
    virtualizationSystem: '',
    virtualizationRole: '',
    hostid: boot.trim(),
  }
}
