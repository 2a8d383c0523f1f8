/** Beyond Consul: `/v1/openapi.json`, the description of the HTTP API (openapi.ts). */
import { jsonValue } from '../../wire/json.ts'
import { type Endpoint, jsonCompact } from './exchange.ts'
import type { Route } from './router.ts'

/**
 * Loaded and made once, when it is first asked for: few agents ever are, and all would start later for it.
 * @param routes called then, since the table names this endpoint itself
 */
export function openApiEndpoint(routes: () => readonly Route[]): Endpoint {
  let text: Promise<string> | undefined
  return async (exchange) => {
    text ??= import('./openapi.ts').then(({ openApi }) => jsonValue(openApi(routes()), true))
    return jsonCompact(exchange, await text)
  }
}
