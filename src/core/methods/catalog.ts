/**
 * The methods of the catalog: defaults and refusals of a registration before it reaches the log, and the reads.
 * Source: Consul's agent/consul/catalog_endpoint.go; who may register what: its agent/consul/acl.go.
 */
import { uuidFault } from '../../base/uuid.ts'
import type {
  DeregisterRequest,
  Empty,
  NodeService,
  NodeSpecificRequest,
  RegisterRequest,
  ServiceNode,
} from '../../model/catalog.ts'
import { checkType } from '../../model/check-run.ts'
import type { HealthCheck } from '../../model/health.ts'
import { serviceFault } from '../../model/service-rules.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { makeFilter, NODE_FIELDS, NODE_SERVICE_FIELDS, SERVICE_NODE_FIELDS } from '../filter/filter.ts'
import { addressNodes, nodeServiceList, nodeServices, nodes, serviceNodes, services } from '../store/catalog-reads.ts'
import { connectNodes, gatewayServices } from '../store/connect-reads.ts'
import { vetDeregistration, vetRegistration } from './catalog-acl.ts'
import { wantedTags } from './health.ts'
import { sortByDistance } from './near.ts'
import { demand, refused } from './refuse.ts'
import { type MethodTable, sliced } from './table.ts'

/** Servers register themselves under this name; any agent may write it for its own server. */
const CONSUL_SERVICE = 'consul'
const ANY_ADDRESS = new Set(['0.0.0.0', '::', '[::]'])
const DONE: Empty = {}

export const catalogMethods = {
  'Catalog.Register': {
    kind: 'write',
    propose(txn, args, can, env) {
      const body = registration(args, can, env.datacenter)
      vetRegistration(txn, can, body)
      return { command: { type: 'Register', body } }
    },
    reply: () => DONE,
  },

  'Catalog.Deregister': {
    kind: 'write',
    propose(txn, args, can, env) {
      if (!args.Node) throw refused('Must provide node')
      vetDeregistration(txn, can, args)
      const body: DeregisterRequest = args.Datacenter ? args : { ...args, Datacenter: env.datacenter }
      return { command: { type: 'Deregister', body } }
    },
    reply: () => DONE,
  },

  'Catalog.ListDatacenters': { kind: 'act' },

  'Catalog.ListNodes': sliced<'Catalog.ListNodes'>(function* (txn, args, can) {
    const wanted = makeFilter(args.Filter, NODE_FIELDS)
    const found = yield* nodes(txn, args.NodeMetaFilters)
    if (found.Nodes === null) return found
    if (!can.all) found.Nodes = found.Nodes.filter((node) => can.allowed('node', 'read', node.Node))
    if (wanted !== undefined) found.Nodes = found.Nodes.filter(wanted)
    sortByDistance(txn, args, found.Nodes, (node) => node.Node)
    return found
  }),

  'Catalog.ListServices': sliced<'Catalog.ListServices'>(function* (txn, args, can) {
    const found = yield* services(txn, args.NodeMetaFilters)
    if (can.all) return found
    const seen: Record<string, string[]> = Object.create(null)
    for (const [name, tags] of Object.entries(found.Services)) {
      if (can.allowed('service', 'read', name)) seen[name] = tags
    }
    return { Index: found.Index, Services: seen }
  }),

  'Catalog.ServiceNodes': sliced<'Catalog.ServiceNodes'>(function* (txn, args, can) {
    if (!args.ServiceName && !args.ServiceAddress) throw refused('Must provide service name')
    const wanted = makeFilter(args.Filter, SERVICE_NODE_FIELDS)
    if (args.Connect && !can.all && !can.allowed('service', 'read', args.ServiceName)) {
      return { Index: 0, ServiceNodes: null }
    }
    const meta = args.NodeMetaFilters
    const found = args.Connect
      ? connectNodes(txn, args.ServiceName, meta)
      : args.ServiceAddress
        ? addressNodes(txn, args.ServiceAddress, { meta })
        : yield* serviceNodes(txn, args.ServiceName, { tags: wantedTags(args), meta })
    if (found.ServiceNodes === null) return found
    if (!can.all) found.ServiceNodes = found.ServiceNodes.filter((instance) => mayRead(can, instance))
    if (wanted !== undefined) found.ServiceNodes = found.ServiceNodes.filter(wanted)
    sortByDistance(txn, args, found.ServiceNodes, (instance) => instance.Node)
    return found
  }),

  'Catalog.NodeServices': {
    kind: 'read',
    run(txn, args, can) {
      const wanted = nodeFilter(args)
      const found = nodeServices(txn, args.Node)
      if ((can.all && wanted === undefined) || found.NodeServices === null) return found
      const { Node, Services } = found.NodeServices
      if (!can.allowed('node', 'read', Node.Node)) return { Index: found.Index, NodeServices: null }
      for (const [id, service] of Object.entries(Services)) {
        // Consul holds the rules against the ids here, not the names.
        if (!can.allowed('service', 'read', id) || wanted?.(service) === false) delete Services[id]
      }
      return found
    },
  },

  'Catalog.GatewayServices': {
    kind: 'read',
    run(txn, args, can) {
      demand(can, 'service', 'read', args.ServiceName)
      const found = gatewayServices(txn, args.ServiceName)
      if (can.all || found.Services === null) return found
      return {
        ...found,
        Services: found.Services.filter(({ Service }) => can.allowed('service', 'read', Service.Name)),
      }
    },
  },

  'Catalog.NodeServiceList': {
    kind: 'read',
    run(txn, args, can) {
      const wanted = nodeFilter(args)
      const found = nodeServiceList(txn, args.Node)
      const { Node, Services } = found.NodeServices
      if ((can.all && wanted === undefined) || Node === null) return found
      if (!can.allowed('node', 'read', Node.Node)) {
        return { Index: found.Index, NodeServices: { Node: null, Services: null } }
      }
      const maySee = (service: NodeService) =>
        can.allowed('service', 'read', service.Service) && wanted?.(service) !== false
      const seen = (Services ?? []).filter(maySee)
      return { Index: found.Index, NodeServices: { Node, Services: seen } }
    },
  },
} satisfies Partial<MethodTable>

