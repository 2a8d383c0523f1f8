/**
 * Templates of prepared queries: every text of the service part may hold `${…}`, filled in from the name that was asked
 * for. Judged when a query is stored, so all servers of a cluster must judge alike.
 * Source: Consul's agent/consul/prepared_query.
 */
import { compileGoRegexp, type GoRegexp, GoRegexpError } from '../../base/go-regexp.ts'
import { type PreparedQuery, type ServiceQuery, TEMPLATE_TYPE } from '../../model/prepared-query.ts'
import type { QuerySource } from '../../model/query.ts'
import { type Expression, evaluateHil, HilError, parseHil } from './hil.ts'

export function isTemplate(query: PreparedQuery): boolean {
  return query.Template.Type !== ''
}

interface Compiled {
  query: PreparedQuery
  /** By the path of the text, as faults name it. */
  expressions: Map<string, Expression>
  regexp: GoRegexp | undefined
}

/** What a template row compiles to, for as long as the row lives. */
const compiledBefore = new WeakMap<PreparedQuery, Compiled>()

/** @returns the compiled form, or why there is none; a first rendering with the bare name is part of the trial */
export function compileTemplate(query: PreparedQuery): Compiled | string {
  if (query.Template.Type !== TEMPLATE_TYPE) return `Bad Template.Type '${query.Template.Type}'`
  const expressions = new Map<string, Expression>()
  try {
    eachText(query.Service, (path, text) => {
      try {
        expressions.set(path, parseHil(text))
      } catch (error) {
        if (error instanceof HilError) throw new HilError(`Bad format '${text}' in Service${path}: ${error.message}`)
        throw error
      }
      return text
    })
    const { Regexp } = query.Template
    const regexp = Regexp === '' ? undefined : compileGoRegexp(Regexp)
    const compiled: Compiled = { query, expressions, regexp }
    const rendered = render(compiled, query.Name, {})
    return typeof rendered === 'string' ? rendered : compiled
  } catch (error) {
    if (error instanceof HilError) return error.message
    if (error instanceof GoRegexpError) return `Bad Regexp: ${error.message}`
    throw error
  }
}

/** @returns the query for this name, or why there is none */
export function renderTemplate(query: PreparedQuery, name: string, source: QuerySource): PreparedQuery | string {
  let compiled = compiledBefore.get(query)
  if (compiled === undefined) {
    const fresh = compileTemplate(query)
    if (typeof fresh === 'string') return fresh
    compiled = fresh
    compiledBefore.set(query, compiled)
  }
  return render(compiled, name, source)
}

function render({ query, expressions, regexp }: Compiled, name: string, source: QuerySource): PreparedQuery | string {
  const groups = regexp?.groups(name) ?? []
  const scope = {
    names: {
      'name.full': name,
      'name.prefix': query.Name,
      'name.suffix': name.startsWith(query.Name) ? name.slice(query.Name.length) : name,
      'agent.segment': source.Segment ?? '',
    },
    match: (index: number) => groups[index] ?? '',
  }
  try {
    const service = eachText(query.Service, (path, text) => {
      try {
        return evaluateHil(expressions.get(path)!, scope)
      } catch (error) {
        if (!(error instanceof HilError)) throw error
        throw new HilError(`Bad evaluation for '${text}' in Service${path}: ${error.message}`)
      }
    })
    if (query.Template.RemoveEmptyTags) service.Tags = (service.Tags ?? []).filter((tag) => tag !== '')
    return { ...query, Service: service }
  } catch (error) {
    if (error instanceof HilError) return error.message
    throw error
  }
}

/** A copy with every text replaced; keys of maps stay as they are. In the order of Consul's struct. */
function eachText(service: ServiceQuery, change: (path: string, text: string) => string): ServiceQuery {
  const list = (path: string, texts: string[] | null) => texts?.map((text, i) => change(`${path}[${i}]`, text)) ?? null
  const map = (path: string, texts: Record<string, string> | null) =>
    texts && Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, change(`${path}[${key}]`, text)]))
  return {
    ...service,
    Service: change('.Service', service.Service),
    Failover: { ...service.Failover, Datacenters: list('.Failover.Datacenters', service.Failover.Datacenters) },
    IgnoreCheckIDs: list('.IgnoreCheckIDs', service.IgnoreCheckIDs),
    Near: change('.Near', service.Near),
    Tags: list('.Tags', service.Tags),
    NodeMeta: map('.NodeMeta', service.NodeMeta),
    ServiceMeta: map('.ServiceMeta', service.ServiceMeta),
  }
}
