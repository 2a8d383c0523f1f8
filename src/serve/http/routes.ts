/**
 * Every route of Consul 1.8.7 with its methods (agent/http_register.go). Those without an endpoint are known by name:
 * asked for, they answer 501 and say so, where an unknown path answers 404.
 */
import {
  aclDisabled,
  checkDeregister,
  checkFail,
  checkPass,
  checkRegister,
  checks,
  checkUpdate,
  checkWarn,
  forceLeave,
  hostInfo,
  join,
  leave,
  localServices,
  members,
  self,
  serviceDeregister,
  serviceRegister,
} from './agent.ts'
import { serviceHealthById, serviceHealthByName } from './agent-health.ts'
import { nodeMaintenance, reload, serviceMaintenance } from './agent-maintenance.ts'
import { metrics } from './agent-metrics.ts'
import { monitor } from './agent-monitor.ts'
import { localService } from './agent-service.ts'
import {
  connectNodes,
  datacenters,
  deregister,
  gatewayServices,
  nodeServiceList,
  nodeServices,
  nodes,
  register,
  serviceNodes,
  services,
} from './catalog.ts'
import { applyConfig, config, discoveryChain } from './config.ts'
import { coordinateDatacenters, coordinateNode, coordinateNodes, coordinateUpdate } from './coordinate.ts'
import { counted } from './counted.ts'
import { fireEvent, listEvents } from './event.ts'
import type { Endpoint } from './exchange.ts'
import { checksInState, connectHealth, ingressHealth, nodeChecks, serviceChecks, serviceHealth } from './health.ts'
import { checkIntention, intentionEndpoint, intentionsEndpoint, matchIntentions } from './intention.ts'
import { keyring } from './keyring.ts'
import { kv } from './kv.ts'
import { openApiEndpoint } from './openapi-endpoint.ts'
import { autopilotConfiguration, raftConfiguration, raftPeer, serverHealth } from './operator.ts'
import { profiler } from './profiler.ts'
import { queries, query } from './query.ts'
import type { Route } from './router.ts'
import { createSession, destroySession, listSessions, nodeSessions, renewSession, sessionInfo } from './session.ts'
import { snapshot } from './snapshot.ts'
import { leader, peers } from './status.ts'
import { txn } from './txn.ts'
import { uiGatewayServices, uiNode, uiNodes, uiServices } from './ui.ts'

const GET = ['GET']
const PUT = ['PUT']
const POST = ['POST']

function route(pattern: string, methods: readonly string[], endpoint?: Endpoint): Route {
  return { pattern, methods, endpoint }
}