function nodeFilter(args: NodeSpecificRequest): ReturnType<typeof makeFilter> {
  if (!args.Node) throw refused('Must provide node')
  return makeFilter(args.Filter, NODE_SERVICE_FIELDS)
}

function mayRead(can: Authorizer, instance: ServiceNode): boolean {
  return can.allowed('node', 'read', instance.Node) && can.allowed('service', 'read', instance.ServiceName)
}

/** The registration as the log will hold it: checked, its defaults filled in, the single check among the others. */
function registration(args: RegisterRequest, can: Authorizer, datacenter: string): RegisterRequest {
  if (!args.Node) throw refused('Must provide node')
  const idFault = args.ID ? uuidFault(args.ID) : undefined
  if (idFault !== undefined) throw refused(`Bad node ID: ${idFault}`)
  if (!args.Address && !args.SkipNodeUpdate) throw refused('Must provide address if SkipNodeUpdate is not set')
  const service = args.Service ? serviceOf(args.Service, can) : null
  const checks = args.Check ? [...(args.Checks ?? []), args.Check] : (args.Checks ?? null)
  return {
    ...args,
    Datacenter: args.Datacenter || datacenter,
    Service: service,
    Check: null,
    Checks: checks === null ? null : checks.map((check) => checkOf(check, args.Node)),
  }
}

function serviceOf(asked: NodeService, can: Authorizer): NodeService {
  const service = vetService(asked)
  if (service.Service !== CONSUL_SERVICE) demand(can, 'service', 'write', service.Service)
  if (service.Kind === 'connect-proxy') demand(can, 'service', 'write', service.Proxy.DestinationServiceName)
  return service
}

/**
 * The service as it may be stored, its id filled in.
 * @throws ConsulError refused
 */
export function vetService(asked: NodeService): NodeService {
  const fault = serviceFault(asked)
  if (fault !== undefined) throw refused(fault)
  const service = asked.ID === '' && asked.Service !== '' ? { ...asked, ID: asked.Service } : asked
  if (service.ID !== '' && service.Service === '') throw refused('Must provide service name with ID')
  if (ANY_ADDRESS.has(service.Address)) throw refused('Invalid service address')
  return service
}

function checkOf(asked: HealthCheck, node: string): HealthCheck {
  return {
    ...asked,
    Node: asked.Node || node,
    CheckID: asked.CheckID || asked.Name,
    Type: asked.Type || checkType(asked.Definition),
  }
}
