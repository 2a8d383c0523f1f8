/**
 * How often the endpoints of the catalog are asked, with what success: `client.api.NAME`, `client.api.success.NAME` and,
 * where the cluster refused or failed, `client.rpc.error.NAME`; each with the agent's node as a label. What an asker got
 * wrong counts as neither. Consul counts so for the catalog alone (agent/catalog_endpoint.go).
 */
import type { Instrument, Metrics } from '../../base/metrics.ts'
import type { HttpResponse } from '../../host/host.ts'
import { HttpError } from './errors.ts'
import type { Endpoint, Exchange } from './exchange.ts'

interface Counters {
  asked: Instrument
  answered: Instrument
  failed: Instrument
}

/** @param asked the name of what was asked for, where it is not that of the answers */
export function counted(name: string, endpoint: Endpoint, asked = name): Endpoint {
  const known = new WeakMap<Metrics, Counters>()

  function countersOf({ backend: { measured, self } }: Exchange): Counters {
    const found = known.get(measured)
    if (found !== undefined) return found
    const counter = (of: string) => measured.counter(`client.${of}`, { node: self.nodeName })
    const made = {
      asked: counter(`api.${asked}`),
      answered: counter(`api.success.${name}`),
      failed: counter(`rpc.error.${name}`),
    }
    known.set(measured, made)
    return made
  }

  return (exchange) => {
    const counters = countersOf(exchange)
    counters.asked.add(1)
    const count = (response: HttpResponse) => {
      if (response.status < 400) counters.answered.add(1)
      return response
    }
    const fail = (error: unknown): never => {
      if (!(error instanceof HttpError)) counters.failed.add(1)
      throw error
    }
    let response: HttpResponse | Promise<HttpResponse>
    try {
      response = endpoint(exchange)
    } catch (error) {
      return fail(error)
    }
    return response instanceof Promise ? response.then(count, fail) : count(response)
  }
}
