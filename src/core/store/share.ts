/**
 * One copy of what many catalog rows say alike. A decoder makes each row's plain parts anew (no proxy, no definition of
 * a check, the node's name once more), which is two thirds of a hundred thousand instances' memory, and of the work of
 * the collector. The engine in memory keeps rows made of shared parts instead: equal, not the same.
 */
import { type ConnectProxyConfig, NO_CONNECT, NO_PROXY, type ServiceRow, type Weights } from '../../model/catalog.ts'
import { type HealthCheck, NO_DEFINITION } from '../../model/health.ts'

const EVEN_WEIGHTS: Weights = { Passing: 1, Warning: 1 }

/** Names known by heart; forgotten all at once when there are too many. */
const NAMES_MAX = 20_000

/** Makes rows of shared parts. */
export class Sharing {
  private readonly names = new Map<string, string>()

  service(row: ServiceRow): ServiceRow {
    const service = row.Service
    return {
      Node: this.name(row.Node),
      Service: {
        ...service,
        Service: this.name(service.Service),
        Address: this.name(service.Address),
        Weights: same(service.Weights, EVEN_WEIGHTS) ? EVEN_WEIGHTS : service.Weights,
        Proxy: isPlain(service.Proxy) ? NO_PROXY : service.Proxy,
        Connect: same(service.Connect, NO_CONNECT) ? NO_CONNECT : service.Connect,
      },
    }
  }

  check(row: HealthCheck): HealthCheck {
    return {
      ...row,
      Node: this.name(row.Node),
      Name: this.name(row.Name),
      Status: this.name(row.Status),
      ServiceName: this.name(row.ServiceName),
      Definition: same(row.Definition, NO_DEFINITION) ? NO_DEFINITION : row.Definition,
    }
  }

  private name(text: string): string {
    const known = this.names.get(text)
    if (known !== undefined) return known
    if (this.names.size >= NAMES_MAX) this.names.clear()
    this.names.set(text, text)
    return text
  }
}

function isPlain(proxy: ConnectProxyConfig): boolean {
  return (
    same(proxy.MeshGateway, NO_PROXY.MeshGateway) &&
    same(proxy.Expose, NO_PROXY.Expose) &&
    same({ ...proxy, MeshGateway: NO_PROXY.MeshGateway, Expose: NO_PROXY.Expose }, NO_PROXY)
  )
}

/** True when both have the same fields with the same plain values. */
function same<T extends object>(a: T | null, b: T): boolean {
  if (a === null || Object.keys(a).length !== Object.keys(b).length) return false
  for (const name in b) if (!Object.is(a[name], b[name])) return false
  return true
}
