/** `/v1/status/…`: who leads, and who votes. */
import type { HttpResponse } from '../../host/host.ts'
import { jsonText, jsonTexts } from '../../wire/json.ts'
import { type Exchange, jsonCompact } from './exchange.ts'
import { readOptions } from './options.ts'
import { ask } from './read.ts'

export function leader(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return ask(exchange, 'Status.Leader', readOptions(exchange), (_, reply) => jsonCompact(exchange, jsonText(reply)))
}

export function peers(exchange: Exchange): HttpResponse | Promise<HttpResponse> {
  return ask(exchange, 'Status.Peers', readOptions(exchange), (_, reply) => jsonCompact(exchange, jsonTexts(reply)))
}