export const ROUTES: readonly Route[] = [
  route('/v1/acl/bootstrap', PUT, aclDisabled),
  route('/v1/acl/create', PUT, aclDisabled),
  route('/v1/acl/update', PUT, aclDisabled),
  route('/v1/acl/destroy/', PUT, aclDisabled),
  route('/v1/acl/info/', GET, aclDisabled),
  route('/v1/acl/clone/', PUT, aclDisabled),
  route('/v1/acl/list', GET, aclDisabled),
  route('/v1/acl/login', POST, aclDisabled),
  route('/v1/acl/logout', POST, aclDisabled),
  route('/v1/acl/replication', GET, aclDisabled),
  route('/v1/acl/policies', GET, aclDisabled),
  route('/v1/acl/policy', PUT, aclDisabled),
  route('/v1/acl/policy/', ['GET', 'PUT', 'DELETE'], aclDisabled),
  route('/v1/acl/policy/name/', GET, aclDisabled),
  route('/v1/acl/roles', GET, aclDisabled),
  route('/v1/acl/role', PUT, aclDisabled),
  route('/v1/acl/role/name/', GET, aclDisabled),
  route('/v1/acl/role/', ['GET', 'PUT', 'DELETE'], aclDisabled),
  route('/v1/acl/binding-rules', GET, aclDisabled),
  route('/v1/acl/binding-rule', PUT, aclDisabled),
  route('/v1/acl/binding-rule/', ['GET', 'PUT', 'DELETE'], aclDisabled),
  route('/v1/acl/auth-methods', GET, aclDisabled),
  route('/v1/acl/auth-method', PUT, aclDisabled),
  route('/v1/acl/auth-method/', ['GET', 'PUT', 'DELETE'], aclDisabled),
  route('/v1/acl/rules/translate', POST, aclDisabled),
  route('/v1/acl/rules/translate/', GET, aclDisabled),
  route('/v1/acl/tokens', GET, aclDisabled),
  route('/v1/acl/token', PUT, aclDisabled),
  route('/v1/acl/token/self', GET, aclDisabled),
  route('/v1/acl/token/', ['GET', 'PUT', 'DELETE'], aclDisabled),
  route('/v1/agent/token/', PUT, aclDisabled),
  route('/v1/agent/self', GET, self),
  route('/v1/agent/host', GET, hostInfo),
  route('/v1/agent/maintenance', PUT, nodeMaintenance),
  route('/v1/agent/reload', PUT, reload),
  route('/v1/agent/monitor', GET, monitor),
  route('/v1/agent/metrics', GET, metrics),
  route('/v1/agent/services', GET, localServices),
  route('/v1/agent/service/', GET, localService),
  route('/v1/agent/checks', GET, checks),
  route('/v1/agent/members', GET, members),
  route('/v1/agent/join/', PUT, join),
  route('/v1/agent/leave', PUT, leave),
  route('/v1/agent/force-leave/', PUT, forceLeave),
  route('/v1/agent/health/service/id/', GET, serviceHealthById),
  route('/v1/agent/health/service/name/', GET, serviceHealthByName),
  route('/v1/agent/check/register', PUT, checkRegister),
  route('/v1/agent/check/deregister/', PUT, checkDeregister),
  route('/v1/agent/check/pass/', PUT, checkPass),
  route('/v1/agent/check/warn/', PUT, checkWarn),
  route('/v1/agent/check/fail/', PUT, checkFail),
  route('/v1/agent/check/update/', PUT, checkUpdate),
  route('/v1/agent/connect/authorize', POST),
  route('/v1/agent/connect/ca/roots', GET),
  route('/v1/agent/connect/ca/leaf/', GET),
  route('/v1/agent/service/register', PUT, serviceRegister),
  route('/v1/agent/service/deregister/', PUT, serviceDeregister),
  route('/v1/agent/service/maintenance/', PUT, serviceMaintenance),
  route('/v1/catalog/register', PUT, counted('catalog_register', register)),
  route('/v1/catalog/connect/', GET, counted('catalog_service_nodes', connectNodes, 'catalog_connect_service_nodes')),
  route('/v1/catalog/deregister', PUT, counted('catalog_deregister', deregister)),
  route('/v1/catalog/datacenters', GET, counted('catalog_datacenters', datacenters)),
  route('/v1/catalog/nodes', GET, counted('catalog_nodes', nodes)),
  route('/v1/catalog/services', GET, counted('catalog_services', services)),
  route('/v1/catalog/service/', GET, counted('catalog_service_nodes', serviceNodes)),
  route('/v1/catalog/node/', GET, counted('catalog_node_services', nodeServices)),
  route('/v1/catalog/node-services/', GET, counted('catalog_node_service_list', nodeServiceList)),
  route('/v1/catalog/gateway-services/', GET, counted('catalog_gateway_services', gatewayServices)),
  route('/v1/config/', ['GET', 'DELETE'], config),
  route('/v1/config', PUT, applyConfig),
  route('/v1/connect/ca/configuration', ['GET', 'PUT']),
  route('/v1/connect/ca/roots', GET),
  route('/v1/connect/intentions', ['GET', 'POST'], intentionsEndpoint),
  route('/v1/connect/intentions/match', GET, matchIntentions),
  route('/v1/connect/intentions/check', GET, checkIntention),
  route('/v1/connect/intentions/', ['GET', 'PUT', 'DELETE'], intentionEndpoint),
  route('/v1/coordinate/datacenters', GET, coordinateDatacenters),
  route('/v1/coordinate/nodes', GET, coordinateNodes),
  route('/v1/coordinate/node/', GET, coordinateNode),
  route('/v1/coordinate/update', PUT, coordinateUpdate),
  route('/v1/internal/federation-states', GET),
  route('/v1/internal/federation-states/mesh-gateways', GET),
  route('/v1/internal/federation-state/', GET),
  route('/v1/discovery-chain/', ['GET', 'POST'], discoveryChain),
  route('/v1/event/fire/', PUT, fireEvent),
  route('/v1/event/list', GET, listEvents),
  route('/v1/health/node/', GET, nodeChecks),
  route('/v1/health/checks/', GET, serviceChecks),
  route('/v1/health/state/', GET, checksInState),
  route('/v1/health/service/', GET, serviceHealth),
  route('/v1/health/connect/', GET, connectHealth),
  route('/v1/health/ingress/', GET, ingressHealth),
  route('/v1/internal/ui/nodes', GET, uiNodes),
  route('/v1/internal/ui/node/', GET, uiNode),
  route('/v1/internal/ui/services', GET, uiServices),
  route('/v1/internal/ui/gateway-services-nodes/', GET, uiGatewayServices),
  route('/v1/internal/acl/authorize', POST),
  route('/v1/kv/', ['GET', 'PUT', 'DELETE'], kv),
  route('/v1/operator/raft/configuration', GET, raftConfiguration),
  route('/v1/operator/raft/peer', ['DELETE'], raftPeer),
  route('/v1/operator/keyring', ['GET', 'POST', 'PUT', 'DELETE'], keyring),
  route('/v1/operator/autopilot/configuration', ['GET', 'PUT'], autopilotConfiguration),
  route('/v1/operator/autopilot/health', GET, serverHealth),
  route('/v1/query', ['GET', 'POST'], queries),
  route('/v1/query/', [], query),
  route('/v1/session/create', PUT, createSession),
  route('/v1/session/destroy/', PUT, destroySession),
  route('/v1/session/renew/', PUT, renewSession),
  route('/v1/session/info/', GET, sessionInfo),
  route('/v1/session/node/', GET, nodeSessions),
  route('/v1/session/list', GET, listSessions),
  route('/v1/status/leader', GET, leader),
  route('/v1/status/peers', GET, peers),
  route('/v1/snapshot', ['GET', 'PUT'], snapshot),
  ...['', 'cmdline', 'profile', 'symbol', 'trace'].map((name) => route(`/debug/pprof/${name}`, [], profiler)),
  route(
    '/v1/openapi.json',
    GET,
    openApiEndpoint(() => ROUTES),
  ),
  route('/v1/txn', PUT, txn),
]
