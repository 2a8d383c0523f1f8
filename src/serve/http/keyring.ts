/** `/v1/operator/keyring`: the keys of gossip, shown and changed on all members (agent/operator_endpoint.go). */
import { parseGoBool, quoteGo } from '../../base/go-flags.ts'
import type { HttpResponse } from '../../host/host.ts'
import type { KeyringOperation, KeyringResponse } from '../../model/keyring.ts'
import { jsonMap, jsonText, jsonTextMap } from '../../wire/json.ts'
import { bool, struct, text, uint } from '../../wire/json-decode.ts'
import { badRequest, HttpError } from './errors.ts'
import { done, type Exchange, jsonCompact } from './exchange.ts'
import { readJson } from './json-body.ts'
import { token } from './options.ts'

const OPERATIONS: Record<string, KeyringOperation> = { GET: 'list', POST: 'install', PUT: 'use', DELETE: 'remove' }
const RELAY_FACTOR_MAX = 5

export async function keyring(exchange: Exchange): Promise<HttpResponse> {
  const { method, backend } = exchange
  const Operation = OPERATIONS[method]!
  const wish = Operation === 'list' ? {} : await decodeWish(exchange)
  const RelayFactor = relayFactor(exchange) ?? wish.RelayFactor ?? 0
  const LocalOnly = localOnly(exchange, Operation) ?? wish.LocalOnly ?? false
  const Token = token(exchange) || wish.Token || ''
  const { Responses } = await backend.call('Internal.KeyringOperation', {
    Operation,
    Key: wish.Key ?? '',
    RelayFactor,
    LocalOnly,
    Token,
  })
  const errors = (Responses ?? []).flatMap(complaints)
  if (errors.length > 0) throw new HttpError(500, manyErrors(errors))
  if (Operation !== 'list') return done()
  return jsonCompact(exchange, Responses === null ? 'null' : `[${Responses.map(responseJson).join(',')}]`)
}

interface Wish {
  Key: string
  Token: string
  RelayFactor: number
  LocalOnly: boolean
}

const wishBody = struct<Wish>(
  { Key: text, Token: text, RelayFactor: uint, LocalOnly: bool },
  { type: 'agent.keyringArgs' },
)

async function decodeWish(exchange: Exchange): Promise<Partial<Wish>> {
  return (await readJson(exchange, wishBody, (why) => badRequest(`Request decode failed: ${why}`))) ?? {}
}

function relayFactor({ params }: Exchange): number | undefined {
  const asked = params.get('relay-factor')
  if (asked === '') return undefined
  if (!/^[+-]?\d+$/.test(asked)) {
    throw badRequest(`Error parsing relay factor: strconv.Atoi: parsing ${quoteGo(asked)}: invalid syntax`)
  }
  if (!Number.isSafeInteger(Number(asked))) {
    throw badRequest(`Error parsing relay factor: strconv.Atoi: parsing ${quoteGo(asked)}: value out of range`)
  }
  if (Number(asked) < 0 || Number(asked) > RELAY_FACTOR_MAX) {
    throw badRequest(`Invalid relay-factor: Relay factor must be in range: [0, ${RELAY_FACTOR_MAX}]`)
  }
  return Number(asked)
}

function localOnly({ params }: Exchange, operation: KeyringOperation): boolean | undefined {
  const asked = params.get('local-only')
  if (asked === '') return undefined
  const local = parseGoBool(asked)
  if (local === undefined) {
    throw badRequest(`Error parsing local-only: strconv.ParseBool: parsing ${quoteGo(asked)}: invalid syntax`)
  }
  if (local && operation !== 'list') {
    throw badRequest('Invalid use of local-only: local-only can only be set for list requests')
  }
  return local
}

function complaints({ Error: error, WAN, Datacenter, Messages }: KeyringResponse): string[] {
  if (error === '') return []
  const said = Object.entries(Messages ?? {}).map(([member, message]) => `${member}: ${message}`)
  return [`${WAN ? 'WAN' : `${Datacenter} (LAN)`} error: ${error}`, ...said]
}

function manyErrors(errors: readonly string[]): string {
  const lines = errors.map((error) => `\t* ${error}`).join('\n')
  return `${errors.length} error${errors.length === 1 ? '' : 's'} occurred:\n${lines}\n\n`
}

function responseJson(response: KeyringResponse): string {
  const { WAN, Datacenter, Segment, Messages, Keys, PrimaryKeys, NumNodes, Error: error } = response
  const messages = Object.keys(Messages ?? {}).length > 0 ? `"Messages":${jsonTextMap(Messages)},` : ''
  return (
    `{"WAN":${WAN},"Datacenter":${jsonText(Datacenter)},"Segment":${jsonText(Segment)},${messages}` +
    `"Keys":${jsonMap(Keys, String)},"PrimaryKeys":${jsonMap(PrimaryKeys, String)},"NumNodes":${NumNodes}` +
    `${error === '' ? '' : `,"Error":${jsonText(error)}`}}`
  )
}
